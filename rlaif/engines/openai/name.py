"""What an `openai:` name says: addresses, model and revision, and how its servers want to be treated.

`openai:<base url>[,<base url>...][?setting=value&...]#<model>[@<revision>]`; `model_and_revision` says which @ is
which. Addresses and settings are metadata: neither is part of what a call is, except `votes`, which changes what a
score means, `mask`, `omit` and `budget_as`, which change what is sent, `thought_marks`, `thought_begun` and
`thought_tokens`, by which thoughts are read, `answers_as`, which says who answers, and `revision`.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, fields, replace
from typing import NamedTuple
from urllib.parse import parse_qsl

import httpx

from rlaif.engines.openai.meant import meant_address
from rlaif.engines.openai.thought_budgets import WAYS
from rlaif.engines.thoughts import ThoughtMarks
from rlaif.errors import ModelError
from rlaif.secrets import hide

FORM = "openai:http://<host>:<port>/v1#<model>@<revision>"
OMITTABLE = ("temperature", "top_p", "top_k", "min_p", "seed")
"""What a server may be asked without: its own value holds then."""
NO_MARKS = "none"
"""In `?thought_marks=`: texts are not searched for thoughts."""
PLAIN = ("answers_as", "omit", "revision", "budget_as", "thought_marks")
"""Settings whose words hold nothing secret."""
THOUGHT_TOKENS = 2048
REVISION = "revision"
"""Setting that says the revision apart, so that every @ behind the # belongs to the model's name."""
ESCAPES = {"%40": "@", "%23": "#", "%25": "%"}
"""What stands for a character of a model's name; no other % is read."""
_USER = re.compile(r"(?<=://).*@")
_PLAIN = re.compile(r"[\w.+-]{1,11}")
_ESCAPED = re.compile("|".join(ESCAPES))
_LIKE_A_NAME = re.compile(r"20\d{6}|\d{3}")
"""Revisions that providers write into the names of their models: `claude-opus-4@20250514`, `text-bison@002`."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How each server of a name is treated; the names are those of the query in a model name."""

    at_once: int = 64
    """Calls in flight on one server."""
    rpm: int = 0
    """Calls a minute on one server; 0: no limit."""
    tpm: int = 0
    """Tokens a minute on one server, sent and received; 0: no limit."""
    tries: int = 6
    """Attempts a call, over all servers."""
    connect: float = 10.0
    """Seconds to reach a server."""
    write: float = 60.0
    """Seconds in which a part of a request must be taken."""
    read: float = 600.0
    """Seconds without a byte of the answer."""
    total: float = 900.0
    """Seconds for a whole attempt, so that a slow drip ends too."""
    wait: float = 1.0
    """Seconds before the second attempt; doubles, and is jittered."""
    patience: float = 120.0
    """Seconds for which no server may answer before the run is stopped."""
    n: int = 1
    """Draws of one prompt asked for in one call, where the server can: the prompt is paid once, seeds are not sent."""
    votes: int = 0
    """Texts sampled for the probability of labels where a server gives no log-probabilities; 0: refuse."""
    logprobs: int = 1
    """0: the server gives no log-probabilities and is not asked for them; judges write their verdicts."""
    reach: float = 6.0
    """Seconds in which some server must be reached for the first time."""
    key: str = ""
    """Environment variable that holds the key."""
    mask: int = 0
    """1: spellings of control tokens in messages are broken up by a blank, for servers take many for the tokens."""
    answers_as: str = ""
    """Names, with commas, under which the model may answer too, as a deployment or an alias does; *: any."""
    omit: str = ""
    """Of `OMITTABLE`, with commas: what is never sent, so that the server's own value holds."""

    budget_as: str = ""
    """How the server is told the most tokens of a thought, by its name in `thought_budgets.WAYS`; empty: what is known
    of its host, else what servers take no notice of or refuse."""
    thought_marks: str = ""
    """Start and end mark, with a comma, of thoughts in texts; empty: those that are known; `none`: no text is split."""
    thought_begun: int = 0
    """1: the chat template has written the start mark, so that a text begins inside of its thought."""
    continues: int = 0
    """1: the server goes on with an assistant's turn that a request begins (`continue_final_message`)."""
    thought_tokens: int = THOUGHT_TOKENS
    """Room for the thought of a vote, where the model thinks and the question does not say how much."""

    @property
    def marks(self) -> ThoughtMarks | None:
        """The marks that the user names."""
        start, _, end = self.thought_marks.partition(",")
        return ThoughtMarks(start, end) if end else None

    @property
    def says_thoughts(self) -> bool:
        """Whether the user says that the model marks its thoughts."""
        return self.marks is not None or bool(self.thought_begun)

    @property
    def splits_thoughts(self) -> bool:
        """Whether texts are searched for thoughts."""
        return self.thought_marks != NO_MARKS

    @property
    def left_out(self) -> frozenset[str]:
        """Fields of a request that are never sent."""
        return frozenset(each.strip() for each in self.omit.split(",") if each.strip())

    @property
    def identity(self) -> tuple[str, ...]:
        """What of the settings makes another model of the one that is named: a seed that is left out does not."""
        sampled = sorted(self.left_out - {"seed"})
        told = {
            "answers_as": self.answers_as,
            "omit": ",".join(sampled),
            "budget_as": self.budget_as,
            "thought_marks": self.thought_marks,
            "thought_begun": self.thought_begun,
            "thought_tokens": self.thought_tokens if self.thought_tokens != THOUGHT_TOKENS else 0,
        }
        return tuple(f"{name}={value}" for name, value in told.items() if value)


