"""Any Hugging Face directory goes the same way, whatever its shape and its chat template."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.exchange.pairs import read_pairs

from .conftest import Configured
from .tiny import CHATML, NO_SYSTEM, THINKING, make_tiny

KINDS = {
    "llama": ("llama", CHATML),
    "qwen3-thinking": ("qwen3", THINKING),
    "gemma2-no-system": ("gemma2", NO_SYSTEM),
    "no-template": ("llama", None),
}


@pytest.mark.parametrize(("kind", "template"), KINDS.values(), ids=KINDS)
def test_a_random_model_generates_judges_and_is_trained(
    tmp_path: Path,
    configured: Configured,
    prompts: Path,
    constitution: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    template: str | None,
) -> None:
    model = str(make_tiny(tmp_path / "model", kind=kind, template=template))
    run = tmp_path / "babble"
    words = ["--prompts", str(prompts), "--constitution", str(constitution), "--max-tokens", "60", "--n", "6"]
    code = main(["generate", "--policy", model, "--judge", f"hf:{model}", *words, "--out", str(run)])
    shown = capsys.readouterr()
    # a random judge puts its mass elsewhere than on labels: no pair is made of noise, and the command says why
    assert code == 3
    assert "fewer than 5.0%" in shown.err
    assert "unreadable" in shown.err or "truncated" in shown.err
    assert read_pairs(run / "pairs.jsonl") == []

    source = configured("source")
    made = main(
        [
            "generate",
            "--policy",
            source.policy[0],
            "--judge",
            str(source.judge),
            *words,
            "--out",
            str(source.out),
        ]
    )
    assert made == 0
    trained = tmp_path / "trained"
    steps = ["--steps", "2", "--batch-size", "2", "--policy", model, "--out", str(trained)]
    assert main(["train", str(source.out), *steps]) == 0
    again = tmp_path / "again"
    assert main(["generate", "--policy", str(trained), "--judge", "gold:", *words, "--out", str(again)]) in (
        0,
        3,
    )
    assert (again / "completions.jsonl").is_file()
