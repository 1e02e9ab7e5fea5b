"""Pairs that were turned by hand: refused, or used with a word about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.records import Message, Pair
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.run import audit
from rlaif.workflows.datasets.edited import EDITED, against_scores
from rlaif.workflows.datasets.export import export
from rlaif.workflows.datasets.export_files import ExportConfig
from rlaif.workflows.datasets.import_preferences import ImportConfig, import_preferences
from rlaif.workflows.generate.run import generate
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.run import settle
from tests.workflows.conftest import Configured


@pytest.fixture
def run(configured: Configured) -> Path:
    return generate(configured(critique=False)).run


def job_of(source: Path, *, edited: bool = False) -> TrainJob:
    return settle(
        TrainConfig(source=source, out=source.parent / "m", policy="micro", gate="off", edited=edited)
    )


def rows_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "pairs.jsonl").read_text().splitlines()]


def rewrite(run: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (run / "pairs.jsonl").write_text(text)


def turned(run: Path) -> None:
    rows = rows_of(run)
    for row in rows:
        row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    rewrite(run, rows)


def relabelled(run: Path) -> None:
    rows = rows_of(run)
    for row in rows:
        row["label_prob"] = 0.01
    rewrite(run, rows)


def cut(run: Path) -> None:
    rewrite(run, rows_of(run)[:-1])


@pytest.mark.parametrize("change", [turned, relabelled, cut])
def test_changed_pairs_are_refused_by_training_and_export(run: Path, tmp_path: Path, change: Any) -> None:
    job_of(run)
    change(run)
    for source in (run, run / "pairs.jsonl"):
        with pytest.raises(InputError, match=r"was changed after its run was finished.*say --edited"):
            settle(TrainConfig(source=source, out=tmp_path / "m", policy="micro", gate="off"))
        with pytest.raises(InputError, match=r"was changed after its run was finished.*say --edited"):
            export(ExportConfig(source=source, out=tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_an_edit_on_purpose_is_used_and_said(run: Path, tmp_path: Path) -> None:
    turned(run)
    job = job_of(run, edited=True)
    assert job.edited
    assert job.card["edited"] == EDITED
    assert any(EDITED in each for each in job.doubts)
    export(ExportConfig(source=run, out=tmp_path / "x", edited=True))
    assert EDITED in (tmp_path / "x/README.md").read_text()
    assert json.loads((tmp_path / "x/export.json").read_text())["config"]["edited"] == EDITED


def test_an_untouched_run_is_exported_as_it_was_before(run: Path, tmp_path: Path) -> None:
    for allowed in (False, True):
        export(ExportConfig(source=run, out=tmp_path / "x", edited=allowed))
    assert "edited" not in json.loads((tmp_path / "x/export.json").read_text())["config"]
    assert job_of(run, edited=True).doubts == job_of(run).doubts


@pytest.mark.parametrize("change", [turned, relabelled])
def test_an_audit_shows_changed_pairs_and_fails_when_strict(run: Path, change: Any) -> None:
    assert audit(AuditConfig(run=run)).edited == []
    count = len(rows_of(run))
    change(run)
    found = audit(AuditConfig(run=run, strict=True))
    assert "was changed after the run was finished" in found.edited[0]
    assert (
        f"{count} of {count} pairs have another side or label than the run put in its store"
        in found.edited[1]
    )
    assert found.unmet is not None
    assert found.edited[0] in found.unmet
    assert found.as_dict()["edited"] == list(found.edited)
    assert audit(AuditConfig(run=run)).unmet is None
    meant = audit(AuditConfig(run=run, strict=True, edited=True))
    assert (meant.edited, meant.unmet) == (found.edited, None)


def test_a_run_without_digests_trains_and_its_store_tells_turned_pairs(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    del facts["files"]
    (run / "run.json").write_text(json.dumps(facts))
    turned(run)
    count = len(rows_of(run))
    assert f"{count} of {count} pairs have another side or label" in job_of(run).doubts[0]
    assert len(audit(AuditConfig(run=run)).edited) == 1


def scored(chosen: float | None, rejected: float | None) -> Pair:
    sides = [(Message(role="assistant", content=text),) for text in ("Hello.", "No.")]
    return Pair(
        prompt=(Message(role="user", content="Hi"),),
        chosen=sides[0],
        rejected=sides[1],
        label_prob=0.9,
        chosen_score=chosen,
        rejected_score=rejected,
    )


def test_labels_against_their_own_scores_are_said_of_imports(tmp_path: Path) -> None:
    pairs = [scored(1.0, 2.0), scored(2.0, 1.0), scored(None, 1.0), scored(1.0, 1.0)]
    said = against_scores(pairs)
    assert said is not None
    assert said.startswith("1 of 3 scored pairs prefer the side with the lower score")
    assert against_scores(pairs[1:]) is None
    row = {"prompt": "Hi", "chosen": "Hello.", "rejected": "No.", "chosen_score": 1, "rejected_score": 9}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n")
    made = import_preferences(ImportConfig(source=tmp_path / "pairs.jsonl", out=tmp_path / "run"))
    assert "1 of 1 scored pairs prefer the side with the lower score" in made.summary
    assert any("lower score" in each for each in audit(AuditConfig(run=tmp_path / "run")).edited)
    doubts = settle(TrainConfig(source=tmp_path / "run", out=tmp_path / "m", policy="micro")).doubts
    assert any("lower score" in each for each in doubts)


def test_an_import_of_changed_pairs_says_so(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = run / "pairs.jsonl"
    import_preferences(ImportConfig(source=str(pairs), out=tmp_path / "before"))
    assert "was changed" not in caplog.text
    pairs.write_text(pairs.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    import_preferences(ImportConfig(source=str(pairs), out=tmp_path / "after"))
    assert "pairs.jsonl: was changed after its run was finished" in caplog.text
