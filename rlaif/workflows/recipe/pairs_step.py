"""A recipe's pairs step: a source and its options. Its schema is made from the sources' own settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlaif.settings import json_schema, options, plain, values_of
from rlaif.workflows.recipe.pair_source import PairSource
from rlaif.workflows.recipe.pair_sources import DEFAULT, SOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsStep:
    """A source makes the pairs of the round."""

    source: str = DEFAULT
    options: Any = field(default_factory=lambda: SOURCES.get(DEFAULT).options())

    def as_dict(self) -> dict[str, Any]:
        """All that decides what the step does, as plain values: for keys of steps and digests of recipes."""
        # the first source has no name in keys: there was no other
        named = {} if self.source == DEFAULT else {"source": self.source}
        return {"step": "pairs", **named, **plain(self.options)}


def pairs_step(values: Mapping[str, Any], _: str) -> PairsStep:
    """A pairs step by `source`, with those options that are given."""
    given = dict(values)
    source = str(given.pop("source", DEFAULT))
    config = SOURCES.get(source).options
    return PairsStep(source=source, options=config(**values_of(config, given)))


def source_of(settings: PairsStep) -> PairSource:
    """The source that a step names."""
    return SOURCES.get(settings.source)


def pairs_step_schema(beside: Mapping[str, Any], *, from_outside: bool) -> dict[str, Any]:
    """The JSON Schema of a pairs step: for each source, its own options, the models that it asks, and no other.

    `beside` are schemas of keys that are no settings; without `from_outside` sources of other packages are left out.
    """
    others = () if from_outside else SOURCES.from_outside()
    sources = {name: each for name, each in SOURCES.all().items() if name not in others}
    named = {
        "type": "string",
        "enum": list(sources),
        "description": "where the two sides come from, and who says which is better",
    }
    return {
        "type": "object",
        "properties": {"step": beside["step"], "source": named},
        "allOf": [
            {"if": _is(name), "then": _keys(each, {**beside, "source": named}, asked_by_any(sources))}
            for name, each in sources.items()
        ],
    }


def asked_by_any(sources: Mapping[str, PairSource]) -> set[str]:
    """The keys by which any source names a model."""
    return {key for each in sources.values() for key in (*every_model(each), *each.may_name)}


def every_model(source: PairSource) -> Mapping[str, str]:
    """The models that a source can ask, whatever its options."""
    return {**source.models(None), **source.models(source.options())}


def _is(name: str) -> dict[str, Any]:
    condition: dict[str, Any] = {"properties": {"source": {"const": name}}}
    # a step that names no source is of the default one
    return condition if name == DEFAULT else condition | {"required": ["source"]}


def _keys(source: PairSource, beside: Mapping[str, Any], models: set[str]) -> dict[str, Any]:
    own = json_schema(source.options)
    left = models - {*every_model(source), *source.may_name}
    shared = {key: value for key, value in beside.items() if key not in left}
    return {**own, "properties": {**shared, **own["properties"]}}


def misplaced(entry: Mapping[str, Any], name: str) -> str | None:
    """What to do about an option of another source than the one that a step names; else None."""
    source = str(entry.get("source", DEFAULT))
    if source not in SOURCES.names() or name in ("step", "source"):
        return None
    known = {each.name for each in options(SOURCES.get(source).options)}
    users = [
        each.name for each in SOURCES.all().values() if name in {one.name for one in options(each.options)}
    ]
    if name in known or not users:
        return None
    return f"{name} is not used by source {source}, but by {', '.join(users)}; remove it, or name that source"
