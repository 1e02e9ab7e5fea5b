"""Texts by which completions are made to be good or bad: pairs of instructions, and refusals. Read from YAML files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rlaif.checks import check_schema
from rlaif.documents import read_document
from rlaif.errors import InputError
from rlaif.feedback.system_turn import SystemTurn
from rlaif.hashing import derived_seed, digest
from rlaif.records import Message, Prompt
from rlaif.shipped import shipped

Place = Literal["system", "user"]
CONTRAST, REFUSALS = "prompts/contrast", "prompts/refusals"
_TEXT = {"type": "string", "pattern": "\\S", "description": "text that is not blank"}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1, "description": "a list of texts, at least one"}
_PAIR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["good", "bad"],
    "properties": {"good": _TEXT, "bad": _TEXT},
    "description": "a mapping with `good` and `bad`",
}
_PAIRS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["pairs"],
    "properties": {
        "pairs": {
            "type": "array",
            "items": _PAIR,
            "minItems": 1,
            "description": "a list of `{good: TEXT, bad: TEXT}`, at least one",
        }
    },
}
_REFUSED: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["refusals", "markers"],
    "properties": {"refusals": _TEXTS, "markers": _TEXTS},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Affix:
    """Two instructions that differ in one point: what is asked of the good side, and what of the bad one."""

    good: str
    bad: str

    def of(self, side: str) -> str:
        """The text of a side, `good` or `bad`."""
        return self.good if side == "good" else self.bad

    @property
    def swapped(self) -> Affix:
        """Each side's text for the other one."""
        return Affix(good=self.bad, bad=self.good)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Canned refusals, and words (in small letters) by which an answer is known to refuse."""

    texts: tuple[str, ...]
    markers: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Digest of all of them, in their order."""
        return digest("refusals", list(self.texts), list(self.markers))

    def refuses(self, text: str) -> bool:
        """Whether an answer holds one of the markers, in whatever letters and with whatever apostrophe."""
        small = text.casefold().replace("\u2019", "'")
        return any(each in small for each in self.markers)


def load_affixes(ref: str, where: str) -> tuple[Affix, ...]:
    """The pairs of a shipped list, or of a YAML file; `where` names the setting. Raises InputError with its line."""
    document = read_document(_file(ref, CONTRAST, where), InputError)
    check_schema(document, _PAIRS, InputError)
    found = tuple(Affix(**each) for each in document.data["pairs"])
    for place, each in enumerate(found):
        if " ".join(each.good.split()).casefold() == " ".join(each.bad.split()).casefold():
            line = document.where(("pairs", place))
            raise InputError(
                f"{line}: `good` and `bad` are one text, which tells no side from the other; change one"
            )
    return found


def affixes_digest(affixes: Sequence[Affix]) -> str:
    """Digest of the texts, in their order."""
    return digest("affixes", [[each.good, each.bad] for each in affixes])


def load_refusals(ref: str, where: str) -> Refusals:
    """A shipped list of refusals, or a YAML file. Raises InputError with file and line; `where` names the setting."""
    document = read_document(_file(ref, REFUSALS, where), InputError)
    check_schema(document, _REFUSED, InputError)
    markers = tuple(each.casefold() for each in document.data["markers"])
    return Refusals(texts=tuple(document.data["refusals"]), markers=markers)


def _file(ref: str, kind: str, where: str) -> Path:
    if ref.endswith((".yaml", ".yml")) or "/" in ref:
        if not Path(ref).is_file():
            raise InputError(
                f"{where}: {ref}: no such file; name a YAML file, or one of: {', '.join(_known(kind))}"
            )
        return Path(ref)
    path = shipped(kind) / f"{ref}.yaml"
    if path.is_file():
        return path
    close = difflib.get_close_matches(ref, _known(kind), n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise InputError(
        f"{where}: no list {ref!r}{hint}; there are {', '.join(_known(kind))}, or name a YAML file"
    )


def _known(kind: str) -> list[str]:
    return sorted(path.stem for path in shipped(kind).glob("*.yaml"))


def of_draw(count: int, seed: int, what: str, prompt: Prompt, number: int) -> int:
    """Which of `count` texts a draw of a prompt takes: by chance of the prompt, the next one for each further draw."""
    return (derived_seed(seed, what, prompt.id) + number) % count


def contrasted(prompt: Prompt, affix: Affix, side: str, *, place: Place, crossed: bool) -> Prompt:
    """The prompt as the model is shown it that answers for a side: nothing beside its turns and tools is kept.

    The instruction stands in the system turn, or in brackets behind the user's last turn. With `crossed`, each earlier
    turn that the assistant has answered has the *other* side's instruction behind it: so the model is to do better, or
    worse, than it did before (RLCD).
    """
    turns = _with_earlier(prompt.messages, affix.swapped.of(side)) if crossed else list(prompt.messages)
    text = affix.of(side)
    if place == "system":
        shown = SystemTurn(named="text", text=text).before(Prompt(messages=tuple(turns), tools=prompt.tools))
    else:
        shown = (*turns[:-1], _behind(turns[-1], text))
    return Prompt(messages=shown, tools=prompt.tools)


def _with_earlier(messages: Sequence[Message], text: str) -> list[Message]:
    turns = list(messages)
    for place, each in enumerate(turns[:-1]):
        if each.role == "user" and turns[place + 1].role == "assistant":
            turns[place] = _behind(each, text)
    return turns


def _behind(turn: Message, text: str) -> Message:
    return replace(turn, content=f"{turn.content}\n\n({text})")
