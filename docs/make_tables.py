"""Writes the tables of the documentation that are made from registries and settings; `--check`: are they up to date?

A table stands in its page between `<!-- made: NAME -->` and `<!-- end -->`. Only things of ours are in it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rlaif.engines.kinds import ENGINES
from rlaif.exchange.format import FORMATS, Format, PairFormat, pair_formats
from rlaif.exchange.held import PARTS
from rlaif.judging.kinds import JUDGES
from rlaif.judging.protocols import PROTOCOLS, Pairwise, Protocol
from rlaif.registry import Registry
from rlaif.settings import Option, options
from rlaif.training.configs.loop import LoopConfig
from rlaif.workflows.lab.table.columns import COLUMNS, GOOD
from rlaif.workflows.lab.table.tables import HEAD, across, head_of, reasons, rows_of
from rlaif.workflows.recipe.pair_sources import SOURCES
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.schema import beside_settings
from rlaif.workflows.recipe.step import Step
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.options import MethodOptions, PairTrainingOptions

PAGES = Path(__file__).parent
LAB_TABLE = PAGES.parent / "benchmarks" / "experiments" / "results" / "lab_table.json"
TABLE = re.compile(r"<!-- made: ([\w-]+) -->\n.*?<!-- end -->", re.S)
T = TypeVar("T")
Rows = Iterator[Sequence[str]]


def _ours(registry: Registry[T]) -> Mapping[str, T]:
    others = registry.from_outside()
    return {name: registry.get(name) for name in registry.names() if name not in others}


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def _formats() -> str:
    pairs = pair_formats()
    rows = (_format(each, pairs[name]) for name, each in _ours(FORMATS).items() if name in pairs)
    return _table(["`--format`", "what it is", "a row", "import", "export", "what it cannot hold"], rows)


def _format(form: Format, pairs: PairFormat) -> list[str]:
    held = ([] if pairs.holds_ties or not pairs.writes else ["ties"]) + ([form.loses] if form.loses else [])
    held += [words for name, words in PARTS.items() if pairs.writes and name not in pairs.holds]
    does = ["yes" if each else "no" for each in (pairs.reads, pairs.writes)]
    return [f"`{form.name}`", form.help, pairs.shape, *does, "; ".join(held)]


def _protocols() -> str:
    rows = (
        [
            f"`{name}`",
            "pairwise" if isinstance(each, Pairwise) else "pointwise" if each.decides else "listwise",
            each.says,
            _replies(each),
        ]
        for name, each in _ours(PROTOCOLS).items()
    )
    return _table(["`--protocol`", "kind", "asks", "takes"], rows)


def _replies(each: Protocol) -> str:
    takes = [("--samples", each.votes), ("--ask-again", each.writes)]
    return ", ".join(f"`{option}`" for option, does in takes if does)


def _judges() -> str:
    return _table(["`--judge`", "what it is"], (_named(each.help) for each in _ours(JUDGES).values()))


def _models() -> str:
    return _table(["name", "what it is"], (_named(each.help) for each in _ours(ENGINES).values()))


def _named(told: str) -> list[str]:
    """The form of a name and what it means, from `form: meaning` or `meaning: form`."""
    first, _, rest = told.partition(": ")
    if " " in first:
        form, _, more = rest.partition("; ")
        return [f"`{form}`", first + (f"; {more}" if more else "")]
    return [f"`{first}`" if ":" in first else f"`{first}:`", rest]


def _methods() -> str:
    rows = (
        [f"`{name}`", " or ".join(each.takes), str(each.trains.value).replace("_", " "), each.help]
        for name, each in _ours(METHODS).items()
    )
    return _table(["METHOD", "learns from", "gives", "what it does"], rows)


def _method_options() -> str:
    """Options of all methods first, then of those that compare two sides, then each method's own."""
    found: dict[str, tuple[Option, list[str]]] = {}
    for name, method in _ours(METHODS).items():
        for each in options(method.options):
            found.setdefault(f"{each.name} {each.setting.help}", (each, []))[1].append(name)
    every = {each.name for each in options(MethodOptions)}
    pairs = {each.name for each in options(PairTrainingOptions)} - every
    order = sorted(
        found.values(), key=lambda held: 0 if held[0].name in every else 1 if held[0].name in pairs else 2
    )
    rows = (
        [
            f"`{each.name}`",
            "all" if each.name in every else ", ".join(f"`{name}`" for name in names),
            *_about(each),
        ]
        for each, names in order
    )
    return _table(["option", "methods", "meaning", "value", "default"], rows)


