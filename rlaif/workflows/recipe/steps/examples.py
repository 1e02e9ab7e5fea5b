"""The step `examples`: completions or pairs become conversations to learn, plain, conditioned, or with a thumb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.feedback.conditions import THUMBS, conditioned
from rlaif.feedback.score import score_completions
from rlaif.feedback.system_turn import SystemTurn
from rlaif.records import Completion, Example, Message, Pair, Prompt
from rlaif.settings import setting
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step

COMPLETIONS, PAIRS, JUDGMENTS = "completions", "pairs", "judgments"
BEST = 1
"""How many completions of a prompt are learned where the best are, and nobody says how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplesSettings:
    """Which answers are learned, and under what."""

    learn: Literal["all", "last", "best"] = setting(
        "all",
        help="Which completions are learned: all, those of the last stage of revision, or the best by judgments.",
    )
    n: int | None = setting(
        None, help="Answers of a prompt that are learned; all by default, of `best` one.", least=1
    )
    condition: Literal["tag", "system", "thumb"] | None = setting(
        None,
        help="Tell good answers from bad ones by a tag in front of the prompt, by a system turn, or by a thumb (for "
        "the method thumbs); without it all are learned alike.",
    )
    good: float | None = setting(
        None,
        help="The score from which on a completion is good; without it, what it was made to be (good or bad) counts.",
    )
    bad: float | None = setting(
        None,
        help="The score up to which a completion is bad; by default all below `good` are. What is between is left out.",
    )
    under: Literal["drop", "keep"] = setting(
        "drop", help="What becomes of the system turn or tag under which a completion was drawn."
    )
    kind: str = setting(
        "answer", help="What the examples are called in counts.", wanted="a word for the examples"
    )


class _Answer(NamedTuple):
    """An answer that may be learned, and what is known of it."""

    prompt: Prompt
    turns: tuple[Message, ...]
    side: str = ""
    """`good`, `bad`, or nothing."""
    weight: float = 1.0


def _by_judgments(settings: Any) -> bool:
    return settings.learn == "best" or settings.good is not None


def examples(job: Job) -> tuple[list[Example], dict[str, int]]:
    """Return the examples, and how many completions are none of them, by reason."""
    left: dict[str, int] = {}
    taken = job.task.takes[0]
    answers = _of_pairs(job) if taken.kind == PAIRS else _of_completions(job, left)
    settings = job.settings
    if settings.condition is None:
        return [_example(each, settings.kind) for each in answers], left
    found = []
    for each in answers:
        if not each.side:
            _count(left, "neither good nor bad")
        elif settings.condition == "thumb":
            found.append(_example(each, THUMBS[each.side]))
        else:
            messages = conditioned(each.prompt, each.side, settings.condition)
            found.append(_example(each._replace(prompt=replace(each.prompt, messages=messages)), each.side))
    return found, left


def _of_pairs(job: Job) -> list[_Answer]:
    """The chosen sides, and under a condition the rejected ones as bad answers; each once."""
    found: dict[tuple[str, str], _Answer] = {}
    for pair in job.value(PAIRS):
        prompt = Prompt(messages=pair.prompt, tools=pair.tools)
        for side, name in zip(("good", "bad"), pair.completion_ids, strict=True):
            if side == "good" or job.settings.condition is not None:
                found.setdefault((name, side), _Answer(prompt, _side(pair, side), side, pair.weight))
    return list(found.values())


def _side(pair: Pair, side: str) -> tuple[Message, ...]:
    return pair.chosen if side == "good" else pair.rejected


def _of_completions(job: Job, left: dict[str, int]) -> list[_Answer]:
    settings = job.settings
    judged = job.value(JUDGMENTS) if _by_judgments(settings) else ()
    said: dict[str, list[Any]] = {}
    for each in judged:
        said.setdefault(each.prompt_id, []).append(each)
    found = []
    for prompt, texts in by_prompt(job.value(COMPLETIONS)):
        whole = _whole(_stage(texts, settings.learn, left), left)
        if not _by_judgments(settings):
            answers = [
                _Answer(_asked(prompt, each, settings), each.turns, _made_to_be(each)) for each in whole
            ]
            found += answers[: settings.n]
            _count(left, "more than n", len(answers) - len(answers[: settings.n]))
            continue
        every = score_completions(prompt, whole, said.get(prompt.id, []), job.constitution)
        scored = [each for each in every if each.score is not None]
        _count(left, "no score", len(every) - len(scored))
        if settings.learn == "best":
            scored.sort(key=lambda each: each.rank_key, reverse=True)
        most = settings.n or (BEST if settings.learn == "best" else len(scored))
        _count(left, "not among the best" if settings.learn == "best" else "more than n", len(scored[most:]))
        found += [
            _Answer(
                _asked(prompt, each.completion, settings),
                each.completion.turns,
                _by_score(settings, each.score)
                if settings.good is not None
                else _made_to_be(each.completion),
            )
            for each in scored[:most]
        ]
    return found


