"""The tables of an audit: every figure with its interval, and nothing that is not looked at is passed over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rlaif.auditing.audit import Audit, audit
from rlaif.auditing.lacking import NEEDS
from rlaif.auditing.planted import Planted, planted_run
from rlaif.auditing.readiness import Readiness
from rlaif.auditing.surface import CRITERIA
from rlaif.cli.audit import _text
from rlaif.review.audit_tables import MEANINGS, between, sections
from rlaif.workflows.audit.run import Audited

INTERVAL = re.compile(r"-?\d\.\d{3} \[-?\d\.\d{3}, -?\d\.\d{3}\]")


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit(planted_run(Planted(settings={"prefers_lists": 1.5}), prompts=80))


def test_every_figure_of_the_whole_run_has_a_line_and_a_meaning(found: Audit) -> None:
    whole = {name for name in found.figures if ":" not in name}
    assert whole <= MEANINGS.keys()
    (figures,) = [each for each in sections(found) if each.title == "Figures"]
    listed = {row[0]: row for row in figures.rows}
    assert whole <= listed.keys()
    for name in whole:
        value, low, high = listed[name][1:4]
        assert low <= value <= high


def test_every_simple_criterion_stands_beside_what_a_trivial_judge_would_get(found: Audit) -> None:
    (simple,) = [each for each in sections(found) if each.title.startswith("Simple criteria")]
    rows = {row[0]: row for row in simple.rows}
    assert rows.keys() >= CRITERIA.keys()
    for name in CRITERIA:
        assert rows[name][1] == "too few pairs differ" or INTERVAL.fullmatch(rows[name][1])
        assert (
            INTERVAL.fullmatch(rows[name][2])
            if f"chosen_more:{name}" in found.figures
            else rows[name][2] is None
        )


def test_a_criterion_that_nobody_asked_for_is_called_hidden(found: Audit) -> None:
    (inverse,) = [each for each in sections(found) if each.title.startswith("Inverse")]
    rows = {row[0]: row for row in inverse.rows}
    assert rows["prefers: lists"][-1] == "HIDDEN"
    assert rows["rule-0"][-1] == "in force"
    strengths = [abs(float(str(row[1]).split()[0])) for row in inverse.rows]
    assert strengths == sorted(strengths, reverse=True)


def test_principles_have_intervals(found: Audit) -> None:
    (rows,) = [each.rows for each in sections(found) if each.title == "Principles"]
    assert len(rows) == 8
    assert all(INTERVAL.fullmatch(str(row[1])) and INTERVAL.fullmatch(str(row[2])) for row in rows)


def test_what_could_not_be_looked_at_is_said_with_what_it_needs(found: Audit) -> None:
    bare = audit(planted_run(prompts=30).__class__(**_without_extras()))
    missing = set(NEEDS) - bare.figures.keys()
    assert missing
    assert missing <= bare.not_looked_at.keys()
    facts = {"edited": (), "suggestions": [], "failures": [], "silent": False, "unmet": None, "revisions": ()}
    unknown = Readiness(None, "unknown: no gold")
    text = _text(
        Audited(run=".", facts_of=".", pairs=Path("pairs.jsonl"), audit=bare, readiness=unknown, **facts)
    )  # type: ignore[arg-type]
    assert "not measured, and what each figure needs" in text
    assert "--evaluation" in text
    assert not set(found.not_looked_at) & found.figures.keys()


def _without_extras() -> dict[str, object]:
    held = planted_run(prompts=30)
    fields = {name: getattr(held, name) for name in held.__dataclass_fields__}
    return fields | {"votes": (), "rationales": (), "repeats": (), "evaluation_prompts": ()}


def test_no_estimate_is_no_cell() -> None:
    assert between(None) is None
