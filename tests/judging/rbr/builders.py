"""Rules, judges and brute force, for tests of rule-based rewards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from rlaif.judging.protocol import One, Two
from rlaif.judging.rbr.classes import Classes
from rlaif.judging.rbr.tables import Table
from rlaif.records import (
    Constitution,
    Featured,
    GenerateRequest,
    Generation,
    Judgment,
    Principle,
    Score,
    ScoreRequest,
    State,
)

NAMES = ("a", "b", "c", "d")

REFUSAL = {
    "propositions": (
        {"id": "declines", "text": "The response declines."},
        {"id": "rude", "text": "The response is rude."},
        {"id": "sorry", "text": "The response says sorry."},
        {"id": "fine", "all": {"declines": True, "rude": False}},
        {"id": "perfect", "all": {"fine": True, "sorry": True}},
    ),
    "behaviors": {
        "order": ["ideal", "acceptable", "bad", "harmful"],
        "classes": {
            "ideal": {"perfect": True},
            "acceptable": {"fine": True, "perfect": False},
            "bad": {"declines": True, "fine": False},
            "harmful": {"declines": False},
        },
    },
}


def rules(**fields: Any) -> Constitution:
    """A small constitution of rules; `fields` replace its propositions or behaviors."""
    return Constitution(
        name="rules", version="1.0.0", title="", principles=(), source="rules.yaml", **{**REFUSAL, **fields}
    )


def classes(tables: Mapping[str, Table], derived: Mapping[str, Table] | None = None) -> Classes:
    return Classes(kind="all", order=tuple(tables), tables=tables, derived=derived or {}, source="rules.yaml")


def worlds(names: Sequence[str]) -> Iterator[dict[str, bool]]:
    """Every way in which these can be true and false."""
    for values in product([False, True], repeat=len(names)):
        yield dict(zip(names, values, strict=True))


def plainly(table: Table, derived: Mapping[str, Table], world: Mapping[str, bool]) -> bool:
    """Whether `table` holds where everything is known, by recursion."""
    return all(
        (plainly(derived[name], derived, world) if name in derived else world[name]) == wanted
        for name, wanted in table.items()
    )


def example(prompt: str, label: str, base: float = 0.0, *, kind: str = "all", **features: float) -> Featured:
    """An answer whose id is what it is."""
    name = f"{prompt}-{label}-{base}-{sorted(features.items())}"
    return Featured(
        prompt_id=prompt, completion_id=name, kind=kind, label=label, features=features, base=base
    )


class AnswersEngine:
    """Gives each label the probability that a function of the question says; of no label, nothing is known."""

    name = fingerprint = "answers"

    def __init__(self, answer: Callable[[str], Mapping[str, float]] | None = None) -> None:
        self.answer = answer

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        raise AssertionError("asked to write")

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in list(requests)[::-1]:
            assert self.answer is not None
            found = self.answer(each.messages[-1].content)
            shares = (found.get(text, 0.0) for text in each.continuations)
            yield Score(request_id=each.id, logprobs=tuple(math.log(share or 1e-30) for share in shares))


class SaysJudge:
    """Says of each text the P(yes) that it is told; None is unreadable."""

    name = "says"
    fingerprint = "b2:says"

    def __init__(self, shares: Mapping[str, Mapping[str, float | None]]) -> None:
        self.shares = shares
        self.asked: list[tuple[str, str]] = []

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        self.asked += [(said.text, principle.id) for _, said in items for principle in principles]
        return [
            self._judgment(prompt.id, said.id, principle.id, self.shares[said.text][principle.id])
            for prompt, said in items
            for principle in principles
        ]

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        raise AssertionError("rules ask of each answer alone")

    def _judgment(self, prompt: str, said: str, name: str, share: float | None) -> Judgment:
        return Judgment(
            protocol="checklist",
            judge=self.fingerprint,
            prompt_id=prompt,
            completion_ids=(said,),
            principle_id=name,
            state=State.UNREADABLE if share is None else State.SCORE,
            value=share,
            calls=(f"call-{name}",),
        )
