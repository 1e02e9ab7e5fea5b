"""Requests as JSON for a server, and its JSON as replies. Pure: what each server can do is given, not asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.engines.openai.capabilities import Capabilities
from rlaif.records import Finish, GenerateRequest, Message, ScoreRequest, Usage
from rlaif.secrets import cleaned, cleaned_text

FLOOR = 1e-30
"""Probability of a label that is not among the candidates: the mass of the labels then says how little is known."""
MIN_TOLD = 0.5
"""Where even the most that labels can have is less than this, the model says something else: nothing is missing."""
MAX_UNTOLD = 0.1
"""What labels that are not among the candidates may have at most, as a share of what the others have."""
TOO_FEW = "the server lists too few candidates to tell how likely each label is; add ?votes=8 to its name"
VOTE_TOKENS = 4
SHOWN = 80
"""Letters of a name that a server gives itself."""
SENT_ONE = "the server sent one answer"
"""Begins the reason where a server takes no notice of `n`."""
_FIRST = re.compile(r"[\s*_`\"'\[\](){}#]*(?:(?:Answer\W{1,4})?(?:Response|Option)\s+)?(\w+)(?![\w'’-])")
"""The first word of a text, without what is put around a label."""
_STOPS = re.compile(r"[\s*_`\"'\[\](){}]*(?:$|\n|[.!:;,)](?!\d))")
_VERSION = re.compile(r"[-@:._]v?\d")


class Text(NamedTuple):
    """One drawn text, or why there is none; `fatal` means that asking again gives the same."""

    text: str
    finish: Finish
    problem: str = ""
    fatal: bool = False


def draw_body(request: GenerateRequest, count: int, able: Capabilities) -> dict[str, Any]:
    """Return the JSON body of a chat request for `count` texts, with only the fields that this server takes."""
    how = request.sampling
    body: dict[str, Any] = {"messages": _turns(request.messages), "temperature": how.temperature}
    body |= {"top_p": how.top_p, able.lengths[0]: how.max_tokens}
    # only where they are asked for: no part of OpenAI's own interface
    body |= {name: value for name in ("top_k", "min_p") if (value := getattr(how, name))}
    if count > 1:
        body["n"] = count
    elif able.can("seed"):
        body["seed"] = request.seed & 0x7FFFFFFF
    if how.stop:
        body["stop"] = list(how.stop)
    if request.schema is not None and able.guides:
        body |= _guided(able.guides[0], dict(request.schema))
    return body


def label_body(request: ScoreRequest, able: Capabilities) -> dict[str, Any]:
    """Ask for the likeliest first tokens of the answer."""
    top = {"logprobs": True, "top_logprobs": able.tops[0]}
    return {**_continued(request, ""), able.lengths[0]: 1, "temperature": 1.0, **top}


def vote_body(request: ScoreRequest, seed: int, count: int, able: Capabilities) -> dict[str, Any]:
    """Ask for the beginnings of `count` answers."""
    body = {**_continued(request, ""), able.lengths[0]: VOTE_TOKENS, "temperature": 1.0}
    if count > 1:
        body["n"] = count
    elif able.can("seed"):
        body["seed"] = seed & 0x7FFFFFFF
    return body


def prompt_logprobs_body(request: ScoreRequest, continuation: str, able: Capabilities) -> dict[str, Any]:
    """Ask for the log-probabilities of the prompt's own tokens, with `continuation` as a part of it."""
    body = {**_continued(request, continuation), able.lengths[0]: 1, "temperature": 0.0}
    return {**body, "prompt_logprobs": 0}


def needs_prompt_logprobs(request: ScoreRequest) -> bool:
    """Whether some continuation is more than a label, so that its first token says too little."""
    return any(len(each.split()) > 1 or len(each) > 24 for each in request.continuations)


def texts(body: Mapping[str, Any], count: int) -> list[Text] | str:
    """The `count` texts of an answer, or why it is none."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not all(isinstance(each, dict) for each in choices):
        return "the server sent what is no completion"
    if len(choices) != count:
        sent = SENT_ONE if len(choices) == 1 else f"the server sent {len(choices)} answers"
        return f"{sent} where {count} were asked for"
    return [_text(each) for each in choices]


def top_logprobs(body: Mapping[str, Any]) -> dict[str, float] | str | None:
    """Log-probability by text of the first token's candidates; None where the server gives none; or a reason."""
    found = texts(body, 1)
    if isinstance(found, str):
        return found
    try:
        told = body["choices"][0].get("logprobs")
        if not told or not told.get("content") or not told["content"][0].get("top_logprobs"):
            return None
        pairs = [(each["token"], float(each["logprob"])) for each in told["content"][0]["top_logprobs"]]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return "the server's log-probabilities cannot be read"
    if not all(isinstance(text, str) and value <= 1e-3 for text, value in pairs):
        return "the server's log-probabilities are none"
    # two tokens may spell one text ("A" and " A" of SentencePiece): either of them says it
    known: dict[str, float] = {}
    for text, value in pairs:
        known[text] = min(0.0, _added(known[text], value)) if text in known else value
    return known