class ServerName(NamedTuple):
    """A parsed name."""

    base_urls: tuple[str, ...]
    model: str
    revision: str
    settings: Settings


def parse_name(name: str, rest: str) -> ServerName:
    """The parts of what follows `openai:` in `name`. Raises ModelError with the form of such names."""
    named = shown(name)
    places, _, told = rest.partition("#")
    model, revision = model_and_revision(rest)
    addresses, _, query = places.partition("?")
    urls = tuple(_base(each) for each in addresses.split(",") if each.strip())
    if not urls or not model.strip("@ ") or _USER.search(places) or not all(_is_url(each) for each in urls):
        meant = meant_address(_USER.sub("", rest)) if not _USER.search(places) else None
        hint = f"did you mean {meant!r}? " if meant else ""
        raise ModelError(
            f"{named}: {hint}a server is named as {FORM}, several as <url>,<url>#<model>@<revision>; user and password "
            "are no part of it, and a key is in a variable (?key=NAME)"
        )
    if late := next((each for each in _known() if f"?{each}=" in told or f"&{each}=" in told), None):
        raise ModelError(f"{named}: the setting {late} stands behind the model; settings stand before the #")
    if len(set(urls)) != len(urls):
        raise ModelError(f"{named}: names one address twice; raise `?at_once=` instead")
    return ServerName(urls, model, revision, _settings(named, query))


def model_and_revision(rest: str) -> tuple[str, str]:
    """The model's own name, as its server knows it, and the revision that the user declares.

    The last @ parts them, but for one at the very beginning, which belongs to the name (`@cf/meta/llama-3`). Where the
    name holds one elsewhere, it is written %40, or the revision is said apart: `?revision=`.
    """
    places, _, told = rest.partition("#")
    stated = dict(parse_qsl(places.partition("?")[2], keep_blank_values=True)).get(REVISION)
    if stated is not None:
        model, revision = told, stated
    else:
        model, _, revision = told.rpartition("@") if "@" in told[1:] else (told, "", "")
    return _ESCAPED.sub(lambda found: ESCAPES[found[0]], model), revision


def with_marks(name: str, settings: Settings, marks: tuple[str, str] | None) -> Settings:
    """The settings with marks of thoughts that are said beside the name; ModelError where the name says others."""
    if marks is None:
        return settings
    said = ",".join(marks)
    if "," in marks[0] or not all(marks):
        raise ModelError(
            f"{name}: the marks of thoughts {list(marks)} are none: START holds no comma, both say something"
        )
    if settings.thought_marks not in ("", said):
        raise ModelError(
            f"{name}: thought_marks={settings.thought_marks}, and {said} is said elsewhere; say it once"
        )
    return replace(settings, thought_marks=said)


