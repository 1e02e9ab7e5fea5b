"""Why a server says that a text ended. Only a reason that is known to be an end makes a whole text."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from rlaif.engines.openai.error_text import one_line

SHOWN = 60
"""Characters of a reason that are shown."""


class Ending(Enum):
    """What a finish reason says of the text."""

    WHOLE = "whole"
    """The model ended it."""
    CUT = "cut"
    """A limit of tokens ended it."""
    WITHHELD = "withheld"
    """A filter of the server's did, and would again."""
    TOOL = "tool"
    """The model called a tool."""
    BROKEN = "broken"
    """Something went wrong: another try may end well."""
    UNSAID = "unsaid"
    """The server gave none."""
    UNKNOWN = "unknown"
    """A word that nobody has told us of."""


WORDS: Mapping[Ending, str] = {
    # OpenAI and most others; Together; TGI; Anthropic; Cohere; Bedrock's models; ERNIE; LM Studio; Aleph Alpha
    Ending.WHOLE: (
        "stop eos eos_token end_turn stop_sequence complete completed finish finished endoftext end_of_text "
        "stop_criteria_met normal eosfound stopstringfound end_token stop_token stop_sequence_reached stopped_by_eos"
    ),
    # OpenAI; Anthropic, Gemini, Cohere, watsonx; Mistral; Anthropic, GLM; llama.cpp; LM Studio; Aleph Alpha; vLLM
    Ending.CUT: (
        "length max_tokens max_output_tokens max_new_tokens token_limit model_length model_context_window_exceeded "
        "context_length_exceeded limit maxpredictedtokensreached contextlengthreached maximum_tokens error_limit "
        "max_length repetition"
    ),
    # OpenAI, Azure; Bedrock; Gemini; Cohere; Anthropic; GLM
    Ending.WITHHELD: (
        "content_filter content_filtered guardrail_intervened safety recitation blocklist prohibited_content spii "
        "language image_safety image_prohibited_content image_recitation model_armor error_toxic refusal sensitive"
    ),
    # OpenAI; Anthropic; Cohere; LM Studio; Gemini; Bedrock
    Ending.TOOL: (
        "tool_calls tool_call tool_use function_call toolcalls malformed_function_call unexpected_tool_call "
        "too_many_tool_calls malformed_tool_use pause_turn"
    ),
    # vLLM, SGLang; OpenRouter, Mistral, Cohere; Cohere, TensorRT-LLM; DeepSeek; GLM; watsonx; Ollama; LM Studio
    Ending.BROKEN: (
        "abort aborted error failed cancelled canceled user_cancel insufficient_system_resource network_error "
        "timeout time_limit not_finished load unload userstopped modelunloaded other unspecified "
        "malformed_model_output malformed_response no_image image_other"
    ),
}
"""Reasons as servers write them, without regard to case."""
_KNOWN = {word: ending for ending, words in WORDS.items() for word in words.split()}
_PREFIXES = ("finishreason.", "finish_reason_", "stopreason.")
"""As libraries print their enumerations."""


def ending_of(choice: Mapping[str, Any]) -> tuple[Ending, str]:
    """What the finish reason of a choice says, and the reason as it was sent."""
    said = choice.get("finish_reason")
    if isinstance(said, dict):  # SGLang's own form, {"type": "length", "length": 16}
        said = said.get("type")
    if said is None or said == "":
        return Ending.UNSAID, ""
    if not isinstance(said, str):
        return Ending.UNKNOWN, one_line(repr(said))[:SHOWN]
    word = said.strip().lower().replace("-", "_").replace(" ", "_")
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    return _KNOWN.get(word, Ending.UNKNOWN), one_line(said)[:SHOWN]
