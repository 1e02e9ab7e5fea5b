"""The step `meta-judge`: a judge's judgments of one question are judged, and the best and the worst make a pair."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlaif.atomic import write_text
from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.exchange.pairs import pair_row
from rlaif.feedback.judgment_pairs import judgment_pairs
from rlaif.hashing import derived_seed
from rlaif.judging.meta_judging import (
    JudgedQuestion,
    battles_of,
    check_form,
    judge_often,
    judged_in_words,
    most_in_doubt,
    questions_about,
)
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols import Pairwise
from rlaif.judging.protocols.kinds import model
from rlaif.records import Pair
from rlaif.settings import setting
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step

FIRST_SHARE = "first_shown_wins"
"""Share of the battles that the judgment shown first won: one half for a meta-judge without position bias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaJudgeSettings:
    """How often a question is judged, and how its judgments are judged."""

    protocol: str = setting(
        "compare-cot",
        help="The protocol by which the judge writes its judgments.",
        wanted="a protocol with a written reasoning and verdict: compare-cot, checklist-cot",
    )
    form: Literal["both", "each"] = setting(
        "both",
        help="`both`: two judgments in one question, in both orders; `each`: each verdict by itself, how right it is.",
    )
    n: int = setting(11, help="Judgments a question; two at least.", least=1)
    temperature: float = setting(0.8, help="Sampling temperature of the judgments.", above=0)
    top_p: float = setting(
        0.95, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    questions: int = setting(
        4,
        help="Questions about the answers to a prompt, drawn by chance; that of most disagreement is kept.",
        least=1,
    )
    prompts: int | None = setting(None, help="Prompts whose answers are judged; all by default.", least=1)
    longest: int | None = setting(
        None, help="Characters of a chosen judgment at most; a pair with a longer one is dropped.", least=1
    )


def _models(job: Job) -> tuple[ModelJudge, ModelJudge]:
    name = job.settings.protocol
    judge, meta = model(job.judge(), name), model(job.judge("meta"), STEP.name)
    try:
        check_form(meta, job.settings.form, name)
    except InputError as wrong:
        raise InputError(f"{job.task.entry.where}: {STEP.name}: {wrong}") from None
    return judge, meta


def _judged(job: Job, judge: ModelJudge) -> list[JudgedQuestion]:
    settings, seed = job.settings, job.seed + job.round
    asked = []
    for prompt, texts in list(by_prompt(job.value("completions")))[: settings.prompts]:
        unique = list({each.id: each for each in texts}.values())
        own = list(questions_about(judge, settings.protocol, prompt, unique, job.constitution.principles))
        rng = random.Random(derived_seed("questions to judge", seed, prompt.id))
        asked += [(prompt, *each) for each in rng.sample(own, min(settings.questions, len(own)))]
    sampling = replace(
        judge.options.writing(judge.options.lengths.verdict, settings.temperature), top_p=settings.top_p
    )
    return judge_often(judge, settings.protocol, asked, samples=settings.n, sampling=sampling, seed=seed)


def make(job: RunJob) -> Facts:
    """Draw judgments, set those of the most doubtful question of each prompt against each other, and pair them."""
    judge, meta = _models(job)
    judged = _judged(job, judge)
    questions = most_in_doubt(judged)
    battles = battles_of(meta, job.settings.form, questions)
    made = judgment_pairs(
        questions,
        battles,
        longest=job.settings.longest,
        number=job.round,
        provenance={
            "judge": judge.fingerprint,
            "meta": meta.fingerprint,
            "constitution": {
                "name": job.constitution.name,
                "version": job.constitution.version,
                "digest": job.constitution.digest,
            },
            "protocol": job.settings.protocol,
            "form": job.settings.form,
        },
    )
    job.write(made.pairs)
    won = [made.counts.get(f"battles: {name}", 0) for name in ("first", "second")]
    facts = {
        **made.counts,
        "prompts": len({each.prompt.id for each in judged}),
        "judgments": sum(len(each.values) for each in judged),
        "unreadable": sum(each.lost for each in judged),
        "without two judgments": len({each.prompt.id for each in judged}) - len(questions),
        "weights": list(made.weights),
        FIRST_SHARE: won[0] / sum(won) if sum(won) else None,
    }
    write_text(job.run / outputs(job)[1], json.dumps(facts, indent=1) + "\n")
    return facts


def forecast(job: Job) -> list[Pair]:
    """Ask what the making would ask, were all judgments of a question different."""
    judge, meta = _models(job)
    count = job.settings.n
    several: dict[str, JudgedQuestion] = {}
    for each in _judged(job, judge):
        several.setdefault(each.prompt.id, each)
    different = tuple(f"{number}\n" for number in range(count))
    verdicts = tuple(float(number % 2) for number in range(count))
    planned = [replace(each, judgments=different, verdicts=verdicts) for each in several.values()]
    battles_of(meta, job.settings.form, planned)
    return []


def outputs(job: Job) -> Sequence[str]:
    """Return the pairs, and the counts of the battles."""
    made = job.task.makes
    assert made is not None
    return [made.path, job.file("battles", ".json")]


def finish(job: RunJob, _: Facts) -> None:
    """Keep the pairs in the project's store."""
    made = job.task.makes
    assert made is not None
    job.store.put_pairs(
        f"{job.run_id}/{job.round}/{job.task.entry.key}", [pair_row(each) for each in job.read(made)]
    )


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return why there is nothing to learn from, or None."""
    if facts["pairs"]:
        return None
    return (
        f"no two judgments of a question differ in rank ({facts['judgments']} judgments of {facts['prompts']} "
        f"prompts, {facts['unreadable']} unreadable, {facts['without two judgments']} prompts without two different "
        f"judgments, {facts['all equal']} all equal); raise temperature, n or questions"
    )


def check(checked: CheckedStep) -> None:
    """Raise InputError for one judgment a question, and for models and protocols that write none."""
    settings = checked.entry.settings
    if settings.n < 2:
        raise InputError("with n: 1 there is one judgment a question and nothing to compare it with; raise n")
    chosen = judged_in_words(settings.protocol)
    for key in ("judge", "meta"):
        asking_of(chosen.name, checked.judge(key), seed=0, samples=None, again=None)
    if settings.form == "each" and not isinstance(chosen, Pairwise):
        raise InputError(
            f"`form: each` asks about verdicts on two answers, and {chosen.name!r} judges one; set `form: both`"
        )
    if isinstance(chosen, Pairwise):  # checklist-cot judges one
        checked.require_several(f"{chosen.name!r} compares")


def work(expected: Expected) -> int:
    """Count the judgments, and the battles of one question a prompt."""
    settings = expected.entry.settings
    prompts = min(expected.sizes.get("asked", 0), settings.prompts or 10**9)
    battles = settings.n * (settings.n - 1) if settings.form == "both" else 2
    return int(prompts * (settings.questions * settings.n + battles))


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many judgments were paired, and how often the first shown one won."""
    if not facts:
        return {}
    names = ("pairs", "judgments", "unreadable", FIRST_SHARE, "weights")
    return {"meta_judge": {name: facts[name] for name in names}}


COLUMNS: Mapping[str, Any] = {"meta_judge": {}}
STEP = Step(
    name="meta-judge",
    help="A judge's judgments of one question are judged by a meta-judge; the best and the worst become a pair.",
    settings=MetaJudgeSettings,
    needs=(("completions",),),
    makes="pairs",
    roles={"judge": "judge", "meta": "judge"},
    stem="judgment-pairs",
    make=make,
    forecast=forecast,
    outputs=outputs,
    finish=finish,
    halts=halts,
    check=check,
    protocols=lambda settings: [settings.protocol],
    work=work,
    columns=COLUMNS,
    row=row,
)
