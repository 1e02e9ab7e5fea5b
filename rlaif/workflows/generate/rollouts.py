"""Drawing completions: the sample step."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.feedback.sample import sample
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Prompt, Sampling
from rlaif.workflows.models.pool import ModelPool


def draw(
    models: ModelPool,
    policies: Sequence[str],
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    seed: int,
) -> list[tuple[Prompt, Completion]]:
    """n completions per prompt, dealt to the policies in turn; in prompt order."""
    texts: dict[str, list[Completion]] = {prompt.id: [] for prompt in prompts}
    for number, policy in enumerate(policies):
        if share := len(range(number, n, len(policies))):
            for each in sample(models.engine(policy), prompts, n=share, sampling=sampling, seed=seed):
                texts[each.prompt_id].append(each)
    return [(prompt, each) for prompt in prompts for each in texts[prompt.id]]


def answers(
    models: ModelPool, policy: str, prompts: Sequence[Prompt], sampling: Sampling, seed: int
) -> list[Completion]:
    """One completion a prompt."""
    return [each for _, each in draw(models, [policy], prompts, 1, sampling, seed)]


def round_prompts(prompts: Sequence[Prompt], number: int, count: int | None, seed: int) -> list[Prompt]:
    """The prompts of round `number` (from 1): the next `count` of one shuffled order, starting over at its end."""
    if count is None or count >= len(prompts):
        return list(prompts)
    order = sorted(prompts, key=lambda each: derived_seed(seed, "prompt order", each.id))
    start = (number - 1) * count
    return [order[place % len(order)] for place in range(start, start + count)]
