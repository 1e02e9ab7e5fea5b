"""The installed wheel on an odd machine: it works, and nothing is on the screen but our own words.

By somebody who is not root, offline, with a home that cannot be written, a locale of C, in a path with spaces and
umlauts, with every extra installed.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.engines.tiny import write_model

from .conftest import Stranger, make_environment

pytestmark = pytest.mark.heavy
PROMPTS = ("Grüß Gott, wie backe ich Brot?", "Was heißt »Straße« – 道路?")
RULES = """\
name: kurz
version: 1.0.0
title: Kürze
principles:
  - {id: kurz, text: "The response is brief, even in Köln."}
"""
OURS = (r"", r"(warning|error): .+", r"(dpo|sft|reward): \d+ steps? .+", r"next: rlaif .+")
"""Lines on stderr."""
FIGURES = (
    r"(dpo|sft|reward), \d+ steps? {2,}first {2,}last",
    r"-+ +-+ +-+",
    r"[\w/ @-]+?( {2,}(-|-?[\d.]+(e-?\d+)?)){2}",
    r"(model|doubtful): .+",
)
"""Lines of the table of a training."""
TRAIN = ["--steps", "2", "--batch-size", "2", "--learning-rate", "1e-3"]
API = """
import rlaif
made = rlaif.generate(out="aus python", policy="./gpt2 ä", judge="./gpt2 ä", prompts="prompts ü.jsonl", n=2,
    constitution="regeln ß.yaml", critique=False, drift=0, min_pair_share=0)
rlaif.train(source="pairs ö.jsonl", policy="./lfm2 ä", out="m py", steps=1, gate="off", lora=2)
"""


@pytest.fixture
def stranger(wheel: Path, place: Path) -> Stranger:
    """Somebody with the wheel in an environment of root's, and files of his own."""
    python = make_environment(place.parent / "env", wheel, thin=True)
    rows = [{"prompt": each} for each in PROMPTS]
    (place / "prompts ü.jsonl").write_text(
        "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)
    )
    pairs = [
        {"prompt": each, "chosen": f"warm {n}", "rejected": f"Käse {n}", "label_prob": 0.9}
        for n, each in enumerate(PROMPTS * 2)
    ]
    (place / "pairs ö.jsonl").write_text(
        "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in pairs)
    )
    (place / "regeln ß.yaml").write_text(RULES)
    for kind in ("gpt2", "lfm2"):
        write_model(place / f"{kind} ä", kind)
    return Stranger(python, place)


def only(text: str, shapes: tuple[str, ...]) -> None:
    for line in text.splitlines():
        assert any(re.fullmatch(shape, line) for shape in shapes), line


def asked(out: str, policy: str) -> list[str]:
    world = [
        "--prompts",
        "prompts ü.jsonl",
        "--constitution",
        "regeln ß.yaml",
        "--n",
        "3",
        "--min-pair-share",
        "0",
    ]
    return [
        "generate",
        "--policy",
        policy,
        "--judge",
        "./gpt2 ä",
        *world,
        "--drift",
        "0",
        "--out",
        out,
        "--json",
    ]


def trained(out: str, *words: str, policy: str = "./gpt2 ä") -> list[str]:
    return ["train", "pairs ö.jsonl", "--policy", policy, "--gate", "off", "--out", out, *TRAIN, *words]


def test_every_door_opens_and_nothing_is_on_the_screen_but_our_own_words(stranger: Stranger) -> None:
    place = stranger.place
    four_bits = [trained("m 4", "--lora", "2", "--loop", "quantize=4bit")]
    lines: list[Any] = [
        trained("m lora", "--lora", "2"),
        trained("m dpo", "--loop", "trackers=tensorboard,wandb,mlflow,trackio"),
        *four_bits,
        trained("m rm", "--method", "reward"),
        trained("m lfm", policy="./lfm2 ä"),
        asked("lauf größe", "./lfm2 ä"),
        ["judge", "lauf größe", "--judge", "reward:m rm", "--out", "geurteilt", "--json", "--min-pair-share", "0"],
        ["evaluate", "--policy", "m lora", "--against", "./gpt2 ä", "--judge", "./gpt2 ä", "--prompts",
         "prompts ü.jsonl", "--constitution", "regeln ß.yaml", "--json"],
        ["export", "pairs ö.jsonl", "--format", "datasets", "--out", "daten ä", "--json"],
        ["export", "pairs ö.jsonl", "--format", "trl-parquet", "--out", "daten ö", "--json"],
        ["run", "smoke", "--out", "runde ü", "--json"],
        ["python:", API],
    ]  # fmt: skip
    found = stranger.visit(
        lines,
        WANDB_MODE="offline",
        MLFLOW_TRACKING_URI=(place / "mlruns").as_uri(),
        MLFLOW_ALLOW_FILE_STORE="true",
        TRACKIO_DIR=str(place / "board"),
    )
    for line, answer in zip(lines, found, strict=True):
        only(answer["err"], OURS)
        if "--json" in line:
            json.loads(answer["out"])
        else:
            only(answer["out"], FIGURES)
    completions = (place / "lauf größe" / "completions.jsonl").read_text(encoding="utf-8")
    assert all(each in completions for each in PROMPTS)
    taken = (place.parent / "taken").read_text().split()
    assert "nobody" in taken
    if os.geteuid() == 0:
        assert (place / "m dpo" / "model.safetensors").stat().st_uid != 0
