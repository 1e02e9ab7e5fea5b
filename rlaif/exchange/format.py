"""Other people's formats by name: what is particular to one stands in one row, in a file of `exchange/formats/`.

A format may hold preference pairs, gold that judges are measured on, or constitutions, and some hold two of them. Other
packages add theirs in the entry-point group `rlaif.formats`; `rlaif import --format mine` and `rlaif export --format
mine` then know them as they know ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.boundary import told
from rlaif.errors import InputError, PromptFileError, RlaifError, UnkeptError
from rlaif.exchange.columns import Columns
from rlaif.exchange.containers import Container, json_lines
from rlaif.exchange.gold import GoldSet
from rlaif.exchange.rows import Row
from rlaif.field_docs import documented
from rlaif.records import Constitution, Example, Message, Pair, Prompt
from rlaif.registry import Registry

LAST = 1000
"""Rank of a format that says none."""


class Found(NamedTuple):
    """What came of a row: a pair, or why it makes none; and where it stood."""

    where: str
    what: Pair | str | UnkeptError
    left: Sequence[str] = ()
    """Columns that were not read."""


class About(NamedTuple):
    """What a document of pairs says of itself."""

    name: str
    created: str
    principles: Mapping[str, str]
    """Texts by id."""


class WrittenSplit(NamedTuple):
    """What a split came to."""

    files: tuple[Path, ...]
    rows: int
    left_out: Mapping[str, int]
    columns: AbstractSet[str] = frozenset()
    """Of any row."""


Rows = Sequence[Mapping[str, Any]]
Read = Callable[[Iterator[Row]], Iterator[Found]]
Write = Callable[[Pair], Rows | str]
"""Rows of a pair; none, or a text that says why, where the format cannot hold it."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class PairFormat:
    """How a format holds preference pairs. What it cannot do is None."""

    shape: str
    """A row in a few words, for messages and pages."""
    read: Read | None = None
    """The pairs of its rows; `each_row` makes it of a function of one row."""
    recognises: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether a row is in this format, by its columns; None: it must be named."""
    rank: int = LAST
    """Formats are tried in this order on a first row: the narrower first."""
    read_file: Callable[[Path], Iterator[Found]] | None = None
    """Of a format whose file is one document: its pairs."""
    recognises_file: Callable[[Path], bool] | None = None
    """Whether a file is such a document; None: it must be named."""
    write: Write | None = None
    """The rows of a pair; none, or a text that says why, where the format cannot hold it."""
    container: Container = json_lines
    """How rows become files."""
    settle: Callable[[Rows], tuple[list[dict[str, Any]], Mapping[str, int]]] | None = None
    """Looks at all rows of a split together: the rows that stay, and how many go for which reason."""
    write_document: Callable[[Sequence[Pair], About], tuple[Mapping[str, Any], int]] | None = None
    """Of a format whose file is one document: its value, and how many pairs it holds."""
    beside: Callable[[Mapping[str, WrittenSplit]], Mapping[str, str]] | None = None
    """Files that the consumer wants beside the data, name -> text, by what each split came to."""
    holds_ties: bool = False
    """Whether a tie (a label probability of one half) can be told from a preference."""
    reads_margin: bool = False
    """Whether its trainers read a column `margin`."""
    holds: AbstractSet[str] = frozenset()
    """What of `rlaif.exchange.held.PARTS` it has a place for: pairs with another part are left out and counted."""

    @property
    def reads(self) -> bool:
        """Whether pairs can be read from it by its name."""
        return self.read is not None or self.read_file is not None

    @property
    def writes(self) -> bool:
        """Whether pairs can be written in it."""
        return self.write is not None or self.write_document is not None


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFormat:
    """How a format holds examples to learn from; they are only written in it."""

    shape: str
    """A row in a few words, for messages and pages."""
    write: Callable[[Sequence[Example]], Rows]
    """The rows of examples in their order. Raises InputError for examples that it cannot hold."""
    container: Container = json_lines
    """How rows become files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldFormat:
    """How a format holds gold: answers of which it is known which are better, or right."""

    recognises: Callable[[Mapping[str, Any]], bool]
    """Whether a row is in this format, by its columns."""
    read: Callable[[Iterator[Row], str], GoldSet]
    """The set of its rows; the text is the category of rows that name none."""
    rank: int = LAST
    """Formats are tried in this order on a first row: what says more comes first."""
    verdicts: AbstractSet[str] = frozenset()
    """Columns that hold what recorded judges said."""
    read_verdicts: Callable[[Iterator[Row], str], GoldSet] | None = None
    """Of a format whose rows may be gold or verdicts: read as verdicts, of the annotator of this name or of all."""
    archives: tuple[str, ...] = ()
    """Endings of archives of recorded judges."""
    read_archive: Callable[[Path, str], GoldSet] | None = None
    """What the judge of this name said, in such an archive."""
    in_folders: str = ""
    """The name that every file has in folders of such sets."""


class ReadConstitution(NamedTuple):
    """A constitution that was read, and what its new owner should know."""

    constitution: Constitution
    notes: tuple[str, ...]


class WrittenConstitution(NamedTuple):
    """A constitution in another format (values of JSON or YAML), and what did not go in."""

    values: Any
    left_out: tuple[str, ...]


