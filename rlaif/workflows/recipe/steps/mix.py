"""The step `mix`: several artefacts of one kind become one, with caps and shares by source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlaif.errors import InputError
from rlaif.hashing import derived_seed, digest
from rlaif.settings import Setting, setting
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step

MIXED = ("completions", "pairs", "examples", "prompts")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSettings:
    """How much of each source is taken."""

    cap: int | None = setting(None, help="Rows of a source at most, drawn by the seed.", least=1)
    shares: Mapping[str, float] = setting(
        default_factory=dict,
        help="Each source's share of what is made, by its name; without it all of every source is taken.",
        values=Setting(help="", least=0, wanted="a share: a number, 0 or above"),
    )
    rows: int | None = setting(
        None,
        help="Rows that are made, with `shares`; by default as many as the scarcest source allows.",
        least=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What a mixture holds."""

    rows: list[Any]
    counts: dict[str, int] = field(default_factory=dict)
    """Rows of each source."""
    twice: int = 0
    """Rows that were there before, in the same source or one before it."""


def mixture(
    sources: Mapping[str, Sequence[Any]],
    name: Callable[[Any], str],
    *,
    cap: int | None = None,
    shares: Mapping[str, float] | None = None,
    rows: int | None = None,
    seed: int = 0,
) -> Mixture:
    """Rows of all sources, each source's in its own order; which ones is drawn by the seed and each row's `name`.

    A row that is in two sources counts for the first. With shares s_i (in units of their sum) as many rows N are made
    that no source i has fewer than N s_i, and of each the whole part of that; with `rows` that many, where they are.
    """
    seen: set[str] = set()
    held: dict[str, list[Any]] = {}
    twice = 0
    for source, own in sources.items():
        once = []
        for each in own:
            if (key := name(each)) in seen:
                twice += 1
                continue
            seen.add(key)
            once.append(each)
        held[source] = _drawn(once, name, cap, seed)
    if shares:
        whole = sum(shares.values())
        wanted = {source: shares.get(source, 0.0) / whole for source in held}
        most = min(len(held[source]) / share for source, share in wanted.items() if share > 0)
        total = most if rows is None else min(rows, most)
        # a count that is whole but for rounding is whole
        held = {
            source: _drawn(own, name, int(total * wanted[source] + 1e-9), seed)
            for source, own in held.items()
        }
    made = [each for own in held.values() for each in own]
    return Mixture(rows=made, counts={source: len(own) for source, own in held.items()}, twice=twice)


def _drawn(rows: Sequence[Any], name: Callable[[Any], str], count: int | None, seed: int) -> list[Any]:
    if count is None or count >= len(rows):
        return list(rows)
    order = sorted(range(len(rows)), key=lambda place: (derived_seed(seed, "mix", name(rows[place])), place))
    return [rows[place] for place in sorted(order[:count])]


def _name(kind: str) -> Callable[[Any], str]:
    """What makes two rows of a kind the same."""
    if kind == "completions":
        return lambda row: f"{row[1].id} {row[1].policy}"
    if kind == "examples":
        return lambda row: digest(
            "example", row.kind, row.learned, row.weight, [each.identity for each in row.messages]
        )
    return lambda row: str(row.id)


def _source(artefact: Artefact) -> str:
    return artefact.name or artefact.step


def _mixed(job: Job) -> Mixture:
    settings, taken = job.settings, job.gathered()
    return mixture(
        {_source(each): job.read(each) for each in taken},
        _name(taken[0].kind),
        cap=settings.cap,
        shares=settings.shares,
        rows=settings.rows,
        seed=job.seed,
    )


def make(job: RunJob) -> Facts:
    """Write the mixture."""
    found = _mixed(job)
    job.write(found.rows)
    return {"mixed": found.counts, "twice": found.twice}


def forecast(job: Job) -> list[Any]:
    """Return what would be made; of sources that are not there yet, what is known of them."""
    return _mixed(job).rows


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that the mixture is empty, or None."""
    if sum(facts["mixed"].values()):
        return None
    told = ", ".join(f"{source} {count}" for source, count in facts["mixed"].items())
    return f"the mixture is empty ({told}); a source with a share has no rows, so take it out of `shares` and `of`"


def makes_as(_: RecipeStep, takes: tuple[Artefact, ...]) -> str:
    """Return the kind of what is mixed."""
    return takes[0].kind


def check(checked: CheckedStep) -> None:
    """Raise InputError for a mixture of one, and for shares of what is not mixed or that are none."""
    settings, taken = checked.entry.settings, checked.task.takes
    names = [_source(each) for each in taken]
    if len(taken) < 2:
        raise InputError(f"mixes {names[0]!r} alone; name two or more by `of: [A, B]`")
    if len(set(names)) < len(names):
        raise InputError(
            f"mixes {next(each for each in names if names.count(each) > 1)!r} twice; name it once"
        )
    if settings.rows is not None and not settings.shares:
        raise InputError("`rows` is divided by `shares`, of which there are none; give them, or set `cap`")
    if not settings.shares:
        return
    if unknown := sorted(set(settings.shares) - set(names)):
        raise InputError(f"shares has {unknown[0]!r}, which is not mixed; mixed are: {', '.join(names)}")
    if missing := [each for each in names if each not in settings.shares]:
        raise InputError(f"shares says nothing of {missing[0]!r}; give it a share, 0 to leave it out")
    if not sum(settings.shares.values()) > 0:
        raise InputError("the shares sum to 0; give one of them a share above 0")


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many rows came from which source."""
    return {} if not facts else {"mixed": facts["mixed"]}


STEP = Step(
    name="mix",
    help="Several artefacts of one kind become one, with caps and shares by source.",
    settings=MixSettings,
    needs=(MIXED,),
    gathers=True,
    makes_as=makes_as,
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    columns={"mixed": {}},
    row=row,
)
