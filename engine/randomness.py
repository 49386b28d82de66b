"""Randomness without state: every random choice is a function of (seed, purpose, counters).

Nothing has to be stored, so a run resumed at any step draws what an uninterrupted one would have drawn. The counters
are mixed by a hash, because CPU generators of torch use only the low 32 bits of a seed.
"""

import hashlib

import numpy as np
import numpy.typing as npt


def mix(seed: int, purpose: str, *counters: int) -> int:
    """Hash (seed, purpose, counters) into an unsigned 32-bit integer.

    Args:
        seed: the run's seed, any non-negative integer below 2**63.
        purpose: what the number is for, such as "order" or "dropout"; equal counters of two purposes are unrelated.
        counters: epoch, step, micro-batch, rank or sample, as the purpose needs.
    """
    return int.from_bytes(_digest(seed, purpose, counters)[:4], "little")


def generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """A fresh numpy generator (Philox, 128-bit key) for (seed, purpose, counters)."""
    key = int.from_bytes(_digest(seed, purpose, counters), "little")
    return np.random.Generator(np.random.Philox(key=key))


def table(seed: int, purpose: str, epoch: int, rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Uniform draws in [0, 1), float32 [rows, columns]: one row a sample, the same whatever the batch."""
    return generator(seed, purpose, epoch).random((rows, columns), dtype=np.float32)


def permutation(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """The order in which `count` training samples are visited in an epoch (counted from 1), int64 [count]."""
    return generator(seed, "order", epoch).permutation(count).astype(np.int64)


def _digest(seed: int, purpose: str, counters: tuple[int, ...]) -> bytes:
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
