"""A judge that has no way to think before a label is refused while nothing is drawn and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.cli.main import main

RECIPE = """\
name: thinks
models: {{policy: micro, judge: {{name: "{judge}", think: true}}}}
constitution: micro-default
prompts: {{train: micro:train, held_out: micro:held-out}}
rounds: 1
round:
  - {{step: sample, n: 2}}
{steps}
"""
JUDGES = """\
  - {step: judge, protocol: checklist}
  - {step: pairs}
"""
MEASURES = """\
  - {step: evaluate}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("panel.yaml").write_text("judges:\n  - {judge: micro}\n  - {judge: 'micro:base'}\n")


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*words, "--out", "made"]) == 2
    said = capsys.readouterr().err
    assert "marks no thoughts" in said
    assert not Path("made").exists()
    return said


@pytest.mark.parametrize("judge", ["micro", "panel:panel.yaml"])
@pytest.mark.parametrize(("steps", "line"), [(JUDGES, 8), (MEASURES, 8)])
def test_a_recipe_names_the_step_whose_judge_cannot_think(
    judge: str, steps: str, line: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("rec.yaml").write_text(RECIPE.format(judge=judge, steps=steps))
    assert f"rec.yaml:{line}: " in refused(["run", "rec.yaml", "--limit", "2"], capsys)


@pytest.mark.parametrize("judge", ["micro", "panel:panel.yaml"])
def test_generate_refuses_before_it_draws(judge: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", "--judge", judge, "--policy", "micro", "--limit", "2", "--judge-think"]
    refused([*words, "--prompts", "micro:train"], capsys)


def test_evaluate_refuses_where_a_hard_principle_is_asked_by_the_checklist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("hard.yaml").write_text(
        "name: hard\nversion: 1.0.0\ntitle: One\nprinciples:\n"
        "  - {id: greet, text: The response greets the user., hard: true}\n"
    )
    words = ["evaluate", "--policy", "micro", "--against", "micro:base", "--judge", "micro", "--judge-think"]
    refused([*words, "--limit", "2", "--constitution", "hard.yaml"], capsys)


def test_a_protocol_whose_words_the_judge_knows_is_not_refused() -> None:
    words = ["evaluate", "--policy", "micro", "--against", "micro:base", "--judge", "micro", "--judge-think"]
    assert main([*words, "--limit", "2", "--out", "made"]) == 0
