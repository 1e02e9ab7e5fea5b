"""Every command of the loop ends with the command that comes next, which can be pasted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from rlaif.cli.main import cli, main
from rlaif.cli.next_step import after_training, command_line
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.run import settle


def _next(err: str) -> list[str]:
    [line] = [each for each in err.splitlines() if each.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: "))
    assert words[0] == "rlaif"
    assert words[1] in cli.commands
    return words[1:]


def test_paths_with_blanks_are_quoted() -> None:
    assert command_line("audit", Path("my runs/r 1")) == "rlaif audit 'my runs/r 1'"


def test_each_command_of_the_loop_leads_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--limit", "4", "--out", "my runs/r1", "--drift", "0"]) == 0
    first = _next(capsys.readouterr().err)
    assert first == ["audit", "my runs/r1"]
    assert main(first) == 0
    second = _next(capsys.readouterr().err)
    assert second == ["train", "my runs/r1", "--out", "models/r1"]
    assert main([*second, "--steps", "1"]) == 0
    third = _next(capsys.readouterr().err)
    assert third[:5] == ["evaluate", "--policy", "models/r1", "--against", "micro"]
    assert main([*third, "--limit", "2"]) == 0
    fourth = _next(capsys.readouterr().err)
    assert fourth[-2:] == ["--out", "runs/evaluation"]
    assert main([*fourth, "--limit", "2"]) == 0
    assert _next(capsys.readouterr().err) == ["report", "runs/evaluation"]


def test_who_reads_json_is_spared_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["constitution", "check", "micro-default", "--json"]) == 0
    assert "next:" not in capsys.readouterr().err
    assert main(["constitution", "check", "micro-default"]) == 0
    assert _next(capsys.readouterr().err)[:3] == ["constitution", "test", "micro-default"]


def test_a_process_reward_model_is_asked_of_steps_and_not_of_the_examples_it_learned_from(
    tmp_path: Path,
) -> None:
    steps = tmp_path / "steps.jsonl"
    steps.write_text('{"prompt": "q", "completions": ["x", "y"], "labels": [true, false]}\n')
    job = settle(train_config(steps, method="process-reward", policy="micro", out=Path("prm"), steps=1))
    words = shlex.split(after_training(job))
    assert words[:3] == ["rlaif", "judge", "COMPLETIONS.jsonl"]
    assert words[3:] == [
        "--judge", "reward:prm", "--protocol", "process", "--out", f"{tmp_path}/steps-by-reward",
    ]  # fmt: skip
