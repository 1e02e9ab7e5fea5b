"""Pairs whose better side is known from how the two were made: labelled so, or by a judge that compares them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from rlaif.errors import InputError
from rlaif.feedback.assemble import assemble
from rlaif.feedback.pairing import NO_PAIRWISE, Candidate, PairPlan
from rlaif.feedback.pairs import readings_of, settle
from rlaif.feedback.score import ScoredCompletion
from rlaif.judging import Decision
from rlaif.judging.protocols import pairwise
from rlaif.records import Completion, Judgment, NoPair, Pair, Prompt
from rlaif.settings import setting
from rlaif.version import __version__
from rlaif.workflows.generate.judge_step import NO_PAIR, asking_of
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.models.role_options import sees_of
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.drawing import BOTH
from rlaif.workflows.recipe.pair_source import SourcedPairs
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import CheckedStep, Expected, Job, everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Constructed:
    """How pairs are labelled whose better side is known."""

    label: float = setting(
        1.0,
        help="P(chosen is better) of each pair: below 1 where the making fails now and then.",
        above=0.5,
        most=1,
        wanted="a number above 0.5, at most 1",
    )
    rescore: str = setting(
        NO_PAIRWISE,
        help="The protocol by which the judge labels the pairs anew, in both orders; `none`: the making labels them.",
        wanted="a protocol that compares two completions: compare, compare-cot ..., or none",
    )
    inconsistent: Literal["drop", "average"] = setting(
        "drop", help="Of pairs that the judge labels anew: what becomes of one whose two orders disagree."
    )


class Sides(NamedTuple):
    """Two completions of a prompt, the one that was made to be better first."""

    prompt: Prompt
    better: Completion
    worse: Completion
    share: float = 1.0
    """Of the weight of its prompt, beside those of the prompt's other pairs."""
    label: float | None = None
    """P(better), where it is not what the options say."""
    revised: str | None = None
    """The completion that the better one is a revision of."""


class LabelledSides(NamedTuple):
    """Two sides and the pair that they make."""

    sides: Sides
    pair: Pair


def models_of(options: Any) -> Mapping[str, str]:
    """The judge where it labels anew; of no options all that may be asked."""
    return {"judge": "judge"} if options is None or options.rescore != NO_PAIRWISE else {}


def gathered_completions(job: Job) -> list[tuple[Prompt, Completion]]:
    """All completions of what the step gathers, prompts together in the order of the first artefact."""
    groups: dict[str, tuple[Prompt, list[Completion]]] = {}
    for artefact in job.gathered():
        for prompt, each in job.read(artefact):
            groups.setdefault(prompt.id, (prompt, []))[1].append(each)
    return [(prompt, each) for prompt, own in groups.values() for each in own]


def artefact_inputs(job: Job) -> dict[str, Any]:
    """The usual key of a step, with the completions that what it takes was made of."""
    made_of = [each.ancestor("completions") for each in job.task.takes]
    taken = [each for each in made_of if isinstance(each, Artefact)]
    return {**everything(job), "completions": [job.digest_of(each) for each in taken]}


def is_whole(completion: Completion) -> bool:
    """Whether a completion ended: behind a thought that never ended there is no answer."""
    return completion.finish != "length" and not completion.open_thought


def paired(
    job: Job, drawn: Sequence[tuple[Prompt, Completion]], found: Sequence[Sides], reasons: Mapping[str, int]
) -> SourcedPairs:
    """The pairs of these sides, labelled as the step's options say, with `reasons` counted why prompts have none.

    Sides that are one text, and those of which one was cut off, are counted and make no pair.
    """
    why = Counter(reasons)
    usable = []
    for each in found:
        if not (is_whole(each.better) and is_whole(each.worse)):
            why[NoPair.TRUNCATED.value] += 1
        elif each.better.id == each.worse.id:
            why[NoPair.DUPLICATE.value] += 1
        else:
            usable.append(each)
    made, said = (
        (_by_construction(job, usable), [])
        if job.settings.options.rescore == NO_PAIRWISE
        else _rescored(job, usable, why)
    )
    warnings = failed_judgments(said)
    return SourcedPairs(
        pairs=[each.pair for each in made],
        counts=counts(drawn, len(found) + sum(reasons.values()), why, len(made)),
        comparisons=said,
        facts={"warnings": warnings} if warnings else {},
    )


def counts(
    drawn: Sequence[tuple[Prompt, Completion]], candidates: int, why: Mapping[str, int], kept: int
) -> dict[str, int]:
    """From prompts to pairs, as a person reads it."""
    return {
        "prompts": len({prompt.id for prompt, _ in drawn}),
        "completions": len(drawn),
        "candidates": candidates,
        **{f"{NO_PAIR}{reason}": count for reason, count in sorted(why.items()) if count},
        "kept": kept,
    }


def _by_construction(job: Job, found: Sequence[Sides]) -> list[LabelledSides]:
    shares: dict[str, float] = defaultdict(float)
    for each in found:
        shares[each.prompt.id] += each.share
    return [LabelledSides(each, _pair(job, each, each.share / shares[each.prompt.id])) for each in found]


def _pair(job: Job, sides: Sides, weight: float) -> Pair:
    label = job.settings.options.label if sides.label is None else sides.label
    return Pair(
        prompt=sides.prompt.messages,
        tools=sides.prompt.tools,
        chosen=sides.better.turns,
        rejected=sides.worse.turns,
        label_prob=label,
        weight=weight,
        revision_of=sides.revised,
        round=job.round,
        provenance=provenance(job, sides),
    )


