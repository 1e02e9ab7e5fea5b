"""Whether the model of a role goes on with an answer, or a thought, that a request begins: known before it is asked."""

from __future__ import annotations

from rlaif.engines.beginnings import why_none
from rlaif.engines.chat_template import Chat
from rlaif.engines.kinds import split_name
from rlaif.engines.local.load import load_counting_tokenizer
from rlaif.engines.template_variables import template_variables
from rlaif.errors import InputError
from rlaif.records import Conversation, Message
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.models.role_requests import requests_of

QUESTION = (Message(role="user", content="a"),)


def refuse_unbegun(name: str, role: RoleOptions, options: ModelOptions, *, thought: bool) -> None:
    """Raise InputError where a model goes on with no answer that a request begins; loads at most its tokenizer.

    Args:
        name: The model.
        role: How it is asked.
        options: How models are opened.
        thought: Whether the beginning is that of its thought.
    """
    kind, rest = split_name(name)
    if not kind.begins_answers(name, rest):
        remedy = (
            "say ?continues=1 in its name where it does (continue_final_message, as vLLM's servers do), or set prefill "
            "to none"
            if kind.server
            else "set prefill to none, or name a local model"
        )
        raise InputError(f"{name}: goes on with no answer that is begun for it; {remedy}")
    if not kind.causal or kind.directory is None:
        return
    directory = kind.directory(rest)
    variables = template_variables(directory, trust_remote_code=options.trust_remote_code)
    asked = requests_of(role, name, kind, variables)
    tokenizer = load_counting_tokenizer(directory, trust_remote_code=options.trust_remote_code)
    chat = Chat(tokenizer, dict(options.chat_template_kwargs), role.marks)
    turns = Conversation(messages=QUESTION, chat_template_kwargs=asked.chat_template_kwargs)
    if (why := why_none(chat, turns, thought=thought)) is not None:
        raise InputError(f"{name}: {why}")
