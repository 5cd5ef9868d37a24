# The hybrid H3 language model and its training step in PyTorch, as a rival of the same arithmetic: weights, tokens and
# hyperparameters come from the exercise file (exercise.ts). Written for CPU PyTorch 1.13 as a careful user would: convolutions by
# FFT, kernels from the poles in complex64, softmax attention by baddbmm, one multi-tensor AdamW. Speaks the protocol of step-program.ts.
#   h3_torch.py EXERCISE THREADS
# Measured and lost, one layer forward and backward on one thread: conv1d with groups for the shift layer (48 ms, by FFT 25 ms); all
# powers of the poles at once for the diagonal kernel (317 ms, factored 10 ms); bmm, then the mask added (353 ms, baddbmm 310 ms).
import json
import math
import os
import resource
import struct
import sys
import time

# Both make OpenBLAS run as an older processor, or with its blocks cut for one.
for handicap in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(handicap, None)
threads = int(sys.argv[2])
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(threads)

# Threads of OpenMP that wait by spinning keep the cores from OpenBLAS's own: with two of each a step took 1.7 times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np  # noqa: E402  the environment must be set before the libraries start their threads
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(threads)


def read_exercise(path):
    """Tensors by name, and the metadata, of a safetensors file."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__")
    kinds = {"F32": np.float32, "I32": np.int32}
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        array = np.frombuffer(content[begin:end], dtype=kinds[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors, metadata


tensors, metadata = read_exercise(sys.argv[1])
config = json.loads(metadata["config"])
optimizer_options = json.loads(metadata["optimizer"])
tokens = tensors.pop("tokens").long()
parameters = {name: tensor.requires_grad_() for name, tensor in tensors.items()}
width = config["d_model"]
length = tokens.shape[1] - 1
causal_mask = torch.full((length, length), -math.inf).triu(1)


def convolve(u, kernel):
    """Causal convolution over the last axis; u [batch, channels, length], kernel [channels, taps]."""
    size = u.shape[-1] + kernel.shape[-1]
    product = torch.fft.rfft(u, n=size) * torch.fft.rfft(kernel, n=size)
    return torch.fft.irfft(product, n=size)[..., : u.shape[-1]]


def shift_taps(prefix):
    """taps[l] = sum over j of B[j] C[j + l], a correlation by FFT."""
    b, c = parameters[prefix + "B"], parameters[prefix + "C"][0]
    size = 2 * b.shape[-1]
    product = torch.fft.rfft(c, n=size) * torch.fft.rfft(b, n=size).conj()
    return torch.fft.irfft(product, n=size)[..., : b.shape[-1]]


def diagonal_kernel(prefix):
    """K[h, l] = 2 Re sum over n of c[h, n] lambda[h, n]^l, bilinear discretisation, with lambda^(ri + j) = lambda^(ri) lambda^j."""
    step = parameters[prefix + "log_dt"].exp()[:, None]
    a = torch.complex(-parameters[prefix + "inv_A_real"].exp(), parameters[prefix + "A_imag"])
    half = a * (step / 2)
    bc = torch.view_as_complex(parameters[prefix + "B"]) * torch.view_as_complex(parameters[prefix + "C"][0])
    c = bc * step / (1 - half)
    poles = ((1 + half) / (1 - half)).log()
    root = 1 << (length.bit_length() // 2)
    fine = (poles[..., None] * torch.arange(root)).exp()
    coarse = (poles[..., None] * torch.arange(0, length, root)).exp() * c[..., None]
    return 2 * torch.bmm(coarse.transpose(1, 2), fine).real.reshape(width, -1)[:, :length]


def linear(x, prefix):
    return F.linear(x, parameters[prefix + "weight"], parameters[prefix + "bias"])


def h3(x, prefix):
    q, k, v = (linear(x, prefix + name + "_proj.").transpose(1, 2) for name in "qkv")
    k = convolve(k, shift_taps(prefix + "ssm_k_kernel.kernel.")) + parameters[prefix + "ssm_k_D"][:, None] * k
    kv = k * v
    y = convolve(kv, diagonal_kernel(prefix + "kernel.kernel.")) + parameters[prefix + "D"][:, None] * kv
    return linear((q * y).transpose(1, 2), prefix + "output_linear.")


def attention(x, prefix):
    batch, heads = x.shape[0], config["num_heads"]
    size = width // heads
    q, k, v = linear(x, prefix + "Wqkv.").view(batch, length, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
    q, k, v = (part.reshape(batch * heads, length, size) for part in (q, k, v))
    scores = torch.baddbmm(causal_mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(size))
    y = torch.bmm(scores.softmax(-1), v)
    return linear(y.view(batch, heads, length, size).transpose(1, 2).reshape(batch, length, width), prefix + "out_proj.")


def norm(x, prefix):
    return F.layer_norm(x, (width,), parameters[prefix + "weight"], parameters[prefix + "bias"], 1e-5)


def loss_of(ids):
    table = parameters["backbone.embeddings.word_embeddings.weight"]
    x = F.embedding(ids[:, :-1], table)
    for layer in range(config["n_layer"]):
        prefix = f"backbone.layers.{layer}."
        mixer = attention if layer in config["attn_layer_idx"] else h3
        x = x + mixer(norm(x, prefix + "norm1."), prefix + "mixer.")
        inner = F.gelu(linear(norm(x, prefix + "norm2."), prefix + "mlp.fc1."), approximate="tanh")
        x = x + linear(inner, prefix + "mlp.fc2.")
    logits = F.linear(norm(x, "backbone.ln_f."), table)
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def make_optimizer():
    decaying = set(json.loads(metadata["decaying"]))
    groups = [
        {"params": [p for n, p in parameters.items() if n in decaying], "weight_decay": optimizer_options["weightDecay"]},
        {"params": [p for n, p in parameters.items() if n not in decaying], "weight_decay": 0.0},
    ]
    betas = (optimizer_options["beta1"], optimizer_options["beta2"])
    rate = optimizer_options["learningRate"]
    return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=optimizer_options["epsilon"], foreach=True)


optimizer = make_optimizer()


checked_steps = 3
taken = []


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(tokens)
    loss.backward()
    gradient_norm = torch.nn.utils.clip_grad_norm_(parameters.values(), optimizer_options["clip"])
    optimizer.step()
    return [loss.item(), gradient_norm.item()]


def values(places):
    while len(taken) < 2 * checked_steps:
        taken.extend(step())
    everything = [*taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, 0]
    return [everything[place] for place in places]


def run(count):
    started = time.perf_counter()
    for _ in range(count):
        step()
    return [time.perf_counter() - started]


print(f"ready {torch.__version__}", flush=True)
for line in sys.stdin:
    kind, *words = line.split()
    answer = values([int(word) for word in words]) if kind == "values" else run(int(words[0]))
    print(*answer, flush=True)
