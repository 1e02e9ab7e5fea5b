"""JSON of a server as replies: texts, candidates of a token, usage. Pure, and sure of nothing that is not said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.engines.openai.error_text import SHOWN, one_line, said
from rlaif.engines.openai.finish_reasons import Ending, ending_of
from rlaif.engines.openai.reading import PLAIN, Reading
from rlaif.engines.openai.thought_fields import PARTS, thought_field, thought_of
from rlaif.engines.openai.tool_calls import called
from rlaif.engines.thoughts import MARKS, ThoughtMarks, split
from rlaif.records import Finish, ToolCall, Usage
from rlaif.secrets import cleaned_text

MAX_MASS = 1.02
"""The most that probabilities of one token's candidates add up to, rounding apart."""
MAX_LOGPROB = 1e-3
"""Rounding apart, no log-probability is above zero."""
SENT_ONE = "the server sent one answer"
"""Begins the reason where a server takes no notice of `n`."""
WITHHELD = "the server's filter withheld the text"
TOOL = "the model called a tool, and no text was sent"
BROKEN_TOOL = "the model called a tool, and the server sent no call that can be read"
NO_COMPLETION = "the server sent what is no completion"
_TEXT_PARTS = ("text", "output_text", "refusal")
SHORTEST_MARK = 3
"""Letters of a token that can only be the beginning of a mark."""
_MOST_TOKENS = 1 << 40


class Text(NamedTuple):
    """One drawn text, or why there is none; `fatal` means that asking again would give the same."""

    text: str
    finish: Finish
    problem: str = ""
    fatal: bool = False
    thought: str = ""
    open_thought: bool = False
    """Whether the thought never ended: there is no answer."""
    tool_calls: tuple[ToolCall, ...] = ()
    marks: ThoughtMarks | None = None
    """Those that stood around the thought, where it was not sent apart."""


class Problem(NamedTuple):
    """What an answer lacks. `lacks` names the capability that a server without it answers so."""

    reason: str
    fatal: bool = False
    lacks: str = ""


def texts(body: Mapping[str, Any], count: int, how: Reading = PLAIN) -> list[Text] | str:
    """The `count` texts of an answer, or why it is none."""
    choices = _choices(body)
    if isinstance(choices, str):
        return choices
    if len(choices) != count:
        sent = SENT_ONE if len(choices) == 1 else f"the server sent {len(choices) or 'no'} answers"
        return f"{sent} where {count} were asked for"
    return [_text(each, how) for each in choices]


def texts_problem(body: Mapping[str, Any], count: int, how: Reading = PLAIN) -> Problem | None:
    """Why an answer does not give `count` texts. What is the same at every try is no matter of the answer."""
    found = texts(body, count, how)
    if isinstance(found, str):
        return Problem(found, lacks="n" if count > 1 and found.startswith(SENT_ONE) else "")
    return next((Problem(each.problem) for each in found if each.problem and not each.fatal), None)


def candidates(body: Mapping[str, Any]) -> dict[str, float] | Problem:
    """Log-probability by text of the first token's candidates, or why there are none."""
    choices = _choices(body)
    if isinstance(choices, str):
        return Problem(choices)
    if len(choices) != 1:
        return Problem(f"the server sent {len(choices) or 'no'} answers where 1 was asked for")
    [choice] = choices
    ending, _ = ending_of(choice)
    if ending in (Ending.WITHHELD, Ending.BROKEN):
        return Problem(_text(choice, PLAIN).problem, fatal=ending is Ending.WITHHELD)
    try:
        pairs = _listed(choice.get("logprobs"))
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return Problem("the server's log-probabilities cannot be read")
    if not pairs:
        return _without_logprobs(choice)
    return _candidates(pairs)


def prompt_logprobs(body: Mapping[str, Any]) -> list[tuple[str, float]] | None:
    """Token id and log-probability of each token of the prompt but the first; None where the server gives none."""
    rows = body.get("prompt_logprobs")
    if not isinstance(rows, list) or not rows:
        return None
    found = []
    try:
        for row in rows[1:]:
            # the token that is there comes first, whatever its rank
            name, how = next(iter(row.items()))
            found.append((str(name), _logprob(how["logprob"])))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError, OverflowError):
        return None
    return found if all(value <= MAX_LOGPROB for _, value in found) else None


