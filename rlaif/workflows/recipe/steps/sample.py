"""The step `sample`: a model answers prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.records import Completion, Prompt, Sampling
from rlaif.runs.identity import described_prompts
from rlaif.settings import setting
from rlaif.workflows.generate.rollouts import Draws, cut_words, draw, round_prompts
from rlaif.workflows.recipe.step import Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.step_cache import Since
from rlaif.workflows.recipe.step_inputs import since_columns

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
    max_tokens: int = setting(256, help="Tokens a completion at most.", least=1)
    prompts: int | None = setting(
        None,
        help="Prompts a round; all by default.",
        least=1,
        wanted="how many prompts a round takes: a whole number, 1 or above",
    )

    @property
    def sampling(self) -> Sampling:
        """As an engine takes it."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            max_tokens=self.max_tokens,
        )


def _prompts(job: Job) -> list[Prompt]:
    # round 0 takes those of round 1: only `--show-prompt` asks
    return round_prompts(job.value("prompts"), max(1, job.round), job.settings.prompts, job.seed)


def _draw(job: Job, prompts: list[Prompt], n: int) -> Draws:
    return draw(job.models, [job.model("model")], prompts, n, job.settings.sampling, job.seed)


def make(job: RunJob) -> Facts:
    """Draw the completions of the round's prompts."""
    found = _draw(job, _prompts(job), job.settings.n)
    drawn = found.drawn
    job.write(drawn)
    facts = {"prompts": len({prompt.id for prompt, _ in drawn}), "completions": len(drawn)}
    cut = cut_words(job.models, [job.model("model")], found.completions, job.settings.sampling)
    warnings = [*cut, *(found.warnings if found.failed else ())]
    return facts | ({"warnings": warnings} if warnings else {})


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that would be drawn."""
    return _draw(job, _prompts(job), job.settings.n).drawn


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the model, the prompts and how is drawn from it."""
    return {
        "policy": job.fingerprint("model"),
        "prompts": described_prompts(_prompts(job)),
        "n": job.settings.n,
        "sampling": job.settings.sampling.identity,
        "seed": job.seed,
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
)
