"""The source `revisions`: what was written anew over what it was made of, without a judge.

Constitutional AI's revisions and human edits alike. With a judge's pairs below them (`below`) a revision of the chosen
side makes three pairs of one prompt: edited over chosen, chosen over rejected, edited over rejected (Llama 3.1,
2407.21783).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.records import Completion, Pair, Prompt, completion_of
from rlaif.settings import Setting, setting
from rlaif.workflows.recipe import construction
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.construction import (
    Constructed,
    Sides,
    artefact_inputs,
    gathered_completions,
    paired,
)
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.step import CheckedStep, Job, RunJob

KIND = "revision"
UNREVISED, LOST = "not revised", "original missing"
OVER_CHOSEN, BETWEEN, OVER_REJECTED = "edited-chosen", "chosen-rejected", "edited-rejected"
THREE = (OVER_CHOSEN, BETWEEN, OVER_REJECTED)
Drawn = Sequence[tuple[Prompt, Completion]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionPairs(Constructed):
    """What a revision is set over, and how the pairs are labelled."""

    over: Literal["first", "before"] = setting(
        "first",
        help="What is rejected: the first draw, under its last revision; or what each revision was made of.",
    )
    below: bool = setting(
        False,
        help="Put the judge's pairs below: edited over chosen, chosen over rejected, edited over rejected.",
        wanted="true: the judge's pairs, whose chosen sides were revised, stand below the revisions",
    )
    shares: Mapping[str, float] = setting(
        default_factory=dict,
        help="With `below`: how a pair's weight is shared among the three; 1 each where nothing is said.",
        keys={name: Setting(help="", least=0, wanted="a number, 0 or above") for name in THREE},
    )


def chains(drawn: Drawn, originals: Drawn, over: str) -> tuple[list[Sides], dict[str, int]]:
    """Each first draw under its last revision, or each revision over what it was made of; and why others have none."""
    known = {each.id: each for _, each in (*originals, *drawn)}
    revised = [(prompt, each) for prompt, each in drawn if _parent(each)]
    found: dict[tuple[str, str], Sides] = {}
    reasons: Counter[str] = Counter()
    for prompt, each in sorted(revised, key=lambda one: 0 if one[1].origin is None else one[1].origin.stage):
        below = known.get(_parent(each))
        while over == "first" and below is not None and _parent(below):
            below = known.get(_parent(below))
        if below is None:
            reasons[LOST] += 1
            continue
        # a later stage of one chain takes the place of an earlier one
        name = (below.id, "" if over == "first" else each.id)
        found[name] = Sides(prompt, each, below, revised=below.id)
    touched = {prompt.id for prompt, _ in revised}
    if untouched := {prompt.id for prompt, _ in drawn} - touched:
        reasons[UNREVISED] = len(untouched)
    return list(found.values()), dict(reasons)


def _parent(completion: Completion) -> str:
    """The id of what a completion is a revision of; empty for any other."""
    origin = completion.origin
    return origin.parent if origin is not None and origin.kind == KIND else ""


def _originals(job: Job) -> list[tuple[Prompt, Completion]]:
    """What the step that revised took: a step may keep the revisions alone."""
    found: list[tuple[Prompt, Completion]] = []
    waiting: list[Artefact] = list(job.gathered())
    while waiting:
        below = [each for each in waiting.pop(0).parents if each.kind == "completions"]
        waiting += below
        found += [each for artefact in below for each in job.read(artefact)]
    return found


def _found(job: Job) -> tuple[Drawn, list[Sides], dict[str, int]]:
    drawn = gathered_completions(job)
    found, reasons = chains(drawn, _originals(job), job.settings.options.over)
    return drawn, found, reasons


def pair(job: RunJob) -> SourcedPairs:
    """Pair revisions with what they were made of, and with the judge's pairs below where they are wanted."""
    drawn, found, reasons = _found(job)
    if not job.settings.options.below:
        return paired(job, drawn, found, reasons)
    judged: list[Pair] = job.value("pairs")
    above, weights = three(found, judged, job.settings.options.shares)
    made = paired(job, drawn, above, {})
    edited = [replace(each, weight=weights[frozenset(each.completion_ids)]) for each in made.pairs]
    kept = [replace(each, weight=weights[frozenset(each.completion_ids)]) for each in judged]
    pairs = [each for each in (*edited, *kept) if each.weight > 0]
    counts = {**made.counts, "candidates": made.counts["candidates"] + len(judged), "kept": len(pairs)}
    return replace(made, pairs=pairs, counts=counts)


def three(
    found: Sequence[Sides], judged: Sequence[Pair], shares: Mapping[str, float]
) -> tuple[list[Sides], dict[frozenset[str], float]]:
    """Edited over chosen and over rejected, for each judged pair whose chosen side was revised; and all weights.

    A judged pair's weight is shared among the three by `shares`; one whose chosen side was not revised keeps it.
    """
    edits = {each.worse.id: each for each in found}
    parts = {name: shares.get(name, 1.0) for name in THREE}
    whole = sum(parts.values())
    above: list[Sides] = []
    weights: dict[frozenset[str], float] = {}
    for each in judged:
        chosen, rejected = each.completion_ids
        edit = edits.get(chosen)
        if edit is None:
            weights[frozenset((chosen, rejected))] = each.weight
            continue
        worse = completion_of(edit.prompt.id, each.rejected, policy=_rejected_policy(each))
        for name, sides in (
            (OVER_CHOSEN, edit),
            (OVER_REJECTED, Sides(edit.prompt, edit.better, worse, revised=chosen)),
        ):
            above.append(sides)
            weights[frozenset((sides.better.id, sides.worse.id))] = each.weight * parts[name] / whole
        weights[frozenset((chosen, rejected))] = each.weight * parts[BETWEEN] / whole
    return above, weights


def _rejected_policy(pair: Pair) -> str:
    """Who wrote the rejected side, by what the judge's pair says."""
    models: Any = pair.provenance.get("policy") or [""]
    return str(models[-1])


def forecast(job: Job) -> list[Pair]:
    """Ask what the labelling would ask; of the judge's pairs below nobody knows which there will be."""
    return construction.forecast(job, _found(job)[1])


def check(checked: CheckedStep) -> None:
    """Raise InputError for shares that nobody reads or that leave nothing, and for labels that cannot be asked for."""
    options = checked.entry.settings.options
    if options.shares and not options.below:
        raise InputError(
            "`shares` is of the three pairs that `below: true` makes; remove it, or say `below: true`"
        )
    if options.below and not sum(options.shares.get(name, 1.0) for name in THREE):
        raise InputError("`shares` sums to 0, so that no pair counts; give at least one a share above 0")
    construction.check(checked)


SOURCE = PairSource(
    name="revisions",
    help="What was written anew over what it was made of, with a judge's pairs below it where they are wanted.",
    options=RevisionPairs,
    needs=lambda options: (("completions",), ("pairs",)) if options.below else (("completions",),),
    gathers=True,
    models=construction.models_of,
    pair=pair,
    forecast=forecast,
    inputs=artefact_inputs,
    compares=construction.compares,
    check=check,
    protocols=construction.protocols_of,
    work=construction.work,
)
