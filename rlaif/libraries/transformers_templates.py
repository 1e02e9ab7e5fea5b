"""A tokenizer's chat template, rendered as transformers renders it, but within limits of work, memory and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlaif.libraries.jinja import Bounded, undeclared
from rlaif.libraries.versions import changed, importing

with importing("transformers"):
    from transformers import PreTrainedTokenizerBase
    from transformers.utils import chat_template_utils

Turn = Mapping[str, str]


def chat_template(
    tokenizer: Any, now: Callable[[str], str]
) -> Callable[[Sequence[Turn], bool, Mapping[str, Any]], str]:
    """A function of turns, whether another begins, and further variables: what `apply_chat_template` gives.

    Of several templates it is the one called `default`. A tokenizer with a rendering of its own, which is no template
    (mistral-common's), keeps it. Raises what the template brings the compiler to, and ValueError where there is no
    default; what it brings to in rendering comes out of the function.
    """
    if type(tokenizer).apply_chat_template is not PreTrainedTokenizerBase.apply_chat_template:
        return _own_rendering(tokenizer)
    template = Bounded(tokenizer.get_chat_template(), _environment(), now)
    tokens = tokenizer.special_tokens_map
    none = {"tools": None, "documents": None}

    def rendered(turns: Sequence[Turn], generate: bool, options: Mapping[str, Any]) -> str:
        given = {"messages": [dict(each) for each in turns], "add_generation_prompt": generate}
        characters = sum(len(each["content"]) for each in turns)
        return template.render(
            {**tokens, **options, **none, **given}, characters=characters, values=len(turns)
        )

    return rendered


def template_variables(tokenizer: Any) -> frozenset[str] | None:
    """The variables that a tokenizer's chat template reads, none where it has no template; None where nobody can tell.

    A template that does not compile tells nothing here: whoever renders it says what is wrong.
    """
    if type(tokenizer).apply_chat_template is not PreTrainedTokenizerBase.apply_chat_template:
        return None
    if not tokenizer.chat_template:
        return frozenset()
    try:
        return undeclared(tokenizer.get_chat_template(), _environment())
    except ValueError:  # of several templates none is the default
        return None


def _own_rendering(tokenizer: Any) -> Callable[[Sequence[Turn], bool, Mapping[str, Any]], str]:
    def rendered(turns: Sequence[Turn], generate: bool, options: Mapping[str, Any]) -> str:
        text: str = tokenizer.apply_chat_template(
            [dict(each) for each in turns], tokenize=False, add_generation_prompt=generate, **options
        )
        return text

    return rendered


def _environment() -> Any:
    """The sandbox in which transformers renders: its filters, tags and globals."""
    try:
        return chat_template_utils._compile_jinja_template("").environment
    except AttributeError as problem:
        raise changed("transformers", "chat templates cannot be rendered") from problem
