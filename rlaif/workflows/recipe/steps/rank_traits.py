"""The step `rank-traits`: which traits a policy shows where it may choose between two, as Elo (2511.01689)."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from rlaif.atomic import write_text
from rlaif.constitution import applies
from rlaif.constitution.load import load_principles
from rlaif.errors import InputError
from rlaif.feedback.system_turn import RULES
from rlaif.hashing import derived_seed
from rlaif.judging.kinds import judge_kind
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols import pointwise
from rlaif.judging.protocols.kinds import model
from rlaif.judging.traits import OfferedTraits, TraitGames, by_choice, by_each
from rlaif.records import Constitution, Message, Origin, Principle, Prompt
from rlaif.settings import setting
from rlaif.templates import load_template, numbered
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.recipe.drawing import DrawnSides, ShownPrompt, draw_shown
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

KIND, OFFERS = "traits", "system-two-traits"
EACH = "checklist"
"""The protocol by which a judge is asked of each trait by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTraitsSettings:
    """What is offered, and how the judge is asked which one shows."""

    on: str = setting("held_out", help="The prompts to measure on.", wanted="the name of one of `prompts`")
    n: int = setting(1, help="Offers of two traits a prompt.", least=1)
    prompts: int | None = setting(
        None,
        help="Prompts to measure on; all by default.",
        least=1,
        wanted="how many prompts: a whole number, 1 or above",
    )
    others: str | None = setting(
        None, help="Another constitution, by name or file, whose principles are offered as traits too."
    )
    offer: Literal["choice", "rules"] = setting(
        "choice",
        help="The system turn that offers: `choice`, one of the two is to show; `rules`, both are to be followed, for "
        "models that know no other words.",
    )
    by: Literal["choice", "each"] = setting(
        "choice",
        help="The judge names the one of the two that shows, in both orders; or is asked of `each` by itself.",
    )
    temperature: float = setting(1.0, help="Sampling temperature; 0 is greedy.", least=0)
    top_p: float = setting(
        1.0, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    max_tokens: int = setting(256, help="Tokens of an answer at most.", least=1)
    max_thought_tokens: int | None = setting(
        None, help="Tokens of the thought before an answer at most: then it is ended.", least=0
    )


def _others(settings: RankTraitsSettings, own: Constitution, source: str) -> list[Principle]:
    """The traits of the other constitution that are not the same words in the recipe's own; `source` is the recipe."""
    if settings.others is None:
        return []
    # beside its recipe a project keeps its constitutions
    folders = [Path(source).resolve().parent.parent / "constitutions"]
    known = {(each.id, each.text) for each in own.principles}
    found = load_principles(settings.others, folders=folders).principles
    return [each for each in found if (each.id, each.text) not in known]


def _traits(job: Job) -> list[Principle]:
    """Those of the recipe's constitution, then those of the other one."""
    others = _others(job.settings, job.constitution, job.prepared.recipe.source)
    return [*job.constitution.principles, *others]


def _offered(job: Job, prompt: Prompt, number: int) -> tuple[Principle, Principle] | None:
    """Two traits that apply to a prompt, in an order by chance; the same in every round."""
    fitting = [each for each in _traits(job) if applies(each, prompt)]
    if len(fitting) < 2:
        return None
    first, second = random.Random(derived_seed(job.seed, "traits", prompt.id, number)).sample(fitting, 2)
    return first, second


def _system(job: Job, first: Principle, second: Principle) -> str:
    if job.settings.offer == "rules":
        return load_template(RULES).render(principles=numbered([first.text, second.text]))
    return load_template(OFFERS).render(trait_a=first.text, trait_b=second.text)


def _drawn(job: Job) -> tuple[list[OfferedTraits], int, DrawnSides]:
    """The answers with what was offered, and how many were left out because they did not come to an end."""
    prompts: list[Prompt] = job.value("prompts")[: job.settings.prompts]
    asked: list[ShownPrompt] = []
    pairs: dict[tuple[str, str], tuple[Principle, Principle]] = {}
    for prompt in {each.id: each for each in prompts}.values():
        offered = (_offered(job, prompt, number) for number in range(job.settings.n))
        for number, pair in enumerate(filter(None, offered)):
            system = Message(role="system", content=_system(job, *pair))
            shown = Prompt(messages=(system, *_without_system(prompt)), tools=prompt.tools)
            # a draw that failed has no place among the others: which offer was answered is said by each answer
            origin = Origin(kind=KIND, note=str(number))
            asked.append(ShownPrompt(prompt=prompt, shown=shown, origin=origin))
            pairs[prompt.id, str(number)] = pair
    found = draw_shown(job, asked)
    whole = [
        (prompt, said) for prompt, said in found.drawn if said.finish != "length" and not said.open_thought
    ]
    offers = [
        OfferedTraits(prompt=prompt, completion=said, first=pair[0], second=pair[1])
        for prompt, said in whole
        if said.origin is not None
        for pair in [pairs[prompt.id, said.origin.note]]
    ]
    return offers, len(found.drawn) - len(whole), found


def _without_system(prompt: Prompt) -> tuple[Message, ...]:
    first, *rest = prompt.messages
    return tuple(rest) if first.role in ("system", "developer") else prompt.messages


def _games(job: Job, offers: Sequence[OfferedTraits]) -> TraitGames:
    judge = job.judge()
    if job.settings.by == "choice":
        return by_choice(model(judge, STEP.name), offers)
    how = asking_of(EACH, job.model("judge"), seed=job.seed, samples=None, again=None)
    return by_each(judge, offers, pointwise(EACH), how)


def make(job: RunJob) -> Facts:
    """Draw, ask which traits show, and write all games."""
    offers, cut, drawn = _drawn(job)
    found = _games(job, offers)
    elo = found.elo([each.id for each in _traits(job)])
    own = {each.id for each in job.constitution.principles}
    sides = [[value for name, value in elo.items() if (name in own) is mine] for mine in (True, False)]
    gap = fmean(sides[0]) - fmean(sides[1]) if all(sides) else None
    lost = {**found.lost, **({"cut off": cut} if cut else {})}
    facts = {"elo": elo, "gap": gap, "games": len(found.games), "lost": lost}
    (file,) = outputs(job)
    games = [{"traits": [one, other], "p": p} for one, other, p in found.games]
    write_text(job.run / file, json.dumps({**facts, "rows": games}, indent=1) + "\n")
    return {**facts, "warnings": drawn.warnings}


def forecast(job: Job) -> None:
    """Ask what the measuring would ask."""
    _games(job, _drawn(job)[0])


def inputs(job: Job) -> Mapping[str, Any]:
    """Return everything, with the traits of the other constitution; no round: offers are the same in each."""
    others = _others(job.settings, job.constitution, job.prepared.recipe.source)
    told = {name: each for name, each in everything(job).items() if name != "round"}
    return {**told, "others": [[each.id, each.text, sorted(each.applies_to)] for each in others]}


def outputs(job: Job) -> list[str]:
    """Return the file of games."""
    return [job.file("traits", ".json")]


def check(checked: CheckedStep) -> None:
    """Raise InputError for a judge that cannot be asked so."""
    judge = checked.judge("judge")
    if checked.entry.settings.by == "each":
        asking_of(EACH, judge, seed=0, samples=None, again=None)
    elif not issubclass(judge_kind(judge).makes, ModelJudge):
        raise InputError(f"{judge}: is no model that is asked which of two traits shows; set `by: each`")


def fits(checked: CheckedStep, prepared: PreparedRecipe) -> None:
    """Raise InputError where there are no two traits to offer, or two of one id."""
    others = _others(checked.entry.settings, prepared.constitution, checked.recipe.source)
    traits = [*prepared.constitution.principles, *others]
    ids = [each.id for each in traits]
    if twice := next((each for each in ids if ids.count(each) > 1), None):
        raise InputError(
            f"{checked.entry.settings.others} and {prepared.constitution.name} say different things under {twice!r}; "
            "rename one of the two"
        )
    prompts = prepared.prompts[checked.entry.settings.on][: checked.entry.settings.prompts]
    if not any(sum(applies(each, prompt) for each in traits) > 1 for prompt in prompts):
        raise InputError(
            f"to no prompt of {checked.entry.settings.on!r} two principles apply, and two traits are offered; name "
            "another constitution by `others`"
        )


def work(expected: Expected) -> int:
    """Count the answers, and two questions about each."""
    settings = expected.entry.settings
    prompts = len(expected.prepared.prompts[settings.on])
    return int(min(settings.prompts or prompts, prompts) * settings.n * 3)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the strength of each trait, and how far the constitution's own are above the others."""
    if not facts:
        return {}
    lost = sum(facts["lost"].values())
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(facts["lost"].items()))
    warned = [f"{lost} of {lost + facts['games']} answers are no game between traits: {told}"] if lost else []
    return {
        "trait_elo": {name: round(value) for name, value in facts["elo"].items()},
        "trait_gap": facts["gap"],
        "warnings": [*warned, *facts["warnings"]],
    }


COLUMNS: Mapping[str, Any] = {"trait_elo": {}, "trait_gap": None}
STEP = Step(
    name="rank-traits",
    help="A policy is offered two traits at a time; which of them it shows, as the Elo of each trait.",
    settings=RankTraitsSettings,
    needs=(("prompts",),),
    roles={"model": "policy", "judge": "judge"},
    of="on",
    make=make,
    forecast=forecast,
    inputs=inputs,
    outputs=outputs,
    measures=True,
    check=check,
    fits=fits,
    always_asks=(EACH,),
    work=work,
    columns=COLUMNS,
    row=row,
)
