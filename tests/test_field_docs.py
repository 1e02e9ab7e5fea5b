"""`help()` of every class that a plug-in fills in has a text for each of its fields."""

from __future__ import annotations

from dataclasses import fields
from inspect import getdoc
from typing import Any

import pytest

from rlaif.engines.kinds import ModelKind
from rlaif.exchange.format import Format, PairFormat
from rlaif.judging.kinds import JudgeKind
from rlaif.judging.protocols import Asking, Pairwise, Pointwise
from rlaif.workflows.recipe.step import Step
from rlaif.workflows.training.method import Method


@pytest.mark.parametrize(
    "kind", [Pointwise, Pairwise, Asking, JudgeKind, ModelKind, Method, Step, Format, PairFormat]
)
def test_help_says_what_each_field_is(kind: type[Any]) -> None:
    said = getdoc(kind) or ""
    assert [each.name for each in fields(kind) if f"\n    {each.name}: " not in said] == []
    assert not said.startswith(f"{kind.__name__}(")
