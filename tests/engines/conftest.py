"""One directory for each make and template in a session: making them is most of the time these tests take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.engines.local.engine import HfEngine
from rlaif.engines.open import open_engine

from .tiny import write_model

ModelDir = Callable[..., Path]
OpenTiny = Callable[..., HfEngine]


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> ModelDir:
    made: dict[tuple[str, str], Path] = {}

    def make(kind: str = "llama", template: str = "system") -> Path:
        if (kind, template) not in made:
            made[kind, template] = write_model(tmp_path_factory.mktemp(f"{kind}-{template}"), kind, template)
        return made[kind, template]

    return make


@pytest.fixture(scope="session")
def tiny(model_dir: ModelDir) -> OpenTiny:
    opened: dict[tuple[str, str], HfEngine] = {}

    def make(kind: str = "llama", template: str = "system") -> HfEngine:
        if (kind, template) not in opened:
            engine = open_engine(str(model_dir(kind, template)), device="cpu")
            assert isinstance(engine, HfEngine)
            opened[kind, template] = engine
        return opened[kind, template]

    return make
