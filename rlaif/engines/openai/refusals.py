"""What a server's words refuse. Pure: a table of how servers say it, and nothing is remembered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

EITHER = "temperature and top_p"
"""Stands for the two of them in one request."""
_TWO = frozenset(("temperature", "top_p"))
GUIDES = ("response_format", "structured_outputs", "guided_json")
"""Ways to ask for a text that follows a JSON Schema, the common one first; the others are vLLM's, new and old."""
FEW = 5
"""Candidates that a server gives which gives no more."""
LENGTHS = ("max_tokens", "max_completion_tokens")
SURE = ("logprobs", "prompt_logprobs", "continue_final_message")
"""What may be learned from an answer that is no plain refusal of a parameter: other words are too common there."""
PARAMETERS = (*SURE, "seed", "n", "temperature", "top_p", "top_k", "min_p", "stop")
"""What a server can be without, beside guides and lengths. The order is that in which a message is searched."""
_REFUSES = re.compile(
    r"unsupported|not (?:yet |currently |being )?(?:supported|permitted|allowed|available|implemented|enabled)|"
    r"not recogni[sz]ed|"
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
    )
}
"""Names that are common words too, as they are written where they are names."""
_ANY_OF_THEM = re.compile(
    r"no endpoints? found that (?:can handle|supports?) the requested parameters", re.IGNORECASE
)
"""A router's word for all parameters of a request: the rarest of them is meant."""
_BAD_SCHEMA = re.compile(
    r"invalid schema|schema (?:is )?(?:invalid|not valid)|must be one of|must be '", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![\w.\-/])\d{1,3}(?![\w%\-/]|\.\d)")


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
    if not refuses:
        return None
    names = (*PARAMETERS, *LENGTHS) if plain else SURE
    found = next((name for name in names if name in sent and named(lower, name)), None)
    return RefusedField(found) if found else None


def named(text: str, name: str) -> bool:
    """Whether a message names a field: as a word of its own, not as a part of a longer name."""
    if name in _COMMON:
        return _COMMON[name].search(text) is not None
    # a single letter is a part of many names of models
    more = "/-" if len(name) == 1 else ""
    return re.search(rf"(?<![a-z_\\{more}]){re.escape(name)}(?![a-z_{more}])", text) is not None


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
