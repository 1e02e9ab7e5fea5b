"""The step `pairs`: two completions of a prompt become a preference pair, or there is a reason why not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.atomic import write_text
from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.pairs import pair_row
from rlaif.feedback import PairPlan, score_completions
from rlaif.feedback.pairing import NO_PAIRWISE, pair_plan
from rlaif.judging.protocols import PER_PRINCIPLE, Asking, pairwise, pointwise
from rlaif.records import Completion, Judgment, Pair, Prompt
from rlaif.runs.record_files import FUNNEL_SCHEMA, read_record
from rlaif.settings import plain, setting
from rlaif.workflows.dry_run.pair_bounds import PlannedPairs
from rlaif.workflows.evaluation.policy_metrics import gap, pair_precision
from rlaif.workflows.generate.judge_step import (
    NO_PAIR,
    asking_of,
    consistencies,
    counts,
    critic_in,
    make_preference_pairs,
    not_applied,
)
from rlaif.workflows.generate.principle_tests import misunderstood, own_tests
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.models.gold import has_gold
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.models.role_options import RoleOptions, sees_of
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.step_cache import Since
from rlaif.workflows.recipe.step_inputs import since_tests
from rlaif.workflows.recipe.steps.judge import asking, form_of

CRITIC = "critic"
SHARED_WEIGHT = ("all", "rank")
"""Pairings that make several pairs of a prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsSettings:
    """Which completions are paired, and what decides between two."""

    pairing: Literal["all", "best-worst", "random", "rank"] = setting(
        "best-worst", help="Which completions of a prompt are set against each other."
    )
    then: str = setting(
        "compare",
        help="The protocol that decides between two, in both orders; `none`: the judgments of each by itself decide.",
        wanted="a protocol that compares two completions: compare, compare-cot ..., or none",
    )
    samples: int | None = setting(
        None, help="Texts a question, where the protocol takes a vote of several; one by default.", least=1
    )
    ask_again: int | None = setting(
        None, help="How often an unreadable text is asked for once more.", least=0
    )
    inconsistent: Literal["drop", "average"] = setting(
        "drop", help="What becomes of a pair whose two orders disagree."
    )
    critique: bool = setting(
        True,
        help="Write a critique of each rejected side.",
        wanted="true: each pair carries a critique of its rejected side",
    )


def _plan(job: Job) -> PairPlan:
    then = job.settings.then
    asked = None if then == NO_PAIRWISE else asking(job, then)
    sees = sees_of(job.role("judge"))
    return pair_plan(job.settings, then=then, asking=asked, seed=job.seed, round=job.round, judge_sees=sees)


def make(job: RunJob) -> Facts:
    """Make the pairs, and count what became of the candidates."""
    constitution, name = job.constitution, job.model("judge")
    drawn, judgments = job.value("completions"), job.value("judgments")
    judge = job.judge()
    critic = critic_in(job.pool("judge"), judge, *_critic(job)) if job.settings.critique else None
    paired = make_preference_pairs(judge, constitution, drawn, judgments, _plan(job), critic)
    made, funnel = paired.pairs, paired.funnel
    _, funnel_file, comparisons = outputs(job)
    job.write(made)
    write_text(job.run / funnel_file, json.dumps(counts(funnel), indent=1) + "\n")
    write_judgments(job.run / comparisons, paired.comparisons)
    by_id = {prompt.id: prompt for prompt, _ in drawn}
    tests = {} if is_control(name) else own_tests(judge, constitution, *_tested_by(job))
    room = gap(constitution, _scored(job, drawn, judgments)) if has_gold(list(by_id.values())) else None
    return {
        "pairs": len(made),
        "pair_precision": pair_precision(constitution, by_id, made),
        "gap": None if room is None else room._asdict(),
        "unreadable_share": funnel.unreadable_share,
        "order_consistency": consistencies(funnel),
        "not_applied": [
            *failed_judgments([*judgments, *paired.comparisons]),
            *not_applied(funnel),
            *misunderstood(tests),
        ],
    }


def forecast(job: Job) -> list[Pair]:
    """Ask what the making of the pairs would ask; which pairs there would be is for the judge to say."""
    name, settings = job.model("judge"), job.settings
    planned = PlannedPairs(
        job.pool("judge"),  # type: ignore[arg-type]
        name,
        job.constitution,
        _plan(job),
        settings.critique,
        *_critic(job),
    )
    planned.play(job.value("completions"), job.value("judgments"))
    if not is_control(name):
        own_tests(job.judge(), job.constitution, *_tested_by(job))
    return []


def _critic(job: Job) -> tuple[RoleOptions | None, str | None]:
    """How the critic is asked that the recipe names, and its name."""
    named = CRITIC in job.task.models
    return (job.role(CRITIC), job.model(CRITIC)) if named else (None, None)


def _tested_by(job: Job) -> tuple[tuple[str, str], Asking]:
    """The protocols that judge the completions and decide the pairs, and how the step's judge is asked."""
    maker = job.takes("judgments").step
    made = next((each.settings for each in job.prepared.recipe.round if each.key == maker), None)
    first = str(getattr(made, "protocol", PER_PRINCIPLE))
    settings = job.settings
    again = {} if settings.ask_again is None else {"again": settings.ask_again}
    return (first, settings.then), Asking(seed=job.seed, samples=settings.samples or 1, **again)


