"""What an engine with a chat template reads from a request, and reads back from the text that its model wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from rlaif.engines.chat_template import Chat
from rlaif.engines.chat_turns import Turns
from rlaif.engines.thoughts import Split, split
from rlaif.engines.written_calls import read_calls
from rlaif.records import Conversation, GenerateRequest, ScoreRequest, ToolCall, Tools

NO_BODY = (
    "fields of a request to a server were given, and this model is none; leave them out, or name a server"
)


class WrittenAnswer(TypedDict):
    """The fields of a `Generation` that its text tells."""

    text: str
    thought: str
    open_thought: bool
    tool_calls: tuple[ToolCall, ...]


def asked_of(request: GenerateRequest | ScoreRequest) -> Turns:
    """The conversation of a request, with its tools and its options of the template."""
    if not (request.tools or request.chat_template_kwargs):
        return request.messages
    return Conversation(
        messages=request.messages, tools=request.tools, chat_template_kwargs=request.chat_template_kwargs
    )


def answer_of(
    chat: Chat, prompt: Sequence[int], text: str, tools: Tools, *, begun: bool = False
) -> WrittenAnswer:
    """A model's text behind `prompt` as thought, answer and calls; calls are looked for where there were tools.

    `begun`: the prompt ends inside of a thought that the request has begun.
    """
    found = _split(chat, prompt, text, begun=begun)
    said, calls = read_calls(found.answer, tools) if tools else (found.answer, ())
    return WrittenAnswer(text=said, thought=found.thought, open_thought=found.open, tool_calls=calls)


def thought_of(chat: Chat, prompt: Sequence[int], text: str) -> str:
    """What a model wrote before a label: the thought between its marks, or all of it where it set none."""
    found = _split(chat, prompt, text)
    return found.thought if found.thought or found.open or found.answer != text else text.strip()


def _split(chat: Chat, prompt: Sequence[int], text: str, *, begun: bool = False) -> Split:
    marks = chat.thought_marks
    return Split("", text) if marks is None else split(text, marks, begun=begun or chat.thought_begun(prompt))
