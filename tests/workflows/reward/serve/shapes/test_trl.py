"""TRL's shape: prompts and completions, texts or conversations."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shapes import SHAPES
from rlaif.workflows.reward.serve.shapes.trl import SHAPE


def test_texts_and_conversations_are_the_same_rollouts() -> None:
    plain = SHAPE.read({"prompts": ["hi"], "completions": ["ho"]})
    turns = SHAPE.read(
        {
            "prompts": [[{"role": "user", "content": "hi"}]],
            "completions": [[{"role": "assistant", "content": "ho"}]],
        }
    )
    assert plain == turns
    assert len(plain) == 1


def test_there_are_as_many_prompts_as_completions() -> None:
    with pytest.raises(InputError, match="2 prompts and 1 completions"):
        SHAPE.read({"prompts": ["a", "b"], "completions": ["c"]})


def test_each_trainer_has_a_shape_of_its_own() -> None:
    assert SHAPES.names() == ["openrlhf", "swift", "trl", "verl"]