class PromptsBeside(NamedTuple):
    """Prompts that come with a constitution, and what is to be known of them."""

    prompts: tuple[Prompt, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstitutionFormat:
    """How a format holds principles. A file that is read comes back, when it is written, to the byte."""

    recognises: Callable[[Any], bool]
    read: Callable[[Any, str, str], ReadConstitution]
    """From the file's values, the new constitution's name, and the file's place for messages."""
    write: Callable[[Constitution], WrittenConstitution]
    text: Callable[[Any], str]
    """Values as the text of a file."""
    rank: int = LAST
    take: Callable[[Any, int], Any] | None = None
    """Of a format with comparisons: the values with the first so many of them."""
    prompts: Callable[[Any, Path], PromptsBeside] | None = None
    """Of a format whose files come with prompts: those of the file's values, and of what lies beside its path."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of other people's files, and what it holds of ours."""

    name: str
    """What `--format NAME` says."""
    help: str
    """What it is and whose, in one line."""
    loses: str = ""
    """What of ours it cannot hold, in one line; empty: nothing."""
    pairs: PairFormat | None = None
    """How it holds preference pairs; None: it holds none."""
    examples: ExampleFormat | None = None
    """How it holds examples, such as labelled steps; None: it holds none."""
    gold: GoldFormat | None = None
    """How it holds gold, which measures judges; None: it holds none."""
    constitution: ConstitutionFormat | None = None
    """How it holds a constitution; None: it holds none."""


FORMATS: Registry[Format] = Registry(
    noun="format",
    group="rlaif.formats",
    kinds=(Format,),
    package="rlaif.exchange.formats",
    attribute="FORMAT",
)


def pair_formats() -> dict[str, PairFormat]:
    """The formats that hold pairs, by name, in the order in which a first row is tried."""
    found = {name: each.pairs for name, each in FORMATS.all().items() if each.pairs is not None}
    return dict(sorted(found.items(), key=lambda each: each[1].rank))


def read_formats() -> list[str]:
    """Names of the formats in which pairs are read."""
    return [name for name, each in pair_formats().items() if each.reads]


def written_formats() -> list[str]:
    """Names of the formats in which pairs are written."""
    return [name for name, each in pair_formats().items() if each.writes]


def pair_format(name: str) -> PairFormat:
    """How the format of this name holds pairs. Raises InputError where there is none, or it holds none."""
    found = pair_formats()
    if name not in found:
        raise InputError(f"no format of pairs is called {name!r}; known: {', '.join(found)}")
    return found[name]


def example_formats() -> dict[str, ExampleFormat]:
    """The formats that examples are written in, by name."""
    return {name: each.examples for name, each in FORMATS.all().items() if each.examples is not None}


def gold_formats() -> dict[str, GoldFormat]:
    """The formats that hold gold, by name, in the order in which a first row is tried."""
    found = {name: each.gold for name, each in FORMATS.all().items() if each.gold is not None}
    return dict(sorted(found.items(), key=lambda each: each[1].rank))


def constitution_formats() -> dict[str, ConstitutionFormat]:
    """The formats that hold constitutions, by name, in the order in which a file is tried."""
    found = {name: each.constitution for name, each in FORMATS.all().items() if each.constitution is not None}
    return dict(sorted(found.items(), key=lambda each: each[1].rank))


def each_row(one: Callable[[Row], Pair | str]) -> Read:
    """Return a reader for formats with independent rows; a text from `one` says why its row is no pair."""

    def read(rows: Iterator[Row]) -> Iterator[Found]:
        for row in rows:
            yield found(row, one)

    return read


def found(row: Row, one: Callable[[Row], Pair | str]) -> Found:
    """Return what `one` makes of a row, and the columns that it left; a meaningful column left costs the row."""
    if not isinstance(row.value, Mapping):
        return Found(row.where, one(row))
    values = Columns(row.value)
    try:
        what = one(Row(row.where, values))
        return Found(row.where, what, values.finished(row.where) if isinstance(what, Pair) else ())
    except UnkeptError as unkept:
        return Found(row.where, unkept)
    except Exception as problem:
        problem.add_note(f"at {row.where}")
        raise


@contextmanager
def reading(name: str, place: Callable[[], str]) -> Iterator[None]:
    """Around a reader of ours: a value of a kind that its format does not have is told with the row.

    Args:
        name: the format; what a reader of another package raises passes.
        place: where the row stands that was read last.

    Raises:
        PromptFileError: for what the reader did not expect.
    """
    try:
        yield
    except RlaifError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as problem:
        if FORMATS.is_from_outside(name):
            raise
        raise PromptFileError(
            f"{place()}: cannot be read as {name} ({told(problem)}): a value is of a kind that this format has not; "
            "mend that row"
        ) from problem


def has(columns: Iterable[str]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a row has all these columns, as a function of the row."""
    wanted = frozenset(columns)
    return lambda row: wanted <= row.keys()


def said(text: str) -> tuple[Message, ...]:
    """An answer as the assistant's one turn."""
    return (Message(role="assistant", content=text),)


def single(turns: Sequence[Message]) -> tuple[str | None, str] | None:
    """System text and user text of a prompt that has no more than these; None of any other."""
    match [(each.role, each.content) for each in turns]:
        case [("user", asked)]:
            return None, asked
        case [("system", system), ("user", asked)]:
            return system, asked
        case _:
            return None
