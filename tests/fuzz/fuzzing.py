"""How long to fuzz, from which seed, and how to say what was found."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

SECONDS = float(os.environ.get("FUZZ_SECONDS", "8"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
"""The first case; FUZZ_SEED=N FUZZ_SECONDS=0 repeats case N alone."""


def cases(tests: int = 1) -> Iterator[tuple[int, random.Random]]:
    """Case numbers with a generator that the number seeds, until the time is over; one at least.

    `tests` of a boundary share its time.
    """
    end = time.monotonic() + SECONDS / tests
    number = SEED
    while True:
        yield number, random.Random(number)
        number += 1
        if time.monotonic() >= end:
            return


def mutated(data: bytes, rng: random.Random, words: tuple[bytes, ...] = ()) -> bytes:
    """A few bytes changed, cut, doubled, or replaced by one of `words`."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(5 if words else 4):
            case 0 if out:
                out[at % len(out)] = rng.randrange(256)
            case 1:
                del out[at : at + rng.randint(1, 20)]
            case 2:
                out[at:at] = out[at : at + rng.randint(1, 40)]
            case 3:
                del out[at:]
            case 4:
                out[at : at + rng.randint(0, 8)] = rng.choice(words)
    return bytes(out)
