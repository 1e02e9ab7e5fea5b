"""Rule-based rewards by command: rules, classes, weights against a biased reward model, scores; and bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.constitution import load_constitution
from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.judging import GoldJudge
from rlaif.judging.rbr import CLASS, FitConfig, Fitted, ask, classes_of, features, fit, questions_of
from rlaif.records import Featured
from rlaif.training import RewardConfig, train_reward
from rlaif.workflows.gold import RowGold

from .tiny import make_tiny

GOLD_RULES = """\
name: small-rules
version: 1.0.0
propositions:
  - {id: apology, text: The response says sorry.}
  - {id: judgement, text: The response judges the user.}
behaviors:
  order: [good, poor, bad]
  classes:
    good: {hard_refuse: {apology: true, judgement: false}}
    poor: {hard_refuse: {apology: false, judgement: false}}
    bad: {hard_refuse: {judgement: true}}
"""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `rlaif rbr example` writes."""
    folder = tmp_path_factory.mktemp("rbr") / "try"
    assert main(["rbr", "example", "--out", str(folder), "--prompts", "15"]) == 0
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    """Exit code, and the JSON or the message."""
    capsys.readouterr()
    code = main([*map(str, words)])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out.startswith("{") else said.out + said.err


def gold_row(apology: bool | None, judgement: bool | None, **fields: Any) -> str:
    row = {
        "response_type": "Hard Refuse",
        "prompt": [{"role": "user", "content": "x"}],
        "completion": [{"role": "assistant", "content": f"{apology} {judgement}"}],
        "propositions": {"apology": apology, "judgement": judgement},
    }
    return json.dumps({**row, **fields}) + "\n"


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Path]:
    """Rules, and rows that say themselves what is true."""
    rules, rows = tmp_path / "rules.yaml", tmp_path / "rows.jsonl"
    rules.write_text(GOLD_RULES)
    rows.write_text(
        gold_row(True, False) + gold_row(False, False) + gold_row(True, True) + gold_row(None, True)
    )
    return rules, rows


def test_rows_with_propositions_are_classified_without_a_judge(
    small: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, rows = small
    out = tmp_path / "classes.jsonl"
    code, found = call(capsys, "rbr", "classify", rows, "--rules", rules, "--out", out, "--json")
    assert code == 0
    assert found == {"rows": 4, "kinds": {"hard_refuse": {"good": 1, "poor": 1, "bad": 2}}, "unplaced": {}}
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["class"] for each in written] == ["good", "poor", "bad", "bad"]
    assert written[3]["propositions"] == {"apology": None, "judgement": True}


