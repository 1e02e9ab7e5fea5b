"""A reward model as judge: one number an answer, of the whole and not of any principle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rlaif.judging.ask import LOST
from rlaif.judging.labels import Reading
from rlaif.judging.protocol import One, Two
from rlaif.judging.rules import REWARD, at_temperature
from rlaif.records import Completion, Engine, Judgment, Principle, Prompt, Score, ScoreRequest, State
from rlaif.store import call_key

PREFIX = "reward:"


class RewardJudge:
    """Asks a reward engine. It reads no principles: each judgment names none, and is about the whole answer."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """The model's."""
        return self.engine.fingerprint

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The reward of each completion, in the model's own units."""
        rewards = self._rewards(items)
        return [self._judgment(REWARD, prompt, [each], rewards, State.SCORE) for prompt, each in items]

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better) by the difference of rewards; the order cannot matter, and both are given."""
        rewards = self._rewards([(prompt, each) for prompt, *two in items for each in two])
        return [
            self._judgment("compare", prompt, pair, rewards, State.PREFERENCE)
            for prompt, one, other in items
            for pair in ([one, other], [other, one])
        ]

    def _rewards(self, items: Sequence[One]) -> dict[str, tuple[str, Reading]]:
        """The call and the reward of each completion id."""
        unique = {completion.id: (prompt, completion) for prompt, completion in items}
        keys: dict[str, str] = {}

        def requests() -> Iterator[ScoreRequest]:
            for name, (prompt, completion) in unique.items():
                request = ScoreRequest(id=name, messages=prompt.messages, continuations=(completion.text,))
                keys[name] = call_key(self.engine.fingerprint, request)
                yield request

        found = {score.request_id: _read(score) for score in self.engine.score(requests())}
        return {name: (key, found.get(name, LOST)) for name, key in keys.items()}

    def _judgment(
        self,
        protocol: str,
        prompt: Prompt,
        completions: Sequence[Completion],
        rewards: dict[str, tuple[str, Reading]],
        state: State,
    ) -> Judgment:
        calls = tuple(rewards[each.id][0] for each in completions)
        readings = [rewards[each.id][1] for each in completions]
        failed = next((each for each in readings if each.value is None), None)
        values = [each.value or 0.0 for each in readings]
        value = values[0] if len(values) == 1 else at_temperature(values[0] - values[1], 1.0)
        return Judgment(
            protocol=protocol,
            judge=self.fingerprint,
            prompt_id=prompt.id,
            completion_ids=tuple(each.id for each in completions),
            principle_id=None,
            state=failed.state if failed else state,
            value=None if failed else value,
            calls=calls,
            detail=failed.detail if failed else "",
        )


def _read(score: Score) -> Reading:
    if score.error is not None:
        return Reading(State.TRANSPORT, detail=score.error)
    if len(score.logprobs) != 1 or not math.isfinite(score.logprobs[0]):
        return Reading(State.TRANSPORT, detail="the model returned no reward")
    return Reading(State.SCORE, score.logprobs[0])
