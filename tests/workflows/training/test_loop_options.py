"""Options of the training loop by name: what is not known, or of another kind, is refused with the right name."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import InputError, RecipeError
from rlaif.settings import options
from rlaif.training import SFTConfig
from rlaif.training.configs.loop import LoopConfig
from rlaif.workflows.training.loop_options import loop_options
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.read_options import read_options


def test_options_reach_the_configuration() -> None:
    given = {"schedule": "wsd", "warmup_share": 0, "batch_tokens": 64, "gradient_checkpointing": True}
    settled = loop_options(given | {"trackers": "wandb, tensorboard"})
    config = SFTConfig(**settled)
    assert (config.schedule, config.warmup_share, config.batch_tokens) == ("wsd", 0, 64)
    assert config.gradient_checkpointing
    assert config.trackers == ("wandb", "tensorboard")


def test_help_names_every_setting_of_the_loop() -> None:
    [shown] = (each.setting.help for each in options(MethodOptions) if each.name == "loop")
    assert all(each.name in shown for each in options(LoopConfig))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"schedule": "sudden"}, "must be one of constant, linear, cosine, wsd"),
        ({"lora_alpha": 0}, "must be above 0"),
        ({"batch_tokens": 0}, "must be above 0"),
        ({"weight_decay": -1}, "must be 0 or above"),
        ({"warmup_share": 1}, "must be at least 0 and below 1"),
    ],
)
def test_a_value_out_of_the_bounds_of_its_setting_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        SFTConfig(**loop_options(given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"schedul": "wsd"}, "did you mean schedule?"),
        ({"zzz": 1}, "known: batch_tokens"),
        ({"batch_tokens": 0.5}, "0.5 is no int"),
        ({"batch_tokens": True}, "True is no int"),
        ({"precision": 16}, "16 is no str"),
        ({"gradient_checkpointing": "yes"}, "'yes' is no bool"),
    ],
)
def test_what_is_wrong_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        loop_options(given)


def test_names_of_trl_are_answered_with_ours() -> None:
    with pytest.raises(InputError, match=r"--loop bf16: .* write loop: \{precision: bf16\}"):
        loop_options({"bf16": True})


def test_trackers_may_be_a_list_too() -> None:
    assert loop_options({"trackers": ["wandb", "mlflow"]})["trackers"] == ("wandb", "mlflow")


@pytest.mark.parametrize("method", ["dpo", "reward", "sft", "judge"])
def test_an_option_of_an_adapter_is_taken_beside_its_rank(method: str) -> None:
    chosen = METHODS.get(method)
    read_options(chosen, {"lora": 4, "loop": {"lora_dropout": 0.1}})
    with pytest.raises(RecipeError, match="adapters; set lora"):
        read_options(chosen, {"loop": {"lora_dropout": 0.1}})
