"""The source `judged`: a judge's scores choose two completions of a prompt, and a comparison in both orders decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.feedback import PairPlan, score_completions
from rlaif.feedback.chosen_principles import ALL, DRAWN, refuse_choice
from rlaif.feedback.pairing import NO_PAIRWISE, pair_plan
from rlaif.judging.protocols import PER_PRINCIPLE, Asking, pairwise, pointwise
from rlaif.records import Completion, Judgment, Pair, Prompt
from rlaif.settings import plain, setting
from rlaif.workflows.dry_run.pair_bounds import PlannedPairs
from rlaif.workflows.evaluation.policy_metrics import gap
from rlaif.workflows.generate.judge_step import (
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
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Job, RunJob
from rlaif.workflows.recipe.step_cache import Since
from rlaif.workflows.recipe.step_inputs import since_tests
from rlaif.workflows.recipe.steps.judge import form_of

CRITIC = "critic"
SHARED_WEIGHT = ("all", "rank")
"""Pairings that make several pairs of a prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPairs:
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
    truncated: Literal["drop", "reject"] = setting(
        "drop",
        help="A completion that was cut off: `drop` makes no pair of it; `reject` lets it be a rejected side, never a "
        "chosen one (the step `judge` must have judged it: `truncated: judge`).",
        late=True,
    )
    critique: bool = setting(
        True,
        help="Write a critique of each rejected side.",
        wanted="true: each pair carries a critique of its rejected side",
    )
    principles: str | tuple[str, ...] = setting(
        ALL,
        help="By which principles two are compared: `all` that apply, one `drawn` anew for each two, or one of the "
        "ids in a list.",
        wanted="all, drawn, or a list of ids of principles",
        late=True,
    )
    draw: int = setting(
        1,
        help="Principles drawn for each two, where some are: their votes are one label.",
        least=1,
        late=True,
    )
    clamp: float | None = setting(
        None,
        help="Keep label probabilities at or below this, and above its complement: 0.6 for labels behind a chain of "
        "thought.",
        above=0.5,
        most=1,
        late=True,
    )


def _plan(job: Job) -> PairPlan:
    options = job.settings.options
    then = options.then
    asked = None if then == NO_PAIRWISE else asking(options, job, then)
    sees = sees_of(job.role("judge"))
    plan = pair_plan(options, then=then, asking=asked, seed=job.seed, round=job.round, judge_sees=sees)
    said = plain(options)
    how = {name: said[name] for name in ("principles", "draw", "clamp") if name in said}
    chosen = {"choice": options.principles, "draws": options.draw, "clamp": options.clamp}
    return replace(plan, **chosen, provenance={"labels": how} if how else {})


def pair(job: RunJob) -> SourcedPairs:
    """Make the pairs, and count what became of the candidates."""
    constitution, name, options = job.constitution, job.model("judge"), job.settings.options
    drawn, judgments = job.value("completions"), job.value("judgments")
    judge = job.judge()
    critic = critic_in(job.pool("judge"), judge, *_critic(job)) if options.critique else None
    paired = make_preference_pairs(judge, constitution, drawn, judgments, _plan(job), critic)
    funnel = paired.funnel
    by_id = {prompt.id: prompt for prompt, _ in drawn}
    tests = {} if is_control(name) else own_tests(judge, constitution, *_tested_by(job))
    room = gap(constitution, _scored(job, drawn, judgments)) if has_gold(list(by_id.values())) else None
    said = {
        "gap": None if room is None else room._asdict(),
        "unreadable_share": funnel.unreadable_share,
        "order_consistency": consistencies(funnel),
        "not_applied": [
            *failed_judgments([*judgments, *paired.comparisons]),
            *not_applied(funnel),
            *misunderstood(tests),
        ],
    }
    return SourcedPairs(pairs=paired.pairs, counts=counts(funnel), comparisons=paired.comparisons, facts=said)


def forecast(job: Job) -> list[Pair]:
    """Ask what the making of the pairs would ask; which pairs there would be is for the judge to say."""
    name, settings = job.model("judge"), job.settings.options
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


def asking(options: Any, job: Job, protocol: str) -> Asking:
    """How the step's judge is asked by a protocol."""
    return asking_of(
        protocol,
        job.model("judge"),
        seed=job.seed,
        samples=options.samples,
        again=options.ask_again,
    )


