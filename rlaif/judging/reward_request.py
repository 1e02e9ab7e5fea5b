"""What a reward model is asked of a completion: its last answer, behind the prompt and the turns before it. Pure."""

from __future__ import annotations

from rlaif.records import Completion, Prompt, ScoreRequest

NO_TEXT = "it ends in a call of a tool, and a reward model reads an answer"


def reward_request(prompt: Prompt, completion: Completion) -> ScoreRequest | None:
    """The request, by the completion's id; None where the last turn calls a tool (`NO_TEXT`). Thoughts are not read."""
    if completion.tool_calls:
        return None
    return ScoreRequest(
        id=completion.id,
        messages=(*prompt.messages, *completion.lead),
        continuations=(completion.text,),
        tools=prompt.tools,
    )
