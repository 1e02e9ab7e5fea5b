"""Random control text through every command that prints texts: nothing of it reaches a terminal as it is."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from rlaif.terminal import printable
from tests.fuzz.fuzzing import cases
from tests.test_terminal import HOSTILE, behind_first_word, run_on_terminal

pytestmark = pytest.mark.heavy
PIECES = (
    *HOSTILE.values(),
    *("\x1b", "\x9b", "\x1b[", "\x1bP", "[6n", "a", " ", "\n", "\u2028", "é", "道", "\ud7ff", "[/b]"),
)


def hostile(rng: random.Random) -> str:
    """A text of control sequences, whole and broken, and any character below 0xA0."""
    return "".join(
        rng.choice(PIECES) if rng.random() < 0.7 else chr(rng.randrange(0xA0))
        for _ in range(rng.randint(1, 12))
    )


def file_of(folder: Path, rng: random.Random) -> None:
    text = json.dumps(hostile(rng))
    (folder / "c.yaml").write_text(
        f"name: evil\nversion: 1.0.0\ntitle: {text}\nprinciples:\n  - {{id: one, text: {text}, {text}: 1}}\n"
    )
    rows = [
        {"prompt": "p " + hostile(rng), "chosen": "c " + hostile(rng), "rejected": "r " + hostile(rng),
         hostile(rng): 1}
        for _ in range(3)
    ]  # fmt: skip
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "prompts.jsonl").write_text(
        json.dumps({"prompt": "p" + hostile(rng), "tags": [hostile(rng)]}) + "\n"
    )


def commands(rng: random.Random) -> list[str]:
    word = hostile(rng).replace("\0", "") or "x"
    return rng.choice(
        [
            ["constitution", "show", "c.yaml"],
            ["constitution", "check", "c.yaml", "--json"],
            ["constitution", "diff", "c.yaml", "micro-default"],
            ["constitution", "show", "micro-default", word],
            ["import", "pairs.jsonl", "--out", "i"],
            ["export", "pairs.jsonl", "--out", "e"],
            ["status", word],
            ["generate", "--prompts", word],
            ["generate", "--policy", word, "--judge", word, "--prompts", "prompts.jsonl", "--out", "o"],
            ["generate", "--prompts", "prompts.jsonl", "--show-prompt"],
            ["judge", "pairs.jsonl", "--judge", word],
            ["train", "pairs.jsonl", "--method", word],
            [word, word],
            ["prices", word],
            ["init", word],
            ["audit", "show", word],
        ]
    )


def test_no_control_character_of_a_text_reaches_a_terminal(tmp_path: Path) -> None:
    for number, rng in cases():
        folder = tmp_path / str(number)
        folder.mkdir()
        file_of(folder, rng)
        command = commands(rng)
        said = run_on_terminal([sys.executable, "-m", "rlaif", *command], folder).decode("utf-8", "replace")
        plain = behind_first_word(said).replace("\r\n", "\n")
        assert plain.strip(), f"case {number}: {command} says nothing"
        assert "Traceback" not in plain, f"case {number}: {command}: {plain[-2000:]}"
        assert printable(plain) == plain, f"case {number}: {command}: {plain!r}"
