"""Model kinds: what a name says before anything is opened, and kinds that other packages add."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from rlaif import registry
from rlaif.costs import Price, Prices
from rlaif.engines.kinds import ENGINES, EngineOptions, ModelKind, check_name, kind_of, price_of, split_name
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.shipped import MODELS
from tests.engines.test_recorded import Echo

OTHER = ModelKind(name="other", help="echoes", open=lambda name, rest, options: Echo())


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package that adds a kind."""
    points = EntryPoints([EntryPoint("other", f"{__name__}:OTHER", "rlaif.engines")])
    monkeypatch.setattr(registry, "_all_installed", lambda: points)
    monkeypatch.setattr(ENGINES, "_added", {})


def test_every_kind_says_what_it_is() -> None:
    assert set(ENGINES.names()) >= {"hf", "vllm", "openai", "reward", "script", "replay"}
    for name, kind in ENGINES.all().items():
        assert kind.name == name
        assert kind.help


@pytest.mark.parametrize("name", [*MODELS, "a directory"])
def test_bundled_models_and_plain_directories_are_trained_here(name: str, tmp_path: Path) -> None:
    kind, rest = split_name(str(tmp_path) if name == "a directory" else name)
    assert kind.trainable
    assert kind.directory is not None
    assert kind.directory(rest).is_dir()


@pytest.mark.parametrize("name", ["vllm:x/y", "reward:x/y", "openai:http://h/v1#m", "script:f", "replay:f"])
def test_no_other_kind_of_ours_is_trained(name: str) -> None:
    assert not split_name(name)[0].trainable


@pytest.mark.parametrize("name", ["nothing", "teapot:x", "gold:"])
def test_a_name_of_no_kind_is_of_none(name: str) -> None:
    assert kind_of(name) is None
    check_name(name)
    with pytest.raises(ModelError, match="names no model: neither a directory nor one of hf:, "):
        split_name(name)


@pytest.mark.parametrize(
    ("name", "declared"), [("openai:http://h/v1#m@2", True), ("openai:http://u@h/v1#m", False)]
)
def test_a_server_declares_a_revision_behind_its_model_or_none(name: str, declared: bool) -> None:
    kind, rest = split_name(name)
    assert kind.server
    assert kind.declares_revision(rest) is declared


@pytest.mark.usefixtures("installed")
def test_a_kind_of_another_package_is_opened_by_its_name() -> None:
    assert isinstance(open_engine("other:anything"), Echo)
    kind, rest = split_name("other:anything")
    assert (kind, rest) == (OTHER, "anything")
    # it plans as a server does: nothing is known of its tokens
    assert kind.directory is None
    assert kind.fingerprint_of("other:anything", rest, EngineOptions()) == Echo.fingerprint


@pytest.mark.usefixtures("installed")
def test_a_kind_that_no_table_names_has_no_price() -> None:
    free = Price(prompt=0, completion=0)
    assert price_of(Prices(currency="EUR", entries=(("hf:*", free),), source=""), "other:x") is None
    assert price_of(Prices(currency="EUR", entries=(("other:*", free),), source=""), "other:x") == free
