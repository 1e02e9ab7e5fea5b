"""Rewards of single texts, each asked once: what attacks are scored by. A failure is no number, and has a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.records import Completion, Prompt
from rlaif.workflows.reward.spec import RewardSpec, label_of

STEP = 0
"""The step in whose name a reward is asked: rubrics with dropout leave the same criteria out in all questions."""
ATTACK = "attack"
"""The policy of a text that nobody wrote."""


def refuse_relative(spec: RewardSpec, where: str) -> None:
    """Raise InputError for a reward whose numbers mean something among siblings only: a text cannot be above a line."""
    for each in spec.leaves:
        if each.needs_siblings:
            raise InputError(
                f"{where}: {label_of(each)!r} orders the completions of one prompt ({each.protocol}), and a text by "
                "itself has no number there; attack a reward that judges each by itself: protocol=checklist"
            )
    for each in (*spec.parts, *spec.leaves):
        if each.regress_length:
            raise InputError(
                f"{where}: {label_of(each)!r} takes off what length explains among rollouts, and a text by itself has "
                "none; leave regress_length out, and attack what it stands on"
            )
        if each.normalise != "none":
            raise InputError(
                f"{where}: {label_of(each)!r} is standardised over a {each.normalise}, and then no number stands by "
                "itself; leave normalise out"
            )


class TextScores:
    """What a reward says of texts, each asked once."""

    def __init__(self, reward: PartsReward, seed: int) -> None:
        self.reward = reward
        self.seed = seed
        self._known: dict[tuple[str, str], float | None] = {}

    def __call__(self, asked: Sequence[tuple[Prompt, str]]) -> list[float | None]:
        """One number a text; None where the reward failed.

        A total of which a part failed is none either: it would stand on the level of texts that happen to be asked
        along with it.
        """
        new = {(prompt.id, text): prompt for prompt, text in asked if (prompt.id, text) not in self._known}
        prompts = {each.id: each for each in new.values()}
        groups: dict[str, list[Completion]] = {name: [] for name in prompts}
        for name, text in new:
            groups[name].append(Completion(prompt_id=name, text=text, policy=ATTACK))
        if groups:
            found = self.reward.score(
                list(prompts.values()), list(groups.values()), step=STEP, seed=self.seed
            )
            drawn = [(each.prompt_id, each.text) for group in groups.values() for each in group]
            for place, (key, total) in enumerate(zip(drawn, found.totals, strict=True)):
                lost = any(each.values[place] is None and not each.silent[place] for each in found.components)
                self._known[key] = None if lost else total
        return [self._known[prompt.id, text] for prompt, text in asked]

    @property
    def reasons(self) -> dict[str, int]:
        """Why the reward failed, each reason with how often, the commonest first."""
        found: Counter[str] = Counter()
        for own in self.reward.reasons.values():
            found.update(own)
        return dict(found.most_common())
