"""What a command would cost, by playing it with models that answer nothing. Writes nothing that stays.

Calls that the store holds are counted exactly, with their tokens. Where completions are there, so are the calls that
judge them. Where they are yet to be drawn, calls are counted as if all of them differed and every pair were kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlaif.costs import Prices, read_prices
from rlaif.engines.kinds import ModelKind, price_of
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import RunError
from rlaif.hashing import digest, digest_files
from rlaif.records import Engine, Usage
from rlaif.runs.claim import read_run
from rlaif.store import Store
from rlaif.workflows.dry_run.engine import Counting, Planned, PlannedEngine, Side, ToCome
from rlaif.workflows.models.judge_names import known_kind
from rlaif.workflows.models.open_engines import OpenedAs
from rlaif.workflows.models.pool import ModelPool

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt")


@dataclass(slots=True)
class PlannedModels(ModelPool):
    """Models of which nothing is asked."""

    held: Store | None = None
    planned: dict[str, PlannedEngine] = field(default_factory=dict)
    """By name, and what a role has beside it."""
    to_come: ToCome = field(default_factory=ToCome)
    own_id: str = ""
    """Id of the run that would go on: calls of servers without a revision are kept under it."""
    shortest: Store | None = None
    """What is asked for the lower bound: a call that comes again in a later round counts once there too."""
    made_of: dict[str, str] = field(default_factory=dict)
    """Models that are yet to be trained, each with the one that it is made of."""

    def engine(self, name: str) -> RecordedEngine:
        """The model of this name; what it makes up is kept in waves, also for servers, and uses up no budget."""
        found = ModelPool.engine(self, name)
        found.commit, found.budget = "wave", None
        return found

    @property
    def dry_run(self) -> bool:
        """Calls are only counted, and nothing is asked of anybody."""
        return True

    @contextmanager
    def counting(self, side: Side) -> Iterator[None]:
        """The calls of the block count for one bound."""
        for each in self.planned.values():
            each.side = side
        yield
        for each in self.planned.values():
            each.side = "both"

    def length(self, name: str, text: str) -> int:
        """How long a text is to a model."""
        found = self.planned.get(str(self._opening(name)))
        return found.tokens(text) if found is not None else len(text)

    @property
    def made_up(self) -> set[str]:
        """Keys of all calls that nobody has answered yet."""
        return {key for each in self.planned.values() for key in each.made_up}

    def _opened(self, opening: OpenedAs) -> Engine:
        name, fingerprint = opening.name, self.fingerprint(opening.name)
        kind, rest = self._kind(name)
        counting = self._counting(name, opening.thought_marks)
        engine = PlannedEngine(
            name,
            fingerprint,
            self.held,
            self.to_come,
            counting,
            kept="" if kind.declares_revision(rest) else f"{fingerprint} {self.own_id}",
            guides_decoding=kind.guides_decoding,
            writes_thoughts=(
                counting.writes_thoughts
                if counting is not None
                else kind.writes_thoughts(name, rest, self.engines.how(opening))
            ),
        )
        self.planned[str(opening)] = engine
        return engine

    def _fingerprint_of(self, opening: OpenedAs) -> str:
        if opening.name in self.made_of:
            return digest("yet to be trained", opening.name)
        return ModelPool._fingerprint_of(self, opening)

    def _kind(self, name: str) -> tuple[ModelKind, str]:
        """The kind of a name; of a model that is yet to be trained, of what it is made of."""
        return known_kind(self.made_of.get(name, name))

    def _counting(self, name: str, marks: tuple[str, str] | None) -> Counting | None:
        """Counts prompts with a local model's own tokenizer and template; None for a model that is elsewhere."""
        kind, rest = self._kind(name)
        if kind.directory is None:
            return None
        from rlaif.engines.chat_template import Chat
        from rlaif.engines.local.load import load_counting_tokenizer

        directory = kind.directory(rest)
        tokenizer = load_counting_tokenizer(directory, trust_remote_code=self.options.trust_remote_code)
        chat = Chat(tokenizer, self.options.chat_template_kwargs, marks)
        files = [directory / each for each in TOKENIZER_FILES if (directory / each).is_file()]
        return Counting(
            digest_files(files) if files else name,
            # one that the template does not take is a failed call, which costs nothing
            lambda conversations: [
                len(ids) if isinstance(ids, list) else 0 for ids in chat.each_prompt(conversations)
            ],
            chat.reads,
            chat.thought_marks is not None,
        )


