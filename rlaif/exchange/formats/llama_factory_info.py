"""LLaMA-Factory's registry of data sets (`dataset_info.json`): a set of it, read by its column and tag names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rlaif.errors import PromptFileError
from rlaif.exchange.format import Format, Found, PairFormat, each_row
from rlaif.exchange.formats import kto
from rlaif.exchange.formats.trainers import LLAMA_FACTORY
from rlaif.exchange.formats.trl import pair_of
from rlaif.exchange.rows import Row, read_rows

FILE = "dataset_info.json"
ALPACA: Mapping[str, str] = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "system": "system",
    "history": "history",
    "tools": "tools",
}
"""Names of columns in the registry, and what its readers call them where it says nothing."""
SHAREGPT: Mapping[str, str] = {"messages": "conversations", "system": "system", "tools": "tools"}
LABELS = ("chosen", "rejected", "kto_tag")
NO_TEXT = ("images", "videos", "audios")
ROLES: Mapping[str, str] = {
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
    "observation_tag": "observation",
    "function_tag": "function_call",
}
TAGS: Mapping[str, Mapping[str, str]] = {
    "alpaca": {},
    "sharegpt": {},
    "openai": {"role_tag": "role", "content_tag": "content"},
}
"""By formatting, the tags where the registry says nothing; the roles of the last are known to our readers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredSet:
    """An entry of the registry."""

    where: str
    file: Path
    sharegpt: bool
    ranking: bool
    columns: Mapping[str, str]
    tags: Mapping[str, str]


def is_registry(path: Path) -> bool:
    """Whether a file, named with or without a set, is such a registry."""
    return path.name.partition("#")[0] == FILE and _file(path)[0].is_file()


def read(path: Path) -> Iterator[Found]:
    """The pairs of the set that is named behind `#`, or of the only one. Raises PromptFileError."""
    entry = registered(path)
    rows = (Row(row.where, _renamed(row, entry)) for row in read_rows(entry.file))
    if "kto_tag" in entry.columns:
        return kto.read(rows)
    if not entry.ranking:
        _refuse(entry.where, "holds no preferences (no `ranking`, no `kto_tag`); name another set")
    shared = LLAMA_FACTORY.pairs.read if LLAMA_FACTORY.pairs is not None else None
    assert shared is not None, "ranking data are read"
    return shared(rows) if entry.sharegpt else each_row(pair_of)(rows)


def registered(path: Path) -> RegisteredSet:
    """The entry that is named, or the only one. Raises PromptFileError."""
    file, name = _file(path)
    try:
        entries = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as wrong:
        raise PromptFileError(f"{file}: cannot be read as JSON ({str(wrong)[:120]}); mend it") from None
    if not isinstance(entries, Mapping) or not entries:
        _refuse(str(file), "is no registry of data sets: it must be an object of entries by name")
    if name not in entries and (name or len(entries) > 1):
        _refuse(str(file), f"has the sets {', '.join(entries)}; name one as {file}#{next(iter(entries))}")
    name = name or next(iter(entries))
    return _entry(entries[name], file, name)


def _entry(value: Any, file: Path, name: str) -> RegisteredSet:
    where = f"{file}: {name}"
    if not isinstance(value, Mapping) or not isinstance(value.get("file_name"), str):
        _refuse(where, "names no `file_name` beside it; fetch its data, and import those")
    form = value.get("formatting", "alpaca")
    if not isinstance(form, str) or form not in TAGS:
        _refuse(where, f"has the formatting {form!r:.40}; known: {', '.join(TAGS)}")
    held = {key: value.get(key) or {} for key in ("columns", "tags")}
    if not all(
        isinstance(each, Mapping) and all(isinstance(text, str) for text in each.values())
        for each in held.values()
    ):
        _refuse(where, "`columns` and `tags` must be objects of names")
    sharegpt = form != "alpaca"
    usual = SHAREGPT if sharegpt else ALPACA
    if unknown := [key for key in held["columns"] if key not in (*usual, *LABELS, *NO_TEXT)]:
        _refuse(where, f"column {unknown[0]!r} is not known here; known: {', '.join((*usual, *LABELS))}")
    return RegisteredSet(
        where=where,
        file=file.parent / value["file_name"],
        sharegpt=sharegpt,
        ranking=bool(value.get("ranking")),
        columns=held["columns"],
        tags={**TAGS[form], **held["tags"]},
    )


def _renamed(row: Row, entry: RegisteredSet) -> Any:
    """The row under the names that our readers know; what the registry does not name keeps its own."""
    if not isinstance(row.value, Mapping):
        return row.value
    usual = SHAREGPT if entry.sharegpt else ALPACA
    names = {theirs: usual.get(key, key) for key, theirs in entry.columns.items()}
    missing = [theirs for theirs in names if theirs not in row.value and names[theirs] in LABELS]
    if missing:
        _refuse(row.where, f"no column {missing[0]!r}, which {FILE} names")
    found = {names.get(name, name): value for name, value in row.value.items()}
    if not entry.sharegpt:
        return found
    turned = ("conversations", "chosen", "rejected")
    return {name: _turns(value, entry.tags) if name in turned else value for name, value in found.items()}


def _turns(value: Any, tags: Mapping[str, str]) -> Any:
    """Turns, or one turn, under the usual tags."""
    if isinstance(value, list):
        return [_turns(each, tags) for each in value]
    if not isinstance(value, Mapping):
        return value
    role, content = tags.get("role_tag", "from"), tags.get("content_tag", "value")
    roles = {tags.get(key, usual): usual for key, usual in ROLES.items()}
    names = {role: "from", content: "value"}
    found = {names.get(name, name): each for name, each in value.items()}
    who = found.get("from")
    return {**found, "from": roles.get(who, who)} if isinstance(who, str) else found


def _file(path: Path) -> tuple[Path, str]:
    name, _, entry = path.name.partition("#")
    return path.with_name(name), entry


def _refuse(where: str, why: str) -> NoReturn:
    raise PromptFileError(f"{where}: {why}")


FORMAT = Format(
    name="llama-factory-info",
    help="a set of LLaMA-Factory's dataset_info.json, by its column and tag names: ranking and KTO",
    pairs=PairFormat(
        shape="one document: entries with `file_name`, `formatting`, `ranking`, `columns`, `tags`",
        recognises_file=is_registry,
        read_file=read,
        rank=1,
    ),
)
