"""What training can be told: checked at once, and every knob is read."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import rlaif.training
from rlaif.errors import RecipeError
from rlaif.training import DPOConfig, LoopConfig, RewardConfig, SFTConfig
from rlaif.trl_names import RENAMED

PACKAGE = Path(rlaif.training.__file__).parent


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (DPOConfig, "beta", 0.0),
        (DPOConfig, "beta", float("nan")),
        (DPOConfig, "nll", -0.1),
        (DPOConfig, "label_clip", 0.5),
        (DPOConfig, "replay", {"judge": 1.0}),
        (DPOConfig, "replay", {"judge": 0.0}),
        (DPOConfig, "replay", {"judge": 0.6, "revision": 0.5}),
        (DPOConfig, "batch_size", 0),
        (DPOConfig, "batch_tokens", 0),
        (DPOConfig, "steps", 0),
        (DPOConfig, "epochs", 0),
        (DPOConfig, "learning_rate", 0.0),
        (DPOConfig, "learning_rate", float("nan")),
        (DPOConfig, "warmup_share", 1.0),
        (DPOConfig, "schedule", "step"),
        (DPOConfig, "precision", "fp8"),
        (DPOConfig, "save_dtype", "int8"),
        (DPOConfig, "lora", -1),
        (DPOConfig, "checkpoint_every", -1),
        (RewardConfig, "centering", -1.0),
        (RewardConfig, "loss", "hinge"),
        (SFTConfig, "max_length", 0),
    ],
)
def test_a_wrong_value_is_refused_by_name(kind: type[LoopConfig], name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=rf"{kind.method}: {name} is .*; it must"):
        kind(**{name: value})


@pytest.mark.parametrize("kind", [DPOConfig, RewardConfig, SFTConfig])
def test_every_field_is_read_somewhere(kind: type[LoopConfig]) -> None:
    read = {
        node.attr
        for path in PACKAGE.glob("*.py")
        if path.name != "configs.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    # `beta` and the like are read through a property that knows what is usual
    properties = [
        value.fget for each in kind.__mro__ for value in vars(each).values() if isinstance(value, property)
    ]
    read |= {name for each in properties if each is not None for name in each.__code__.co_names}
    assert {each.name for each in fields(kind)} <= read


def test_the_package_and_its_configs_load_no_torch() -> None:
    code = "import sys; from rlaif.training import DPOConfig; DPOConfig(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_trainers_are_found_by_name_and_nothing_else_is() -> None:
    for name in rlaif.training.__all__:
        assert getattr(rlaif.training, name)
    with pytest.raises(AttributeError, match="train_ppo"):
        rlaif.training.train_ppo  # noqa: B018


@pytest.mark.parametrize("kind", [DPOConfig, RewardConfig, SFTConfig])
def test_names_of_trl_are_answered_with_ours(kind: type[LoopConfig]) -> None:
    with pytest.raises(
        RecipeError, match=f"{kind.method}: 'max_grad_norm' is a name of TRL's: write .*clip_norm"
    ):
        kind(max_grad_norm=1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        kind(colour="red")  # type: ignore[call-arg]


def test_what_an_answer_to_a_name_of_trls_names_is_there() -> None:
    given = {name: text for name, text in RENAMED.items() if "loop: {" in text}
    known = {each.name for each in fields(LoopConfig)}
    for name, text in given.items():
        assert set(re.findall(r"loop: \{(\w+):", text)) <= known, name
    assert len(given) > 10