def label_logprobs(request: ScoreRequest, known: Mapping[str, float]) -> tuple[float, ...]:
    """Log-probability of each continuation among the candidates, which are the likeliest tokens.

    A label of which no spelling is among them has at most what the last of them has: that much it is given, so that
    nobody is surer than the server has told. NaN where that is too much to tell anything.
    """
    said = [known.get(text) for text in request.continuations]
    labels = [text.strip().lower() for text in request.continuations]
    told = {label for label, value in zip(labels, said, strict=True) if value is not None}
    missing = list(dict.fromkeys(label for label in labels if label not in told))
    bound = _most_unlisted(known) / max(1, len(missing)) if missing else 0.0
    bound = min(bound, min(map(math.exp, known.values()), default=1.0))
    heard = math.fsum(math.exp(value) for value in said if value is not None)
    readable = heard + bound * len(missing) >= MIN_TOLD
    if missing and readable and (len(known) < 2 or bound * len(missing) > MAX_UNTOLD * heard):
        bound = math.nan
    given = {labels.index(label): bound for label in missing} if readable else {}
    floor = math.log(FLOOR)
    return tuple(
        max(value, floor)
        if value is not None
        else math.nan
        if math.isnan(share := given.get(place, 0.0))
        else math.log(max(share, FLOOR))
        for place, value in enumerate(said)
    )


def _most_unlisted(known: Mapping[str, float]) -> float:
    """The probability of all tokens together that are not among the candidates."""
    return max(0.0, 1 - math.fsum(map(math.exp, known.values())))


def vote_logprobs(request: ScoreRequest, said: Sequence[str]) -> tuple[float, ...]:
    """Log of the share of sampled texts that are each continuation; a text counts for one of them at most."""
    votes = dict.fromkeys(request.continuations, 0)
    for text in said:
        begun = _begins_with(text, votes)
        if begun is not None:
            votes[begun] += 1
    return tuple(math.log(max(votes[each] / len(said), FLOOR)) for each in request.continuations)


def _begins_with(text: str, labels: Iterable[str]) -> str | None:
    """The label that a text is, or begins with: `**A**`, `Yes, it does`; the letter A of `A good one` is none."""
    listed = list(labels)
    exact = [each for each in listed if each == text] or [
        each for each in listed if each.strip() == text.strip()
    ]
    if exact:
        return exact[0]
    first = _FIRST.match(text)
    if first is None:
        return None
    word, rest = first[1], text[first.end() :]
    # a letter or number alone ends its line, or a stop stands behind it; a word may begin a sentence
    if len(word) < 2 and not _STOPS.match(rest):
        return None
    same = [each for each in listed if each.strip() == word] or [
        each for each in listed if len(word) > 1 and each.strip().lower() == word.lower()
    ]
    return same[0] if same else None


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
            found.append((str(name), float(how["logprob"])))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return None
    return found


def usage(body: Mapping[str, Any]) -> Usage:
    """Tokens that the server counts; none where it counts none."""
    used = body.get("usage")
    used = used if isinstance(used, dict) else {}
    return Usage(
        prompt_tokens=_count(used, "prompt_tokens"), completion_tokens=_count(used, "completion_tokens")
    )


def shares(whole: Usage, parts: int) -> list[Usage]:
    """The usage of a call of several draws, dealt out so that it sums up."""
    sent, got = divmod(whole.prompt_tokens, parts), divmod(whole.completion_tokens, parts)
    return [
        Usage(prompt_tokens=sent[0] + (each < sent[1]), completion_tokens=got[0] + (each < got[1]))
        for each in range(parts)
    ]


def other_model(asked: str, body: Mapping[str, Any]) -> str | None:
    """The model that answered, when it is not the one that was asked: a dated or abbreviated name is the same one."""
    said = body.get("model")
    if not isinstance(said, str) or not said:
        return None
    wanted, name = asked.lower(), said.lower()
    dated = name.startswith(wanted) and _VERSION.match(name[len(wanted) :]) is not None
    same = name == wanted or dated or wanted.endswith("/" + name) or name.endswith("/" + wanted)
    return None if same else cleaned(said)[:SHOWN]


def _text(choice: Mapping[str, Any]) -> Text:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    if choice.get("finish_reason") == "content_filter":
        return Text("", "stop", "the server's filter withheld the text", fatal=True)
    said = message.get("content")
    if said is None:
        said = message.get("refusal")
    if not isinstance(said, str):
        return Text("", "stop", "the server sent no text")
    return Text(cleaned_text(said), "length" if choice.get("finish_reason") == "length" else "stop")


def _continued(request: ScoreRequest, continuation: str) -> dict[str, Any]:
    turns = _turns(request.messages)
    begun = request.assistant_prefix + continuation
    if not begun:
        return {"messages": turns}
    turns.append({"role": "assistant", "content": begun})
    return {"messages": turns, "continue_final_message": True, "add_generation_prompt": False}


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": each.role, "content": each.content} for each in messages]


def _guided(way: str, schema: dict[str, Any]) -> dict[str, Any]:
    if way == "response_format":
        wanted = {"name": "reply", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": wanted}}
    return {way: {"json": schema} if way == "structured_outputs" else schema}


def _added(one: float, other: float) -> float:
    """Log of the sum of two probabilities."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _count(used: Mapping[str, Any], name: str) -> int:
    value = used.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0
