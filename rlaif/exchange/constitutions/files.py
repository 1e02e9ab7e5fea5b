"""Other people's constitutions: which format a file is in, reading it, and writing one that says the same."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from rlaif.boundary import told
from rlaif.constitution.load import parse_constitution
from rlaif.constitution.writing import constitution_yaml
from rlaif.documents import read_document
from rlaif.errors import ConstitutionError, InputError
from rlaif.exchange.constitutions.parts import refuse
from rlaif.exchange.format import (
    FORMATS,
    PromptsBeside,
    constitution_formats,
    gold_formats,
    pair_formats,
    reading,
)
from rlaif.exchange.text_files import MAX_WHOLE
from rlaif.plain_files import decoded, read_whole
from rlaif.records import Constitution, Prompt
from rlaif.text_kinds import kind_of_text

YAML = "yaml"
_PROSE = (".md", ".markdown", ".txt")
"""Endings of documents, as far as no JSON is in them."""
_LINES = (".jsonl", ".ndjson")
SHOWN = 8
"""Columns of a row that a message names."""


class ImportedConstitution(NamedTuple):
    """A foreign file as one of ours."""

    form: str
    text: str
    """The YAML to be written."""
    constitution: Constitution
    """What that text is read as."""
    notes: tuple[str, ...]
    prompts: tuple[Prompt, ...] = ()
    """Those that come with the file, where they were asked for."""


def read_foreign(
    path: Path, name: str, *, most: int | None = None, prompts: bool = False
) -> ImportedConstitution:
    """Read `path`, in whichever format it is, as a constitution called `name`.

    `most` bounds the comparisons that are taken from annotated pairs; with `prompts`, those that come with the file
    are read too. Raises ConstitutionError for a file that cannot be read, is in no known format, or would not come
    back from ours with every byte of its texts; and where prompts are asked for that there are none of.
    """
    values = _values(path)
    form, how = next(
        ((key, each) for key, each in constitution_formats().items() if each.recognises(values)), ("", None)
    )
    if how is None:
        refuse(str(path), _unknown(values))
    if most is not None:
        if how.take is None:
            refuse(str(path), "has no comparisons to bound; leave --comparisons out")
        values = how.take(values, most)
    if prompts and how.prompts is None:
        refuse(str(path), f"comes with no prompts ({form}); leave --prompts out")
    try:
        with FORMATS.guarded(form), reading(form, lambda: str(path)):
            found = how.read(values, name, str(path))
            beside = how.prompts(values, path) if prompts and how.prompts is not None else PromptsBeside(())
        text = constitution_yaml(found.constitution, head=f"# imported from {path.name!r} ({form})\n")
    except RecursionError:
        refuse(str(path), "is nested far too deep")
    try:
        constitution = parse_constitution(text, str(path))
    except ConstitutionError as wrong:
        hint = "; take fewer with --comparisons N" if how.take is not None else ""
        raise ConstitutionError(f"{wrong} (the constitution made of it){hint}") from None
    if json.dumps(how.write(constitution).values) != json.dumps(values):
        refuse(
            str(path), f"would not come back as it is from a constitution of ours ({form}); please report it"
        )
    return ImportedConstitution(form, text, constitution, (*found.notes, *beside.notes), beside.prompts)


def export(constitution: Constitution, form: str) -> tuple[str, tuple[str, ...]]:
    """The constitution as a file in another format or our own (`yaml`), and what that cannot say."""
    if form == YAML:
        return constitution_yaml(constitution), ()
    how = constitution_formats()[form]
    try:
        written = how.write(constitution)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        if isinstance(wrong, ConstitutionError) or not constitution.origin:
            raise
        refuse(constitution.source, f"`origin` is not as `import` wrote it ({wrong!r}); remove or restore it")
    return how.text(written.values), written.left_out


def _values(path: Path) -> Any:
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_document(path, ConstitutionError).data
    text = decoded(read_whole(path, ConstitutionError, MAX_WHOLE), str(path), ConstitutionError)
    if path.suffix.lower() in _PROSE and not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return text
    if path.suffix.lower() in _LINES:
        return _rows(text, path)
    try:
        return json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except json.JSONDecodeError as wrong:
        if (first := _first_line(wrong.doc)) is not None:
            refuse(str(path), _unknown([first]))
        if (kind := kind_of_text(wrong.doc)) is not None:
            refuse(str(path), f"is {kind}, not JSON; {_REMEDIES.get(kind, _WRITE)}")
        refuse(f"{path}:{wrong.lineno}", f"not JSON: {wrong.msg}; mend that line")
    except RecursionError:
        refuse(str(path), "is nested far too deep; is it the file you mean?")
    except InputError:
        raise
    except ValueError as wrong:
        refuse(str(path), told(wrong))


def _rows(text: str, path: Path) -> list[Any]:
    """The values of JSON Lines."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(
                json.loads(line, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
            )
        except json.JSONDecodeError as wrong:
            refuse(f"{path}:{number}", f"not JSON: {wrong.msg}; mend that line")
        except RecursionError:
            refuse(f"{path}:{number}", "is nested far too deep; is it the file you mean?")
        except ValueError as wrong:
            refuse(f"{path}:{number}", told(wrong))
    return rows


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} is given twice; keep one")
    return found


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON; remove it")


_WRITE = "write its principles as YAML: `rlaif constitution new NAME` gives a file to start from"
_REMEDIES = {"YAML": "a YAML file must be called .yaml"}
_TEXTS = ("text", "principle", "rule", "trait", "statement", "criterion", "critic", "critique", "instruction")
"""Columns in which lists of principles have their texts."""


def _first_line(text: str) -> Any:
    """The object in the first line of JSON Lines; None of anything else."""
    try:
        found = json.loads(text.lstrip("\ufeff").splitlines()[0])
    except (ValueError, RecursionError, IndexError):
        return None
    return found if isinstance(found, Mapping) else None


def _unknown(values: Any) -> str:
    """What a file holds that is in no known format of constitutions, and what to do with it."""
    known = ", ".join(constitution_formats())
    return f"{_held(values)}; what can be imported, by docs/constitutions.md: {known}"


def _held(values: Any) -> str:
    if isinstance(values, str):
        return "is a text without headings: give each principle a section (`## Title`), or write YAML"
    first = values[0] if isinstance(values, list) and values else None
    if isinstance(first, str):
        return f"is a list of {len(values)} texts, of which none ends in `Options:`; {_WRITE}"
    alone = isinstance(values, Mapping)  # a file of one row
    first = values if alone else first
    if not isinstance(first, Mapping):
        return "is in no format that is known here"
    columns = ", ".join(map(str, list(first)[:SHOWN])) or "none"
    gold = next((name for name, each in gold_formats().items() if each.recognises(first)), None)
    pairs = next(
        (name for name, each in pair_formats().items() if each.recognises and each.recognises(first)), None
    )
    if pairs is not None:
        return f"holds preferences ({pairs}), no principles; read them by `rlaif import`"
    if gold is not None:
        return f"holds gold of judges ({gold}), no principles; measure one by `rlaif judge check`"
    if alone:
        return "is in no format that is known here"
    if any(name in first for name in _TEXTS):
        return f"is a list of objects with the columns {columns}, which may be principles; {_WRITE}"
    return f"is a list of objects with the columns {columns}, examples or results, which hold no principles"
