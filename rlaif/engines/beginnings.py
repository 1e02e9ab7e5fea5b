"""The beginning of an answer that a request gives: the tokens behind which the model goes on, or why it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.engines.chat_template import Chat
from rlaif.engines.chat_turns import Turns
from rlaif.engines.thoughts import ThoughtMarks
from rlaif.errors import UnrenderedError
from rlaif.records import GenerateRequest

NO_MARKS = (
    "the request begins a thought, and no marks of this model's thoughts are known; name them (thought_marks of its "
    "role), or let the answer itself begin"
)
CLOSED = (
    "the request begins a thought, and its chat template has closed the thought already; let the model think in this "
    "role (enable_thinking: true)"
)
BEGUN = (
    "the request begins an answer, and its chat template has begun a thought; switch the model's thinking off in this "
    "role (enable_thinking: false), or begin the thought"
)
_TAIL = 32
"""Tokens at the end of a prompt among which its last mark stands."""


def begun_prompts(
    chat: Chat, requests: Sequence[GenerateRequest], prompts: Sequence[list[int] | UnrenderedError]
) -> list[list[int] | str]:
    """The prompts with what each request's answer begins with; in the place of one why there is none.

    Args:
        chat: The tokenizer and the marks of thoughts.
        requests: As they were asked.
        prompts: Their token ids, up to where the assistant's turn begins.

    Returns:
        The ids behind which the model goes on. A prompt without such a beginning is returned as it is.
    """
    return [
        str(ids)
        if isinstance(ids, UnrenderedError)
        else _begun(chat, each, ids)
        if each.assistant_prefix
        else ids
        for each, ids in zip(requests, prompts, strict=True)
    ]


def why_none(chat: Chat, turns: Turns, *, thought: bool) -> str | None:
    """Why an answer to these turns, or the thought before it, cannot be begun; None: it can."""
    [ids] = chat.each_prompt([turns])
    return str(ids) if isinstance(ids, UnrenderedError) else _why(chat, ids, thought)


def opened(marks: ThoughtMarks, text: str) -> str:
    """A thought's beginning behind its start mark, on a line of its own where thoughts end so."""
    gap = "\n" if marks.written_closing.startswith("\n") else ""
    return f"{gap}{text}"


def _begun(chat: Chat, request: GenerateRequest, ids: list[int]) -> list[int] | str:
    text, marks = request.assistant_prefix, chat.thought_marks
    if (why := _why(chat, ids, request.begins_thought)) is not None:
        return why
    if not request.begins_thought:
        return [*ids, *chat.text_ids([text])[0]]
    assert marks is not None, "a model without marks was refused"
    if chat.thought_begun(ids):
        return [*ids, *chat.text_ids([text])[0]]
    return [*ids, *chat.start_ids, *chat.text_ids([opened(marks, text)])[0]]


def _why(chat: Chat, ids: Sequence[int], thought: bool) -> str | None:
    marks = chat.thought_marks
    if not thought:
        return BEGUN if chat.thought_begun(ids) else None
    if marks is None:
        return NO_MARKS
    return CLOSED if chat.decode(ids[-_TAIL:]).rstrip().endswith(marks.end) else None
