"""The step `revise`: a model criticises completions by principles and writes them anew, several times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rlaif.atomic import write_lines
from rlaif.errors import InputError
from rlaif.feedback.chosen_principles import ALL, DRAWN, WORST, refuse_choice
from rlaif.feedback.critique import TEMPLATE as CRITIQUE
from rlaif.feedback.revise import DIRECT, TEMPLATE
from rlaif.feedback.revision_chains import ChainPlan, RevisionChain, RevisionStage, revise_chains
from rlaif.hashing import canonical_json, derived_seed
from rlaif.judging.lengths import LENGTHS
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import Asking, pointwise_of
from rlaif.judging.rules import share_of
from rlaif.records import Completion, Judgment, Prompt, Sampling
from rlaif.settings import setting
from rlaif.shipped import shipped
from rlaif.templates import Template, load_template
from rlaif.workflows.evaluation.revision_figures import by_gold, by_judge, followed, outcomes, says
from rlaif.workflows.models.gold import has_gold
from rlaif.workflows.models.judge_names import GOLD
from rlaif.workflows.models.role_options import sees_of
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

REVISER, CRITIC, JUDGE = "reviser", "critic", "judge"
FEW_SHOT = "few-shot"
CHOICES = (DRAWN, WORST, ALL)
WRITTEN = 4.0
"""What a critique or a revision takes, in scores: a first guess, until the step has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviseSettings:
    """How completions are criticised and written anew."""

    times: int = setting(1, help="Critiques and revisions of a completion, one after the other.", least=1)
    principles: str | tuple[str, ...] = setting(
        DRAWN,
        help="By which principles: one `drawn` anew at each step, the `worst` by the judgments, `all` that apply; or a "
        "list of ids, of which one is drawn at each step.",
        wanted="drawn, worst, all, or a list of ids of principles",
    )
    direct: bool = setting(
        False, help="Revise without a critique.", wanted="true: revise without a critique before it"
    )
    keep: Literal["all", "revisions", "last"] = setting(
        "all",
        help="What is made: first draws and all their revisions, the revisions alone, or the last of each.",
    )
    templates: str | None = setting(
        None,
        help="Words to ask with: `few-shot` (with worked examples, for models of your own), or a folder with "
        "critique.txt and revise.txt; the plain ones of the bundled models by default.",
        wanted="few-shot, or a folder with critique.txt and revise.txt",
    )
    temperature: float = setting(
        1.0, help="Sampling temperature of critiques and revisions; 0 is greedy.", least=0
    )
    top_p: float = setting(
        1.0, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    max_tokens: int = setting(LENGTHS.revision, help="Tokens of a revision at most.", least=1)
    critique_tokens: int = setting(LENGTHS.critique, help="Tokens of a critique at most.", least=1)
    max_thought_tokens: int | None = setting(
        None, help="Tokens of the thought before either at most: then it is ended.", least=0
    )
    measured: int = setting(
        64, help="Completions that the judge, where one is named, rates before and after.", least=1
    )
    least_gain: float | None = setting(
        None, help="Stop before training where the judge's mean score rises by less than this."
    )


def _choice(settings: ReviseSettings) -> str | tuple[str, ...]:
    return settings.principles


def _writers(job: Job, key: str) -> Any:
    """The model of a key, asked as its role has it: lengths and what it sees are said with the questions."""
    role = replace(job.role(key), max_tokens=None, max_thought_tokens=None, sees=None)
    return job.models.acting(role).writer(job.model(key))


def _critic(job: Job) -> str:
    return CRITIC if CRITIC in job.task.models else REVISER


def _lengths(job: Job, key: str, own: str) -> tuple[int, int | None]:
    """Tokens of an answer and of a thought: as the step spells them out, else as the role has them."""
    settings, given, role = job.settings, job.task.entry.given, job.role(key)
    # a reviser that also criticises has the length of its revisions
    said = role.max_tokens if key == CRITIC or own == "max_tokens" else None
    spelled = settings.max_tokens if own == "max_tokens" else settings.critique_tokens
    most = spelled if own in given else said or spelled
    thought = settings.max_thought_tokens if "max_thought_tokens" in given else role.max_thought_tokens
    return most, thought


def _sampling(job: Job, key: str, own: str) -> Sampling:
    settings = job.settings
    most, thought = _lengths(job, key, own)
    return Sampling(
        temperature=settings.temperature, top_p=settings.top_p, max_tokens=most, max_thought_tokens=thought
    )


def _folder(named: str | None) -> Path | None:
    if named is None:
        return None
    return shipped("prompts/templates") / FEW_SHOT if named == FEW_SHOT else Path(named)


def _template(settings: ReviseSettings, name: str) -> Template:
    """The template of a name: the shipped one, or that of the folder, whose name then says so."""
    folder = _folder(settings.templates)
    found = load_template(name, folder)
    if folder is None or not (folder / f"{name}.txt").is_file():
        return found
    return replace(found, name=f"{folder.name}/{name}")


def _templates(settings: ReviseSettings) -> list[Template]:
    """The templates that a step asks with, that of the revision last."""
    if settings.direct:
        return [_template(settings, DIRECT)]
    return [_template(settings, CRITIQUE), _template(settings, TEMPLATE)]


def _plan(job: Job) -> ChainPlan:
    settings, critic = job.settings, _critic(job)
    *critique, revision = _templates(settings)
    worst = settings.principles == WORST
    return ChainPlan(
        times=settings.times,
        choice=_choice(settings),
        direct=settings.direct,
        critic_sampling=_sampling(job, critic, "critique_tokens"),
        sampling=_sampling(job, REVISER, "max_tokens"),
        critique_template=critique[0] if critique else None,
        template=revision,
        critic_sees=sees_of(job.role(critic)),
        sees=sees_of(job.role(REVISER)),
        seed=job.seed,
        round=job.round,
        shares=followed(job.constitution, job.value("judgments"), share_of) if worst else {},
    )


def _chains(job: Job) -> list[RevisionChain]:
    return revise_chains(
        _writers(job, REVISER),
        _writers(job, _critic(job)),
        job.constitution,
        job.value("completions"),
        _plan(job),
    )


def _kept(chains: Sequence[RevisionChain], keep: str) -> list[tuple[Prompt, Completion]]:
    """What the step makes of chains: each text of a prompt once for each chain."""
    if keep == "last":
        return [(each.prompt, each.last) for each in chains]
    made = []
    for chain in chains:
        revisions = [stage.revision for stage in chain.stages if stage.revision is not None]
        texts = [chain.first, *revisions] if keep == "all" else revisions
        made += [(chain.prompt, each) for each in texts]
    return made


def _measured(job: Job, chains: Sequence[RevisionChain]) -> list[RevisionChain]:
    """The chains that the judge rates: an even choice, the same for equal inputs."""
    order = sorted(
        chains, key=lambda each: derived_seed(job.seed, "measured", each.first.id, each.first.draw)
    )
    return order[: job.settings.measured]


def _judged(job: Job, chains: Sequence[RevisionChain]) -> dict[str, Any]:
    judge = job.judge(JUDGE)
    protocol = pointwise_of(judge).name

    def ask(items: Sequence[tuple[Prompt, Completion]]) -> list[Judgment]:
        return judge_pointwise(judge, job.constitution, items, protocol, Asking(seed=job.seed))

    return by_judge(job.constitution, _measured(job, chains), ask)


def make(job: RunJob) -> Facts:
    """Criticise and revise, write what is kept and every stage, and measure."""
    chains = _chains(job)
    kept = _kept(chains, job.settings.keep)
    job.write(kept)
    write_lines(job.run / _stages_file(job), (canonical_json(row) for row in _rows(chains)))
    changed = sum(each.last.id != each.first.id for each in chains)
    figures: dict[str, Any] = {"completions": len(chains), "changed": changed, "kept": len(kept)}
    figures["stages"] = outcomes(chains)
    if has_gold([each.prompt for each in chains]):
        figures |= by_gold(job.constitution, chains, direct=job.settings.direct)
        figures |= {"gold_first": figures["gold"][0], "gold_last": figures["gold"][-1]}
    if JUDGE in job.task.models:
        figures |= _judged(job, chains)
    return {"revision": figures, "warnings": says(figures)}


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that there would be, were every critique to name a violation."""
    chains = _chains(job)
    if JUDGE in job.task.models:
        _judged(job, chains)
    return _kept(chains, job.settings.keep)


def _rows(chains: Sequence[RevisionChain]) -> list[dict[str, Any]]:
    return [_row(chain, stage) for chain in chains for stage in chain.stages]


def _row(chain: RevisionChain, stage: RevisionStage) -> dict[str, Any]:
    return {
        "prompt": chain.prompt.id,
        "draw": chain.first.draw,
        "stage": stage.number,
        "parent": stage.parent.id,
        "principles": [each.id for each in stage.principles],
        "critique": stage.critique,
        "outcome": stage.outcome.value,
        "revision": None if stage.revision is None else stage.revision.id,
    }


def _stages_file(job: Job) -> str:
    return job.file("stages", ".jsonl")


def outputs(job: Job) -> list[str]:
    """Return what is kept, and every stage with its critique and what came of it."""
    made = job.task.makes
    assert made is not None
    return [made.path, _stages_file(job)]


def inputs(job: Job) -> Mapping[str, Any]:
    """Return everything, and the words that are asked with."""
    words = {each.name: each.digest for each in _templates(job.settings)}
    return {**everything(job), "words": words}


def halts(job: RunJob, facts: Facts) -> str | None:
    """Return why the revisions must not be trained on, or None. Gold has no say."""
    least, figures = job.settings.least_gain, facts["revision"]
    if least is not None:
        gain = figures["judge_gain"]
        if gain is None:
            why = "; ".join(figures.get("judge_failed", ())) or "no principle applies to them"
            return f"revising could not be measured: no completion was read before and after. {why}"
        if gain["value"] < least:
            return (
                f"revising raises the judge's mean score by {gain['value']:+.3f} "
                f"({gain['low']:+.3f} to {gain['high']:+.3f}), less than least_gain {least:g}"
                + _gold_beside(figures)
            )
    if not figures["kept"]:
        counts: Counter[str] = Counter()
        for each in figures["stages"]:
            counts.update(each["outcomes"])
        return "no completion was revised: " + ", ".join(f"{why} {n}" for why, n in counts.most_common())
    return None


def _gold_beside(figures: Mapping[str, Any]) -> str:
    gain = figures.get("gold_gain")
    return "" if gain is None else f"; gold, which does not decide: {gain['value']:+.3f}"


def check(checked: CheckedStep) -> None:
    """Raise InputError for settings that cannot work together, and for templates that are not there."""
    entry, settings = checked.entry, checked.entry.settings
    if isinstance(settings.principles, str) and settings.principles not in CHOICES:
        raise InputError(
            f"principles is {settings.principles!r}; it must be {', '.join(CHOICES)}, or a list of ids: "
            f"[{settings.principles}]"
        )
    if not settings.principles:
        raise InputError("principles is an empty list; name some, or say `drawn`")
    if settings.direct and CRITIC in entry.named:
        raise InputError("direct is true, so that the critic is asked nothing; remove `critic`")
    if settings.least_gain is not None:
        if JUDGE not in entry.named:
            raise InputError("least_gain is measured by a judge, and none is named; add `judge: judge`")
        if checked.judge(JUDGE) == GOLD:
            raise InputError("least_gain: gold measures and never decides; name another judge")
    folder = _folder(settings.templates)
    if folder is not None and not folder.is_dir():
        raise InputError(
            f"templates: {folder} is no folder; give one with critique.txt and revise.txt, or few-shot"
        )
    for template in _templates(settings):
        _refuse_slots(template)


_SLOTS: Mapping[str, frozenset[str]] = {
    CRITIQUE: frozenset({"prompt", "response", "principles"}),
    TEMPLATE: frozenset({"prompt", "response", "critique", "principle"}),
    DIRECT: frozenset({"prompt", "response", "principle"}),
}


def _refuse_slots(template: Template) -> None:
    wanted = _SLOTS[template.name.rpartition("/")[2]]
    if template.slots != wanted:
        raise InputError(
            f"template {template.name}: has the slots {', '.join(sorted(template.slots)) or 'none'}; it needs "
            f"{', '.join(sorted(wanted))}"
        )


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError for principles that the constitution has not, or none of which applies to any prompt."""
    prompts = [each for held in prepared.prompts.values() for each in held]
    refuse_choice(prepared.constitution, _choice(checked.entry.settings), prompts)


def work(expected: Expected) -> int:
    """Count a critique and a revision of each completion, each time."""
    settings, sizes = expected.entry.settings, expected.sizes
    count = sizes.get("completions", 0)
    kept = {"all": count * (settings.times + 1), "revisions": count * settings.times, "last": count}
    sizes["completions"] = kept[settings.keep]
    return int(count * settings.times * (1 if settings.direct else 2))


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return what revising did, where it was done, and what went wrong."""
    if not facts:
        return {}
    return {"revision": facts["revision"], "warnings": facts["warnings"]}


STEP = Step(
    name="revise",
    help="A model criticises completions by principles, and writes them anew.",
    settings=ReviseSettings,
    needs=(("completions",),),
    wants=lambda entry: (
        (("judgments",), ("completions",)) if entry.settings.principles == WORST else (("completions",),)
    ),
    makes="completions",
    roles={REVISER: "policy"},
    may_name={
        CRITIC: "who criticises; the reviser by default",
        JUDGE: "who rates completions before and after, to tell whether revising helps; nobody by default",
    },
    stem="revisions",
    make=make,
    forecast=forecast,
    inputs=inputs,
    outputs=outputs,
    halts=halts,
    check=check,
    fits=fits,
    work=work,
    unit=lambda _: WRITTEN,
    row=row,
)
