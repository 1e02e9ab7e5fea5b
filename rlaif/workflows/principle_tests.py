"""A principle's own tests, put to a judge: does this judge apply the principle as its author means it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rlaif.constitution import load_constitution
from rlaif.errors import InputError
from rlaif.judging import Judge, decide
from rlaif.records import Completion, Constitution, Message, Principle, PrincipleTest, Prompt
from rlaif.store import Store, find_store
from rlaif.workflows.choices import JUDGE
from rlaif.workflows.configs import TestConfig
from rlaif.workflows.models import Models
from rlaif.workflows.names import is_control
from rlaif.workflows.reports import Report, silent

ENOUGH = 2 / 3
"""Share of its own tests that a principle must pass to count as applied."""


class Outcome(NamedTuple):
    """How a principle fared; `failed` are the tests in which the judge did not prefer the better text."""

    tests: int
    failed: tuple[PrincipleTest, ...]

    @property
    def passed(self) -> int:
        """How many tests went as the author meant them."""
        return self.tests - len(self.failed)


def own_tests(judge: Judge, constitution: Constitution) -> Mapping[str, Outcome]:
    """The outcome of each principle that has tests, every one compared in both orders."""
    found = {}
    for principle in constitution.principles:
        if principle.tests:
            failed = tuple(
                each for each in principle.tests if not _passes(judge, constitution, principle, each)
            )
            found[principle.id] = Outcome(len(principle.tests), failed)
    return found


def put_to_judge(config: TestConfig, progress: Report = silent) -> Mapping[str, Outcome]:
    """The tests of a constitution, put to the judge that is named; calls go through the store of this place."""
    constitution = load_constitution(config.constitution)
    if not any(each.tests for each in constitution.principles):
        raise InputError(f"{constitution.source}: no principle has tests; write some under its `tests`")
    name = config.judge or JUDGE
    if is_control(name):
        raise InputError(f"{name}: is a control, which reads no principle; name a judge that is a model")
    models = Models(config, progress, config.seed)
    models.open(name)
    with Store.open(find_store(Path.cwd() / "tests", config.store)) as store:
        models.record(store, "")
        return own_tests(models.judge(name), constitution)


def misunderstood(outcomes: Mapping[str, Outcome]) -> list[str]:
    """A message for each principle that fails too many of its own tests."""
    return [
        f"principle {name!r}: this judge cannot apply it: it passes {each.passed} of its own {each.tests} tests"
        for name, each in outcomes.items()
        if each.passed < ENOUGH * each.tests
    ]


def _passes(judge: Judge, constitution: Constitution, principle: Principle, test: PrincipleTest) -> bool:
    # without tags every principle applies; without hardness the comparison alone decides
    prompt = Prompt(messages=(Message(role="user", content=test.prompt),))
    better, worse = (
        Completion(prompt_id=prompt.id, text=text, policy="test", finish="given")
        for text in (test.better, test.worse)
    )
    alone = replace(constitution, principles=(replace(principle, hard=False),))
    judgments = judge.compare([(prompt, better, worse)], alone.principles)
    decision = decide(alone, prompt, judgments, first=better.id)
    return decision.label_prob is not None and decision.label_prob > 0.5
