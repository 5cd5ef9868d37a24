"""OpenBLAS's single-precision matrix product C = A·B, row-major: python3 openblas.py M K N THREADS.

Needs the shared library only. Speaks the language of harness/child.ts: one line in, one line out.
"""
import array
import ctypes
import ctypes.util
import sys
import time

from inputs import numbers

ROW_MAJOR, NO_TRANSPOSE = 101, 111


def address(numbers_in_memory):
    return ctypes.c_void_p(numbers_in_memory.buffer_info()[0])


def main():
    m, k, n, threads = (int(word) for word in sys.argv[1:])
    name = ctypes.util.find_library("openblas")
    if name is None:
        print("unavailable libopenblas is not installed", flush=True)
        return
    blas = ctypes.CDLL(name)
    blas.openblas_set_num_threads(threads)
    blas.openblas_get_config.restype = ctypes.c_char_p
    blas.openblas_get_corename.restype = ctypes.c_char_p
    a, b = numbers(m * k, 1), numbers(k * n, 2)
    c = array.array("f", bytes(4 * m * n))
    one, zero = ctypes.c_float(1), ctypes.c_float(0)

    def matrix_product():
        blas.cblas_sgemm(
            ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, one, address(a), k, address(b), n, zero, address(c), n
        )

    def matrix_vector_product():
        """y = Bᵀa: B lies row-major k×n."""
        transpose = 112
        blas.cblas_sgemv(ROW_MAJOR, transpose, k, n, one, address(b), n, address(a), 1, zero, address(c), 1)

    run = matrix_vector_product if m == 1 else matrix_product
    version = blas.openblas_get_config().decode().split()[1]
    print(f"ready {version} ({blas.openblas_get_corename().decode()})", flush=True)
    for line in sys.stdin:
        kind, *words = line.split()
        if kind == "values":
            run()
            print(*(repr(c[int(place)]) for place in words), flush=True)
        else:
            start = time.perf_counter()
            for _ in range(int(words[0])):
                run()
            print(time.perf_counter() - start, flush=True)


main()
