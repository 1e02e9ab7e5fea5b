"""Commands end in a dozen lines of a hundred columns: the result, what is doubtful, where it lies, what comes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.cli.ending import MOST
from rlaif.cli.main import main
from rlaif.cli.output import WIDTH
from rlaif.microworld.rules_example import make as make_rules
from tests.review.view import projects

ROOT = Path(__file__).parents[1]
WITHOUT_NEXT = ("prices", "plot")
"""What is looked up, and a picture: nothing follows from it."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs and a training of every kind, made without a model."""
    folder = tmp_path_factory.mktemp("project")
    projects.project(folder)
    make_rules(folder / "rules", prompts=3, each=1, seed=0)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["status", "runs/gen"],
        ["status", "runs/loop"],
        ["status", "runs/eval"],
        ["status", "models/gen"],
        ["report", "runs/loop"],
        ["report", "runs/eval"],
        ["audit", "runs/gen"],
        ["export", "runs/gen", "--out", "exported"],
        ["import", "runs/gen/pairs.jsonl", "--out", "runs/imported"],
        ["prices"],
        ["constitution", "check", "micro-default"],
        ["constitution", "new", "house", "--extends", "micro-default", "--out", "house.yaml"],
        ["rbr", "example", "--out", "try", "--prompts", "3"],
        ["rbr", "check", "safe-completion"],
        ["rbr", "classify", "rules/answers.jsonl", "--rules", "rules/rules.yaml", "--judge", "gold:"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_an_ending_fits_and_names_the_next_command(
    words: list[str], project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert main(words) == 0
    said = capsys.readouterr()
    lines = [*said.out.splitlines(), *said.err.splitlines()]
    assert len(lines) <= MOST, "\n".join(lines)
    # how deep the project and the package lie is not ours: a path is said whole, so that it can be opened
    results = [
        line.replace(str(project), "").replace(str(ROOT), "")
        for line in lines
        if not line.startswith(("warning:", "next:"))
    ]
    assert max(map(len, results)) <= WIDTH, "\n".join(results)
    if words[0] not in WITHOUT_NEXT:
        assert "rlaif " in said.err.splitlines()[-1]
        assert said.err.splitlines()[-1].startswith("next: ")


@pytest.mark.parametrize("command", ["status", "report", "audit"])
def test_a_run_of_a_newer_version_and_one_half_written_are_said_to_be(
    command: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = projects.generated(tmp_path / "new")
    facts = (made / "run.json").read_text()
    (made / "run.json").write_text(facts.replace("{", '{"rlaif": "99.0.0",', 1))
    assert main([command, str(made)]) == 0
    assert "made by rlaif 99.0.0" in capsys.readouterr().err
    (made / "run.json").unlink()
    assert main([command, str(made)]) == 0
    assert "it is not finished" in capsys.readouterr().err
