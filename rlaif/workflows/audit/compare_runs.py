"""`rlaif audit compare`: two judges or constitutions on the same completions, joined by their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlaif.auditing.agreement import McNemar, cohen, mcnemar
from rlaif.auditing.evidence import Evidence
from rlaif.auditing.intervals import effective
from rlaif.auditing.raters import cohen_error, cohen_limits, cohen_of
from rlaif.auditing.resample import Estimate, Tally, estimate, share
from rlaif.auditing.turn_texts import last_asked, shown_text
from rlaif.auditing.verdicts import verdicts
from rlaif.errors import InputError
from rlaif.records import Completion
from rlaif.workflows.audit.load_run import AuditSource, read_source

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Ints

SHOWN = 5
FEW = 0.8
"""Share of the pairs of answers of a run below which a comparison is of a part of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDisagreement:
    """Two completions of which the runs prefer different ones; the ids of their pairs, where there are any."""

    prompt: str
    first: str
    second: str
    """Preferred by the first run, and by the second."""
    pairs: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Agreement of two runs."""

    runs: tuple[str, str]
    judges: tuple[str, str]
    constitutions: tuple[str, str]
    common: int
    """Twos of completions on which both runs say something."""
    only: tuple[int, int]
    """Twos on which only one of them does."""
    agreement: Estimate
    kappa: float | None
    kappa_between: Estimate | None
    """The same with its interval; None where chance alone agrees always."""
    by_principle: Mapping[str, Estimate]
    by_tag: Mapping[str, Estimate]
    pairs: tuple[int, int]
    same_pairs: int
    """Pairs that both runs made of the same texts with the same chosen side."""
    turned_pairs: int
    """Pairs that both made with sides exchanged."""
    gold: McNemar | None
    """Where gold tells the sides apart: what only the one, and only the other, got right."""
    gold_by_tag: Mapping[str, McNemar]
    disagreements: Sequence[LabelDisagreement]
    judged: tuple[int, int]
    """Twos of completions that each run compared, whatever came of it."""
    judged_by_both: int
    without_preference: tuple[int, int]
    """Of those that both compared: in how many the first run, and the second, prefers neither or says nothing."""

    @property
    def note(self) -> str | None:
        """What should be known of the pairs that are compared: a part that is not drawn at random."""
        fewer = min(self.judged)
        if self.judged_by_both >= FEW * fewer:
            return None
        return (
            f"only {self.judged_by_both} of {fewer} pairs of answers were judged by both runs: each chose its own, "
            "and what both chose is no random part; judge those of the first with "
            f"`rlaif judge {self.runs[0]} --judge JUDGE --pairing same --out OTHER`"
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = {**asdict(self), "note": self.note}
        for name in ("agreement", "kappa_between", "gold"):
            held = getattr(self, name)
            found[name] = held and held._asdict()
        for name in ("by_principle", "by_tag", "gold_by_tag"):
            found[name] = {key: each._asdict() for key, each in getattr(self, name).items()}
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    source: AuditSource
    said: Mapping[tuple[str, str], float]
    """Log-odds that the first of two completion ids, in sorted order, is better."""
    judged: frozenset[tuple[str, str]]
    """All two that were compared, whatever came of it."""
    principles: Mapping[str, Mapping[tuple[str, str], float]]


def compare(one: Path, other: Path, rounds: tuple[int | None, int | None] = (None, None)) -> Compared:
    """Read both runs and join them. Raises InputError where they have no two completions in common."""
    a, b = _side(one, rounds[0]), _side(other, rounds[1])
    keys, both = sorted(a.said.keys() & b.said.keys()), a.judged & b.judged
    if not keys:
        raise InputError(
            f"{one}, {other}: have no two completions in common; judge the completions of the one with "
            "`rlaif judge RUN --judge JUDGE --pairing same --out OTHER`"
        )
    prompts = {each.id: each for each in a.source.prompts}
    prompt_of = {name: each.prompt_id for name, each in _named(a.source).items()}
    places = {name: place for place, name in enumerate(prompts)}
    where = np.asarray([places[prompt_of[key[0]]] for key in keys])
    agree = np.asarray([float((a.said[key] > 0) == (b.said[key] > 0)) for key in keys])
    tags = {tag for each in prompts.values() for tag in each.tags}
    tallies: dict[str, Tally] = {
        "all": share(where, len(places), agree),
        "kappa": _kappa(a, b, keys, where, len(places)),
    }
    for tag in sorted(tags):
        kept = np.asarray([tag in prompts[prompt_of[key[0]]].tags for key in keys])
        tallies[f"tag {tag}"] = share(where[kept], len(places), agree[kept])
    for name in (each for each in a.principles if each in b.principles):
        mine, theirs = a.principles[name], b.principles[name]
        held = sorted(mine.keys() & theirs.keys())
        at = np.asarray([places[prompt_of[key[0]]] for key in held], dtype=int)
        same = np.asarray([float((mine[key] > 0) == (theirs[key] > 0)) for key in held])
        tallies[f"principle {name}"] = share(at, len(places), same)
    found = estimate(tallies)
    gold, by_tag = _gold(a, b, keys, prompt_of, sorted(tags))
    made_a, made_b = _chosen(a.source), _chosen(b.source)
    shared = made_a.keys() & made_b.keys()
    return Compared(
        runs=(str(one), str(other)),
        judges=(_judge(a.source), _judge(b.source)),
        constitutions=(_constitution(a.source), _constitution(b.source)),
        common=len(keys),
        only=(len(a.said.keys() - b.said.keys()), len(b.said.keys() - a.said.keys())),
        agreement=found["all"],
        kappa=cohen([a.said[key] > 0 for key in keys], [b.said[key] > 0 for key in keys]),
        kappa_between=found.get("kappa"),
        by_principle={
            name.partition(" ")[2]: each for name, each in found.items() if name.startswith("principle ")
        },
        by_tag={name.partition(" ")[2]: each for name, each in found.items() if name.startswith("tag ")},
        pairs=(len(made_a), len(made_b)),
        same_pairs=sum(made_a[key] == made_b[key] for key in shared),
        turned_pairs=sum(made_a[key] != made_b[key] for key in shared),
        gold=gold,
        gold_by_tag=by_tag,
        disagreements=_disagreements(a, b, keys, prompt_of),
        judged=(len(a.judged), len(b.judged)),
        judged_by_both=len(both),
        without_preference=(len(both - a.said.keys()), len(both - b.said.keys())),
    )


def _kappa(a: _Side, b: _Side, keys: Sequence[tuple[str, str]], where: Ints, prompts: int) -> Tally:
    """Cohen's, from the counts of who names the first of two ids."""
    mine, theirs = (np.asarray([each.said[key] > 0 for key in keys]) for each in (a, b))
    cells = (mine & theirs, mine & ~theirs, ~mine & theirs, ~mine & ~theirs)
    sums = np.stack([np.bincount(where, cell, prompts) for cell in cells], axis=1).astype(float)
    worth = effective(np.bincount(where, minlength=prompts).astype(float))
    return Tally(sums, cohen_of, float(len(np.unique(where))), cohen_limits, worth, least_error=cohen_error)