def _critic(job: Job) -> tuple[RoleOptions | None, str | None]:
    """How the critic is asked that the recipe names, and its name."""
    named = CRITIC in job.task.models
    return (job.role(CRITIC), job.model(CRITIC)) if named else (None, None)


def _tested_by(job: Job) -> tuple[tuple[str, str], Asking]:
    """The protocols that judge the completions and decide the pairs, and how the step's judge is asked."""
    maker = job.takes("judgments").step
    made = next((each.settings for each in job.prepared.recipe.round if each.key == maker), None)
    first = str(getattr(made, "protocol", PER_PRINCIPLE))
    settings = job.settings.options
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
        "step": job.settings.as_dict(),
        "seed": job.seed,
        "round": job.round,
        **form_of(job, job.model("judge")),
        **job.told(*job.task.models),
        **({CRITIC: job.fingerprint(CRITIC)} if CRITIC in job.task.models else {}),
    }
    # several pairs of a prompt share its weight, which they did not always
    return found | ({"weights": "by prompt"} if job.settings.options.pairing in SHARED_WEIGHT else {})


def since(job: Job) -> Since:
    """Return the tests of the principles, which the judge is tried on and no digest holds."""
    return since_tests(job.constitution, job.model("judge"))


def halts(job: RunJob, facts: Mapping[str, Any]) -> str | None:
    """Return why the pairs must not be trained on, or None."""
    limit, share = job.prepared.recipe.stop.unreadable_share, facts["unreadable_share"]
    if share > limit:
        why = "".join(f". {each}" for each in whys(job))
        return f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}{why}"
    return None


def whys(job: Job) -> list[str]:
    """What failed among the judgments, in words."""
    return failed_judgments(job.value("judgments"))


def check(checked: CheckedStep) -> None:
    """Raise InputError where two completions could not be decided between."""
    settings, maker = checked.entry.settings.options, checked.maker("judgments")
    if isinstance(settings.principles, str) and settings.principles not in (ALL, DRAWN):
        raise InputError(
            f"principles is {settings.principles!r}; it must be {ALL}, {DRAWN}, or a list of ids: "
            f"[{settings.principles}]"
        )
    if not settings.principles:
        raise InputError(f"principles is an empty list; name some, or say `{ALL}`")
    if settings.draw > 1 and settings.principles == ALL:
        raise InputError(
            f"draw is {settings.draw}, and principles is all: nothing is drawn; say `principles: drawn`"
        )
    if CRITIC in checked.entry.named and not settings.critique:
        raise InputError("critique is false, so that the critic is asked nothing; remove `critic`")
    checked.require_several("pairs need")
    if (
        settings.truncated == "reject"
        and maker is not None
        and getattr(maker.settings, "truncated", "judge") != "judge"
    ):
        raise InputError(
            f"truncated is reject, and the step `{maker.key}` judges nothing that was cut off; write `truncated: "
            "judge` there"
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


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError for principles that the constitution has not, or none of which applies to any prompt."""
    choice = checked.entry.settings.options.principles
    if choice != ALL:
        prompts = [each for held in prepared.prompts.values() for each in held]
        refuse_choice(prepared.constitution, choice, prompts)


def work(expected: Expected) -> int:
    """Count the comparisons in both orders, a critique of each pair, and the principles' own tests in both orders."""
    roles = expected.prepared.recipe.models.by_role()
    judge = roles.get(expected.entry.named.get("judge", "judge"), "")
    rules = () if is_control(judge) else expected.prepared.constitution.principles
    tests = sum(len(each.tests) for each in rules)
    options = expected.entry.settings.options
    compared = expected.principles if options.principles == ALL else min(options.draw, expected.principles)
    return round(expected.sizes.get("asked", 0) * (2 * compared + 1)) + 2 * tests


SOURCE = PairSource(
    name="judged",
    help="A judge's scores choose two completions, and a comparison in both orders says which one is better.",
    options=JudgedPairs,
    needs=lambda _: (("judgments",), ("completions",)),
    models=lambda _: {"judge": "judge"},
    may_name={CRITIC: "who writes the critiques; the judge by default"},
    pair=pair,
    forecast=forecast,
    inputs=inputs,
    since=since,
    compares=lambda _: True,
    check=check,
    fits=fits,
    protocols=lambda options: [] if options.then == NO_PAIRWISE else [options.then],
    work=work,
    halts=halts,
    whys=whys,
)
