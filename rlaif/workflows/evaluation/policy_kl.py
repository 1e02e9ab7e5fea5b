"""How far a policy is from another: the mean log-ratio over what it wrote itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlaif.auditing.intervals import mean
from rlaif.engines.base import capabilities_of
from rlaif.errors import EngineError
from rlaif.feedback.system_turn import SystemTurn
from rlaif.records import Completion, Engine, Prompt, ScoreRequest


class ScoredTexts(NamedTuple):
    """Log-probabilities by completion id, and a sentence about those that are not there."""

    known: Mapping[str, float]
    told: list[str]


def kl(
    policy: Engine,
    initial: Engine,
    joined: Sequence[tuple[Prompt, Completion]],
    system: SystemTurn | None = None,
) -> tuple[float | None, list[str]]:
    """Mean log-ratio to the initial policy over all that the policy wrote: nats per completion, end token left out.

    See `log_ratios`, of which this is the mean.
    """
    if policy.fingerprint == initial.fingerprint:
        return 0.0, []
    found = log_ratios(policy, initial, joined, system)
    return mean(found.known.values()), found.told


def log_ratios(
    policy: Engine,
    initial: Engine,
    joined: Sequence[tuple[Prompt, Completion]],
    system: SystemTurn | None = None,
    initial_system: SystemTurn | None = None,
) -> ScoredTexts:
    """log pi(y) - log pi_0(y) of each completion that the policy wrote, by its id: what KL is the mean of.

    A thought and its marks are part of it: of answers without one alone it would say how odd those are. Only over
    texts that both could score; of others, as what a server wrote behind a thought, there is a sentence.
    """
    written = {each.id: _written(policy, each) for _, each in joined}

    def asked(turn: SystemTurn | None) -> list[ScoreRequest]:
        return [
            ScoreRequest(
                id=each.id,
                messages=prompt.messages if turn is None else turn.before(prompt),
                continuations=(text,),
                tools=prompt.tools,
            )
            for prompt, each in joined
            if (text := written[each.id])
        ]

    unknown = sum(written[each.id] is None for _, each in joined)
    left = [f"{policy.name}: kl is not of the {unknown} answers whose thoughts are known without their marks"]
    one, other = _logprobs(policy, asked(system)), _logprobs(initial, asked(initial_system or system))
    both = {each: one.known[each] - other.known[each] for each in one.known if each in other.known}
    return ScoredTexts(both, [*(left if unknown else ()), *one.told, *other.told])


def _written(policy: Engine, completion: Completion) -> str | None:
    """All that the policy wrote in its turn; None where that is not known."""
    if not (completion.thought or completion.open_thought or completion.tool_calls):
        return completion.text
    ids = completion.token_ids
    return None if ids is None else capabilities_of(policy).spell(ids)


def _logprobs(engine: Engine, asked: Sequence[ScoreRequest]) -> ScoredTexts:
    """Raises EngineError where no text at all could be scored."""
    known, reasons = {}, []
    for score in engine.score(asked):
        if score.error is None:
            known[score.request_id] = score.logprobs[0]
        else:
            reasons.append(score.error)
    if not reasons:
        return ScoredTexts(known, [])
    told = f"{engine.name}: {len(reasons)} of {len(asked)} texts could not be scored, the first with: {reasons[0]}"
    if not known:
        raise EngineError(f"{told}; run again")
    return ScoredTexts(known, [told])
