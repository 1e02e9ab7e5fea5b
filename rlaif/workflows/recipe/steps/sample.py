"""The step `sample`: a model answers prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rlaif.feedback.system_turn import FIXED, SystemTurn, system_turn
from rlaif.records import Completion, Prompt, Sampling
from rlaif.runs.identity import described_prompts
from rlaif.settings import setting
from rlaif.workflows.generate.asked_prompts import beginnings
from rlaif.workflows.generate.rollouts import Draws, cut_words, draw, round_prompts
from rlaif.workflows.recipe.step import Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.step_cache import Since
from rlaif.workflows.recipe.step_inputs import since_columns

if TYPE_CHECKING:
    from rlaif.workflows.models.pool import ModelPool

DRAW = 4.0
"""What a completion takes, in scores: a first guess, until the step has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """How completions are drawn."""

    n: int = setting(4, help="Completions a prompt.", least=1)
    temperature: float = setting(1.0, help="Sampling temperature; 0 is greedy.", least=0)
    top_p: float = setting(
        1.0, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    top_k: int = setting(
        0, help="Draw from so many tokens.", least=0, wanted="a whole number; 0: all tokens may be drawn"
    )
    min_p: float = setting(
        0.0, help="Draw tokens of at least this share of the likeliest one's probability.", least=0, below=1
    )
    max_tokens: int = setting(
        256,
        help="Tokens of an answer at most; of thought and answer together without `max_thought_tokens`.",
        least=1,
    )
    max_thought_tokens: int | None = setting(
        None, help="Tokens of the thought before an answer at most: then it is ended.", least=0, late=True
    )
    system: str | None = setting(
        None,
        help="The system turn under which is drawn: none, constitution, good, bad, a file or a text.",
        late=True,
    )
    from_turn: str | None = setting(
        None,
        help="Draw the assistant's turn of this number of each conversation, `last`, or `each` of them.",
        late=True,
    )
    prompts: int | None = setting(
        None,
        help="Prompts a round; all by default.",
        least=1,
        wanted="how many prompts a round takes: a whole number, 1 or above",
    )


def sampling_of(job: Job) -> Sampling:
    """Return how is drawn. Lengths that the step does not spell out are those of the model's role."""
    settings, role, given = job.settings, job.role("model"), job.task.entry.given
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        min_p=settings.min_p,
        max_tokens=settings.max_tokens if "max_tokens" in given else role.max_tokens or settings.max_tokens,
        max_thought_tokens=settings.max_thought_tokens
        if "max_thought_tokens" in given
        else role.max_thought_tokens,
    )


def _writers(job: Job) -> ModelPool:
    """The models in the role that writes, its lengths left to the step."""
    return job.models.acting(replace(job.role("model"), max_tokens=None, max_thought_tokens=None))


def _prompts(job: Job) -> list[Prompt]:
    held, turn = job.value("prompts"), job.settings.from_turn
    asked = held if turn is None else beginnings(held, turn, job.takes("prompts").name)
    # round 0 takes those of round 1: only `--show-prompt` asks
    return round_prompts(asked, max(1, job.round), job.settings.prompts, job.seed)


def _system(job: Job) -> SystemTurn | None:
    return system_turn(job.settings.system, job.constitution)


def _draw(job: Job, prompts: list[Prompt], n: int) -> Draws:
    model, how = job.model("model"), sampling_of(job)
    return draw(_writers(job), [model], prompts, n, how, job.seed, _system(job))


def make(job: RunJob) -> Facts:
    """Draw the completions of the round's prompts."""
    found = _draw(job, _prompts(job), job.settings.n)
    drawn = found.drawn
    job.write(drawn)
    facts = {"prompts": len({prompt.id for prompt, _ in drawn}), "completions": len(drawn)}
    cut = cut_words(job.pool("model"), [job.model("model")], found.completions, sampling_of(job))
    warnings = [*cut, *(found.warnings if found.failed else ())]
    return facts | ({"warnings": warnings} if warnings else {})


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that would be drawn."""
    return _draw(job, _prompts(job), job.settings.n).drawn


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the model, the prompts and how is drawn from it."""
    system = _system(job)
    return {
        "policy": job.fingerprint("model"),
        "prompts": described_prompts(_prompts(job)),
        "n": job.settings.n,
        "sampling": sampling_of(job).identity,
        "seed": job.seed,
        **({"system": system.identity} if system is not None else {}),
        **job.told("model"),
    }


def since(job: Job) -> Since:
    """Return the columns beside the questions, which go into the completions."""
    return since_columns(_prompts(job))


def example(job: Job) -> tuple[Prompt, list[Completion]]:
    """Return the first prompt with at least two different-looking draws."""
    drawn = _draw(job, _prompts(job)[:1], max(2, job.settings.n)).drawn
    return drawn[0][0], list({each.id: each for _, each in drawn}.values())


def work(expected: Expected) -> int:
    """Count the completions of a round."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = min(settings.prompts or held, held)
    expected.sizes.update(asked=count, completions=count * settings.n)
    return int(count * settings.n)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return what could not be drawn, as a warning."""
    return {"warnings": facts.get("warnings", [])}


def sides(settings: Any) -> frozenset[str]:
    """Return the side that its system turn, or a tag, asks for."""
    asked = [str(getattr(settings, key, None)) for key in ("system", "tag")]
    return frozenset(each for each in asked if each in FIXED)


STEP = Step(
    name="sample",
    help="A model answers prompts.",
    settings=SampleSettings,
    needs=(("prompts",),),
    makes="completions",
    roles={"model": "policy"},
    takes="train",
    stem="completions",
    make=make,
    forecast=forecast,
    inputs=inputs,
    since=since,
    example=example,
    work=work,
    unit=lambda _: DRAW,
    row=row,
    sides=sides,
)
