"""What `rlaif audit` says unless everything is asked for: the verdict, what matters most, and where the rest is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.auditing.audit import Audit, audit
from rlaif.auditing.planted import Planted, planted_run
from rlaif.auditing.readiness import readiness
from rlaif.cli.audit import KEY_FIGURES, MATTER, WIDTH, _verdict
from rlaif.workflows.audit.run import Audited
from tests.auditing.small import evidence


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit(planted_run(Planted(settings={"prefers_lists": 1.5}), prompts=80))


def said(found: Audit, **how: Any) -> list[str]:
    facts: dict[str, Any] = {"edited": (), "suggestions": [], "failures": [], "silent": False, "unmet": None}
    facts |= {
        "revisions": (),
        "run": Path(),
        "facts_of": Path(),
        "pairs": Path("pairs.jsonl"),
        "audit": found,
        "readiness": readiness(evidence([0, 0])),
    }
    return _verdict(Audited(**(facts | how))).splitlines()


def test_where_nothing_is_wrong_the_verdict_says_so_and_the_figures_to_look_at_first_follow(
    found: Audit,
) -> None:
    lines = said(replace(found, findings=()))
    assert lines[1] == "verdict: nothing found that chance would not explain"
    known = [each for each in KEY_FIGURES if each in found.figures][:MATTER]
    assert [line.split()[0] for line in lines[2 : 2 + len(known)]] == [
        f"{found.figures[name].value:.3f}" for name in known
    ]


def test_of_many_faults_the_first_three_stand_there_with_their_remedies(found: Audit) -> None:
    assert found.findings, "the planted run has faults"
    many = replace(found, findings=tuple(found.findings) * 4)
    lines = said(many)
    assert lines[1].startswith(f"verdict: {len(many.findings)} faults")
    assert sum(line.startswith("! ") for line in lines) == MATTER
    assert found.findings[0].remedy.split()[0] in " ".join(lines)


def test_it_fits_a_screen(found: Audit) -> None:
    lines = said(found)
    assert len(lines) <= 12
    assert max(map(len, lines)) <= max(WIDTH, len(lines[0]))


def test_a_run_without_a_judgment_has_no_verdict(found: Audit) -> None:
    text = "\n".join(said(replace(found, findings=()), silent=True))
    assert "no judgment came back" in text
    assert "verdict" not in text


def test_it_says_how_to_see_the_rest(found: Audit) -> None:
    assert said(found)[-1] == "every figure: --full; as a page: --html FILE"
