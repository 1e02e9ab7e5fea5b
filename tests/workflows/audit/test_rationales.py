"""What a judge wrote is read back from the store, joined by the keys of calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.run import audit
from rlaif.workflows.generate.run import generate
from tests.workflows.conftest import GREETS, Configured, Write, judge_rows

FENCE = "```\n"


def writing(contradicts: bool) -> list[dict[str, object]]:
    """A judge whose verdict is always for whoever greets, and whose prose may say the opposite."""
    a, b = ("does not greet", "greets") if contradicts else ("greets", "does not greet")
    first = f"Response A {a} the user. Response B {b} the user. Answer: A"
    second = f"Response B {a} the user. Response A {b} the user. Answer: B"
    return [
        {"contains": [f"Response A:\n{FENCE}{GREETS}", "greets"], "texts": [first]},
        {"contains": [f"Response B:\n{FENCE}{GREETS}", "greets"], "texts": [second]},
        {"contains": [f"Response A:\n{FENCE}{GREETS}"], "texts": ["Answer: A"]},
        {"contains": [f"Response B:\n{FENCE}{GREETS}"], "texts": ["Answer: B"]},
        *judge_rows(),
    ]


@pytest.mark.parametrize("contradicts", [False, True])
def test_verdicts_against_their_own_prose_are_counted(
    configured: Configured, script: Write, contradicts: bool
) -> None:
    config = configured(judge=script("writes", writing(contradicts)), protocol="compare-cot")
    run = generate(config).run
    figure = audit(AuditConfig(run=run)).audit.figures["rationale_contradicts"]
    assert figure.value == float(contradicts)
    assert figure.prompts == 8


def test_several_texts_for_one_question_are_a_second_asking(configured: Configured, script: Write) -> None:
    config = configured(judge=script("writes", writing(False)), protocol="compare-cot", samples=3)
    run = generate(config).run
    assert audit(AuditConfig(run=run)).audit.figures["retest_differs"].value == 0.0


def test_a_run_whose_store_is_gone_is_audited_without(
    configured: Configured, script: Write, tmp_path: Path
) -> None:
    config = configured(judge=script("writes", writing(False)), protocol="compare-cot")
    run = generate(config).run
    found = audit(AuditConfig(run=run, store=tmp_path / "none" / "store.sqlite")).audit
    assert "rationale_contradicts" not in found.figures
    assert "rationale_contradicts" in found.not_looked_at
