"""The best of N by the reward: what a policy would be pushed to, if it could only choose among its own answers."""

from __future__ import annotations

from rlaif.workflows.attack.kind import AttackGround, Attempt, RewardAttack, best_scored


def _look(ground: AttackGround) -> list[Attempt]:
    config = ground.config
    drawn = ground.draw(config.attacker or str(config.policy), config.best_of)
    attempts = [Attempt(f"best of {config.best_of}", prompt, each.text) for prompt, each in drawn]
    scores = ground.scores([(each.prompt, each.text) for each in attempts])
    best = best_scored(attempts, scores)
    # a reward that failed is counted where its texts are: the first of them stands for a prompt of which all failed
    first = {each.prompt.id: each for each in reversed(attempts)}
    return [best[name][1] if name in best else each for name, each in first.items()]


ATTACK = RewardAttack(
    name="extremes",
    says="the answer with the highest reward among many draws of a policy (--attacker, --best-of)",
    look=_look,
    texts=lambda config: config.best_of,
    draws=lambda config: config.best_of,
)
