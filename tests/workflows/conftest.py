"""A world of two texts: a policy that greets or does not, and judges that answer from files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif.workflows.configs import GenerateConfig
from rlaif.workflows.models.defaults import choose_generate

GREETS, SILENT = "Hello. It is 5.", "It is 5."
CONSTITUTION = """\
name: tiny
version: 1.0.0
title: Two rules
principles:
  - id: greet
    text: The response greets the user.
  - id: brief
    text: The response is brief.
"""

Write = Callable[..., str]


def asked(number: int) -> str:
    return f"I am Ben. What is {number} plus 2?"


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """Writes rows into a file and gives its model name."""

    def write(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return f"script:{path}"

    return write


@pytest.fixture
def policy(script: Write) -> str:
    return script("policy", [{"contains": [], "texts": [GREETS, SILENT, GREETS, SILENT]}])


def judge_rows(likes: str = "Hello") -> list[dict[str, Any]]:
    fence = "```\n"
    return [
        {"contains": ["Does the response", f"Response:\n{fence}{likes}"], "labels": {"yes": 0.9, "no": 0.1}},
        {"contains": ["Does the response"], "labels": {"yes": 0.2, "no": 0.8}},
        {"contains": ["Which response", f"Response A:\n{fence}{likes}"], "labels": {"A": 0.9, "B": 0.1}},
        {"contains": ["Which response", f"Response B:\n{fence}{likes}"], "labels": {"A": 0.1, "B": 0.9}},
        {"contains": ["Name one rule"], "texts": ["It does not greet."]},
    ]


@pytest.fixture
def judge(script: Write) -> str:
    """Likes whoever greets."""
    return script("judge", judge_rows())


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    rows = [{"prompt": asked(n), "tags": ["sum"], "gold": "micro"} for n in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def constitution(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(CONSTITUTION)
    return path


Configured = Callable[..., GenerateConfig]


@pytest.fixture
def configured(tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path) -> Configured:
    """A `generate` of that world; what is given replaces its own."""

    def configure(out: str = "run", **changed: Any) -> GenerateConfig:
        own: dict[str, Any] = {
            "out": tmp_path / out,
            "policy": (policy,),
            "judge": judge,
            "prompts": str(prompts),
            "constitution": str(constitution),
            "n": 4,
        }
        return choose_generate(GenerateConfig(**(own | changed)))

    return configure


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model directory that has learned to write one of the two texts, each half of the time."""
    from rlaif.records import Example, Message
    from rlaif.training import SFTConfig, train_sft

    from .tiny import make_tiny

    place = tmp_path_factory.mktemp("mini")
    examples = [
        Example(messages=(Message(role="user", content=asked(n)), Message(role="assistant", content=text)))
        for n in range(8)
        for text in (GREETS, SILENT)
    ]
    config = SFTConfig(steps=40, batch_size=8, learning_rate=5e-3, checkpoint_every=0)
    base = make_tiny(place / "random")
    return train_sft(config, examples, policy=base, out=place / "mini", progress=lambda *_: None).out
