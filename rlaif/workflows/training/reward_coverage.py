"""Whether the prompts of a training on rollouts are like those that its reward models have learned from.

A reward model says something of every prompt, and of those unlike its own it says little. So each one that is trained
here keeps what its prompts are made of, and the prompts of RL are compared with that before the first rollout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.prompt_coverage import BY_CHANCE, FEWEST, LearnedPrompts, beyond_chance, learned_prompts
from rlaif.engines.kinds import kind_of
from rlaif.errors import InputError
from rlaif.exchange.counted_texts import asked_text
from rlaif.judging.kinds import judge_kind
from rlaif.judging.reward_judge import PREFIX
from rlaif.plain_files import read_json
from rlaif.records import Message, Prompt
from rlaif.runs.layout import LEARNED_PROMPTS
from rlaif.workflows.reward.spec import RewardSpec
from rlaif.workflows.training.train_record import add_to_record

SHOWN = 3
"""Prompts that are shown of those that are unlike."""
SHOWN_LETTERS = 80
KEY = "reward_coverage"
"""Where `train.json` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardCoverage:
    """What is known of the prompts of one reward model, beside those of a training on its rewards."""

    model: str
    """The reward model, as it is named where it is opened."""
    known: bool
    """Whether it is known which prompts it learned from."""
    prompts: int
    """Different prompts of the training."""
    learned: int = 0
    """Different prompts of the model, by which that is told."""
    unlike: int = 0
    """Those of them that are unlike all that the model learned from."""
    examples: tuple[str, ...] = ()
    """The beginnings of the least like ones."""

    @property
    def share(self) -> float:
        """Of the prompts, those that are unlike."""
        return self.unlike / self.prompts if self.prompts else 0.0

    @property
    def is_warning(self) -> bool:
        """Whether there are more of them than among prompts of the kind that it learned from."""
        return not self.known or beyond_chance(self.unlike, self.prompts, self.learned)

    @property
    def words(self) -> str:
        """One sentence or two for people."""
        if not self.known:
            return (
                f"reward model {self.model}: the prompts that it learned from are not known (a reward model that "
                f"`rlaif train` makes of {FEWEST} different ones or more keeps them), so that nobody can say whether "
                f"these {self.prompts} are like them"
            )
        told = (
            f"reward model {self.model}: {self.unlike} of {self.prompts} prompts ({self.share:.0%}) are unlike those "
            f"that it learned from; of prompts of one kind about {BY_CHANCE:.0%} are"
        )
        shown = "; ".join(repr(each) for each in self.examples)
        remedy = "; its rewards of them are guesses: train it on such prompts, or leave them out"
        return told + (f", as {shown}" if shown else "") + (remedy if self.is_warning else "")

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "examples": list(self.examples), "share": self.share}


def keep_prompts(out: Path, base: Path, prompts: Sequence[Sequence[Message]]) -> None:
    """Beside a reward model that was trained, keep what the prompts are made of that it learned from.

    Those of the reward model that it began as are among them. No text is kept. What is there is left alone.
    """
    file, before = out / LEARNED_PROMPTS, _read(base / LEARNED_PROMPTS)
    if file.is_file():
        return
    found = learned_prompts(
        [asked_text(each) for each in prompts], before.words if before is not None else ()
    )
    if found is not None:
        write_text(file, json.dumps({"limit": found.limit, "words": found.words}) + "\n")


def reward_coverage(
    spec: RewardSpec, prompts: Sequence[Prompt], stands: Mapping[str, str] | None = None
) -> list[RewardCoverage]:
    """For each reward model of a reward, how many of the prompts are unlike those that it learned from.

    `stands` are models by the names that a recipe has for them.
    """
    texts = list(dict.fromkeys(asked_text(each.messages) for each in prompts))
    return [_covered(name, texts) for name in dict.fromkeys(_reward_models(spec, stands or {}))]


def coverage_warnings(found: Sequence[RewardCoverage]) -> list[str]:
    """What is worth a warning."""
    return [each.words for each in found if each.is_warning]


def record_coverage(out: Path, found: Sequence[RewardCoverage]) -> None:
    """Add to `train.json` what was seen, where the reward has a reward model; once there, it is left alone."""
    if found:
        add_to_record(out, KEY, [each.as_dict() for each in found])


def _reward_models(spec: RewardSpec, stands: Mapping[str, str]) -> Iterator[str]:
    """Their directories, those below fitted rules and on panels too."""
    for each in spec.leaves:
        name = stands.get(each.source, each.source)
        if each.model is not None:
            yield name.removeprefix(PREFIX)
        elif each.judge is not None:
            yield from _below(name)


def _below(name: str) -> Iterator[str]:
    if name.startswith(PREFIX):
        yield name.removeprefix(PREFIX)
        return
    kind = judge_kind(name)
    for asked in (kind.judges, kind.models):
        for other in asked(name) if asked is not None else ():
            if other != name:
                yield from _below(other)


def _covered(model: str, texts: Sequence[str]) -> RewardCoverage:
    learned = _learned_by(model)
    if learned is None:
        return RewardCoverage(model=model, known=False, prompts=len(texts))
    near = learned.nearest(texts)
    far = sorted((each, text) for each, text in zip(near, texts, strict=True) if each < learned.limit)
    return RewardCoverage(
        model=model,
        known=True,
        prompts=len(texts),
        learned=len(learned.words),
        unlike=len(far),
        examples=tuple(_short(text) for _, text in far[:SHOWN]),
    )


def _learned_by(model: str) -> LearnedPrompts | None:
    """Of a model that is no directory here, as one on a server, nothing is known."""
    found = kind_of(model)
    return _read(Path(model if found is None else found[1]) / LEARNED_PROMPTS)


def _read(file: Path) -> LearnedPrompts | None:
    """What a file says; None for one that is not there, or that somebody else wrote."""
    if not file.is_file():
        return None
    try:
        found = read_json(file, InputError, "")
        return LearnedPrompts(
            limit=float(found["limit"]), words=tuple(tuple(map(int, each)) for each in found["words"])
        )
    except (InputError, KeyError, TypeError, ValueError):
        return None


def _short(text: str) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= SHOWN_LETTERS else f"{whole[: SHOWN_LETTERS - 1]}…"
