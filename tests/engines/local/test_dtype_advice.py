"""bfloat16 is advised where it would be faster, and nowhere else."""

from __future__ import annotations

import logging

import pytest
import torch

from rlaif.cli.output import heard
from rlaif.engines.local import dtype_advice
from rlaif.engines.local.dtype_advice import ADVICE, LARGE, advise_dtype


class Sized:
    """A model of so many parameters, which take no room."""

    def __init__(self, count: int, dtype: torch.dtype = torch.float32, device: str = "cpu") -> None:
        self.weight = torch.empty(1, dtype=dtype, device=device).expand(count)

    def parameters(self):  # type: ignore[no-untyped-def]
        return iter([self.weight])


def told(model: Sized, caplog: pytest.LogCaptureFixture) -> list[str]:
    with caplog.at_level(logging.WARNING, logger="rlaif"):
        advise_dtype(model)
    return [each.getMessage() for each in caplog.records]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is made for bfloat16."""
    monkeypatch.setattr(dtype_advice, "multiplies_bfloat16", lambda device: device.type == "cpu")


@pytest.mark.usefixtures("quick")
def test_a_large_model_in_float32_is_told_of_the_option(caplog: pytest.LogCaptureFixture) -> None:
    assert told(Sized(LARGE), caplog) == [ADVICE]
    assert "--dtype bfloat16" in ADVICE


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "model",
    [Sized(LARGE - 1), Sized(LARGE, torch.bfloat16), Sized(LARGE, device="meta")],
    ids=["small", "in bfloat16 already", "not on the CPU"],
)
def test_nothing_is_said_where_it_would_not_matter(model: Sized, caplog: pytest.LogCaptureFixture) -> None:
    assert told(model, caplog) == []


def test_nothing_is_said_on_a_processor_that_emulates_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dtype_advice, "multiplies_bfloat16", lambda device: False)
    assert told(Sized(LARGE), caplog) == []


@pytest.mark.usefixtures("quick")
def test_two_large_models_of_a_command_are_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    with heard():
        advise_dtype(Sized(LARGE))
        advise_dtype(Sized(LARGE + 1))
    assert capsys.readouterr().err.count("--dtype bfloat16") == 1


def test_every_local_model_that_writes_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    from rlaif.engines.local import engine
    from rlaif.engines.open import open_engine

    seen = []
    monkeypatch.setattr(engine, "advise_dtype", lambda model: seen.append(type(model).__name__))
    open_engine("micro:weak").close()
    assert len(seen) == 1