def _side(run: Path, number: int | None) -> _Side:
    source = read_source(run, number)
    evidence = source.evidence
    said = _odds(evidence, None)
    if not said:
        # a run of pairs only: its labels are what it says
        said = {
            tuple(sorted((chosen, rejected))): (1.0 if chosen < rejected else -1.0)  # type: ignore[misc]
            for chosen, rejected in _sides(source)
        }
    return _Side(
        source=source,
        said=said,
        judged=_compared(evidence) | said.keys(),
        principles={name: _odds(evidence, place) for place, name in enumerate(evidence.principles)},
    )


def _compared(evidence: Evidence) -> frozenset[tuple[str, str]]:
    said, ids = verdicts(evidence), evidence.texts.ids
    twos = zip(said.one.tolist(), said.other.tolist(), strict=True)
    return frozenset((min(ids[one], ids[other]), max(ids[one], ids[other])) for one, other in twos)


def _odds(evidence: Evidence, principle: int | None) -> dict[tuple[str, str], float]:
    said, ids = verdicts(evidence, principle), evidence.texts.ids
    found = {}
    for one, other, odds in zip(said.one.tolist(), said.other.tolist(), said.both.tolist(), strict=True):
        if odds == odds and odds != 0:
            low, high = sorted((ids[one], ids[other]))
            found[low, high] = odds if low == ids[one] else -odds
    return found


