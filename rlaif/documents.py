"""Files that people write: YAML 1.2 read safely with line numbers, and checked against a JSON Schema.

Knows no noun of ours. Only plain values come out: no tags, no merge keys, and aliases within a budget.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlaif.boundary import outside
from rlaif.errors import InputError
from rlaif.plain_files import decoded, read_whole

Key = tuple[str | int, ...]
MAX_CHARACTERS = 1_000_000
MAX_BYTES = 4 * MAX_CHARACTERS
MAX_VALUES = 20_000
MAX_SLIPS = 40
"""Slips of one file that are told at once."""
MAX_DIGITS = 300
"""Digits of a number; a longer one is no number that anything here can use."""
LONG_TEXT = 50_000
MAX_DEPTH = 40
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value"}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's values, with the line of each and the text of each plain scalar."""

    path: str
    data: Any
    lines: dict[Key, int]
    plain: dict[Key, str]
    """How a scalar was written, by key: `3.10` for the number 3.1."""

    def where(self, key: Key = ()) -> str:
        """`file:line` of `key` or of what is around it; the name alone where there are no lines."""
        if not self.lines:
            return self.path
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.path}:{self.lines.get(key, 1)}"

    def line(self, key: Key) -> int | None:
        """Line of `key`, counted from 1."""
        return self.lines.get(key)


def read_document(path: Path, error: type[InputError]) -> Document:
    """Read a YAML file. Raises `error` with file and line for anything that is not one plain document."""
    text = decoded(read_whole(path, error, MAX_BYTES), str(path), error)
    return parse_document(text, str(path), error)


def parse_document(text: str, name: str, error: type[InputError]) -> Document:
    """Read YAML text; `name` stands for the file in messages."""
    if len(text) > MAX_CHARACTERS:
        raise error(
            f"{name}: {len(text):,} characters, more than {MAX_CHARACTERS:,}; this is no file for people"
        )
    node = _compose(text, name, error)
    if node is None:
        raise error(f"{name}:1: the file is empty; `rlaif init` writes one to start from")
    building = _Building(name=name, error=error)
    data = building.value(node, (), 0)
    if building.mistakes:
        raise error(all_mistakes(name, building.mistakes))
    return Document(path=name, data=data, lines=building.lines, plain=building.plain)


def all_mistakes(name: str, mistakes: Iterable[tuple[int, str]], *, lines: bool = True) -> str:
    """Everything that is wrong with a file, in the order of its lines: who mends one by one asks many times.

    Args:
        name: the file.
        mistakes: line and message of each.
        lines: whether the file has lines; false for values that come from elsewhere.
    """
    found = sorted(set(mistakes))
    told = [f"{name}:{line}: {text}" if lines else f"{name}: {text}" for line, text in found]
    more = len(told) - MAX_SLIPS
    return "\n".join([*told[:MAX_SLIPS], *([f"and {more} more"] if more > 0 else [])])


def parse_value(text: str) -> Any:
    """The value of `text` as YAML would read it after a colon; text that is no YAML stays text."""
    try:
        node = _compose(text, "value", InputError)
        return text if node is None else _Building(name="value", error=InputError).value(node, (), 0)
    except InputError:
        return text


def _compose(text: str, name: str, error: type[InputError]) -> Any:
    with outside(error, f"{name}: not YAML", "if a part is meant as text, put it in quotes"):
        return _node(text, name, error)


def _node(text: str, name: str, error: type[InputError]) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        if len(text) > LONG_TEXT and (why := _too_much(YAML(typ="safe", pure=True).parse(text))):
            raise error(f"{name}{why}")
        return _composed(text)
    except MarkedYAMLError as wrong:
        raise error(all_mistakes(name, _yaml_slips(text, wrong))) from None
    except YAMLError as wrong:
        raise error(f"{name}: not YAML: {' '.join(str(wrong).split())}") from None
    except RecursionError:
        raise error(f"{name}{_DEEP}") from None


