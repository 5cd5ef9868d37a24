"""The inputs of the native programs."""
import array

PERIOD = 65521


def numbers(count, seed):
    """The same inputs as harness/numbers.ts."""
    state, block = seed, array.array("f")
    for _ in range(min(PERIOD, count)):
        state = (state * 1664525 + 1013904223) % 2**32
        block.append(state / 2**31 - 1)
    return (block * (count // PERIOD + 1))[:count]
