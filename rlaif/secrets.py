"""What this process knows and may not tell: keys, tokens, passwords. Cleans what comes from outside of them.

A server, a proxy or a library may repeat what it was sent: as it was, escaped, encoded, cut off. Whatever is kept or
shown of such a text goes through `cleaned` first.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote

HIDDEN = "[hidden]"
LEAST = 8
"""Characters of a secret: what is shorter is a word that other texts hold too."""
PART = 8
"""Characters in a row of a secret that an error message may not hold either."""
LONG_PART = 16
"""The same for the text of a model, of which nothing is to be lost by chance."""
_BLOCK = 4
"""Any `PART` characters in a row hold a whole block of this length."""
PLACEHOLDERS = (
    "change-me", "changeme", "lm-studio", "no-api-key", "no-key-needed", "no-key-required", "not-a-key",
    "not-needed", "notneeded", "not-used", "password", "placeholder", "sk-no-key-required", "undefined",
    "your-api-key", "your_api_key",
)  # fmt: skip
"""What people write where a server asks for no key: not secret, and found in honest texts."""
_NAMED = re.compile(
    r"(?:^|_)(?:\w*KEY|\w*TOKEN|\w*SECRET\w*|PASS|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|AUTHORIZATION)$"
)
_PROXY = re.compile(r"(?:^|_)(?:PROXY|URL|URI|DSN)$")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_PATTERNS = (
    (re.compile(r"(\w://)[^\s/?#@\"']*:[^\s/?#\"']*@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"\b((?i:bearer|basic)(?:\s+|%20|\+))(?=[\w.~-]*[a-z.~-][A-Z0-9])[\w.~+/=%-]{8,}"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b((?:sk|pk|rk|gsk|hf|xai|ghp|nvapi)[-_])[\w-]{12,}"), rf"\1{HIDDEN}"),
)
"""Secrets that nobody told us of, by their looks: only in error messages."""
_CHUNK = 1 << 24
_LOWER = {ord(each): ord(each.lower()) for each in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_KNOWN: dict[str, None] = {}


def hide(*values: str) -> None:
    """From now on none of these is kept or shown."""
    for value in values:
        bare = value.strip()
        if len(bare) >= LEAST and bare.lower() not in PLACEHOLDERS:
            _KNOWN.setdefault(bare)


def hide_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Hide what variables hold whose names say that it is secret, and the passwords of addresses."""
    for name, value in environment.items():
        if name.startswith("RLAIF_"):  # our own options: none of them takes a secret
            continue
        if _NAMED.search(name.upper()) and not value.startswith(("/", "~", "./")):
            hide(value)
        elif _PROXY.search(name.upper()) and "@" in value:
            hide(*_passwords(value))


def forget() -> None:
    """Drop all secrets that this process knows."""
    _KNOWN.clear()


def cleaned(text: str) -> str:
    """Return a message from outside with known secrets, parts of them, and what looks like a secret masked."""
    found = _without(text, PART)
    plain = html.unescape(unquote(_ESCAPED.sub(_unescaped, found)))
    if plain != found and (bare := _without(plain, PART)) != plain:
        found = bare
    for pattern, instead in _PATTERNS:
        found = pattern.sub(instead, found)
    return found


def cleaned_text(text: str) -> str:
    """What a model wrote, without any known secret; nothing else is changed."""
    return _without(text, LONG_PART)


def holds_secret(path: Path) -> bool:
    """Return whether a file contains a complete known secret, plain or encoded."""
    forms = [form.encode("utf-8", "surrogateescape") for secret in tuple(_KNOWN) for form in _forms(secret)]
    kept = b""
    with path.open("rb") as stream:
        while forms and (part := stream.read(_CHUNK)):
            if any(form in kept + part for form in forms):
                return True
            kept = part[-max(map(len, forms)) :]
    return False


def hide_in_tracebacks() -> None:
    """Install excepthooks that mask secrets in the traceback of an unexpected error, in every thread."""

    def show(kind: type[BaseException], wrong: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(cleaned("".join(traceback.format_exception(kind, wrong, trace))))

    def show_of_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None:
            show(told.exc_type, told.exc_value, told.exc_traceback)

    sys.excepthook = show
    threading.excepthook = show_of_thread


def _passwords(address: str) -> Iterator[str]:
    """What of an address opens a door: its password, or a user that stands alone."""
    # by hand: a password with a slash or a hash in it would end the address early
    user, colon, password = address.partition("://")[2].rpartition("@")[0].partition(":")
    told = password if colon else user
    yield from {told, unquote(told)}


def _without(text: str, part: int) -> str:
    low = text.translate(_LOWER)
    spans: list[tuple[int, int]] = []
    for secret in tuple(_KNOWN):
        for form in _forms(secret):
            if any(each in low for each in _blocks(form)):
                spans += _found(low, form.translate(_LOWER), min(part, len(form)))
    if not spans:
        return text
    kept, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            kept += [text[end:start], HIDDEN]
        end = max(end, stop)
    return "".join([*kept, text[end:]])


def _found(text: str, form: str, least: int) -> Iterator[tuple[int, int]]:
    """Where at least `least` characters in a row of `form` stand."""
    grams = {form[place : place + least] for place in range(len(form) - least + 1)}
    start = 0
    while start + least <= len(text):
        if text[start : start + least] not in grams:
            start += 1
            continue
        stop = start + least
        while stop < len(text) and text[stop - least + 1 : stop + 1] in grams:
            stop += 1
        yield start, stop
        start = stop


@cache
def _blocks(form: str) -> tuple[str, ...]:
    """Pieces of which any `PART` characters of `form` hold one: most texts are seen at a glance to hold none."""
    low = form.translate(_LOWER)
    return tuple(low[place : place + _BLOCK] for place in range(0, len(low) - _BLOCK + 1, _BLOCK))


@cache
def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is and as it may be encoded on the way."""
    raw = secret.encode("utf-8", "surrogateescape")
    forms = {
        secret: None,
        quote(raw, safe=""): None,
        quote(raw): None,
        html.escape(secret): None,
        json.dumps(secret)[1:-1]: None,
        repr(secret)[1:-1]: None,
        raw.hex(): None,
        base64.b64encode(raw).decode(): None,
    }
    for shift in range(3):
        # what stands before it moves the letters of base64; those at the ends belong to its neighbours too
        whole = base64.b64encode(b"\0" * shift + raw).decode()
        inner = whole.rstrip("=")[(0, 2, 3)[shift] :]
        inner = inner[:-1] if whole.endswith("=") else inner
        if len(inner) >= LEAST:
            forms |= {inner: None, inner.replace("+", "-").replace("/", "_"): None}
    return tuple(each for each in forms if len(each) >= LEAST)


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16))
