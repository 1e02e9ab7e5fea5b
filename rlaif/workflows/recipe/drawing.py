"""Completions that are drawn from another prompt than the one they are kept with: a contrast, another instruction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from rlaif.errors import InputError
from rlaif.feedback.pairing import Truncated
from rlaif.feedback.sample import AnswerBeginnings
from rlaif.records import Completion, Origin, Prompt, Sampling
from rlaif.settings import setting
from rlaif.workflows.generate.rollouts import Draws, cut_words, draw, round_prompts
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.recipe.step import CheckedStep, Job

DRAW = 4.0
"""What a completion takes, in scores: a first guess, until a step has run."""
BOTH = frozenset({"good", "bad"})
"""The sides that completions are made to be by a step that makes pairs of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSettings:
    """How a step draws that makes both sides of a pair."""

    n: int = setting(1, help="Completions of each side per prompt.", least=1)
    temperature: float = setting(1.0, help="Sampling temperature; 0 is greedy.", least=0)
    top_p: float = setting(
        1.0, help="Draw from the smallest set of tokens of this probability.", above=0, most=1
    )
    max_tokens: int = setting(
        256,
        help="Tokens of an answer at most; of thought and answer together without `max_thought_tokens`.",
        least=1,
    )
    max_thought_tokens: int | None = setting(
        None, help="Tokens of the thought before an answer at most: then it is ended.", least=0
    )
    prompts: int | None = setting(
        None,
        help="Prompts a round; all by default.",
        least=1,
        wanted="how many prompts a round takes: a whole number, 1 or above",
    )


def fate_of_cut(job: Job) -> Truncated | None:
    """What becomes of completions that were cut off where the recipe makes judged pairs; None where it makes none."""
    options = (getattr(each.settings, "options", None) for each in job.prepared.recipe.round)
    said = (getattr(each, "truncated", None) for each in options)
    return next((each for each in said if each in get_args(Truncated)), None)


def check_draws(checked: CheckedStep) -> None:
    """Raise InputError where a step of `DrawSettings` would draw one greedy text several times."""
    settings = checked.entry.settings
    if settings.n > 1 and settings.temperature == 0:
        raise InputError(
            f"at temperature 0 all {settings.n} completions of a side are one text; raise temperature, or set n to 1"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrompt:
    """A completion to draw: the prompt that it is kept with, the one that the model sees, and what to say of it."""

    prompt: Prompt
    shown: Prompt
    origin: Origin | None
    begins: str = ""
    """The text with which the answer, or the thought before it, begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSides:
    """What was drawn, in the order in which it was asked for, and sentences on what could not be."""

    drawn: list[tuple[Prompt, Completion]]
    warnings: list[str]


def sampling_of(job: Job, key: str = "model") -> Sampling:
    """How a step of `DrawSettings` draws. Lengths that it does not spell out are those of the model's role."""
    settings, role, given = job.settings, job.role(key), job.task.entry.given
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens if "max_tokens" in given else role.max_tokens or settings.max_tokens,
        max_thought_tokens=settings.max_thought_tokens
        if "max_thought_tokens" in given
        else role.max_thought_tokens,
    )


def writers(job: Job, key: str = "model") -> ModelPool:
    """The models in the role that writes, its lengths left to the step."""
    return job.models.acting(replace(job.role(key), max_tokens=None, max_thought_tokens=None))


def asked_prompts(job: Job) -> list[Prompt]:
    """The prompts of the round, each once."""
    held: Sequence[Prompt] = job.value("prompts")
    # round 0 takes those of round 1: only `--show-prompt` asks
    taken = round_prompts(held, max(1, job.round), job.settings.prompts, job.seed)
    return list({each.id: each for each in taken}.values())


def draw_shown(
    job: Job, asked: Iterable[ShownPrompt], key: str = "model", *, thought: bool = False
) -> DrawnSides:
    """Draw one completion for each of `asked`, as the step's settings and the model's role say.

    What an answer begins with is the beginning of its thought where `thought`.

    What is asked twice is drawn twice, and no draw's randomness depends on what else is asked. Completions of a prompt
    are numbered in the order of `asked`. Raises EngineError where most draws failed.
    """
    wanted = list(asked)
    counts = Counter(each.shown.id for each in wanted)
    by_id = {each.shown.id: each.shown for each in wanted}
    texts = {each.shown.id: each.begins for each in wanted if each.begins}
    begun = AnswerBeginnings(texts=texts, thought=thought) if texts else None
    found: dict[tuple[str, int], Completion] = {}
    drawings: list[Draws] = []
    for count in sorted(set(counts.values())):
        prompts = [prompt for name, prompt in by_id.items() if counts[name] == count]
        drawings.append(
            draw(
                writers(job, key),
                [job.model(key)],
                prompts,
                count,
                sampling_of(job, key),
                job.seed,
                begun=begun,
            )
        )
        found |= {(prompt.id, each.draw): each for prompt, each in drawings[-1].drawn}
    taken: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    drawn = []
    for each in wanted:
        said = found.get((each.shown.id, taken[each.shown.id]))
        taken[each.shown.id] += 1
        if said is not None:
            number = numbers[each.prompt.id]
            numbers[each.prompt.id] += 1
            kept = replace(said, prompt_id=each.prompt.id, draw=number, origin=each.origin)
            drawn.append((each.prompt, kept))
    cut = cut_words(job.pool(key), [job.model(key)], [each for _, each in drawn], sampling_of(job, key))
    failed = [words for each in drawings if each.failed for words in each.warnings]
    return DrawnSides(drawn=drawn, warnings=[*cut, *failed])
