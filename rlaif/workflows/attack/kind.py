"""What one attack on a reward is, and what it is given to look for texts with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rlaif.auditing.word_changes import pieces
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Prompt
from rlaif.workflows.attack.config import AttackConfig


class Attempt(NamedTuple):
    """A text of an attack on one prompt."""

    member: str
    """Which of the attack's texts it is, or how it was found."""
    prompt: Prompt
    text: str


Scores = Callable[[Sequence[tuple[Prompt, str]]], list[float | None]]
"""Rewards of texts; None where the reward failed."""
Swaps = Callable[[Prompt, str, int], list[str] | None]
"""Texts with a token swapped as a gradient would have it, for a prompt, a text and a step; None: not of this text."""
Draw = Callable[[str, int], Sequence[tuple[Prompt, Completion]]]
"""So many answers of a model to each prompt, whole ones only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackGround:
    """What an attack works with."""

    config: AttackConfig
    prompts: Sequence[Prompt]
    honest: Mapping[str, Sequence[str]]
    """By prompt id the texts of honest answers, each once."""
    scores: Scores
    swaps: Swaps | None
    """None: the reward gives no gradient."""
    draw: Draw

    def words(self, prompt: Prompt) -> list[str]:
        """What texts are made of: the words and signs of the honest answers, most of them to this prompt."""
        own = [each for text in self.honest[prompt.id] for each in pieces(text)]
        others = [each for texts in self.honest.values() for text in texts[:1] for each in pieces(text)]
        return [each for each in (*own, *own, *others) if each.strip()]

    def random(self, prompt: Prompt, *what: object) -> random.Random:
        """Random numbers of a prompt."""
        return random.Random(derived_seed("attack", self.config.seed, prompt.id, *what))

    def room(self, prompt: Prompt) -> int:
        """How many pieces the longest honest answer to a prompt has."""
        return max((len(pieces(each)) for each in self.honest[prompt.id]), default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardAttack:
    """One attack."""

    name: str
    says: str
    """One line for people."""
    look: Callable[[AttackGround], list[Attempt]]
    """The texts that it ends with: all of those that are made, the best of those that are searched."""
    texts: Callable[[AttackConfig], int]
    """How many texts it scores on a prompt at most, for `--dry-run`."""
    draws: Callable[[AttackConfig], int] = lambda _: 0
    """How many answers it draws to a prompt."""
    constructed: bool = False
    """Whether its texts are worthless by how they are made, so that nobody needs to judge them."""
    refuses: Callable[[AttackGround], str | None] = lambda _: None
    """Why it cannot be made on this reward; None: it can."""


def made_of(
    family: Callable[[str, Sequence[str]], Mapping[str, str]],
) -> Callable[[AttackGround], list[Attempt]]:
    """How an attack looks whose texts are made of prompt and honest answers alone."""

    def look(ground: AttackGround) -> list[Attempt]:
        return [
            Attempt(member, prompt, text)
            for prompt in ground.prompts
            for member, text in family(prompt.text, ground.honest[prompt.id]).items()
        ]

    return look


def best_scored(
    attempts: Sequence[Attempt], scores: Sequence[float | None]
) -> dict[str, tuple[float, Attempt]]:
    """By prompt id the attempt with the highest reward, the first of equals; a prompt without any is not there."""
    found: dict[str, tuple[float, Attempt]] = {}
    for attempt, reward in zip(attempts, scores, strict=True):
        if reward is not None and (attempt.prompt.id not in found or reward > found[attempt.prompt.id][0]):
            found[attempt.prompt.id] = (reward, attempt)
    return found