def prompt_problem(body: Mapping[str, Any]) -> Problem | None:
    """Why an answer does not give the log-probabilities of the prompt."""
    if prompt_logprobs(body) is not None:
        return None
    if body.get("prompt_logprobs") or not body.get("choices"):
        return Problem("the server's log-probabilities cannot be read")
    return Problem("the answer has no log-probabilities of the prompt", lacks="prompt_logprobs")


def thinks_first(body: Mapping[str, Any], known: Mapping[str, float]) -> bool:
    """Whether the first token of an answer is one of a thought, by where the server put it or by what is likeliest."""
    choices = _choices(body)
    message = choices[0].get("message") if not isinstance(choices, str) and choices else None
    if isinstance(message, dict) and thought_field(message):
        return True
    likeliest = max(known, key=lambda each: known[each], default="").strip()
    return len(likeliest) >= SHORTEST_MARK and any(
        each.start.startswith(likeliest) and not likeliest.isalpha() for each in MARKS.values()
    )


def usage(body: Mapping[str, Any]) -> Usage:
    """Tokens that the server counts, those of thoughts among them; none where it counts none."""
    used = body.get("usage")
    used = used if isinstance(used, dict) else {}
    sent, written = _count(used, "prompt_tokens"), _count(used, "completion_tokens")
    details = used.get("completion_tokens_details")
    thought = _count(details if isinstance(details, dict) else used, "reasoning_tokens")
    # most servers count thoughts among what is written; of Gemini and xAI only the total tells of them
    apart = max(0, _count(used, "total_tokens") - sent - written)
    if thought > written:
        apart = max(apart, thought)
    return Usage(prompt_tokens=sent, completion_tokens=written + apart)


def added(usages: Iterable[Usage]) -> Usage:
    """The usage of several calls."""
    every = list(usages)
    return Usage(
        prompt_tokens=sum(each.prompt_tokens for each in every),
        completion_tokens=sum(each.completion_tokens for each in every),
    )


def shares(whole: Usage, parts: int) -> list[Usage]:
    """The usage of a call of several draws, dealt out so that it sums up."""
    sent, got = divmod(whole.prompt_tokens, parts), divmod(whole.completion_tokens, parts)
    return [
        Usage(prompt_tokens=sent[0] + (each < sent[1]), completion_tokens=got[0] + (each < got[1]))
        for each in range(parts)
    ]


def _choices(body: Mapping[str, Any]) -> list[Mapping[str, Any]] | str:
    choices = body.get("choices")
    if not isinstance(choices, list) or not all(isinstance(each, dict) for each in choices):
        words = said(body)[:SHOWN] if "choices" not in body else ""
        return f"{NO_COMPLETION}: {words}" if words else NO_COMPLETION
    return choices


