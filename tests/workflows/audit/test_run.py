"""A run's files to figures: joined by id, right on hand-made faults, refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from rlaif.cli.audit import audit as command
from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.load_run import _family, read_source
from rlaif.workflows.audit.run import audit
from rlaif.workflows.configs import JudgeConfig
from rlaif.workflows.generate.run import generate, judge
from rlaif.workflows.models.defaults import choose_judge
from tests.workflows.conftest import GREETS, SILENT, Configured, Write, judge_rows


@pytest.fixture
def run(configured: Configured) -> Path:
    return generate(configured()).run


def test_every_judgment_of_a_run_is_read(run: Path) -> None:
    evidence = read_source(run).evidence
    assert (len(evidence.prompts.ids), len(evidence.texts.ids)) == (8, 16)
    # two rules: of each text alone, and of both orders of eight comparisons
    assert (len(evidence.pointwise.value), len(evidence.pairwise.value)) == (32, 32)
    assert list(evidence.principles) == ["greet", "brief"]
    assert evidence.funnel["kept"] == 8


def test_what_the_judge_said_belongs_to_the_text_it_said_it_of(run: Path) -> None:
    evidence = read_source(run).evidence
    for completion, value in zip(evidence.pointwise.completion, evidence.pointwise.value, strict=True):
        assert value == pytest.approx(0.9 if evidence.texts.texts[completion] == GREETS else 0.2)


def test_the_order_of_rows_in_files_changes_no_figure(run: Path) -> None:
    before = audit(AuditConfig(run=run)).audit.figures
    for name in ("judgments.jsonl", "comparisons.jsonl"):
        rows = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(np.random.default_rng(0).permutation(rows)))
    after = audit(AuditConfig(run=run)).audit.figures
    assert {name: each.value for name, each in after.items()} == {
        name: each.value for name, each in before.items()
    }


def test_labels_are_made_again_from_what_is_recorded(run: Path) -> None:
    evidence = read_source(run).evidence
    assert evidence.labels.decided == pytest.approx(evidence.labels.probability, abs=1e-5)
    rows = [json.loads(line) for line in (run / "pairs.jsonl").read_text().splitlines()]
    rows[0]["chosen"], rows[0]["rejected"] = rows[0]["rejected"], rows[0]["chosen"]
    (run / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    figures = audit(AuditConfig(run=run)).audit.figures
    assert figures["label_contradicts"].value == pytest.approx(1 / 8)


def test_a_run_of_pairs_only_is_audited_by_what_it_has(run: Path) -> None:
    for name in ("judgments.jsonl", "comparisons.jsonl", "completions.jsonl"):
        (run / name).unlink()
    found = audit(AuditConfig(run=run)).audit
    assert found.counts["pairs"] == 8
    assert found.figures["scores_opposed"].value == 0.0
    assert "order_disagreement" not in found.figures


def test_prompts_of_an_evaluation_that_were_used_are_found(run: Path, tmp_path: Path) -> None:
    held = tmp_path / "eval.txt"
    held.write_text("I am Ben. What is 1 plus 2?\nWho wrote this poem about a river at night?\n")
    found = audit(AuditConfig(run=run, evaluation=str(held), training=str(held))).audit
    assert found.figures["contaminated"].value == pytest.approx(1 / 8)
    assert list(found.uncovered) == ["Who wrote this poem about a river at night?"]


def test_thresholds_are_met_or_named(run: Path) -> None:
    met = {"order_disagreement": 0.1, "-looks_agree": 0.9}
    assert audit(AuditConfig(run=run, thresholds=met)).unmet is None
    unmet = audit(AuditConfig(run=run, thresholds={"-order_disagreement": 0.5})).unmet
    assert unmet == "order_disagreement is 0.000, below 0.5"


def test_the_command_exits_3_at_a_threshold_and_writes_a_page(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    assert main(["audit", str(run), "--html", str(page)]) == 0
    assert "Audit" in page.read_text()
    assert main(["audit", str(run), "--threshold", "looks_agree<=0.5"]) == 3


def test_json_is_one_object_with_every_figure(run: Path) -> None:
    found = json.loads(CliRunner().invoke(command, [str(run), "--json"]).stdout)
    assert found["figures"]["looks_agree"]["value"] == 1.0
    assert {each["principle"] for each in found["principles"]} == {"greet", "brief"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": {"nonsense": 1.0}}, "nonsense: is no figure"),
        ({"allowed": ("nonsense",)}, "nonsense: is no fault"),
        ({"round": 2}, "has no rounds"),
    ],
)
def test_what_is_not_known_is_refused(run: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        audit(AuditConfig(run=run, **options))  # type: ignore[arg-type]


def test_a_judgment_file_that_is_not_ours_is_named_with_its_line(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (run / "comparisons.jsonl").open("a") as stream:
        stream.write('{"state": "guess"}\n')
    assert main(["audit", str(run)]) != 0
    assert "comparisons.jsonl:33" in capsys.readouterr().err


def test_another_directory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path)]) == 2
    assert "is no run directory" in capsys.readouterr().err


def test_texts_stand_for_themselves(run: Path) -> None:
    assert set(read_source(run).evidence.texts.texts) == {GREETS, SILENT}


def test_rows_about_more_than_two_answers_are_left_alone(run: Path) -> None:
    before = read_source(run).evidence
    row = json.loads((run / "comparisons.jsonl").read_text().splitlines()[0])
    wide = row | {"completion_ids": [*row["completion_ids"], row["completion_ids"][0]]}
    with (run / "comparisons.jsonl").open("a") as stream:
        stream.write(
            json.dumps(wide) + "\n" + json.dumps(row | {"completion_ids": ["b2:other", "b2:one"]}) + "\n"
        )
    after = read_source(run).evidence
    assert len(after.pairwise.value) == len(before.pairwise.value)


@pytest.mark.parametrize("broken", ['{"state": "preference", "value": 0.5}', "[1, 2]", '{"state": 7}', "{"])
def test_every_kind_of_broken_row_is_refused_in_words(
    run: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (run / "judgments.jsonl").open("a") as stream:
        stream.write(broken + "\n")
    assert main(["audit", str(run)]) in (1, 2)
    said = capsys.readouterr().err
    assert "judgments.jsonl:33" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("hf:Qwen/Qwen3-0.6B", "qwen"),
        ("openai:http://127.0.0.1:8000/v1#Qwen3-30B-Instruct@2507", "qwen"),
        ("vllm:/models/Llama-3.1-8B/", "llama"),
        ("micro:weak", "micro"),
        ("micro", "micro"),
    ],
)
def test_models_of_one_family_are_known_by_their_names(name: str, family: str) -> None:
    assert _family(name) == family


def test_thresholds_on_principles_and_json_without_holes(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(run), "--threshold", "met:greet>=0.9"]) == 3
    capsys.readouterr()
    assert main(["audit", str(run), "--json"]) == 0
    text = capsys.readouterr().out
    assert "NaN" not in text
    found = json.loads(text)
    (greet,) = [each for each in found["principles"] if each["principle"] == "greet"]
    assert greet["met"]["value"] == 0.5
    assert found["not_looked_at"]


def test_what_a_stronger_judge_says_counts_as_true_before_a_training(
    run: Path, configured: Configured, script: Write, tmp_path: Path
) -> None:
    strong = script("strong", judge_rows("It"))
    second = judge(
        choose_judge(
            JudgeConfig(
                source=run, out=tmp_path / "second", judge=strong, constitution=configured().constitution
            )
        )
    )
    found = audit(AuditConfig(run=run, truth=second.run)).readiness
    # that judge likes silence where the first one likes a greeting
    assert found.by == strong
    assert found.go is False
    assert found.rank is not None
    assert found.rank.value == pytest.approx(-1.0)
    assert audit(AuditConfig(run=run)).readiness.by == "gold"
    elsewhere = generate(configured("elsewhere", prompts=str(_other_prompts(tmp_path))))
    with pytest.raises(InputError, match="judges none of the same completions"):
        audit(AuditConfig(run=run, truth=elsewhere.run))


def _other_prompts(folder: Path) -> Path:
    path = folder / "others.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"What is {n} plus 3?"}) + "\n" for n in range(8)))
    return path
