"""What a server's words refuse. Pure: a table of how servers say it, and nothing is remembered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlaif.engines.openai.thought_budgets import NAMES

EITHER = "temperature and top_p"
"""Stands for the two of them in one request."""
_TWO = frozenset(("temperature", "top_p"))
GUIDES = ("response_format", "structured_outputs", "guided_json")
"""Ways to ask for a text that follows a JSON Schema, the common one first; the others are vLLM's, new and old."""
FEW = 5
"""Candidates that a server gives which gives no more."""
LENGTHS = ("max_tokens", "max_completion_tokens")
CONTINUES = "continue_final_message"
SURE = ("logprobs", "prompt_logprobs", CONTINUES)
"""What may be learned from an answer that is no plain refusal of a parameter: other words are too common there."""
DEVELOPER = "developer"
"""Stands for the role of a turn."""
THOUGHTS = "reasoning_content"
"""Stands for the thoughts of earlier turns."""
BUDGET = "thought budget"
"""Stands for the fields that limit a thought, whatever they are called."""
PARAMETERS = (
    *SURE,
    "seed",
    "n",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "stop",
    DEVELOPER,
    THOUGHTS,
    BUDGET,
)
"""What a server can be without, beside guides and lengths. The order is that in which a message is searched."""
_REFUSES = re.compile(
    r"unsupported|not (?:yet |currently |being )?(?:supported|permitted|allowed|available|implemented|enabled)|"
    r"not recogni[sz]ed|not configured|"
    r"unrecogni[sz]ed|unknown|unexpected|extra (?:inputs|fields)|additional propert|unavailable|"
    r"(?:do(?:es)?(?: not|n't)|cannot|can't) (?:support|be used|be set|accept|take|have)|no longer|deprecated|"
    r"invalid (?:parameter|argument|field|request parameter)|disabled|is not a valid|not valid for|"
    r"only the default|only (?:temperature|top_p)\s*=|"
    r"only [\d.]+ (?:is|are) (?:allowed|supported|permitted|accepted)|不支持|無法使用|未対応|サポートされていません",
    re.IGNORECASE,
)
_LIMITS = re.compile(
    r"(?:great|larg|high|low|few|less)e?r? than|at most|at least|max(?:imum)?\b|between|exceed|up to|no more than|"
    r"in (?:the )?range|[<>≤≥]=?|must be (?:equal to )?(?:1|one)\b|\bonly\b|too (?:large|many|high)|out of range",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"(?:one|single|multiple|several|number of) (?:chat )?(?:completion|choice|generation|candidate)s?|candidate_?count"
)
_LOGPROBS = re.compile(r"log[ _-]?prob|top_n_tokens|n_probs")
"""As servers call what is asked for as `logprobs` and `top_logprobs`; the further names are TGI's and llama.cpp's."""
_WITHOUT_LOGPROBS = re.compile(
    r"\b(?:has|have|with) no\b|\bwithout\b|\brequires\b|\bincompatible\b|\bcompatible\b|\benable\b|"
    r"\b(?:offer|provide|return|expose|compute)s?\b|\bdenied\b|\bauthori[sz]ed\b|\brestricted\b|\bforbidden\b",
    re.IGNORECASE,
)
"""Further words of a refusal. They are too common for a field that a message names by chance."""
_EXCLUSIVE = re.compile(
    r"\bboth\b|only (?:use |specify |set |send )?(?:one|either)|\b(?:give|use|set|specify) (?:only )?one\b|"
    r"\bone of\b|\beither\b|mutually exclusive|together|simultaneous|same time|conflict",
    re.IGNORECASE,
)
_COMMON = {
    "stop": re.compile(
        r"['\"`]stop['\"`]|\bparameters?:? stop\b|\bstop (?:parameter|sequence)|\bbody\.stop\b"
    ),
    **{
        name: re.compile(
            rf"['\"`]{name}['\"`]|\b(?:parameters?|argument supplied|field):? {name}\b|\bbody[.:] ?{name}\b"
        )
        for name in ("reasoning", "thinking")
    },
}
"""Names that are common words too, as they are written where they are names."""
_ANY_OF_THEM = re.compile(
    r"no endpoints? found that (?:can handle|supports?) the requested parameters", re.IGNORECASE
)
"""A router's word for all parameters of a request: the rarest of them is meant."""
_BAD_SCHEMA = re.compile(
    r"invalid schema|schema (?:is )?(?:invalid|not valid)|must be one of|must be '", re.IGNORECASE
)
_ROLES = re.compile(
    r"\bdeveloper\b|\broles?\b.{0,80}\bsystem\b|\b(?:unexpected|unknown|invalid|unsupported)\b.{0,20}\brole\b"
)
"""As servers and chat templates refuse a turn whose role they do not know."""
_NO_ROLE = re.compile(
    r"\bonly\b|not one of|\bmust be\b|\bexpected\b|\binvalid\b|\bunknown variant\b|\bmust alternate\b"
)
_CONTINUING = re.compile(
    r"prefill|continue_final_message|final message|(?:last|final) turn|end with a user|assistant turn"
)
"""As servers and chat templates refuse to go on with an assistant's turn."""
_NUMBER = re.compile(r"(?<![\w.\-/])\d{1,3}(?![\w%\-/]|\.\d)")


