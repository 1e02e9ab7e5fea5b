"""A search that follows the gradient of a reward model from token to token: HotFlip (1712.06751), GCG (2307.15043)."""

from __future__ import annotations

from rlaif.auditing.word_changes import joined, salad
from rlaif.records import Prompt
from rlaif.workflows.attack.kind import AttackGround, Attempt, RewardAttack, best_scored

WORDS = 20
"""Words of the text that a search begins with, by chance; fewer where no honest answer has so many."""


def _look(ground: AttackGround) -> list[Attempt]:
    config = ground.config
    begun = [Attempt(f"{config.swap_steps} swaps", each, _first(ground, each)) for each in ground.prompts]
    begun = [each for each in begun if each.text]
    best = best_scored(begun, ground.scores([(each.prompt, each.text) for each in begun]))
    for step in range(config.swap_steps):
        tried = [
            each._replace(text=text) for _, each in best.values() for text in _swapped(ground, each, step)
        ]
        found = best_scored(tried, ground.scores([(each.prompt, each.text) for each in tried]))
        # a swap that the gradient likes and the reward does not is no step
        best |= {name: each for name, each in found.items() if each[0] > best[name][0]}
    return [best[each.prompt.id][1] if each.prompt.id in best else each for each in begun]


def _swapped(ground: AttackGround, attempt: Attempt, step: int) -> list[str]:
    assert ground.swaps is not None, "an attack that refuses is not made"
    return ground.swaps(attempt.prompt, attempt.text, step) or []


def _first(ground: AttackGround, prompt: Prompt) -> str:
    words, rng = ground.words(prompt), ground.random(prompt, "gradient")
    return joined(salad(words, min(WORDS, ground.room(prompt)), rng)) if words else ""


def _refuses(ground: AttackGround) -> str | None:
    if ground.swaps is not None:
        return None
    return "no part of this reward is a reward model in this process, and nothing else gives a gradient"


ATTACK = RewardAttack(
    name="gradient",
    says="token swaps by the gradient of a reward model (--swap-steps, --swap-tries)",
    look=_look,
    texts=lambda config: 1 + config.swap_steps * config.swap_tries,
    refuses=_refuses,
)
