"""What a chat template can be told is read from a model directory without its weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.engines.template_variables import template_variables
from tests.workflows.tiny import CHATML, THINKING, make_tiny


@pytest.mark.parametrize(("template", "thinks"), [(CHATML, False), (THINKING, True)])
def test_a_template_reads_the_variables_that_stand_in_it(tmp_path: Path, template: str, thinks: bool) -> None:
    directory = make_tiny(tmp_path / "model", template=template)
    (directory / "model.safetensors").unlink()
    found = template_variables(directory)
    assert found is not None
    assert {"messages", "add_generation_prompt"} <= found
    assert ("enable_thinking" in found) is thinks


def test_a_model_without_a_template_reads_none(tmp_path: Path) -> None:
    assert template_variables(make_tiny(tmp_path / "model", template=None)) == frozenset()
