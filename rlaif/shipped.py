"""Where the shipped constitutions, templates, prompt sets, recipes and models lie: in the wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
MODELS = {"micro": "micro", "micro:base": "base", "micro:weak": "weak"}


def shipped(kind: str) -> Path:
    """The directory of `kind`: "constitutions", "prompts/templates", "prompts/sets", "prompts/rules" or "pipelines"."""
    inside_wheel = _PACKAGE / "_shipped" / kind
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent / kind


def shipped_model(name: str) -> Path | None:
    """The directory of a bundled model, or None when `name` is not one of them."""
    return _PACKAGE / "microworld" / "checkpoints" / MODELS[name] if name in MODELS else None


def shipped_words() -> frozenset[str]:
    """The words of rules that the bundled judge knows, in small letters; `rlaif micro words` writes the file."""
    path = _PACKAGE / "microworld" / "rule-words.txt"
    return frozenset(path.read_text(encoding="utf-8").split())


def shipped_set(name: str) -> Path | None:
    """The file of a bundled prompt set (`micro:held-out` is `micro-held-out.jsonl`), or None."""
    path = shipped("prompts/sets") / (name.replace(":", "-") + ".jsonl")
    return path if path.is_file() else None


def shipped_sets() -> list[str]:
    """File stems of the bundled prompt sets, sorted."""
    return sorted(path.stem for path in shipped("prompts/sets").glob("*.jsonl"))