def _without_logprobs(choice: Mapping[str, Any]) -> Problem:
    """Of an answer that is none, nothing is to be learned of what the server can do."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str) or (isinstance(message, dict) and ending_of(choice)[0] is Ending.CUT):
        return Problem("the answer has no log-probabilities", lacks="logprobs")
    text = _text(choice, PLAIN)
    return Problem(text.problem or "the server sent no text", text.fatal)


def _text(choice: Mapping[str, Any], how: Reading) -> Text:
    ending, word = ending_of(choice)
    if ending is Ending.WITHHELD:
        told = WITHHELD if word == "content_filter" else f"{WITHHELD} (finish reason {word!r})"
        return Text("", "stop", told, fatal=True)
    message = choice.get("message")
    if ending is Ending.BROKEN:
        why = said({"error": choice.get("error")})[:SHOWN] if choice.get("error") else ""
        more = f": {why}" if why else ", which is no end of a text"
        return Text("", "stop", f"the answer ended with finish reason {word!r}{more}")
    if not isinstance(message, dict):
        return Text("", "stop", "the server sent no text")
    calls = called(message)
    calling = ending is Ending.TOOL or calls != ()
    if calling and not (how.tools and (calls or ending is Ending.CUT)):
        return Text("", "stop", BROKEN_TOOL if how.tools else TOOL, fatal=not how.tools)
    if ending is Ending.UNSAID:
        return Text("", "stop", "the server gave no finish reason, so nobody knows whether the text is whole")
    if ending is Ending.UNKNOWN:
        return Text("", "stop", f"finish reason {word!r} is not known to end a text", fatal=True)
    found = _content(message)
    if isinstance(found, Problem):
        return Text("", "stop", found.reason, fatal=found.fatal)
    if found is None and ending is Ending.WHOLE and not calls and not _thinks(message):
        return Text("", "stop", *_instead(message))
    text = _parted(message, found or "", how)
    finish: Finish = "length" if ending is Ending.CUT else "stop"
    # a call behind a thought is an answer too
    return text._replace(finish=finish, tool_calls=calls or (), open_thought=text.open_thought and not calls)


def _parted(message: Mapping[str, Any], content: str, how: Reading) -> Text:
    """What a message says as thought and answer, whether the server parted them or left the marks in the text.

    Both ways give the same: blanks beside the marks belong to neither.
    """
    if _thinks(message):
        thought, answer = cleaned_text(thought_of(message)), cleaned_text(content).lstrip()
        return Text(answer, "stop", thought=thought, open_thought=not answer)
    marks = how.marks_of(content)
    if marks is None:
        return Text(cleaned_text(content), "stop")
    parts = split(cleaned_text(content), marks, begun=how.begun)
    return Text(parts.answer, "stop", thought=parts.thought, open_thought=parts.open, marks=marks)


def _thinks(message: Mapping[str, Any]) -> bool:
    """Whether a thought came apart from the text, be it one whose words are withheld."""
    return bool(thought_field(message)) or _has_parts(message, PARTS)


def _content(message: Mapping[str, Any]) -> str | Problem | None:
    """What a message says: a text, its parts without those that are thoughts, or a refusal."""
    content = message.get("content")
    if isinstance(content, dict):
        content = [content]
    if isinstance(content, list):
        return _joined(content)
    refusal = message.get("refusal")
    if not content and isinstance(refusal, str) and refusal:
        return refusal
    if content is not None and not isinstance(content, str):
        return Problem("the server sent no text")
    return content


def _joined(parts: Sequence[Any]) -> str | Problem | None:
    found = []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if kind in PARTS:
            continue
        text = part.get("refusal" if kind == "refusal" else "text") if isinstance(part, dict) else part
        if kind not in _TEXT_PARTS:
            return Problem(
                f"the server sent a part of type {one_line(str(kind))[:40]!r} where a text was asked for",
                fatal=True,
            )
        if not isinstance(text, str):
            return Problem("the server sent no text")
        found.append(text)
    return "".join(found) if found else None


def _has_parts(message: Mapping[str, Any], kinds: Sequence[str]) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return any(isinstance(each, dict) and each.get("type") in kinds for each in parts)


def _instead(message: Mapping[str, Any]) -> tuple[str, bool]:
    """What came in place of a text that is said to be whole, and whether it would come again."""
    if message.get("audio"):
        return "the server sent audio, and no text", True
    return "the server sent no text", False


def _listed(told: Any) -> list[tuple[str, float]]:
    """The first token's candidates as they are listed."""
    if not told:
        return []
    content = told.get("content")
    if content:
        return [
            (_token(each["token"]), _logprob(each["logprob"]))
            for each in content[0].get("top_logprobs") or ()
        ]
    # the form of OpenAI's older interface, which some servers keep: a list with a mapping for each token
    older = told.get("top_logprobs")
    first = older[0] if isinstance(older, list) and older else {}
    return [(_token(text), _logprob(value)) for text, value in (first or {}).items()]


def _candidates(pairs: Sequence[tuple[str, float]]) -> dict[str, float] | Problem:
    if not all(value <= MAX_LOGPROB for _, value in pairs):
        return Problem("the server's log-probabilities are none")
    whole = math.fsum(math.exp(value) for _, value in pairs)
    if whole > MAX_MASS:
        return Problem(f"the server's probabilities of one token add up to {whole:.2f}")
    # two tokens may spell one text ("A" and " A" of SentencePiece): either of them says it
    known: dict[str, float] = {}
    for text, value in pairs:
        known[text] = min(0.0, _sum(known[text], value)) if text in known else value
    return known


def _token(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError("no token")
    return text


def _logprob(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return float(value)


def _sum(one: float, other: float) -> float:
    """Log of the sum of two probabilities."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _count(used: Mapping[str, Any], name: str) -> int:
    value = used.get(name)
    if isinstance(value, float) and value.is_integer():  # of JSON made by languages with one kind of number
        value = int(value)
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else 0
    )
