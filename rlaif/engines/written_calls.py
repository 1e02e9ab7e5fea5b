"""Calls of tools in the texts of local models, in the forms of known makes. Pure.

Only what names a tool that was given is a call; everything else stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from rlaif.engines.chat_turns import tool_name
from rlaif.records import ToolCall, Tools

_HERMES = re.compile(r"<tool_call>\s*(\{.*?\})\s*(?:</tool_call>|\Z)", re.DOTALL)
"""Qwen, Hermes and many others: one object in tags for each call."""
_MISTRAL = "[TOOL_CALLS]"
_ARGUMENTS = "[ARGS]"
_CALL_ID = "[CALL_ID]"
_LLAMA = "<|python_tag|>"
_FUNCTION = re.compile(
    r"(?:<tool_call>\s*)?<function=([^>\n]+)>(.*?)</function>\s*(?:</tool_call>|(?=<)|\Z)", re.DOTALL
)
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL)
_HARMONY_CALL = re.compile(
    r"(?:<\|start\|>assistant)?\s*(?:to=functions\.(\S+?)\s*)?<\|channel\|>(?:commentary|analysis)"
    r"(?:\s+to=functions\.([^\s<]+))?\s*(?:<\|constrain\|>)?\s*\w*\s*<\|message\|>(.*?)(?:<\|call\|>|\Z|(?=<\|start\|>))",
    re.DOTALL,
)
_HARMONY_SAID = re.compile(
    r"(?:<\|start\|>assistant)?<\|channel\|>(?:commentary|final)<\|message\|>(.*?)(?:<\|end\|>|\Z)", re.DOTALL
)
_DECODER = json.JSONDecoder()


def read_calls(text: str, tools: Tools) -> tuple[str, tuple[ToolCall, ...]]:
    """A text without its calls of `tools`, and these in order; with none, the text as it is."""
    names = {tool_name(each) for each in tools}
    for read in (_hermes, partial(_qwen_coder, tools), _mistral, _harmony, _llama):
        said, calls = read(text)
        if calls and all(each.name in names for each in calls):
            return said.strip(), tuple(calls)
    return text, ()


def _hermes(text: str) -> tuple[str, list[ToolCall]]:
    found = [_call_of(_object(each[1])) for each in _HERMES.finditer(text)]
    calls = [each for each in found if each is not None]
    return (_HERMES.sub("", text), calls) if len(calls) == len(found) else (text, [])


def _qwen_coder(tools: Tools, text: str) -> tuple[str, list[ToolCall]]:
    """Qwen3-Coder: a tag for each argument, whose values are JSON but where the schema calls them texts."""
    calls: list[ToolCall] = []
    if "</function>" not in text:
        return text, calls
    for each in _FUNCTION.finditer(text):
        name, types = each[1].strip(), _types(tools, each[1].strip())
        values = {
            one[1].strip(): _value(one[2], types.get(one[1].strip())) for one in _PARAMETER.finditer(each[2])
        }
        calls.append(ToolCall(name=name, arguments=json.dumps(values, ensure_ascii=False)))
    return _FUNCTION.sub("", text), calls


def _types(tools: Tools, name: str) -> Mapping[str, Any]:
    """The JSON types of a function's arguments, as far as its schema says them simply."""
    schema = next((each for each in tools if tool_name(each) == name), {})
    parameters = schema.get("function", schema).get("parameters") or {}
    known = parameters.get("properties") or {}
    return {key: each.get("type") for key, each in known.items() if isinstance(each, Mapping)}


def _value(written: str, kind: Any) -> Any:
    if kind is None or kind == "string" or (isinstance(kind, list) and "string" in kind):
        return written
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _harmony(text: str) -> tuple[str, list[ToolCall]]:
    """gpt-oss: a turn in the commentary channel for each call, addressed there or behind the role."""
    calls = [
        ToolCall(name=each[1] or each[2], arguments=each[3].strip())
        for each in _HARMONY_CALL.finditer(text)
        if each[1] or each[2]
    ]
    rest = _HARMONY_CALL.sub(lambda each: "" if each[1] or each[2] else each[0], text)
    return _HARMONY_SAID.sub(r"\1", rest), calls


def _mistral(text: str) -> tuple[str, list[ToolCall]]:
    """A list of objects behind one mark, or `NAME[ARGS]{...}` behind a mark for each."""
    said, *rest = text.split(_MISTRAL)
    calls: list[ToolCall] = []
    for each in rest:
        head, found, arguments = each.partition(_ARGUMENTS)
        if found:
            name, _, own = head.partition(_CALL_ID)
            calls.append(ToolCall(name=name.strip(), arguments=arguments.strip(), id=own.strip() or None))
        else:
            listed = _object(each)
            made = [_call_of(one) for one in listed] if isinstance(listed, list) else [None]
            if None in made:
                return text, []
            calls += [one for one in made if one is not None]
    return said, calls


def _llama(text: str) -> tuple[str, list[ToolCall]]:
    """Nothing but one object, or several with semicolons between."""
    rest, calls = text.strip().removeprefix(_LLAMA).lstrip(), []
    while rest.startswith("{"):
        try:
            found, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            return text, []
        if (call := _call_of(found)) is None:
            return text, []
        calls.append(call)
        rest = rest[end:].lstrip().removeprefix(";").lstrip()
    return (text, []) if rest else ("", calls)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _call_of(found: Any) -> ToolCall | None:
    if not isinstance(found, dict) or not isinstance(name := found.get("name"), str):
        return None
    arguments = found.get("arguments", found.get("parameters", {}))
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    own = found.get("id")
    return ToolCall(name=name, arguments=written, id=own if isinstance(own, str) else None)