def _stage(texts: Sequence[Completion], learn: str, left: dict[str, int]) -> list[Completion]:
    """All completions, or those that nothing else was made of."""
    if learn != "last":
        return list(texts)
    # an equal text has the id of what it was made of
    made = [(each.origin.parent, each.id) for each in texts if each.origin is not None]
    parents = {parent for parent, own in made if parent != own}
    last = [each for each in texts if each.id not in parents]
    _count(left, "of an earlier stage", len(texts) - len(last))
    return last


def _whole(texts: Sequence[Completion], left: dict[str, int]) -> list[Completion]:
    """Those that came to an end, each once: nobody should learn to break off."""
    whole = [
        each for each in texts if each.finish != "length" and not each.open_thought and each.text.strip()
    ]
    _count(left, "cut off or empty", len(texts) - len(whole))
    once = list({each.id: each for each in whole}.values())
    _count(left, "the same text twice", len(whole) - len(once))
    return once


def _count(left: dict[str, int], reason: str, count: int = 1) -> None:
    if count:
        left[reason] = left.get(reason, 0) + count


def _made_to_be(said: Completion) -> str:
    return said.origin.side if said.origin is not None else ""


def _by_score(settings: Any, score: float | None) -> str:
    assert score is not None
    if score >= settings.good:
        return "good"
    bad = settings.bad
    return "bad" if bad is None or score <= bad else ""


def _asked(prompt: Prompt, said: Completion, settings: Any) -> Prompt:
    """The prompt as it was, or with what stood in front of it when this was drawn."""
    origin = said.origin
    if settings.under == "drop" or origin is None or origin.kind not in ("system", "tag"):
        return prompt
    turn = SystemTurn(named=origin.kind, text=origin.note, is_line=origin.kind == "tag")
    return replace(prompt, messages=turn.before(prompt))


def _example(answer: _Answer, kind: str) -> Example:
    return Example(
        messages=(*answer.prompt.messages, *answer.turns),
        tools=answer.prompt.tools,
        kind=kind,
        weight=answer.weight,
        learned=len(answer.turns),
    )


def make(job: RunJob) -> Facts:
    """Write the examples."""
    found, left = examples(job)
    job.write(found)
    kinds: dict[str, int] = {}
    for each in found:
        _count(kinds, each.kind)
    return {"examples": len(found), "kinds": kinds, "left_out": left}


def forecast(job: Job) -> list[Example]:
    """Return about the examples that there would be: which answers are good is for the judge to say."""
    return examples(job)[0]


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that there is nothing to learn, or None."""
    if facts["examples"]:
        return None
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(facts["left_out"].items()))
    return f"no completion became an example ({told or 'there are none'}); lower `good`, or look at the step before"


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return completions or pairs, and judgments where scores are read."""
    if _by_judgments(entry.settings):
        return ((COMPLETIONS,), (JUDGMENTS,))
    return ((COMPLETIONS, PAIRS),)


def check(checked: CheckedStep) -> None:
    """Raise InputError for settings that say nothing, or that nothing can follow."""
    settings, taken = checked.entry.settings, checked.task.takes[0]
    checked.check_judged()
    if settings.bad is not None and settings.good is None:
        raise InputError("`bad` goes with `good`; give both, or none")
    if settings.bad is not None and settings.bad >= settings.good:
        raise InputError(f"bad is {settings.bad:g} and good is {settings.good:g}; bad must be the lower one")
    if settings.good is not None and settings.condition is None:
        raise InputError("`good` says which answers are good, and without `condition` all are learned alike")
    if taken.kind == PAIRS and (settings.learn != "all" or settings.n is not None):
        raise InputError("of pairs all chosen sides are learned; remove learn and n, or take completions")
    if settings.condition in ("tag", "system") and settings.under == "keep":
        raise InputError(
            "with a condition in front of the prompt what stood there is dropped; remove `under`"
        )


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many examples there are, by kind, and what is none of them."""
    return {} if not facts else {name: facts[name] for name in COLUMNS}


COLUMNS: Mapping[str, Any] = {"examples": 0, "kinds": {}, "left_out": {}}
STEP = Step(
    name="examples",
    help="Completions or pairs become conversations to imitate: all, the best, or all under tags that say how good.",
    settings=ExamplesSettings,
    needs=((COMPLETIONS, PAIRS),),
    wants=wants,
    makes="examples",
    carries=lambda settings: frozenset({"thumb"} if settings.condition == "thumb" else ()),
    stem="examples",
    make=make,
    forecast=forecast,
    halts=halts,
    check=check,
    columns=COLUMNS,
    row=row,
)
