"""Rules with their weights as judge: one number an answer, of the whole and not of any principle."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.protocol import One, Two
from rlaif.judging.rbr.reward import RuleReward, Scored
from rlaif.judging.rules import REWARD, at_temperature
from rlaif.records import Completion, Judgment, Principle, Prompt, State


class RuleJudge:
    """Judges as a reward model does, by the total reward; each judgment names no principle."""

    def __init__(self, name: str, reward: RuleReward) -> None:
        self.name = name
        self.reward = reward
        self.fingerprint = reward.weights.digest

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The total reward of each completion."""
        found = self._scored(items)
        return [
            self._judgment(REWARD, prompt, [each], [found[each.id]], State.SCORE) for prompt, each in items
        ]

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better) by the difference of rewards; the order cannot matter, and both are given."""
        found = self._scored([(prompt, each) for prompt, *two in items for each in two])
        return [
            self._judgment("compare", prompt, pair, [found[each.id] for each in pair], State.PREFERENCE)
            for prompt, one, other in items
            for pair in ([one, other], [other, one])
        ]

    def _scored(self, items: Sequence[One]) -> dict[str, Scored]:
        unique = {completion.id: (prompt, completion) for prompt, completion in items}
        return dict(zip(unique, self.reward.scored(list(unique.values())), strict=True))

    def _judgment(
        self,
        protocol: str,
        prompt: Prompt,
        completions: Sequence[Completion],
        scored: Sequence[Scored],
        state: State,
    ) -> Judgment:
        rewards = [each.reward for each in scored]
        known = [reward for reward in rewards if reward is not None]
        failed = next((each.failed for each in scored if each.failed is not None), None)
        value = None
        if failed is None and len(known) == len(rewards):
            value = known[0] if len(known) == 1 else at_temperature(known[0] - known[1], 1.0)
        return Judgment(
            protocol=protocol,
            judge=self.fingerprint,
            prompt_id=prompt.id,
            completion_ids=tuple(each.id for each in completions),
            principle_id=None,
            state=state if value is not None else failed or State.UNREADABLE,
            value=value,
            calls=tuple(call for each in scored for call in each.calls),
        )
