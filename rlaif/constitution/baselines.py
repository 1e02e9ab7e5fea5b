"""Trivial baselines on a constitution's own tests: what a judge that reads no principle would score. Pure.

Tests that reward a habit (the longer text, the words of the rule) pass judges that have only the habit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from rlaif.records import Constitution, Principle, PrincipleTest

LIMIT = 0.6
"""Highest share of tests that a trivial baseline may pass."""
_WORD = re.compile(r"\w+")


class OrderedTest(NamedTuple):
    """One test in one order, as a judge would see it."""

    principle: str
    prompt: str
    first: str
    second: str


Baseline = Callable[[OrderedTest], float]
"""How strongly the first text is preferred to the second: above 0, below 0, or 0 for a tie."""


def _longer(asked: OrderedTest) -> float:
    return len(asked.first) - len(asked.second)


def _shorter(asked: OrderedTest) -> float:
    return len(asked.second) - len(asked.first)


def _first(asked: OrderedTest) -> float:
    return 1.0


def _prompt_overlap(asked: OrderedTest) -> float:
    return _overlap(asked.prompt, asked.first) - _overlap(asked.prompt, asked.second)


def _principle_overlap(asked: OrderedTest) -> float:
    return _overlap(asked.principle, asked.first) - _overlap(asked.principle, asked.second)


BASELINES: Mapping[str, Baseline] = {
    "longer": _longer,
    "shorter": _shorter,
    "first": _first,
    "prompt-overlap": _prompt_overlap,
    "principle-overlap": _principle_overlap,
}


def baseline_scores(constitution: Constitution) -> dict[str, float]:
    """Share of the tests that each baseline gets right, every test put in both orders; a tie is half right.

    Empty when there are no tests. `first` is half right by construction, as both orders are always judged.
    """
    tests = [(each, test) for each in constitution.principles for test in each.tests]
    return {name: _score(choose, tests) for name, choose in BASELINES.items()} if tests else {}


def too_easy(constitution: Constitution) -> dict[str, float]:
    """The baselines that score above `LIMIT`, with their scores.

    The most even split is always allowed: of three tests, two must go one way.
    """
    count = sum(len(each.tests) for each in constitution.principles)
    if not count:
        return {}
    allowed = max(LIMIT, ceil(count / 2) / count)
    return {name: score for name, score in baseline_scores(constitution).items() if score > allowed + 1e-9}


def _score(choose: Baseline, tests: Sequence[tuple[Principle, PrincipleTest]]) -> float:
    right = 0.0
    for principle, test in tests:
        forward = OrderedTest(principle.text, test.prompt, test.better, test.worse)
        swapped = OrderedTest(principle.text, test.prompt, test.worse, test.better)
        right += (_credit(choose(forward)) + _credit(-choose(swapped))) / 2
    return right / len(tests)


def _credit(preference: float) -> float:
    return 0.5 if preference == 0 else float(preference > 0)


def _overlap(one: str, other: str) -> float:
    # shared words by all words of both, so that it is not length under another name
    left, right = ({word.lower() for word in _WORD.findall(text)} for text in (one, other))
    return len(left & right) / max(1, len(left | right))