def _scored(
    job: Job, drawn: Sequence[tuple[Prompt, Completion]], judgments: Sequence[Judgment]
) -> list[tuple[Prompt, list[tuple[Completion, float | None]]]]:
    said: dict[str, list[Judgment]] = {}
    for each in judgments:
        said.setdefault(each.prompt_id, []).append(each)
    groups = []
    for prompt, texts in by_prompt(drawn):
        scored = score_completions(prompt, texts, said.get(prompt.id, []), job.constitution)
        groups.append((prompt, [(each.completion, each.score) for each in scored]))
    return groups


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the judge, what it judged, and how pairs are made of that."""
    found = {
        "judge": job.fingerprint("judge"),
        "judgments": job.digest("judgments"),
        "completions": job.digest("completions"),
        "constitution": job.constitution.digest,
        "step": {"step": STEP.name, **plain(job.settings)},
        "seed": job.seed,
        "round": job.round,
        **form_of(job, job.model("judge")),
        **job.told(*job.task.models),
        **({CRITIC: job.fingerprint(CRITIC)} if CRITIC in job.task.models else {}),
    }
    # several pairs of a prompt share its weight, which they did not always
    return found | ({"weights": "by prompt"} if job.settings.pairing in SHARED_WEIGHT else {})


def since(job: Job) -> Since:
    """Return the tests of the principles, which the judge is tried on and no digest holds."""
    return since_tests(job.constitution, job.model("judge"))


def outputs(job: Job) -> list[str]:
    """Return the pairs, what became of the candidates, and the comparisons."""
    made = job.task.makes
    assert made is not None
    return [made.path, job.file("funnel", ".json"), job.file("comparisons", ".jsonl")]


def finish(job: RunJob, _: Facts) -> None:
    """Keep the pairs in the project's store."""
    own = f"{job.run_id}/{job.round}" + ("" if job.task.entry.is_default else f"/{job.task.entry.key}")
    job.store.put_pairs(own, [pair_row(each) for each in job.read(_made(job))])


def _made(job: Job) -> Any:
    return job.task.makes


def _reasons(job: Job) -> str:
    """Why prompts gave no pair, with counts, the most frequent first: `tie 4, inconsistent 1`."""
    funnel = read_record(job.run / outputs(job)[1], FUNNEL_SCHEMA)
    why = {key.removeprefix(NO_PAIR): count for key, count in funnel.items() if key.startswith(NO_PAIR)}
    return ", ".join(f"{reason} {count}" for reason, count in sorted(why.items(), key=lambda each: -each[1]))


def halts(job: RunJob, facts: Facts) -> str | None:
    """Return why the pairs must not be trained on, or None."""
    limit, share = job.prepared.recipe.stop.unreadable_share, facts["unreadable_share"]
    if share > limit:
        why = "".join(f". {each}" for each in failed_judgments(job.value("judgments")))
        return f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}{why}"
    if not job.read(_made(job)):
        return f"no prompt gave a pair ({_reasons(job) or 'no prompt had two completions'})" + "".join(
            f". {each}" for each in failed_judgments(job.value("judgments"))
        )
    return None


def check(checked: CheckedStep) -> None:
    """Raise InputError where two completions could not be decided between."""
    settings, maker = checked.entry.settings, checked.maker("judgments")
    if CRITIC in checked.entry.named and not settings.critique:
        raise InputError("critique is false, so that the critic is asked nothing; remove `critic`")
    drawn = checked.maker("completions")
    if drawn is not None and getattr(drawn.settings, "n", 2) < 2:
        raise InputError(
            f"pairs need two completions of a prompt, and {drawn.key!r} draws {drawn.settings.n}; raise its n"
        )
    if settings.then != NO_PAIRWISE:
        name = pairwise(settings.then).name
        asking_of(
            name,
            checked.judge("judge"),
            seed=checked.recipe.seed,
            samples=settings.samples,
            again=settings.ask_again,
        )
        return
    if (settings.samples, settings.ask_again) != (None, None):
        raise InputError("`then: none` asks nothing; remove samples and ask_again")
    protocol = getattr(maker.settings, "protocol", None) if maker is not None else None
    if protocol is not None and not pointwise(protocol).decides:
        raise InputError(
            f"{protocol!r} orders completions and does not decide between two; "
            "name a protocol that compares, e.g. `then: compare`"
        )


def work(expected: Expected) -> int:
    """Count the comparisons in both orders, a critique of each pair, and the principles' own tests in both orders."""
    roles = expected.prepared.recipe.models.by_role()
    judge = roles.get(expected.entry.named.get("judge", "judge"), "")
    rules = () if is_control(judge) else expected.prepared.constitution.principles
    tests = sum(len(each.tests) for each in rules)
    return round(expected.sizes.get("asked", 0) * (2 * expected.principles + 1)) + 2 * tests


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the columns that say what a round was trained on."""
    shown = {name: facts[name] for name in COLUMNS if name in facts}
    return {**shown, "warnings": facts.get("not_applied", [])}


COLUMNS: Mapping[str, Any] = {
    "pairs": 0,
    "pair_precision": None,
    "gap": None,
    "order_consistency": {},
    "unreadable_share": None,
}
STEP = Step(
    name="pairs",
    help="Two completions of a prompt become a preference pair, confirmed by a comparison in both orders.",
    settings=PairsSettings,
    needs=(("judgments",), ("completions",)),
    makes="pairs",
    roles={"judge": "judge"},
    may_name={CRITIC: "who writes the critiques; the judge by default"},
    stem="pairs",
    make=make,
    forecast=forecast,
    inputs=inputs,
    since=since,
    outputs=outputs,
    finish=finish,
    halts=halts,
    check=check,
    protocols=lambda settings: [] if settings.then == NO_PAIRWISE else [settings.then],
    work=work,
    columns=COLUMNS,
    row=row,
)
