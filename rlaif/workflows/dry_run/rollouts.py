"""What the rewards of an RL training would ask: its steps are played, with completions that nobody has drawn yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rlaif.records import Completion, GroupReward, Prompt
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.engine import ITS_END, TO_COME


def plan_rewards(
    reward: GroupReward,
    models: PlannedModels,
    batches: Iterable[Sequence[Prompt]],
    *,
    group: int,
    max_tokens: int,
    seed: int,
) -> int:
    """Play the steps of a training, so that the calls of their rewards are in the estimate of `models`.

    Args:
        reward: opened with `models`.
        models: of which nothing is asked.
        batches: the prompts of each step.
        group: completions of each prompt; all are taken to differ.
        max_tokens: that a completion may have.
        seed: of the training.

    Returns:
        How many calls that would be.
    """
    before = sum(each.planned.calls for each in models.planned.values())
    models.to_come.longest = max(models.to_come.longest, max_tokens)
    # whose tokens they are going to be nobody knows here
    models.to_come.writers.add("")
    for step, prompts in enumerate(batches):
        groups = [[_to_come(models, prompt, draw) for draw in range(group)] for prompt in prompts]
        reward.score(prompts, groups, step=step, seed=seed)
    return sum(each.planned.calls for each in models.planned.values()) - before


def _to_come(models: PlannedModels, prompt: Prompt, draw: int) -> Completion:
    models.to_come.texts += 1
    text = f"{TO_COME}{models.to_come.texts}{ITS_END}"
    return Completion(prompt_id=prompt.id, text=text, policy="to come", draw=draw)