def asked_for(sent: Mapping[str, Any]) -> set[str]:
    """What a body asks of a server, by the names under which it may refuse it."""
    messages = [each for each in sent.get("messages", ()) if isinstance(each, Mapping)]
    found = set(sent)
    found |= {DEVELOPER} if any(each.get("role") == "developer" for each in messages) else set()
    found |= {THOUGHTS} if any(THOUGHTS in each for each in messages) else set()
    return found | ({BUDGET} if NAMES & found else set())


class RefusedField(NamedTuple):
    """What is refused: a parameter, or a value of `top_logprobs` above `most`."""

    name: str
    most: int | None = None


def refused(sent: Mapping[str, Any], message: str, *, plain: bool = True) -> RefusedField | None:
    """Which part of the body `sent` a server's message refuses; None where it refuses something else.

    `plain` is a refusal of this very request; with any other status (403, 500) the message must name a field that
    messages rarely name by chance.
    """
    lower = message.lower()
    about_logprobs = _LOGPROBS.search(lower) is not None
    if "top_logprobs" in sent and about_logprobs and _LIMITS.search(lower):
        asked = int(sent["top_logprobs"])
        if (most := _most(lower, asked)) is not None:
            return RefusedField("top_logprobs", most)
    if plain and "n" in sent and _one_alone(lower):
        return RefusedField("n")
    if _ANY_OF_THEM.search(message):
        rare = next((name for name in (*SURE, *GUIDES) if name in sent), None)
        return RefusedField(rare) if rare else None
    if plain and sent.keys() >= _TWO and _both_named(lower) and _EXCLUSIVE.search(lower):
        return RefusedField(EITHER)
    if plain and (guide := _guide(sent, lower)):
        return RefusedField(guide)
    refuses = _REFUSES.search(message) is not None
    for name in ("prompt_logprobs", "logprobs"):
        if name in sent and about_logprobs and (refuses or _WITHOUT_LOGPROBS.search(message)):
            return RefusedField(name)
    if plain and (turns := _of_turns(sent, lower, refuses)):
        return RefusedField(turns)
    if not refuses:
        return None
    names = (*PARAMETERS, *LENGTHS) if plain else SURE
    if any(name in sent and named(lower, name) for name in NAMES):
        return RefusedField(BUDGET)
    found = next((name for name in names if name in sent and named(lower, name)), None)
    return RefusedField(found) if found else None


def named(text: str, name: str) -> bool:
    """Whether a message names a field: as a word of its own, not as a part of a longer name."""
    if name in _COMMON:
        return _COMMON[name].search(text) is not None
    # a single letter is a part of many names of models
    more = "/-" if len(name) == 1 else ""
    return re.search(rf"(?<![a-z_\\{more}]){re.escape(name)}(?![a-z_{more}])", text) is not None


def _of_turns(sent: Mapping[str, Any], text: str, refuses: bool) -> str | None:
    """What a message refuses of the turns of a body: that the last one is to be continued, a role, or thoughts."""
    asked = asked_for(sent)
    if CONTINUES in asked and _CONTINUING.search(text):
        return CONTINUES
    if DEVELOPER in asked and _ROLES.search(text) and (refuses or _NO_ROLE.search(text)):
        return DEVELOPER
    if (
        THOUGHTS in asked
        and re.search(r"\breasoning(?:_content)?\b", text)
        and (refuses or _NO_ROLE.search(text))
    ):
        return THOUGHTS
    return None


def _most(text: str, asked: int) -> int | None:
    """The most candidates that a server gives, where its message is about their number; None: about something else.

    A message that tells no number below what was asked is about the number all the same if it repeats that: then the
    few that most servers give are tried.
    """
    numbers = [int(each) for each in _NUMBER.findall(text)]
    below = [each for each in numbers if each < asked]
    if below:
        return max(below)
    about = asked in numbers or (named(text, "top_logprobs") and not _REFUSES.search(text))
    return FEW if about and asked > FEW else None


def _one_alone(text: str) -> bool:
    """Whether a refusal is about asking for several answers at once."""
    if not named(text, "n") and not _SEVERAL.search(text):
        return False
    return _LIMITS.search(text) is not None or _REFUSES.search(text) is not None


def _both_named(text: str) -> bool:
    return all(named(text, name) for name in _TWO)


def _guide(sent: Mapping[str, Any], text: str) -> str | None:
    """The way to ask for a schema that a message refuses, be it the way or this schema in it."""
    guide = next((name for name in GUIDES if name in sent), None)
    if guide is None:
        return None
    about = named(text, guide) or (
        guide == "response_format" and ("json_schema" in text or "response format" in text)
    )
    return guide if about and (_REFUSES.search(text) or _BAD_SCHEMA.search(text)) else None