def doubt(rest: str) -> str | None:
    """What to ask a user whose revision looks like a part of the model's name; None where there is no doubt."""
    places, _, told = rest.partition("#")
    model, revision = model_and_revision(rest)
    if not told.endswith(f"@{revision}") or f"{REVISION}=" in places or not _LIKE_A_NAME.fullmatch(revision):
        return None
    return (
        f"asks for the model {model!r}, and takes {revision!r} for a revision that you declare; if it belongs to the "
        f"model's name, write {told.removesuffix(f'@{revision}')}%40{revision}; if not, ?{REVISION}={revision} says so"
    )


def shown(name: str) -> str:
    """A name without what may be secret in it: users and passwords, and what settings say that are no numbers.

    What it leaves out is hidden from then on: other messages may name the model too.
    """
    kind, _, rest = name.partition(":")
    places, sharp, model = rest.rpartition("#")
    if not sharp:
        places, model = rest, ""
    for found in _USER.finditer(places):
        user, colon, password = found[0][:-1].partition(":")
        hide(password if colon else user)
    addresses, mark, query = _USER.sub("...@", places).partition("?")
    settings = "&".join(_setting(*each.partition("=")) for each in query.split("&")) if mark else ""
    return f"{kind}:{addresses}{mark}{settings}{sharp}{model}"


def _setting(name: str, equals: str, value: str) -> str:
    told = name in _known() or _PLAIN.fullmatch(name)
    plain = value.replace(".", "").isdecimal() or value in os.environ or not value or name in PLAIN
    if not plain:
        hide(value)
    if not told:
        hide(name, name + equals + value)
    return f"{name if told else '...'}{equals}{value if plain else '...'}"


def _base(address: str) -> str:
    """An address as calls go below it; some write the address of the calls themselves."""
    return address.strip().rstrip("/").removesuffix("/chat/completions") + "/"


def _is_url(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host) and not url.userinfo


def _known() -> tuple[str, ...]:
    return (*(each.name for each in fields(Settings)), REVISION)


def _settings(name: str, query: str) -> Settings:
    known = {each.name: type(each.default) for each in fields(Settings)}
    values: dict[str, int | float | str] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key == REVISION:
            continue
        if key not in known:
            said = repr(key) if _PLAIN.fullmatch(key) else "(not shown: it may be a key)"
            raise ModelError(f"{name}: unknown setting {said}; known settings: {', '.join(_known())}")
        values[key] = _value(name, key, text, known[key])
    return Settings(**values)  # type: ignore[arg-type]


def _value(name: str, key: str, text: str, kind: type) -> int | float | str:
    if key == "omit" and (strange := sorted({each.strip() for each in text.split(",")} - {*OMITTABLE, ""})):
        raise ModelError(f"{name}: omit={','.join(strange)}: what can be left out: {', '.join(OMITTABLE)}")
    if key == "budget_as" and text not in ("", *WAYS):
        raise ModelError(f"{name}: budget_as={text}: how a thought is limited: {', '.join(WAYS)}")
    if key == "thought_marks" and text not in ("", NO_MARKS) and not all(text.partition(",")[::2]):
        raise ModelError(f"{name}: thought_marks={text}: is START,END or {NO_MARKS}")
    if kind is str:
        return text
    try:
        value: int | float = kind(text)
    except ValueError:
        value = -1
    if key == "mask" and value not in (0, 1):
        raise ModelError(f"{name}: mask={text}: is 1 (break up spelled control tokens) or 0")
    if key == "continues" and value not in (0, 1):
        raise ModelError(f"{name}: continues={text}: is 1 (the server goes on with an assistant's turn) or 0")
    if key == "thought_begun" and value not in (0, 1):
        raise ModelError(f"{name}: thought_begun={text}: is 1 (the chat template writes the start mark) or 0")
    least = (
        0
        if key in ("rpm", "tpm", "votes", "mask", "logprobs", "thought_begun", "continues")
        else 1
        if kind is int
        else 0.001
    )
    if not least <= value < 1e9:
        said = text if _PLAIN.fullmatch(text) else "..."
        raise ModelError(f"{name}: {key}={said}: is a {kind.__name__} of at least {least}")
    return value
