"""An engine that answers every protocol's question by a truth it can read off the texts, or against it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from rlaif.judging import Judge, ModelJudge, PanelJudge
from rlaif.judging.panel import Member, Seat
from rlaif.judging.protocols import Asking, Pairwise, protocols
from rlaif.records import GenerateRequest, Principle, State
from tests.judging.builders import RuleEngine

ASKED_OF_MODELS = [
    name
    for name, each in protocols().items()
    if not each.judges or ModelJudge in each.judges or name == "panel"
]
"""Protocols that a model can be asked by; `reward` and `rules` have judges of their own."""
_FENCE = re.compile(r"^`{3,}$", re.MULTILINE)
Truth = Callable[[str, str], bool]
"""Whether a response follows a rule, both as they are shown."""


def shown(text: str) -> list[str]:
    """What stands between the fences of a judge prompt."""
    fence = next(line for line in text.splitlines() if set(line) == {"`"} and len(line) >= 3)
    return [block.removesuffix("\n") for block in f"{text}\n".split(f"{fence}\n")[1::2]]


def rule_of(text: str) -> str:
    found = re.findall(r"^(?:Rule|Statement): (.*)$", text, re.MULTILINE)
    return str(found[-1]) if found else ""


class Judging:
    """Answers by `truth`; `lie` turns every answer round."""

    def __init__(self, truth: Truth, lie: bool = False) -> None:
        self.truth, self.lie = truth, lie

    def score(self, text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
        blocks = shown(text)
        if "Steps:" in text:
            return self._yes(self.truth(blocks[1].splitlines()[-1], ""))
        if "Is the judgment right?" in text:
            better = self._better(blocks[1:3], rule_of(text))
            claimed = text.rpartition("Judgment: ")[2]
            return {"yes": 0.5, "no": 0.5} if better is None else self._yes(better == claimed)
        if "yes" in continuations:
            return self._yes(self.truth(blocks[1], rule_of(text)))
        if "5" in continuations:
            return (
                {"5": 0.9, "1": 0.1}
                if self.truth(blocks[1], rule_of(text)) != self.lie
                else {"1": 0.9, "5": 0.1}
            )
        better = self._better(blocks[1:3], rule_of(text), lie=self.lie)
        return {"A": 0.5, "B": 0.5} if better is None else {better: 0.9, "B" if better == "A" else "A": 0.1}

    def write(self, request: GenerateRequest) -> str:
        text = request.messages[-1].content
        blocks, rule = shown(text), rule_of(text)
        if text.startswith("Argue"):
            return f"Response {text[-1]} is better."
        if text.startswith("Rank"):
            order = sorted(range(4), key=lambda place: self.truth(blocks[1 + place], rule) == self.lie)
            return " ".join("ABCD"[place] for place in order)
        if text.startswith("Which of the statements"):
            return self._list(blocks[1], text.rpartition("Statements:\n")[2])
        if "rating" in text.splitlines()[0]:
            return json.dumps({"reason": "", "rating": 5 if self.truth(blocks[1], rule) != self.lie else 1})
        if "Answer: yes" in text.splitlines()[0]:
            return f"It was read.\nAnswer: {'yes' if self.truth(blocks[1], rule) != self.lie else 'no'}"
        better = self._better(blocks[1:3], rule, lie=self.lie)
        if "JSON" in text.splitlines()[0]:
            return json.dumps({"reason": "", "better": better or "tie"})
        return "They are alike." if better is None else f"One does.\nAnswer: {better}"

    def _list(self, response: str, statements: str) -> str:
        rules = [each.partition(". ")[2] for each in statements.splitlines()]
        said = ["yes" if self.truth(response, each) != self.lie else "no" for each in rules]
        return "\n".join(f"{place}: {each}" for place, each in enumerate(said, 1))

    def _yes(self, met: bool) -> Mapping[str, float]:
        return {"yes": 0.9, "no": 0.1} if met != self.lie else {"yes": 0.1, "no": 0.9}

    def _better(self, two: Sequence[str], rule: str, lie: bool = False) -> str | None:
        first, second = (self.truth(each, rule) for each in two)
        return None if first == second else "A" if first != lie else "B"


def follows_place(label: str, truth: Truth) -> tuple[Callable[..., Mapping[str, float]], Callable[..., str]]:
    """A judge that names the place `label` whatever stands there, and shows no order but the one it was shown."""

    def score(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
        if "Is the judgment right?" in text:
            right = text.rpartition("Judgment: ")[2] == label
            return {"yes": 0.9, "no": 0.1} if right else {"yes": 0.1, "no": 0.9}
        return {label: 0.9, "yes": 0.5, "no": 0.5, "3": 1.0}

    def write(request: GenerateRequest) -> str:
        text = request.messages[-1].content
        if text.startswith("Rank"):
            return "A B C D" if label == "A" else "D C B A"
        if text.startswith("Which of the statements"):
            return "\n".join(f"{place}: yes" for place in range(1, text.count("\n") + 1))
        if "rating" in text.splitlines()[0]:
            return '{"reason": "", "rating": 3}'
        if "JSON" in text.splitlines()[0]:
            return json.dumps({"reason": "", "better": label})
        if "Answer: yes" in text.splitlines()[0]:
            return "Answer: yes"
        return f"Answer: {label}"

    return score, write


def judge_of(engine: RuleEngine, name: str) -> Judge:
    """The engine as judge; for `panel`, three seats of it."""
    judge = ModelJudge(engine)
    if name != "panel":
        return judge
    seats = [Seat(judge="x", protocol=each) for each in ("compare", "compare-cot", "meta")]
    return PanelJudge("panel", list(_members(judge, seats)), quorum=2)


def _members(judge: ModelJudge, seats: Sequence[Seat]) -> Iterator[Member]:
    for seat in seats:
        chosen = protocols()[seat.protocol]
        assert isinstance(chosen, Pairwise)
        yield Member(
            seat=seat,
            judge=judge,
            compare=lambda who, items, rules, ask=chosen.ask: ask(who, items, rules, Asking()),
        )


__all__ = ["ASKED_OF_MODELS", "Judging", "Principle", "State", "follows_place", "judge_of"]