def _named(source: AuditSource) -> dict[str, Completion]:
    """The completions by the ids that judgments and pairs name."""
    return dict(zip(source.evidence.texts.ids, source.completions, strict=True))


def _sides(source: AuditSource) -> list[tuple[str, str]]:
    ids, labels = source.evidence.texts.ids, source.evidence.labels
    return [
        (ids[chosen], ids[rejected])
        for chosen, rejected in zip(labels.chosen.tolist(), labels.rejected.tolist(), strict=True)
    ]


def _chosen(source: AuditSource) -> dict[frozenset[str], str]:
    return {frozenset(sides): sides[0] for sides in _sides(source)}


def _gold(
    a: _Side, b: _Side, keys: Sequence[tuple[str, str]], prompt_of: Mapping[str, str], tags: Sequence[str]
) -> tuple[McNemar | None, dict[str, McNemar]]:
    gold = a.source.evidence.gold
    if gold is None:
        return None, {}
    grade = dict(zip(a.source.evidence.texts.ids, gold.tolist(), strict=True))
    apart = {key: grade[key[0]] - grade[key[1]] for key in keys}
    told = [key for key in keys if apart[key] == apart[key] and apart[key] != 0]
    prompts = {each.id: each for each in a.source.prompts}

    def tested(held: Sequence[tuple[str, str]]) -> McNemar:
        mine, theirs = ([(each.said[key] > 0) == (apart[key] > 0) for key in held] for each in (a, b))
        return mcnemar(mine, theirs, [prompt_of[key[0]] for key in held])

    groups = {tag: [key for key in told if tag in prompts[prompt_of[key[0]]].tags] for tag in tags}
    return (tested(told) if told else None), {tag: tested(held) for tag, held in groups.items() if held}


def _disagreements(
    a: _Side, b: _Side, keys: Sequence[tuple[str, str]], prompt_of: Mapping[str, str]
) -> list[LabelDisagreement]:
    """The clearest disagreements: both runs are sure, of opposite sides."""
    texts = {name: shown_text(each.turns) for name, each in _named(a.source).items()}
    prompts = {each.id: last_asked(each.messages) for each in a.source.prompts}
    differ = [key for key in keys if (a.said[key] > 0) != (b.said[key] > 0)]
    differ.sort(key=lambda key: (-min(abs(a.said[key]), abs(b.said[key])), key))
    named = [
        {
            frozenset(sides): name
            for sides, name in zip(_sides(each.source), (p.id for p in each.source.pairs), strict=True)
        }
        for each in (a, b)
    ]
    return [
        LabelDisagreement(
            prompt=prompts[prompt_of[key[0]]],
            first=texts[key[0] if a.said[key] > 0 else key[1]],
            second=texts[key[0] if b.said[key] > 0 else key[1]],
            pairs=(named[0].get(frozenset(key)), named[1].get(frozenset(key))),
        )
        for key in differ[:SHOWN]
    ]


def _judge(source: AuditSource) -> str:
    config = source.facts.get("config", {})
    judge = config.get("judge") or (config.get("models") or {}).get("judge") or "?"
    return str(judge.get("name", "?")) if isinstance(judge, Mapping) else str(judge)


def _constitution(source: AuditSource) -> str:
    held = source.constitution
    return "?" if held is None else f"{held.name} {held.version} ({held.digest})"