def _loop() -> str:
    rows = ([f"`{each.name}`", *_about(each)] for each in options(LoopConfig))
    return _table(["option", "meaning", "value", "default"], rows)


def _about(each: Option) -> list[str]:
    return [each.setting.help, each.wanted, _default(each)]


def _default(each: Option) -> str:
    if each.default in (None, (), {}):
        return ""
    value: Any = each.default
    word = (
        str(value).lower()
        if isinstance(value, bool)
        else ", ".join(map(str, value))
        if isinstance(value, tuple)
        else value
    )
    return f"`{word}`"


def _steps() -> str:
    rows = ([f"`{name}`", each.help, _needs(each), each.makes or ""] for name, each in _ours(STEPS).items())
    return _table(["step", "what it does", "takes", "makes"], rows)


def _needs(each: Step) -> str:
    return ", ".join(" or ".join(kinds) for kinds in each.needs)


def _step_options() -> str:
    return _table(["step", "key", "meaning", "value", "default"], _rows_of_steps())


def _rows_of_steps() -> Rows:
    for name, each in _ours(STEPS).items():
        known = {option.name for option in options(each.settings)}
        for key, schema in beside_settings(each).items():
            if key not in {"step", "round"} | known:
                yield [f"`{name}`", f"`{key}`", schema["description"], "", ""]
        for option in options(each.settings):
            yield [f"`{name}`", f"`{option.name}`", *_about(option)]


def _pair_sources() -> str:
    rows = (
        [f"`{name}`", each.help, ", ".join(map(" or ".join, each.needs(each.options())))]
        for name, each in _ours(SOURCES).items()
    )
    return _table(["`source`", "which side is chosen, and who says so", "takes"], rows)


def _pair_source_options() -> str:
    rows = (
        [f"`{name}`", f"`{option.name}`", *_about(option)]
        for name, each in _ours(SOURCES).items()
        for option in options(each.options)
    )
    return _table(["source", "key", "meaning", "value", "default"], rows)


def _lab_columns() -> str:
    rows = (
        [f"`{each.name}`", f"`{each.judge}`", each.says, str(each.most_seeds)] for each in COLUMNS.values()
    )
    return _table(["column", "judge", "what it is", "seeds"], rows)


def _lab_table() -> str:
    """As far as it was played: what `benchmarks/experiments/lab_table.py` kept."""
    found = json.loads(LAB_TABLE.read_text(encoding="utf-8"))["figures"]
    parts = []
    for each in found["columns"]:
        # labels have columns of their own where they can be wrong
        wide = len(HEAD) if each["column"] != GOOD else HEAD.index("wrong labels")
        rows = (row[:wide] for row in rows_of(each))
        parts += [
            f"**{each['column']}**: `{each['judge']}`, {each['says']}.",
            _table(head_of(each)[:wide], rows),
        ]
    if len(found["columns"]) > 1:
        head, rows = across(found)
        parts += ["**Gain under each judge**", _table(head, iter(rows))]
    if told := reasons(found):
        parts += ["**No figure**", _table(["recipe", "reason"], iter(told))]
    return "\n\n".join(parts)


TABLES: Mapping[str, Callable[[], str]] = {
    "formats": _formats,
    "protocols": _protocols,
    "judges": _judges,
    "models": _models,
    "methods": _methods,
    "method-options": _method_options,
    "loop": _loop,
    "steps": _steps,
    "step-options": _step_options,
    "pair-sources": _pair_sources,
    "pair-source-options": _pair_source_options,
    "lab-columns": _lab_columns,
    "lab-table": _lab_table,
}


def made(text: str) -> str:
    """A page with its tables made anew."""
    return TABLE.sub(lambda found: f"<!-- made: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end -->", text)


def main() -> int:
    """Write the pages, or name those that are not up to date."""
    stale, seen = [], set[str]()
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        seen |= {found[1] for found in TABLE.finditer(text)}
        if made(text) != text:
            stale.append(page.name)
            if "--check" not in sys.argv[1:]:
                page.write_text(made(text), encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        return 0
    missing = [f"no page has the table {name}" for name in TABLES if name not in seen]
    found = [*(f"docs/{name} is out of date: run `make docs`" for name in stale), *missing]
    sys.stderr.write("".join(f"{each}\n" for each in found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
