"""How a command draws, as settings that several commands share: said once, with one help text."""

from __future__ import annotations

from typing import Any

from rlaif.settings import setting

SAMPLING = "Sampling"


def top_p(whose: str = "") -> Any:
    """Nucleus sampling, off by default; `whose` completes the help: ` of the policy`."""
    return setting(1.0, help=f"Nucleus sampling{whose}; 1: off.", above=0, most=1, group=SAMPLING)


def top_k() -> Any:
    """Sampling from the likeliest tokens, off by default."""
    return setting(0, help="Sample from the k most likely tokens only; 0: off.", least=0, group=SAMPLING)


def min_p() -> Any:
    """A floor below the likeliest token's probability, off by default."""
    return setting(
        0.0,
        help="Drop tokens below this fraction of the most likely token's probability; 0: off.",
        least=0,
        below=1,
        group=SAMPLING,
    )


def max_tokens(usual: int) -> Any:
    """The length of an answer, `usual` by default."""
    return setting(
        usual,
        help="Length limit of an answer, in tokens; of thought and answer together without a limit of the thought.",
        least=1,
        group=SAMPLING,
    )


def max_thought_tokens() -> Any:
    """The length of a thought, without a limit of its own by default."""
    return setting(
        None,
        help="Length limit of the thought before an answer, in tokens: then it is ended [default: no limit of its "
        "own].",
        least=0,
        group=SAMPLING,
    )
