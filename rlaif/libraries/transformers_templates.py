"""A tokenizer's chat template, rendered as transformers renders it, but within limits of work, memory and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rlaif.libraries.jinja import Bounded, undeclared
from rlaif.libraries.versions import changed, importing

with importing("transformers"):
    from transformers import PreTrainedTokenizerBase
    from transformers.utils import chat_template_utils

_PLAIN = {"role", "content"}
Turn = Mapping[str, Any]
Rendering = Callable[[Sequence[Turn], bool, Mapping[str, Any], Sequence[Mapping[str, Any]]], str]


def chat_template(tokenizer: Any, now: Callable[[str], str]) -> Rendering:
    """A function of turns, whether another begins, further variables and tools: what `apply_chat_template` gives.

    Of several templates it is the one called `default`. A tokenizer with a rendering of its own, which is no template
    (mistral-common's), keeps it. Raises what the template brings the compiler to, and ValueError where there is no
    default; what it brings to in rendering comes out of the function.
    """
    if type(tokenizer).apply_chat_template is not PreTrainedTokenizerBase.apply_chat_template:
        return _own_rendering(tokenizer)
    template = Bounded(tokenizer.get_chat_template(), _environment(), now)
    tokens = tokenizer.special_tokens_map

    def rendered(
        turns: Sequence[Turn],
        generate: bool,
        options: Mapping[str, Any],
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        given = {"messages": [dict(each) for each in turns], "add_generation_prompt": generate}
        beside = {"tools": [dict(each) for each in tools] or None, "documents": None}
        # of plain turns the texts alone: what they may become was bounded so before there were others
        said = [each["content"] if each.keys() == _PLAIN else each for each in turns]
        sizes = [_size(each) for each in (*said, *tools)]
        return template.render(
            {**tokens, **options, **beside, **given},
            characters=sum(characters for characters, _ in sizes),
            values=sum(values for _, values in sizes),
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


def _size(value: Any) -> tuple[int, int]:
    """Characters and values in a value."""
    if isinstance(value, str):
        return len(value), 1
    sizes = [_size(each) for each in _inner(value)]
    return sum(each for each, _ in sizes), sum(each for _, each in sizes) + 1


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, Sequence):
        yield from value


def _own_rendering(tokenizer: Any) -> Rendering:
    def rendered(
        turns: Sequence[Turn],
        generate: bool,
        options: Mapping[str, Any],
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        beside = {"tools": [dict(each) for each in tools]} if tools else {}
        text: str = tokenizer.apply_chat_template(
            [dict(each) for each in turns],
            tokenize=False,
            add_generation_prompt=generate,
            **beside,
            **options,
        )
        return text

    return rendered


def _environment() -> Any:
    """The sandbox in which transformers renders: its filters, tags and globals."""
    try:
        return chat_template_utils._compile_jinja_template("").environment
    except AttributeError as problem:
        raise changed("transformers", "chat templates cannot be rendered") from problem
