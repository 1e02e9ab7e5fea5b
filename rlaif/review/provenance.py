"""Where a pair comes from, in words: models by name, the constitution by version, digests last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.errors import RlaifError
from rlaif.records import Pair
from rlaif.review.named import by_fingerprint, said
from rlaif.runs.claim import read_facts
from rlaif.runs.layout import ROUNDS
from rlaif.runs.record_files import ROUNDS_SCHEMA, read_record_if_there

_APART = ("calls", "votes")
"""What a page shows in a way of its own, or not at all."""
_MODELS = ("judge", "policy", "critic", "writer", "teacher")


class ProvenanceRow(NamedTuple):
    """One thing that a pair comes from."""

    name: str
    said: str
    digest: str
    """The digests behind it; empty where it has none."""


def model_names(run: Path) -> Mapping[str, str]:
    """Names of a run's models by their fingerprints; none where it cannot be read."""
    try:
        return by_fingerprint(read_facts(run), read_record_if_there(run / ROUNDS, ROUNDS_SCHEMA) or [])
    except RlaifError:
        return {}


def provenance_rows(pair: Pair, names: Mapping[str, str]) -> Iterator[ProvenanceRow]:
    """What a page says of a pair's origin.

    Args:
        pair: The pair.
        names: Of models by their fingerprints.
    """
    for key, value in pair.provenance.items():
        if key not in _APART and value not in (None, [], {}, ""):
            yield _origin(key, value, names)


def _origin(key: str, value: Any, names: Mapping[str, str]) -> ProvenanceRow:
    if key == "constitution" and isinstance(value, Mapping):
        told = " ".join(str(value[part]) for part in ("name", "version") if value.get(part))
        return ProvenanceRow(key, told or "unnamed", str(value.get("digest") or ""))
    if key in _MODELS:
        several = value if isinstance(value, list) else [value]
        told = ", ".join(dict.fromkeys(names.get(str(each), said(_unnamed(str(each)))) for each in several))
        return ProvenanceRow(key, told, ", ".join(map(str, several)))
    if isinstance(value, Mapping):
        digests = ", ".join(str(each) for each in value.values() if str(each).startswith("b2:"))
        plain = [f"{name} {each}" for name, each in value.items() if not str(each).startswith("b2:")]
        return ProvenanceRow(key, ", ".join(plain or map(str, value)), digests)
    if isinstance(value, list):
        return ProvenanceRow(key, ", ".join(map(str, value)), "")
    text = str(value)
    return ProvenanceRow(key, "a digest", text) if text.startswith("b2:") else ProvenanceRow(key, text, "")


def _unnamed(name: str) -> str:
    return "a model that the run does not name" if name.startswith("b2:") else name
