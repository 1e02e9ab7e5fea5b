"""A principle's own tests, put to a judge: does this judge apply the principle as its author means it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rlaif.constitution import load_principles
from rlaif.errors import InputError
from rlaif.feedback.pairing import NO_PAIRWISE
from rlaif.judging import Judge, decide, from_checklist
from rlaif.judging.ask_protocol import ask_pairwise, ask_pointwise
from rlaif.judging.protocol import Two
from rlaif.judging.protocols import PER_PAIR, PROTOCOLS, Asking, Pairwise, Protocol, protocol
from rlaif.records import (
    Completion,
    Constitution,
    Judgment,
    NoPair,
    Principle,
    PrincipleTest,
    Prompt,
)
from rlaif.store import Store, find_store
from rlaif.workflows.configs import TestConfig
from rlaif.workflows.models.defaults import JUDGE
from rlaif.workflows.models.failures import failed_calls
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report, silent

MIN_PASSED_SHARE = 2 / 3
"""Share of its own tests that a principle must pass to count as applied."""
SEVERAL = 2
"""From so many principles on, one sentence names them all."""


Verdict = Literal["passed", "failed", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "undecided")


class PrincipleTestResult(NamedTuple):
    """One test, put in both orders."""

    test: PrincipleTest
    label_prob: float | None
    """P(the better text is better); None where the judge does not decide."""
    reason: NoPair | None
    """Why it does not: its orders disagree, a tie, unreadable ..."""

    @property
    def verdict(self) -> Verdict:
        """`failed` is a judge that decides for the worse text; one that does not decide is `undecided`."""
        if self.label_prob is None:
            return "undecided"
        return "passed" if self.label_prob > 0.5 else "failed"


class PrincipleOutcome(NamedTuple):
    """How a principle fared."""

    results: tuple[PrincipleTestResult, ...]

    def count(self, verdict: Verdict) -> int:
        """How many tests came out so."""
        return sum(each.verdict == verdict for each in self.results)

    @property
    def counts(self) -> dict[str, int]:
        """How many tests came out how."""
        return {verdict: self.count(verdict) for verdict in VERDICTS}

    @property
    def tests(self) -> int:
        """How many there are."""
        return len(self.results)

    @property
    def passed(self) -> int:
        """How many tests went as the author meant them."""
        return self.count("passed")

    @property
    def unheard(self) -> bool:
        """Whether every one of its calls failed."""
        return all(each.reason is NoPair.TRANSPORT for each in self.results)

    @property
    def unmet(self) -> bool:
        """One test failed; or none passed, which is no judge of this principle either."""
        return self.count("failed") > 0 or self.passed == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A constitution's tests, put to a judge."""

    constitution: Constitution
    judge: str
    outcomes: Mapping[str, PrincipleOutcome]
    untested: tuple[str, ...]
    """Principles without tests."""
    calls: Mapping[str, int]
    tokens: Mapping[str, int]
    failures: tuple[str, ...] = ()
    """Why calls failed."""

    @property
    def unmet(self) -> str | None:
        """What is not as the author means it, or None."""
        names = [name for name, each in self.outcomes.items() if each.unmet]
        if not names:
            return None
        failed = sum(each.count("failed") for each in self.outcomes.values())
        told = "".join(f". {each}" for each in self.failures)
        return f"{failed} tests failed; {self.judge} does not apply as meant: {', '.join(names)}{told}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        rows = {
            name: {
                "tests": each.tests,
                **each.counts,
                "results": [_row(result) for result in each.results],
            }
            for name, each in self.outcomes.items()
        }
        totals: dict[str, int] = {
            verdict: sum(each.count(verdict) for each in self.outcomes.values()) for verdict in VERDICTS
        }
        found = self.constitution
        return {
            "constitution": {"name": found.name, "version": found.version, "digest": found.digest},
            "judge": self.judge,
            **totals,
            "principles": rows,
            "untested": list(self.untested),
            "calls": dict(self.calls),
            "tokens": dict(self.tokens),
            "failures": list(self.failures),
        }


def own_tests(
    judge: Judge, constitution: Constitution, asked_by: Sequence[str] = (), how: Asking | None = None
) -> Mapping[str, PrincipleOutcome]:
    """The outcome of each principle that has tests, every one compared in both orders.

    `asked_by` are the protocols of a run, the one that decides last. One from outside that decides asks the tests too:
    they say whether this judge applies a principle as it is asked there. Ours are asked as any comparison.
    """
    deciding = next((name for name in reversed(asked_by) if name != NO_PAIRWISE), PER_PAIR)
    chosen = protocol(deciding if PROTOCOLS.is_from_outside(deciding) else PER_PAIR)
    if chosen.judges and not isinstance(judge, chosen.judges):
        chosen = protocol(PER_PAIR)
    return {
        each.id: PrincipleOutcome(_results(judge, constitution, each, chosen, how or Asking()))
        for each in constitution.principles
        if each.tests
    }


