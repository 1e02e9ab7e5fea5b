"""What a step with a name of its own (`as: NAME`) made is found by every command that reads a round."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.constitution import load_constitution
from rlaif.errors import InputError
from rlaif.exchange.pairs import read_pairs
from rlaif.review.index import PairIndex
from rlaif.runs import layout
from rlaif.workflows.audit.run import AuditConfig, audit
from rlaif.workflows.audit.show_pair import show
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.datasets.export import export
from rlaif.workflows.datasets.export_files import ExportConfig
from rlaif.workflows.impact.recorded_runs import judged_runs
from rlaif.workflows.impact.run import ImpactConfig, impact
from rlaif.workflows.project.status import status
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.run import settle

RECIPE = """\
name: named
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 2
round:
  - {{step: sample, n: 4, as: drawn}}
  - {{step: judge, as: said}}
  - {{step: pairs, critique: false, as: easy}}
"""
SECOND = "  - {step: pairs, critique: false, pairing: all, then: none, as: wide}\n"


@pytest.fixture
def recipe(tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path) -> Path:
    path = tmp_path / "named.yaml"
    path.write_text(RECIPE.format(policy=policy, judge=judge, constitution=constitution, prompts=prompts))
    return path


def play(recipe: Path, more: str = "") -> Finished:
    recipe.write_text(recipe.read_text() + more)
    return run(prepare_recipe(RunConfig(recipe=str(recipe), out=recipe.parent / "run")))


def test_every_command_that_reads_pairs_finds_those_of_a_named_step(recipe: Path, mini: Path) -> None:
    done = play(recipe)
    files = [done.run / f"round-{number}" / "easy.jsonl" for number in (1, 2)]
    count = sum(len(read_pairs(each)) for each in files)
    assert count > 0
    assert not list(done.run.glob("round-*/pairs.jsonl"))
    assert len(done.pairs) == status(done.run)["pairs"] == len(PairIndex(done.run).entries) == count
    assert f"{count} pairs" in (done.run / "report.html").read_text()
    assert "round 1 easy" in (done.run / "report.html").read_text()
    out = export(ExportConfig(source=done.run, out=done.run.parent / "export"))
    assert out.rows == {"train": count}
    trained = settle(
        TrainConfig(source=done.run / "round-1", out=done.run.parent / "model", policy=str(mini))
    )
    assert len(trained.pairs) == len(read_pairs(files[0]))
    assert not trained.doubts


def test_an_audit_reads_what_the_named_pairs_come_from(recipe: Path) -> None:
    done = play(recipe)
    found = audit(AuditConfig(run=done.run, round=1))
    assert found.pairs == done.run / "round-1" / "easy.jsonl"
    assert found.audited == done.run / "round-1"
    assert found.audit.counts["judgments"] > 0
    assert found.audit.funnel["prompts"] == 8
    pair = read_pairs(found.pairs)[0]
    [greet] = [
        each for each in show(pair.id, done.run).said if each.principle == "greet" and each.chosen_alone
    ]
    assert greet.chosen_alone == 0.9
    assert done.costs["judges"]


def test_an_edit_of_the_constitution_is_tried_on_the_pairs_of_a_named_step(
    recipe: Path, judge: str, constitution: Path
) -> None:
    done = play(recipe)
    assert [each.judge for each in judged_runs(done.run)] == [judge, judge]
    held = load_constitution(str(constitution))
    found = impact(ImpactConfig(run=done.run / "round-1"), held, held)
    assert (
        found.counts["kept"] == found.counts["before"] == len(read_pairs(done.run / "round-1" / "easy.jsonl"))
    )
    assert found.calls["new"] == 0


def test_of_several_files_of_pairs_the_newest_is_taken_and_named(recipe: Path, mini: Path) -> None:
    done = play(recipe, SECOND)
    newest, other = (done.run / "round-2" / f"{name}.jsonl" for name in ("wide", "easy"))
    found = audit(AuditConfig(run=done.run))
    assert found.audited == found.pairs == newest
    assert audit(AuditConfig(run=other.with_suffix(""))).pairs == other
    assert audit(AuditConfig(run=done.run / "round-1")).pairs == done.run / "round-1" / "wide.jsonl"
    config = TrainConfig(source=done.run / "round-2", out=done.run.parent / "model", policy=str(mini))
    assert f"wide.jsonl was taken, not {other}" in settle(config).doubts[0]
    assert len(done.pairs) == sum(len(read_pairs(each)) for each in done.run.glob("round-*/[ew]*[ey].jsonl"))
    assert {each.parent.name for each in layout.pair_files(done.run)} == {"round-1", "round-2"}


def test_a_training_of_a_round_must_be_told_where_its_model_goes(recipe: Path, mini: Path) -> None:
    done = play(recipe)
    with pytest.raises(InputError, match="--out is missing: a round of a run says no place"):
        settle(TrainConfig(source=done.run / "round-1", policy=str(mini)))


def test_pairs_that_were_made_of_others_stand_for_them(tmp_path: Path) -> None:
    folder = tmp_path / "round-1"
    folder.mkdir()
    rows = [
        {"path": "round-1/pairs.jsonl", "kind": "pairs", "round": 1, "step": "pairs", "of": {}},
        {
            "path": "round-1/fewer.jsonl",
            "kind": "pairs",
            "round": 1,
            "step": "fewer",
            "of": {"pairs": "round-1/pairs.jsonl"},
        },
    ]
    (tmp_path / "artefacts.json").write_text(json.dumps(rows))
    (folder / "pairs.jsonl").write_text("")
    assert layout.pair_files(tmp_path) == [folder / "pairs.jsonl"]
    (folder / "fewer.jsonl").write_text("")
    assert layout.pair_files(tmp_path) == [folder / "fewer.jsonl"]
    assert layout.sources_of(folder / "fewer.jsonl").completions == folder / "fewer.completions.jsonl"