def _yaml_slips(text: str, wrong: Any) -> list[tuple[int, str]]:
    """The syntax error, and those behind it that can be found: lines that are wrong by themselves are passed over."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    lines = text.splitlines()
    mistakes: list[tuple[int, str]] = []
    for _ in range(MAX_SLIPS):
        mark = wrong.problem_mark or wrong.context_mark
        line = 1 if mark is None else mark.line + 1
        if mistakes and line <= mistakes[-1][0]:
            break
        mistakes.append((line, _yaml_problem("\n".join(lines), line, wrong)))
        if line > len(lines) or not _BY_ITSELF.search(str(wrong.problem)):
            break
        # the key stays, so that what follows stands where it stood
        lines[line - 1] = re.sub(r"\t", "    ", lines[line - 1].partition(": ")[0]) + ": text"
        try:
            _composed("\n".join(lines))
        except MarkedYAMLError as another:
            wrong = another
        except (YAMLError, RecursionError):
            break
        else:
            break
    return mistakes


_BY_ITSELF = re.compile(r"mapping values are not allowed|cannot start any token")
"""Syntax errors of one line: a colon in a text without quotes, a tab, a sign that begins no text."""


@lru_cache(maxsize=8)
def _composed(text: str) -> Any:
    # one command reads its constitution several times, and reading YAML is slow; nobody changes the nodes
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).compose(text)


_DEEP = f": nested far too deep; a constitution or recipe needs less than {MAX_DEPTH}"


def _too_much(events: Iterable[object]) -> str:
    """Why a long text is refused. Events come as it is read, so that a huge one is refused before all of it is."""
    depth = 0
    for count, event in enumerate(events):
        kind = type(event).__name__
        depth += kind in ("MappingStartEvent", "SequenceStartEvent")
        depth -= kind in ("MappingEndEvent", "SequenceEndEvent")
        if depth > MAX_DEPTH:
            return _DEEP
        if count > MAX_VALUES:
            return f": more than {MAX_VALUES:,} values; split the file, one part `extends` another"
    return ""


def _yaml_problem(text: str, line: int, wrong: Any) -> str:
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return "a tab indents this line; YAML wants spaces"
    if here.startswith("---"):
        return "holds more than one document; keep one in each file"
    problem = " ".join(str(wrong.problem or wrong.context).split())
    return f"not YAML: {problem}; if it is meant as text, put it in quotes"


@dataclass(slots=True)
class _Building:
    """Turns nodes into plain values, noting lines, and refusing what a data file has no use for."""

    name: str
    error: type[InputError]
    lines: dict[Key, int] = field(default_factory=dict)
    plain: dict[Key, str] = field(default_factory=dict)
    count: int = 0
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    """Line and message of what is refused and hides nothing else."""

    def value(self, node: Any, key: Key, depth: int) -> Any:
        self.count += 1
        self.lines.setdefault(key, node.start_mark.line + 1)
        if self.count > MAX_VALUES or depth > MAX_DEPTH:
            limit = f"{MAX_VALUES:,} values" if self.count > MAX_VALUES else f"{MAX_DEPTH} levels"
            self._refuse(node, f"expands to over {limit} (aliases in aliases?); write it out plainly")
        match node.id:
            case "mapping":
                return self._mapping(node, key, depth)
            case "sequence":
                self._tag(node, "seq")
                return [self.value(item, (*key, place), depth + 1) for place, item in enumerate(node.value)]
            case _:
                return self._scalar(node, key)

    def _mapping(self, node: Any, key: Key, depth: int) -> dict[str, Any]:
        self._tag(node, "map")
        values: dict[str, Any] = {}
        for name_node, item in node.value:
            if name_node.id != "scalar":
                self._refuse(name_node, "a key must be one word, not a list or mapping")
            name = str(name_node.value)
            if name == "<<":
                self._slip(name_node, "merge keys (`<<`) are not read; write the keys out")
                continue
            if name in values:
                first = self.lines[(*key, name)]
                self._slip(name_node, f"key {name!r} is given twice (first at line {first}); keep one")
                continue
            self.lines[(*key, name)] = name_node.start_mark.line + 1
            values[name] = self.value(item, (*key, name), depth + 1)
        return values

    def _tag(self, node: Any, kind: str) -> None:
        if str(node.tag) != _TAG + kind:
            self._slip(node, f"tag {str(node.tag).removeprefix(_TAG)!r} is not read; remove it")

    def _scalar(self, node: Any, key: Key) -> Any:
        tag, text = str(node.tag), str(node.value)
        if tag in _TEXT_TAGS:
            return text
        self.plain[key] = text
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on")
            case "int":
                return self._int(node, text)
            case "float":
                return self._float(node, text)
            case other:
                return self._slip(node, f"tag {other!r} is not read; remove it")

    def _int(self, node: Any, text: str) -> int | str:
        if not _INT.fullmatch(text):
            return text
        if len(text) > MAX_DIGITS:
            self._refuse(node, f"a number of {len(text):,} digits is no usable number; put text in quotes")
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)

    def _float(self, node: Any, text: str) -> float | str:
        try:
            number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            return text
        if not math.isfinite(number):
            self._slip(node, f"{text:.40} is no usable number")
        return number

    def _slip(self, node: Any, why: str) -> None:
        """Note what is wrong and go on: the rest of the file may have more."""
        self.mistakes.append((node.start_mark.line + 1, why))

    def _refuse(self, node: Any, why: str) -> Any:
        raise self.error(f"{self.name}:{node.start_mark.line + 1}: {why}")


def dotted(key: Key) -> str:
    """Return a key as people write it: `principles[2].weight`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
