"""The system turn under which a policy draws (`--system`): rules to follow, or what kind of answer is wanted.

What is drawn under it is kept with the prompt as it was. A policy that is trained on that learns to answer so without
being told (context distillation); drawn under `good` and under `bad`, it gives both sides of a pair (RLCD).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.plain_files import decoded, read_whole
from rlaif.records import Constitution, Message, Principle, Prompt
from rlaif.templates import load_template, numbered

NONE, CONSTITUTION, TEXT = "none", "constitution", "text"
FIXED: Mapping[str, str] = {"good": "system-good", "bad": "system-bad"}
"""Texts that are there, by name: their templates."""
Side = Literal["good", "bad"]
TAGS: Mapping[str, str] = {"good": "<|good|>", "bad": "<|bad|>"}
"""Lines by which conditional training says what kind of answer follows (2302.08582)."""
RULES = "system-constitution"
MOST_BYTES = 1_000_000
_ENDINGS = (".txt", ".md", ".jinja", ".yaml", ".json")
_HALF = re.compile("[\ud800-\udfff]")
_LEADING = ("system", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemTurn:
    """What stands in front of each prompt: one text, or the principles that apply to it."""

    named: str
    """What it was called: `constitution`, `good`, `bad`, or `text` for one of the user's."""
    text: str = ""
    """The text; of `constitution` nothing."""
    principles: tuple[Principle, ...] = ()
    side: str = ""
    """What kind of answer it asks for: `good` or `bad`; empty: of neither."""
    is_line: bool = False
    """Whether the text is a line in front of the last turn's, and no turn of its own: a tag."""

    @property
    def identity(self) -> dict[str, str]:
        """What is said, for identities and keys of steps."""
        if self.is_line:
            return {"named": self.named, "line": self.text}
        if self.named != CONSTITUTION:
            return {"named": self.named, "digest": digest("system", self.text)}
        rules = [[each.text, sorted(each.applies_to)] for each in self.principles]
        return {"named": self.named, "digest": digest("system", load_template(RULES).text, rules)}

    def before(self, prompt: Prompt) -> tuple[Message, ...]:
        """The turns of a prompt with this one in front. A system turn that it begins with goes on behind our text."""
        text = self.text_before(prompt)
        if not text:
            return prompt.messages
        if self.is_line:
            *before, last = prompt.messages
            return (*before, replace(last, content=f"{text}\n{last.content}"))
        first, *rest = prompt.messages
        if first.role in _LEADING:
            return (replace(first, content=f"{text}\n\n{first.content}"), *rest)
        return (Message(role="system", content=text), *prompt.messages)

    def text_before(self, prompt: Prompt) -> str:
        """The text that stands in front of this prompt; empty where none of the principles applies to it."""
        if self.named != CONSTITUTION:
            return self.text
        rules = [each.text for each in self.principles if applies(each, prompt)]
        return load_template(RULES).render(principles=numbered(rules)) if rules else ""


def tag_line(side: Side) -> SystemTurn:
    """The tag in front of a prompt that asks for a good or a bad answer."""
    return SystemTurn(named=f"tag-{side}", text=TAGS[side], side=side, is_line=True)


def system_turn(given: str | None, constitution: Constitution) -> SystemTurn | None:
    """What `none | constitution | good | bad | FILE | TEXT` means; None: no system turn.

    Raises InputError for a file that is not there or blank, and for a blank text.
    """
    if given is None or given == NONE:
        return None
    if given == CONSTITUTION:
        return SystemTurn(named=CONSTITUTION, principles=constitution.principles)
    return text_turn(given)


def text_turn(given: str) -> SystemTurn:
    """What `good | bad | FILE | TEXT` means. Raises InputError for a file that is not there or blank, a blank text."""
    if given in FIXED:
        return SystemTurn(named=given, text=load_template(FIXED[given]).render(), side=given)
    return SystemTurn(named=TEXT, text=_own_text(given))


def _own_text(given: str) -> str:
    where = f"--system {given}"
    one_line = len(given.splitlines()) == 1
    if one_line and Path(given).is_file():
        text = decoded(read_whole(Path(given), InputError, MOST_BYTES), where, InputError).strip()
        if not text:
            raise InputError(f"{where}: the file is blank; write the text of the system turn into it")
        return text
    if one_line and " " not in given and given.endswith(_ENDINGS):
        raise InputError(f"{where}: no such file; a text of your own has more words than that")
    if not given.strip():
        raise InputError("--system: is blank; give a text or a file, or leave it out")
    refuse_half_characters(given, "--system")
    return given


def refuse_half_characters(text: str, where: str) -> None:
    """Raise InputError for a text that was typed or piped and is no UTF-8: no model can read it."""
    if _HALF.search(text):
        raise InputError(f"{where}: is no UTF-8 text, and no model can read it; write it in UTF-8")
