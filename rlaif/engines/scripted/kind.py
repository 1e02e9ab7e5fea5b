"""The model kinds that answer from a file: `script:` by what a conversation contains, `replay:` recorded calls."""

from __future__ import annotations

from pathlib import Path

from rlaif.engines.kinds import EngineOptions, ModelKind
from rlaif.records import Engine


def _open_script(name: str, rest: str, options: EngineOptions) -> Engine:
    from rlaif.engines.scripted.script import ScriptEngine

    return ScriptEngine(name, Path(rest))


def _open_replay(name: str, rest: str, options: EngineOptions) -> Engine:
    from rlaif.engines.scripted.replay import ReplayEngine

    return ReplayEngine(name, Path(rest))


def _meant_file(name: str) -> str | None:
    """The `script:` name of a file of answers that is there."""
    return f"script:{name}" if name.endswith((".json", ".jsonl")) and Path(name).is_file() else None


KINDS = (
    ModelKind(
        name="script",
        help="answers by what a conversation contains: script:<file>",
        open=_open_script,
        meant=_meant_file,
    ),
    ModelKind(name="replay", help="recorded calls, repeated: replay:<file>", open=_open_replay),
)
