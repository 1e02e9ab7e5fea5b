"""Calls of models as the store keeps them: one with all that was sent and came back, and answers of two policies.

A store is opened for each question and closed again, and only read: a run that works in it never waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import RlaifError
from rlaif.hashing import derived_seed
from rlaif.records import Generation, Message, Score, ToolCall, Tools
from rlaif.review.sample import BeforeAfter
from rlaif.store import Call, Store

MOST_ANSWERS = 4000
"""Answers of a policy that are looked through for prompts that both answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallShown:
    """One call, for a page."""

    key: str
    kind: str
    fingerprint: str
    messages: Sequence[Message]
    tools: Tools
    prefix: str
    settings: Mapping[str, Any]
    thought: str
    text: str
    """Raw text of the reply."""
    choices: Sequence[tuple[str, float]]
    """Continuations with their log-probabilities, likeliest first."""
    tool_calls: Sequence[ToolCall]
    finish: str
    error: str
    tries: int
    prompt_tokens: int
    completion_tokens: int
    at: float | None
    """When it came back."""


@contextmanager
def _opened(path: Path) -> Iterator[Store | None]:
    if not path.is_file():
        yield None
        return
    with Store.open(path, writes=False) as store:
        yield store


def call_shown(store: Path, key: str) -> CallShown | None:
    """A call by its key; None where this store does not hold it."""
    with _opened(store) as held:
        call = held.call(key) if held is not None else None
        if held is None or call is None:
            return None
        rows = held.select("SELECT at, prompt_tokens, completion_tokens FROM calls WHERE key = ?", [key])
    at, sent, got = rows[0] if rows else (None, 0, 0)
    return _shown(call, at, sent, got)


def _shown(call: Call, at: float | None, sent: int, got: int) -> CallShown:
    request, reply = call.request, call.reply
    continuations = tuple(getattr(request, "continuations", ()))
    scored = zip(continuations, reply.logprobs, strict=False) if isinstance(reply, Score) else ()
    sampling = getattr(request, "sampling", None) or getattr(request, "thinking", None)
    settings = dict(sampling.identity) if sampling is not None else {}
    written = isinstance(reply, Generation)
    return CallShown(
        key=call.key,
        kind="score" if continuations else "generate",
        fingerprint=call.fingerprint,
        messages=request.messages,
        tools=request.tools,
        prefix=request.assistant_prefix,
        settings={**settings, **({"seed": request.seed} if sampling is not None else {})},
        thought="" if reply is None else reply.thought,
        text=reply.text if isinstance(reply, Generation) else "",
        choices=sorted(scored, key=lambda each: -each[1]),
        tool_calls=getattr(reply, "tool_calls", ()),
        finish=str(getattr(reply, "finish", "")) if written else "",
        error=call.error or "",
        tries=call.tries,
        prompt_tokens=sent,
        completion_tokens=got,
        at=at,
    )


def before_and_after(store: Path, before: str, after: str, most: int) -> list[BeforeAfter]:
    """Prompts that two policies answered at temperature 0, as held-out ones are, with both answers.

    Args:
        store: The project's store.
        before: Fingerprint of the one policy.
        after: Fingerprint of the other.
        most: How many are wanted; which they are depends on the prompts alone. Those whose answers differ come first.
    """
    if not before or not after or before == after:
        return []
    try:
        with _opened(store) as held:
            return [] if held is None else _both(held, before, after, most)
    except RlaifError:
        return []


def _both(store: Store, before: str, after: str, most: int) -> list[BeforeAfter]:
    one, other = (_greedy(store, each) for each in (before, after))
    shared = sorted(one.keys() & other.keys(), key=lambda each: derived_seed("shown sample", each))
    differ = [each for each in shared if one[each][1] != other[each][1]]
    found = []
    for turns in [*differ, *(each for each in shared if each not in set(differ))]:
        calls = store.call(one[turns][0]), store.call(other[turns][0])
        replies = [each.reply for each in calls if each is not None]
        if (
            calls[0] is not None
            and len(replies) == 2
            and all(isinstance(each, Generation) for each in replies)
        ):
            first, second = (each for each in replies if isinstance(each, Generation))
            found.append(BeforeAfter(prompt=calls[0].request.messages, before=first, after=second))
        if len(found) == most:
            break
    return found


def _greedy(store: Store, policy: str) -> dict[str, tuple[str, str]]:
    """Key and reply of a policy's calls at temperature 0, by what was asked."""
    rows = store.select(
        "SELECT key, request, reply FROM calls WHERE fingerprint = ? AND kind = 'generate' AND reply IS NOT NULL "
        f"AND request LIKE '%\"temperature\": 0.0%' LIMIT {MOST_ANSWERS}",
        [policy],
    )
    found = {}
    for key, request, reply in rows:
        try:
            asked = json.loads(request)
            found[json.dumps([asked.get("turns"), asked.get("tools")])] = (
                str(key),
                str(json.loads(reply)["text"]),
            )
        except (ValueError, KeyError, TypeError):
            continue
    return found
