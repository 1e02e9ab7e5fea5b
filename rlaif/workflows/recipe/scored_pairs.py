"""Pairs that a source chooses by a judge's scores, and that a comparison in both orders decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rlaif.exchange.completions import by_prompt
from rlaif.feedback.assemble import assemble
from rlaif.feedback.funnel import FAILED
from rlaif.feedback.pairing import NO_PAIRWISE, Candidate, PairPlan, as_seen
from rlaif.feedback.pairs import readings_of, settle
from rlaif.feedback.score import ScoredCompletion, score_completions
from rlaif.hashing import derived_seed
from rlaif.judging import Decision
from rlaif.judging.protocols import Asking, pairwise
from rlaif.judging.shown import Sees
from rlaif.records import Completion, Judgment, NoPair, Pair, Prompt
from rlaif.settings import setting
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.models.role_options import sees_of
from rlaif.workflows.recipe.construction import is_whole
from rlaif.workflows.recipe.step import CheckedStep, Expected, Job

Drawn = Sequence[tuple[Prompt, Completion]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPairs:
    """What decides between two completions that were chosen by their scores."""

    then: str = setting(
        "compare",
        help="The protocol that decides between two, in both orders; `none`: the judgments of each by itself decide.",
        wanted="a protocol that compares two completions: compare, compare-cot ..., or none",
    )
    inconsistent: Literal["drop", "average"] = setting(
        "drop", help="What becomes of a pair whose two orders disagree."
    )


class Decided(NamedTuple):
    """Decided pairs, and what was asked for them."""

    pairs: list[tuple[Candidate, Pair]]
    comparisons: list[Judgment]
    why: Counter[str]
    """Why others are no pairs."""


def scored(
    job: Job, drawn: Drawn, judgments: Sequence[Judgment]
) -> list[tuple[Prompt, list[ScoredCompletion]]]:
    """By prompt, those of its completions that ended and that the judge gave a score; texts alike once."""
    said: dict[str, list[Judgment]] = {}
    for each in judgments:
        said.setdefault(each.prompt_id, []).append(each)
    sees: Sees = sees_of(job.role("judge"))
    found = []
    for prompt, texts in by_prompt(drawn):
        whole = {as_seen(each, sees): each for each in reversed(texts) if is_whole(each)}
        own = score_completions(prompt, list(whole.values())[::-1], said.get(prompt.id, []), job.constitution)
        found.append((prompt, [each for each in own if each.score is not None]))
    return found


def ranked(job: Job, own: Iterable[ScoredCompletion]) -> list[ScoredCompletion]:
    """The best first; equal scores in an order of chance, the chance of the seed and their ids."""
    shuffled = sorted(own, key=lambda each: derived_seed(job.seed, "pairing", each.completion.id))
    return sorted(shuffled, key=lambda each: each.rank_key, reverse=True)


def plan_of(job: Job) -> PairPlan:
    """How the judge compares two."""
    options = job.settings.options
    asking: Asking | None = None
    if options.then != NO_PAIRWISE:
        asking = asking_of(options.then, job.model("judge"), seed=job.seed, samples=None, again=None)
    return PairPlan(
        then=options.then,
        asking=asking,
        inconsistent=options.inconsistent,
        seed=job.seed,
        round=job.round,
        judge_sees=sees_of(job.role("judge")),
        provenance={"source": job.settings.source},
    )


def decided(job: Job, found: Sequence[Candidate], judgments: Sequence[Judgment]) -> Decided:
    """Let the judge decide between the two of each candidate. Of equal scores nothing can agree with a comparison."""
    plan, judge, why = plan_of(job), job.judge(), Counter[str]()
    asked = [each for each in found if each.better.rank_key > each.worse.rank_key]
    if ties := len(found) - len(asked):
        why[NoPair.TIE.value] = ties
    compared = readings_of(asked, judgments, judge, job.constitution, plan)
    checked: dict[str, list[Judgment]] = {}
    for one in judgments:
        if len(one.completion_ids) == 1:
            checked.setdefault(one.prompt_id, []).append(one)
    kept: list[tuple[Candidate, Decision]] = []
    for each in asked:
        own = checked.get(each.prompt.id, [])
        decision, reason = settle(each, compared.get(each.ids, []), own, job.constitution, plan)
        if reason is None:
            kept.append((each, decision))
        else:
            why[reason.value] += 1
    counts = Counter(each.prompt.id for each in asked)
    made = assemble(kept, compared, checked, judge, job.constitution, plan, counts)
    said = [] if plan.then == NO_PAIRWISE else [each for own in compared.values() for each in own]
    return Decided(made, said, why)


def ask_alike(job: Job, drawn: Drawn) -> None:
    """For a dry run: compare two completions of each prompt, as many as will be compared."""
    if job.settings.options.then == NO_PAIRWISE:
        return
    found = []
    for prompt, texts in by_prompt(drawn):
        two = list({each.id: each for each in texts}.values())[:2]
        if len(two) == 2:
            better, worse = (ScoredCompletion(completion=each, score=None) for each in two)
            found.append(Candidate(prompt, better, worse))
    readings_of(found, [], job.judge(), job.constitution, plan_of(job))


def facts(judgments: Sequence[Judgment], comparisons: Sequence[Judgment]) -> dict[str, Any]:
    """Which share of all judgments failed, and the reasons in words."""
    whole = [*judgments, *comparisons]
    share = sum(each.state in FAILED for each in whole) / len(whole) if whole else 0.0
    return {"unreadable_share": share, "not_applied": failed_judgments(whole)}


def halts(job: Job, said: Mapping[str, Any]) -> str | None:
    """Why the pairs must not be trained on, or None."""
    limit, share = job.prepared.recipe.stop.unreadable_share, said["unreadable_share"]
    return f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}" if share > limit else None


def check(checked: CheckedStep) -> None:
    """Raise InputError for a protocol that cannot decide between two."""
    then = checked.entry.settings.options.then
    if then != NO_PAIRWISE:
        asking_of(
            pairwise(then).name, checked.judge("judge"), seed=checked.recipe.seed, samples=None, again=None
        )


def protocols_of(options: Any) -> list[str]:
    """The protocol that compares."""
    return [] if options.then == NO_PAIRWISE else [options.then]


def work(expected: Expected) -> int:
    """Count the comparisons in both orders."""
    compared = expected.entry.settings.options.then != NO_PAIRWISE
    return round(expected.sizes.get("asked", 0) * 2 * expected.principles) if compared else 0