def provenance(job: Job, sides: Sides) -> dict[str, Any]:
    """What a pair that no judge has labelled says of itself: whose principles were meant, how each side was made."""
    rules = job.constitution
    made = {name: _made(each) for name, each in (("chosen", sides.better), ("rejected", sides.worse))}
    return {
        "constitution": {"name": rules.name, "version": rules.version, "digest": rules.digest},
        "rlaif": __version__,
        "seed": job.seed,
        "source": job.settings.source,
        "made": {name: each for name, each in made.items() if each},
        "policy": [sides.better.policy, sides.worse.policy],
    }


def _made(completion: Completion) -> dict[str, Any]:
    if completion.origin is None:
        return {}
    return {name: each for name, each in asdict(completion.origin).items() if each}


def plan_of(job: Job) -> PairPlan:
    """How a judge compares the two sides of a pair that is labelled anew."""
    options = job.settings.options
    return PairPlan(
        then=options.rescore,
        asking=asking_of(options.rescore, job.model("judge"), seed=job.seed, samples=None, again=None),
        inconsistent=options.inconsistent,
        seed=job.seed,
        round=job.round,
        judge_sees=sees_of(job.role("judge")),
        provenance={"source": job.settings.source},
    )


def candidate(sides: Sides) -> Candidate:
    """The two sides as a judge's comparison takes them: neither has a score."""
    better, worse = (ScoredCompletion(completion=each, score=None) for each in (sides.better, sides.worse))
    return Candidate(sides.prompt, better, worse)


def _rescored(
    job: Job, found: Sequence[Sides], why: Counter[str]
) -> tuple[list[LabelledSides], list[Judgment]]:
    plan, judge = plan_of(job), job.judge()
    asked = [(each, candidate(each)) for each in found]
    compared = readings_of([each for _, each in asked], [], judge, job.constitution, plan)
    decided: list[tuple[Candidate, Decision]] = []
    by_ids: dict[frozenset[str], Sides] = {}
    for sides, each in asked:
        decision, reason = settle(each, compared.get(each.ids, []), [], job.constitution, plan)
        if reason is None:
            decided.append((each, decision))
            by_ids[each.ids] = sides
        else:
            why[reason.value] += 1
    shares = Counter(each.prompt.id for each, _ in decided)
    made = assemble(decided, compared, {}, judge, job.constitution, plan, shares)
    said = [each for own in compared.values() for each in own]
    return [LabelledSides(by_ids[each.ids], pair) for each, pair in made], said


def forecast(job: Job, found: Sequence[Sides]) -> list[Pair]:
    """Ask what the labelling would ask; without a judge the pairs are known."""
    usable = [each for each in found if each.better.id != each.worse.id]
    if job.settings.options.rescore == NO_PAIRWISE:
        return [each.pair for each in _by_construction(job, usable)]
    readings_of([candidate(each) for each in usable], [], job.judge(), job.constitution, plan_of(job))
    return []


def check(checked: CheckedStep) -> None:
    """Raise InputError for a protocol that cannot label two sides, or options that nothing reads."""
    options, given = checked.entry.settings.options, checked.entry.given
    if options.rescore != NO_PAIRWISE and "label" in given:
        raise InputError("label is read by nothing, as the judge labels (`rescore`); remove one of the two")
    if options.rescore == NO_PAIRWISE and "inconsistent" in given:
        raise InputError(
            "inconsistent is read by nothing, as nobody compares; remove it, or say `rescore: compare`"
        )
    if options.rescore != NO_PAIRWISE:
        name = pairwise(options.rescore).name
        asking_of(name, checked.judge("judge"), seed=checked.recipe.seed, samples=None, again=None)


def require_sides(checked: CheckedStep) -> None:
    """Raise InputError where it is known that no step before makes completions of both sides."""
    makers = makers_of(checked)
    known = [STEPS.get(each.step).sides for each in makers]
    made = frozenset(
        side
        for each, sides in zip(makers, known, strict=True)
        if sides is not None
        for side in sides(each.settings)
    )
    if None not in known and (lacking := BOTH - made):
        keys = ", ".join(repr(each.key) for each in makers) or "the recipe"
        makes = sorted(
            name
            for name, each in STEPS.all().items()
            if each.sides is not None and each.sides(each.settings()) == BOTH
        )
        raise InputError(
            f"{keys} makes no completion that is to be {' or '.join(sorted(lacking))}, and this source sets good ones "
            f"over bad ones; add a step that makes both sides ({', '.join(makes)}) and name it by `of`"
        )


def makers_of(checked: CheckedStep) -> list[RecipeStep]:
    """The steps that drew or made the completions that a step takes: those that only keep some are left out."""
    found: dict[str, RecipeStep] = {}
    waiting = [each for each in checked.task.takes if each.kind == "completions"]
    while waiting:
        each = waiting.pop(0)
        kept = [one for one in each.parents if one.kind == "completions"]
        waiting += kept
        maker = next((one for one in checked.recipe.round if one.key == each.step), None)
        if maker is not None and not kept:
            found[maker.key] = maker
    return list(found.values())


def protocols_of(options: Any) -> list[str]:
    """The protocol of the judge that labels anew."""
    return [] if options.rescore == NO_PAIRWISE else [options.rescore]


def work(expected: Expected) -> int:
    """Count the comparisons in both orders, where there are some."""
    rescored = expected.entry.settings.options.rescore != NO_PAIRWISE
    return round(expected.sizes.get("asked", 0) * 2 * expected.principles) if rescored else 0


def compares(options: Any) -> bool:
    """Whether a judge compares the sides."""
    return bool(options.rescore != NO_PAIRWISE)