@contextmanager
def planning(models: PlannedModels, place: Path, out: Path | None = None) -> Iterator[PlannedModels]:
    """`models` with the store at `place` to look in, if there is one, and none to write in.

    `out` is the run that would go on.
    """
    models.own_id = _run_id(out)
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder, "plan.sqlite")) as own,
        Store.open(Path(folder, "shortest.sqlite")) as models.shortest,
    ):
        models.record(own, models.own_id)
        if not place.is_file():
            yield models
            return
        with Store.open(place, writes=False) as held:
            models.held = held
            yield models


@contextmanager
def apart(models: PlannedModels) -> Iterator[PlannedModels]:
    """The same models, asked beside them; of what is asked for the first time, tokens count for the lower bound."""
    assert models.shortest is not None, "only inside `planning`"
    other = PlannedModels(
        models.options,
        seed=models.seed,
        held=models.held,
        to_come=models.to_come,
        own_id=models.own_id,
        made_of=models.made_of,
        in_writing=models.in_writing,
        role=models.role,
    )
    other.record(models.shortest, models.own_id)
    yield other
    for name, each in other.planned.items():
        models.planned[name].planned.prompt_least += each.planned.prompt_least


def _run_id(out: Path | None) -> str:
    try:
        run = {} if out is None else read_run(out)
    except RunError:
        return ""
    return digest("run", run["command"], run["config"]) if run else ""


def estimate(models: PlannedModels) -> dict[str, Any]:
    """Calls, tokens and cost by model and together; costs are None where a model has no price."""
    prices = read_prices(models.options.prices)
    rows = {
        shown: _row(models.made_of.get(each.name, each.name), each.planned, prices)
        for shown, each in models.planned.items()
    }
    return {"models": rows, "currency": prices.currency, "total": _total(rows)}


@dataclass(frozen=True, slots=True)
class DryRunPlan:
    """What a command would do, and what it would cost."""

    steps: Sequence[str]
    cost: Mapping[str, Any]

    @property
    def text(self) -> str:
        """For people."""
        named = [*self.cost["models"].items()]
        named += [("together", self.cost["total"])] if len(named) > 1 else []
        told = [line for name, row in named for line in _lines(name, row, self.cost["currency"])]
        return "\n".join([*self.steps, *told])

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"dry_run": True, "steps": list(self.steps), **self.cost}


def _row(name: str, planned: Planned, prices: Prices) -> dict[str, Any]:
    price = price_of(prices, name)
    least = Usage(prompt_tokens=planned.prompt_least)
    most = Usage(prompt_tokens=planned.prompt_most, completion_tokens=planned.completion_most)
    costs = {"cost_least": price and price.of(least), "cost_most": price and price.of(most)}
    return {**asdict(planned), **costs}


def _total(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    names = [*asdict(Planned()), "cost_least", "cost_most"]
    columns = {name: [row[name] for row in rows.values()] for name in names}
    return {name: None if None in column else sum(column) for name, column in columns.items()}


def _lines(name: str, row: Mapping[str, Any], currency: str) -> list[str]:
    """A model's calls, and below them what the new ones take."""
    stored = f", {row['stored']:,} of {row['stored_tokens']:,} tokens in the store" if row["stored"] else ""
    calls = f"{name}: {row['calls']:,} calls to make{stored}"
    if not row["calls"]:
        return [calls]
    tokens = f"{row['prompt_least']:,} to {row['prompt_most']:,}"
    if row["prompt_least"] == row["prompt_most"]:
        tokens = f"{row['prompt_most']:,}"
    cost = "no price known" if row["cost_most"] is None else ""
    cost = cost or (
        f"{currency} {row['cost_least']:.2f} to {row['cost_most']:.2f}" if row["cost_most"] else "free"
    )
    return [calls, f"  {tokens} tokens sent, at most {row['completion_most']:,} written, {cost}"]
