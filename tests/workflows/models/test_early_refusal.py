"""A directory of something else is refused before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from rlaif.cli.main import main
code = main(sys.argv[1:])
print(code, *sorted({"torch", "transformers"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("command", "difference"),
    [
        (["generate", "--limit", "2", "--n", "3"], "n: 2 there, 3 asked"),
        (
            ["evaluate", "--policy", "micro", "--against", "micro:weak", "--judge", "micro",
             "--prompts", "micro:held-out"],
            "belongs to `rlaif generate`, not evaluate",
        ),
        (["run", "self-rewarding"], "belongs to `rlaif generate`, not run"),
    ],
)  # fmt: skip
def test_a_directory_of_another_configuration_is_refused_without_loading_a_model(
    command: list[str], difference: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    held = {"kind": "rlaif run", "command": "generate", "config": {"n": 2}, "started": 0.0}
    (run / "claim.json").write_text(json.dumps(held))
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command, "--out", str(run)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["2"], done.stderr
    assert difference in done.stderr
    assert [each.name for each in run.iterdir()] == ["claim.json"]
