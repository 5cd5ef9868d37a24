"""PyTorch's causal attention on the processor: torch-attention.py BATCH HEADS LENGTH HEAD_DIM THREADS RESULTS.

RESULTS: 1 for y alone, 4 for y and the gradients of q, k and v. Speaks the language of harness/child.ts.
"""
import os
import sys
import time

from inputs import numbers

# Spinning OpenMP threads would keep the cores from OpenBLAS's own.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def main():
    try:
        import torch
    except ImportError:
        print("unavailable torch is not installed for this Python", flush=True)
        return
    batch, heads, length, head_dim, threads, results = (int(word) for word in sys.argv[1:])
    torch.set_num_threads(threads)
    shape, count = (batch, heads, length, head_dim), batch * heads * length * head_dim
    q, k, v, g = (torch.frombuffer(numbers(count, seed), dtype=torch.float32).view(shape) for seed in (1, 2, 3, 4))
    backward = results > 1
    for operand in (q, k, v):
        operand.requires_grad_(backward)

    fused = getattr(torch.nn.functional, "scaled_dot_product_attention", None)  # since 2.0
    hidden = torch.full((length, length), float("-inf")).triu(1)

    def composed():
        rows, columns, values = (operand.view(batch * heads, length, head_dim) for operand in (q, k, v))
        scores = torch.baddbmm(hidden, rows, columns.transpose(1, 2), alpha=head_dim**-0.5)
        return torch.bmm(torch.softmax(scores, -1), values).view(shape)

    def run():
        y = fused(q, k, v, is_causal=True) if fused else composed()
        return (y, *torch.autograd.grad(y, (q, k, v), g)) if backward else (y,)

    kind = "fused" if fused else "composed of products and softmax"
    print(f"ready {torch.__version__} ({kind})", flush=True)
    for line in sys.stdin:
        request, *words = line.split()
        if request == "values":
            flat = [result.detach().reshape(-1) for result in run()]
            places = (divmod(int(place), count) for place in words)
            print(*(repr(flat[which][at].item()) for which, at in places), flush=True)
        else:
            start = time.perf_counter()
            for _ in range(int(words[0])):
                run()
            print(time.perf_counter() - start, flush=True)


main()
