"""Options of the training loop by name: what is not known, or of another kind, is refused with the right name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.training import SFTConfig
from rlaif.workflows.training.loop_options import NAMES, loop_options


def test_options_reach_the_configuration() -> None:
    given = {"schedule": "wsd", "warmup_share": 0, "batch_tokens": 64, "gradient_checkpointing": True}
    settled = loop_options(given | {"trackers": "wandb, tensorboard"})
    config = SFTConfig(**settled)
    assert (config.schedule, config.warmup_share, config.batch_tokens) == ("wsd", 0, 64)
    assert config.gradient_checkpointing
    assert config.trackers == ("wandb", "tensorboard")


def test_every_name_is_a_field() -> None:
    assert set(NAMES) <= {each.name for each in fields(SFTConfig)}


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
