"""Log-probabilities of whole completions by a model of a step, from whatever engine tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlaif.engines.kinds import split_name
from rlaif.errors import EngineError, InputError
from rlaif.records import Completion, Prompt, ScoreRequest
from rlaif.workflows.recipe.step import CheckedStep, Job


def text_logprobs(
    job: Job, key: str, drawn: Sequence[tuple[Prompt, Completion]]
) -> tuple[Mapping[str, float], list[str]]:
    """log P(text | prompt), without an end token, by completion id, and sentences on texts that have none.

    Of an answer behind a thought, of one that calls tools, and of a blank one there is none. Raises EngineError where
    no text at all could be scored.
    """
    engine = job.pool(key).writer(job.model(key))
    asked = {each.id: (prompt, each) for prompt, each in drawn if is_scored(each)}
    requests = [
        ScoreRequest(id=name, messages=prompt.messages, continuations=(each.text,), tools=prompt.tools)
        for name, (prompt, each) in asked.items()
    ]
    known: dict[str, float] = {}
    reasons: list[str] = []
    for score in engine.score(requests):
        if score.error is None:
            known[score.request_id] = score.logprobs[0]
        else:
            reasons.append(score.error)
    told = [
        f"{engine.name}: {len(reasons)} of {len(asked)} texts could not be scored, the first with: {each}"
        for each in reasons[:1]
    ]
    if told and not known:
        raise EngineError(
            f"{told[0]}; name a model that tells log-probabilities of given texts (hf: or vllm:)"
        )
    return known, told


def is_scored(completion: Completion) -> bool:
    """Whether a completion is one text, whose probability can be asked for."""
    return bool(completion.text) and not (completion.thought or completion.tool_calls or completion.lead)


def require_logprobs(checked: CheckedStep, *keys: str) -> None:
    """Raise InputError where a model of these keys is of a kind that tells no log-probabilities of texts."""
    for key in keys:
        name = checked.task.initial[key]
        kind, rest = split_name(name)
        if not kind.scores_texts(name, rest):
            raise InputError(
                f"{key} {name} tells no log-probabilities of given texts, which this source is made of; name a model "
                "that does (hf: or vllm:, or a server with prompt log-probabilities)"
            )
