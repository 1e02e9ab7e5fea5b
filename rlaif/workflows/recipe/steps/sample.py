"""The step `sample`: a model answers prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from rlaif.errors import InputError
from rlaif.feedback.system_turn import FIXED, SystemTurn, system_turn, tag_line
from rlaif.records import Completion, Origin, Prompt, Sampling
from rlaif.runs.identity import described_prompts
from rlaif.settings import Setting, setting
from rlaif.workflows.generate.asked_prompts import beginnings
from rlaif.workflows.generate.rollouts import Draws, cut_words, draw, round_prompts
from rlaif.workflows.recipe.drawing import fate_of_cut
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
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
    tag: Literal["good", "bad"] | None = setting(
        None,
        help="The tag in front of each prompt that asks for a good or a bad answer, as conditional training learns it.",
        late=True,
    )
    models: Mapping[str, float] = setting(
        default_factory=dict,
        help="Several policies in the place of `model`, each with its share of a prompt's completions.",
        values=Setting(help="", least=0, wanted="a share: a number, 0 or above"),
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


ONE = "model"
"""The key that names the policy where there is one."""


def shares(settings: SampleSettings) -> dict[str, int]:
    """How many of a prompt's completions each policy draws, by the key that names it (largest remainders)."""
    total = sum(settings.models.values())
    if not settings.models:
        return {ONE: settings.n}
    exact = {name: settings.n * share / total for name, share in settings.models.items()}
    found = {name: int(each) for name, each in exact.items()}
    rest = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in rest[: settings.n - sum(found.values())]:
        found[name] += 1
    return found


def sampling_of(job: Job, key: str = ONE) -> Sampling:
    """Return how is drawn. Lengths that the step does not spell out are those of the model's role."""
    settings, role, given = job.settings, job.role(key), job.task.entry.given
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


def _writers(job: Job, key: str) -> ModelPool:
    """The models in the role that writes, its lengths left to the step."""
    return job.models.acting(replace(job.role(key), max_tokens=None, max_thought_tokens=None))


def _prompts(job: Job) -> list[Prompt]:
    held, turn = job.value("prompts"), job.settings.from_turn
    asked = held if turn is None else beginnings(held, turn, job.takes("prompts").name)
    # round 0 takes those of round 1: only `--show-prompt` asks
    return round_prompts(asked, max(1, job.round), job.settings.prompts, job.seed)


def _system(job: Job) -> SystemTurn | None:
    tag = job.settings.tag
    return tag_line(tag) if tag is not None else system_turn(job.settings.system, job.constitution)


def _draw(job: Job, prompts: list[Prompt], n: int) -> list[tuple[str, Draws]]:
    """What each policy drew, by its key. Two names of one model share its draws, so that none is drawn twice."""
    counts: dict[str, tuple[str, int]] = {}
    for key, count in shares(replace(job.settings, n=n)).items():
        first, before = counts.get(job.model(key), (key, 0))
        counts[job.model(key)] = (first, before + count)
    return [
        (
            key,
            draw(_writers(job, key), [model], prompts, count, sampling_of(job, key), job.seed, _system(job)),
        )
        for model, (key, count) in counts.items()
    ]


def _drawn(job: Job, found: list[tuple[str, Draws]]) -> list[tuple[Prompt, Completion]]:
    """All completions in prompt order, each with what it was asked under."""
    system = _system(job)
    together: dict[str, list[tuple[Prompt, Completion]]] = {}
    for _, draws in found:
        for prompt, said in draws.drawn:
            together.setdefault(prompt.id, []).append((prompt, _with_origin(prompt, said, system)))
    order = {each.id: None for _, draws in found for each in draws.prompts}
    return [each for name in order for each in together.get(name, [])]


def _with_origin(prompt: Prompt, said: Completion, system: SystemTurn | None) -> Completion:
    if system is None or not (text := system.text_before(prompt)):
        return said
    return replace(
        said, origin=Origin(kind="tag" if system.is_line else "system", side=system.side, note=text)
    )


def make(job: RunJob) -> Facts:
    """Draw the completions of the round's prompts."""
    found = _draw(job, _prompts(job), job.settings.n)
    drawn = _drawn(job, found)
    job.write(drawn)
    facts = {"prompts": len({prompt.id for prompt, _ in drawn}), "completions": len(drawn)}
    warnings: list[str] = []
    for key, draws in found:
        policies, drawn_by = [job.model(key)], draws.completions
        warnings += cut_words(job.pool(key), policies, drawn_by, sampling_of(job, key), fate_of_cut(job))
        warnings += draws.warnings if draws.failed else ()
    return facts | ({"warnings": warnings} if warnings else {})


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that would be drawn."""
    return _drawn(job, _draw(job, _prompts(job), job.settings.n))


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the model, the prompts and how is drawn from it."""
    system, settings = _system(job), job.settings
    several = {
        key: [job.fingerprint(key), count, sampling_of(job, key).identity]
        for key, count in shares(settings).items()
        if settings.models
    }
    return {
        "policy": job.fingerprint(ONE) if not several else None,
        "prompts": described_prompts(_prompts(job)),
        "n": settings.n,
        "sampling": sampling_of(job).identity if not several else None,
        "seed": job.seed,
        **({"policies": several} if several else {}),
        # completions have not always said what they were asked under
        **({"system": system.identity, "origin": 1} if system is not None else {}),
        **job.told(*(several or (ONE,))),
    }


def since(job: Job) -> Since:
    """Return the columns beside the questions, which go into the completions."""
    return since_columns(_prompts(job))


def check(checked: CheckedStep) -> None:
    """Raise InputError for policies whose shares leave nothing to draw, or that are named in two ways."""
    settings = checked.entry.settings
    if settings.tag is not None and settings.system is not None:
        raise InputError("`tag` and `system` both say what stands in front of the prompts; give one")
    if not settings.models:
        return
    if ONE in checked.entry.named:
        raise InputError("`model` and `models` both name who draws; give one")
    if not sum(settings.models.values()) > 0:
        raise InputError("the shares of `models` sum to 0; give one of them a share above 0")
    if idle := [name for name, count in shares(settings).items() if not count]:
        raise InputError(
            f"of {settings.n} completions per prompt {idle[0]!r} draws none; raise n or its share, or leave it out"
        )


def example(job: Job) -> tuple[Prompt, list[Completion]]:
    """Return the first prompt with at least two different-looking draws."""
    drawn = _drawn(job, _draw(job, _prompts(job)[:1], max(2, job.settings.n)))
    return drawn[0][0], list({each.id: each for _, each in drawn}.values())


def work(expected: Expected) -> int:
    """Count the completions of a round."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = min(settings.prompts or held, held)
    expected.sizes.update(asked=count, completions=count * settings.n)
    return int(count * settings.n)


def sides(settings: Any) -> frozenset[str]:
    """Return the side that its system turn, or a tag, asks for."""
    asked = {getattr(settings, key, None) for key in ("system", "tag")}
    return frozenset(each for each in asked if each is not None and each in FIXED)


STEP = Step(
    name="sample",
    help="A model answers prompts.",
    settings=SampleSettings,
    needs=(("prompts",),),
    makes="completions",
    roles={ONE: "policy"},
    also_asks=lambda settings: list(settings.models),
    check=check,
    takes="train",
    stem="completions",
    make=make,
    forecast=forecast,
    inputs=inputs,
    since=since,
    example=example,
    work=work,
    unit=lambda _: DRAW,
    sides=sides,
)