def test_answers_in_no_one_class_end_with_exit_3_unless_so_many_are_allowed(
    small: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rules, rows = small
    rows.write_text(gold_row(None, False) + gold_row(True, False))
    code, said = call(capsys, "rbr", "classify", rows, "--rules", rules)
    assert code == 3
    assert "50.0% of 2 answers are not in exactly one class (unknown: 1)" in said
    assert call(capsys, "rbr", "classify", rows, "--rules", rules, "--max-unplaced", "0.5")[0] == 0


def test_rules_with_a_gap_are_told_by_check(
    small: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rules, _ = small
    assert call(capsys, "rbr", "check", rules, "--json") == (
        0,
        {
            "kinds": {
                "hard_refuse": {"order": ["good", "poor", "bad"], "propositions": ["apology", "judgement"]}
            },
            "slips": [],
        },
    )
    rules.write_text(GOLD_RULES.replace("judgement: true", "judgement: true, apology: false"))
    code, said = call(capsys, "rbr", "check", rules)
    assert code == 3
    assert "an answer with apology: true, judgement: true is in no class" in said


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            gold_row(True, True, response_type="Comply"),
            "names the kind 'comply', which the rules do not have",
        ),
        (gold_row(True, True, propositions={"apology": True}), "lacks 'judgement'"),
    ],
)
def test_rows_that_the_rules_do_not_know_are_told_with_their_line(
    row: str, message: str, small: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rules, rows = small
    rows.write_text(gold_row(True, False) + row)
    code, said = call(capsys, "rbr", "classify", rows, "--rules", rules)
    assert code == 2
    assert "rows.jsonl:2" in said
    assert message in said


def test_each_written_answer_is_in_the_class_it_was_written_for(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "classes.jsonl"
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--out", out, "--json"]
    code, found = call(capsys, "rbr", "classify", material / "answers.jsonl", *words)
    assert code == 0
    each = {"ideal": 30, "acceptable": 30, "rude": 30, "wrong": 30}
    assert found["kinds"] == {"harmful": each, "howto": each}
    asked = [prompt.meta["class"] for prompt, _ in read_completions(material / "answers.jsonl")]
    assert [json.loads(line)["class"] for line in out.read_text().splitlines()] == asked


def test_the_biased_pairs_choose_the_longer_text_of_other_prompts(material: Path) -> None:
    pairs = read_pairs(material / "biased-pairs.jsonl")
    assert len(pairs) > 150
    assert all(len(pair.chosen[0].content) > len(pair.rejected[0].content) for pair in pairs)
    asked = {prompt.text for prompt, _ in read_completions(material / "answers.jsonl")}
    assert not asked & {pair.prompt[-1].content for pair in pairs}


def _examples(material: Path) -> dict[str, list[Featured]]:
    """By kind: each answer with what gold says of it, and a reward that counts letters."""
    rules = load_constitution(material / "rules.yaml")
    found = {}
    for kind, classes in classes_of(rules).items():
        items = [item for item in read_completions(material / "answers.jsonl") if kind in item[0].tags]
        heard = ask(GoldJudge(RowGold()), items, classes, questions_of(rules))
        found[kind] = [
            Featured(
                prompt_id=prompt.id,
                completion_id=completion.id,
                kind=kind,
                label=prompt.meta["class"],
                features=features(classes, each.shares) or {},
                base=len(completion.text) / 40,
            )
            for (prompt, completion), each in zip(items, heard, strict=True)
        ]
    return found


def _held_out(fitted: Fitted) -> tuple[float, float]:
    assert fitted.held_out.reward_model is not None
    assert fitted.held_out.both is not None
    return fitted.held_out.reward_model, fitted.held_out.both


@pytest.mark.parametrize("kind", ["harmful", "howto"])
def test_rules_put_held_out_answers_in_order_against_a_reward_for_length(material: Path, kind: str) -> None:
    rows = _examples(material)[kind]
    order = [[name] for name in ("ideal", "acceptable", "rude", "wrong")]
    biased, mended = _held_out(fit(rows, order, FitConfig()))
    assert biased < 0.6
    assert mended >= 0.95


@pytest.mark.parametrize("kind", ["harmful", "howto"])
def test_propositions_alone_do_nearly_as_well_as_with_the_classes_beside_them(
    material: Path, kind: str
) -> None:
    rows = [
        replace(
            row, features={name: each for name, each in row.features.items() if not name.startswith(CLASS)}
        )
        for row in _examples(material)[kind]
    ]
    order = [[name] for name in ("ideal", "acceptable", "rude", "wrong")]
    biased, mended = _held_out(fit(rows, order, FitConfig()))
    assert mended > biased + 0.3
    assert mended > 0.85


def _biased_reward_model(material: Path, out: Path) -> Path:
    """A tiny real reward model, trained on the choices of the labeller who likes length."""
    config = RewardConfig(
        steps=60, batch_size=16, learning_rate=3e-3, schedule="constant", checkpoint_every=0
    )
    train_reward(
        config, read_pairs(material / "biased-pairs.jsonl"), base=make_tiny(out / "base"), out=out / "rm"
    )
    return out / "rm"


@pytest.mark.heavy
def test_rules_mend_a_trained_reward_model_with_a_planted_bias(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = f"reward:{_biased_reward_model(material, tmp_path)}"
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--base", base, "--json"]
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    answers = material / "answers.jsonl"
    code, found = call(capsys, "rbr", "fit", answers, *words, "--min-in-order", "0.95", "--out", one)
    assert code == 0
    for kind in ("harmful", "howto"):
        held_out = found["kinds"][kind]["held_out"]
        assert held_out["reward_model"] < 0.6
        assert held_out["both"] >= 0.95
    assert call(capsys, "rbr", "fit", answers, *words, "--out", two)[0] == 0
    assert one.read_bytes() == two.read_bytes()
    scored = tmp_path / "scored.jsonl"
    assert call(capsys, "rbr", "score", answers, "--weights", one, "--out", scored, "--json") == (
        0,
        {"out": str(scored), "answers": 240, "without_reward": 0},
    )
    rows = [json.loads(line) for line in scored.read_text().splitlines()]
    assert all(row["reward"] == row["reward_model"] + row["rules"] for row in rows)
    by_class: dict[str, list[float]] = {}
    for row, (prompt, _) in zip(rows, read_completions(answers), strict=True):
        by_class.setdefault(prompt.meta["class"], []).append(row["reward"])
    means = [sum(by_class[name]) / len(by_class[name]) for name in ("ideal", "acceptable", "rude", "wrong")]
    assert means == sorted(means, reverse=True)
