"""Names of samplers: what is meant is opened, and what is not understood is refused before anything is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rlaif.engines.vllm.sampler_names import check_sampler_name, open_sampler, require_sampler
from rlaif.engines.vllm.served import ServedVllm
from rlaif.engines.vllm.started import PYTHON, StartedVllm
from rlaif.errors import ModelError


def test_live_is_the_training_itself() -> None:
    assert open_sampler("live") is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("http://127.0.0.1:8000", "vLLM at http://127.0.0.1:8000"),
        ("http://host:8000/v1/", "vLLM at http://host:8000"),
        ("https://host/behind/v1?key=MY_KEY", "vLLM at https://host/behind"),
        ("unix:/run/vllm.sock", "vLLM at /run/vllm.sock"),
    ],
)
def test_an_address_is_a_server(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    found = open_sampler(name)
    assert isinstance(found, ServedVllm)
    assert found.name == shown
    found.close()


@pytest.mark.parametrize("name", ["", "vlm", "openai:http://host/v1#m", "unix:", "host:8000", "vllm:micro"])
def test_a_name_of_nobody_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="say live, vllm, http://<host>:<port>, or unix:<socket>"):
        check_sampler_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "http://",
        "http://me:pass@host",
        "http://host#model",
        "http://host?revision=2",
        "http://[",
        "http://?key=A",
    ],
)
def test_an_address_that_says_more_than_it_may_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(ModelError, match="an address is http") as told:
        check_sampler_name(name)
    assert "pass" not in str(told.value)


def test_a_key_that_is_not_set_is_refused_before_a_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ModelError, match="names no environment variable that is set"):
        require_sampler("http://host?key=NOT_SET")


def test_vllm_needs_an_environment_that_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PYTHON, str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match=f"{PYTHON}: .* cannot be run"):
        require_sampler("vllm")
    monkeypatch.setenv(PYTHON, sys.executable)
    found = open_sampler("vllm")
    assert isinstance(found, StartedVllm)
    found.close()
