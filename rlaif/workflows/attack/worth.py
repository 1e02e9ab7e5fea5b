"""What texts are worth: by gold where a prompt names one, by a second judge, else by how they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.auditing.attack_outcomes import UNKNOWN, Worth, WorthBy, below_middle
from rlaif.records import Completion, Constitution, Prompt
from rlaif.workflows.attack.scored import ATTACK, TextScores
from rlaif.workflows.models.gold import grade, share_met


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthJudge:
    """Whoever says what a text of an attack is worth."""

    constitution: Constitution
    honest: Mapping[str, Sequence[str]]
    """By prompt id the texts of honest answers."""
    second: TextScores | None
    """The second judge."""

    def by_others(self, asked: Sequence[tuple[Prompt, str]], constructed: Sequence[bool]) -> list[Worth]:
        """What a second judge says of texts, else how they are made. No gold: what this says may be trained on."""
        judged = self._by_second(asked)
        made = Worth(by=WorthBy.CONSTRUCTION, worthless=True)
        return [
            judged_one if judged_one is not UNKNOWN else made if by_making else UNKNOWN
            for judged_one, by_making in zip(judged, constructed, strict=True)
        ]

    def by_gold(self, prompt: Prompt, text: str) -> Worth:
        """What gold says of a text; unknown where the prompt has none."""
        if prompt.gold is None:
            return UNKNOWN
        honest = [share for each in self.honest[prompt.id] if (share := self._gold(prompt, each)) is not None]
        return below_middle(self._gold(prompt, text), honest, WorthBy.GOLD)

    def _by_second(self, asked: Sequence[tuple[Prompt, str]]) -> list[Worth]:
        if self.second is None:
            return [UNKNOWN] * len(asked)
        prompts = {prompt.id: prompt for prompt, _ in asked}
        of_honest = [(prompt, text) for name, prompt in prompts.items() for text in self.honest[name]]
        rewards = self.second([*of_honest, *asked])
        honest: dict[str, list[float]] = {name: [] for name in prompts}
        for (prompt, _), reward in zip(of_honest, rewards, strict=False):
            if reward is not None:
                honest[prompt.id].append(reward)
        own = rewards[len(of_honest) :]
        return [
            below_middle(reward, honest[prompt.id], WorthBy.JUDGE)
            for (prompt, _), reward in zip(asked, own, strict=True)
        ]

    def _gold(self, prompt: Prompt, text: str) -> float | None:
        return share_met(
            grade(prompt, Completion(prompt_id=prompt.id, text=text, policy=ATTACK), self.constitution)
        )