def put_to_judge(config: TestConfig, progress: Report = silent) -> Tried:
    """The tests of a constitution, put to the judge that is named; calls go through the store of this place."""
    constitution = load_principles(config.constitution)
    if not any(each.tests for each in constitution.principles):
        raise InputError(f"{constitution.source}: no principle has tests; write some under its `tests`")
    name = config.judge or JUDGE
    if is_control(name):
        raise InputError(f"{name}: is a control, which reads no principle; name a judge that is a model")
    models = ModelPool(config, progress, config.seed).acting(config.judge_options)
    models.open(name)
    with Store.open(find_store(Path.cwd() / "tests", config.store)) as store:
        models.record(store, "")
        outcomes = own_tests(models.judge(name), constitution)
    return Tried(
        constitution=constitution,
        judge=name,
        outcomes=outcomes,
        untested=tuple(each.id for each in constitution.principles if not each.tests),
        calls=models.calls,
        tokens=models.tokens,
        failures=tuple(failed_calls(models.recorded)),
    )


def test_counts(outcomes: Mapping[str, PrincipleOutcome]) -> dict[str, dict[str, int]]:
    """By principle: how many tests there are and how many passed; nothing of those whose calls all failed."""
    return {
        name: {"tests": each.tests, "passed": each.passed}
        for name, each in outcomes.items()
        if not each.unheard
    }


def misunderstood(outcomes: Mapping[str, PrincipleOutcome]) -> list[str]:
    """A message that names the principles which fail too many of their own tests; nothing where none does."""
    failed = [
        (name, each)
        for name, each in outcomes.items()
        # of a judge that was not reached nothing is known
        if each.passed < MIN_PASSED_SHARE * each.tests and not each.unheard
    ]
    told = [f"principle {name!r}: this judge cannot apply it: {_passes(each)}" for name, each in failed]
    if len(told) < SEVERAL:
        return told
    each_one = "; ".join(f"{name}: {_passes(each)}" for name, each in failed)
    return [f"this judge cannot apply {len(failed)} principles ({each_one})"]


def _passes(outcome: PrincipleOutcome) -> str:
    return f"it passes {outcome.passed} of its own {outcome.tests} tests"


def _results(
    judge: Judge, constitution: Constitution, principle: Principle, chosen: Protocol, how: Asking
) -> tuple[PrincipleTestResult, ...]:
    # without tags every principle applies; without hardness the comparison alone decides
    only = replace(constitution, principles=(replace(principle, hard=False, applies_to=()),))
    items = [_item(each) for each in principle.tests]
    # two tests may be about the same two texts
    asked = {(prompt.id, frozenset((one.id, two.id))): (prompt, one, two) for prompt, one, two in items}
    distinct = [each for each in asked.values() if each[1].id != each[2].id]
    judged: dict[tuple[str, frozenset[str]], list[Judgment]] = {}
    for each in _compared(judge, chosen, distinct, only.principles, how):
        judged.setdefault((each.prompt_id, frozenset(each.completion_ids)), []).append(each)
    results = []
    for test, (prompt, one, two) in zip(principle.tests, items, strict=True):
        if one.id == two.id:
            results.append(PrincipleTestResult(test, None, NoPair.DUPLICATE))
            continue
        readings = judged.get((prompt.id, frozenset((one.id, two.id))), [])
        decision = decide(only, prompt, readings, first=one.id)
        results.append(PrincipleTestResult(test, decision.label_prob, decision.reason))
    return tuple(results)


def _compared(
    judge: Judge, chosen: Protocol, items: Sequence[Two], principles: Sequence[Principle], how: Asking
) -> list[Judgment]:
    """Comparisons in both orders by a protocol; one that judges single texts compares by their numbers."""
    if isinstance(chosen, Pairwise):
        return ask_pairwise(chosen, judge, items, principles, how)
    texts = {each.id: (prompt, each) for prompt, *two in items for each in two}
    said = ask_pointwise(chosen, judge, list(texts.values()), principles, how)
    return [each for _, one, other in items for each in from_checklist(said, one, other)]


def _item(test: PrincipleTest) -> tuple[Prompt, Completion, Completion]:
    prompt = Prompt(messages=test.turns)
    better, worse = (
        Completion(prompt_id=prompt.id, text=text, policy="test", finish="given")
        for text in (test.better, test.worse)
    )
    return prompt, better, worse


def _row(result: PrincipleTestResult) -> dict[str, Any]:
    test = {name: getattr(result.test, name) for name in ("prompt", "better", "worse", "near_miss")}
    reason = None if result.reason is None else result.reason.value
    if result.test.before:
        test["before"] = [{"role": turn.role, "content": turn.content} for turn in result.test.before]
    return {"verdict": result.verdict, "label_prob": result.label_prob, "reason": reason, **test}
