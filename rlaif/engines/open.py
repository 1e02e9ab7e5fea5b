"""The one door to models: a name and options to an engine. Torch is loaded only by kinds that need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.engines.kinds import ENGINES, EngineOptions, split_name
from rlaif.records import Engine


def open_engine(
    name: str,
    *,
    dtype: str = "float32",
    device: str = "auto",
    device_map: str | None = None,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    batch_tokens: int = 16384,
    thought_marks: tuple[str, str] | None = None,
) -> Engine:
    """The engine that `name` names: `hf:DIR`, `openai:URL#MODEL@REVISION`, or any other kind of `ENGINES`.

    Options are those of `EngineOptions`. Raises ModelError with the remedy for a name, a directory or an option that
    cannot be used.
    """
    kind, rest = split_name(name)
    options = EngineOptions(
        dtype=dtype,
        device=device,
        device_map=device_map,
        chat_template_kwargs=chat_template_kwargs,
        trust_remote_code=trust_remote_code,
        batch_tokens=batch_tokens,
        thought_marks=thought_marks,
    )
    with ENGINES.guarded(kind.name):
        return kind.open(name, rest, options)
