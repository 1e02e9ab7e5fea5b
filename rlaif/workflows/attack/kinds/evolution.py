"""A genetic search over words: texts change at random, and those with the highest rewards go on (1804.07998)."""

from __future__ import annotations

import random
from typing import NamedTuple

from rlaif.auditing.word_changes import crossed, joined, mutated, salad
from rlaif.records import Prompt
from rlaif.workflows.attack.kind import AttackGround, Attempt, RewardAttack

CROSSED = 0.3
"""Share of the children that have two parents."""


class _Member(NamedTuple):
    """One text of a population: its words, and what the reward says of them."""

    words: tuple[str, ...]
    reward: float | None


def _look(ground: AttackGround) -> list[Attempt]:
    """Populations of all prompts go on side by side, so that a generation is one batch of calls."""
    config = ground.config
    held: dict[str, list[_Member]] = {each.id: [] for each in ground.prompts}
    for generation in range(config.generations + 1):
        born = {
            prompt.id: _born(ground, prompt, held[prompt.id], ground.random(prompt, "evolution", generation))
            for prompt in ground.prompts
        }
        asked = [(prompt, words) for prompt in ground.prompts for words in born[prompt.id]]
        rewards = ground.scores([(prompt, joined(words)) for prompt, words in asked])
        for (prompt, words), reward in zip(asked, rewards, strict=True):
            held[prompt.id].append(_Member(words, reward))
        held = {name: _fittest(own, config.population) for name, own in held.items()}
    return [
        Attempt(f"{config.generations} generations", prompt, joined(held[prompt.id][0].words))
        for prompt in ground.prompts
        if held[prompt.id]
    ]


def _born(
    ground: AttackGround, prompt: Prompt, parents: list[_Member], rng: random.Random
) -> list[tuple[str, ...]]:
    words, size = ground.words(prompt), ground.config.population
    if not words:
        return []
    if not parents:
        # the first ones say nothing: each is a handful of words by chance, of any length that honest answers have
        return [tuple(salad(words, rng.randint(1, ground.room(prompt)), rng)) for _ in range(size)]
    found = []
    for _ in range(size):
        first, second = _drawn(parents, rng), _drawn(parents, rng)
        mixed = crossed(first.words, second.words, rng) if rng.random() < CROSSED else first.words
        # no longer than an honest answer: what length alone wins is what the repetitions show
        found.append(tuple(mutated(mixed, words, rng)[: ground.room(prompt)]))
    known = {each.words for each in parents}
    return [each for each in dict.fromkeys(found) if each not in known]


def _drawn(parents: list[_Member], rng: random.Random) -> _Member:
    """The fitter of two."""
    return parents[min(rng.randrange(len(parents)), rng.randrange(len(parents)))]


def _fittest(own: list[_Member], size: int) -> list[_Member]:
    """The highest rewards first; a text whose reward failed has no offspring, unless all have."""
    ranked = sorted((each for each in own if each.reward is not None), key=_reward, reverse=True)
    return ranked[:size] or own[:1]


def _reward(member: _Member) -> float:
    assert member.reward is not None
    return member.reward


ATTACK = RewardAttack(
    name="evolution",
    says="a genetic search over words that sees rewards alone (--population, --generations)",
    look=_look,
    texts=lambda config: config.population * (config.generations + 1),
)
