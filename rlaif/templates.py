"""The texts a judge is asked with. Slots are filled in one pass, so what a model wrote is never read as a slot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.documents import parse_document
from rlaif.errors import TemplateError
from rlaif.hashing import digest
from rlaif.records import Message
from rlaif.shipped import shipped

_SLOT = re.compile(r"\{\{(fenced:)?([a-z][a-z0-9_]*)\}\}")
_TICKS = re.compile(r"`+")
_EXAMPLES = re.compile(r"^=== examples ===\n", re.MULTILINE)
"""The line behind which a template has worked examples, as a YAML list."""
REPLY = "reply"
"""What an example has beside the values of the slots: the answer to it."""
# all of the process, as engines may render in threads of their own
_RECORDERS: list[dict[str, str]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text with slots: `{{name}}`, or `{{fenced:name}}` for text that somebody else wrote."""

    name: str
    text: str
    examples: tuple[Mapping[str, str], ...] = ()
    """Worked ones, shown as earlier turns: the value of each slot, and the `reply`."""

    @property
    def digest(self) -> str:
        """Digest of the text and its examples, which is its version; goes into provenance."""
        held = [self.text, [dict(each) for each in self.examples]] if self.examples else [self.text]
        return digest("template", *held)

    @property
    def slots(self) -> frozenset[str]:
        """Names that `render` wants, all of them and no others."""
        return frozenset(match.group(2) for match in _SLOT.finditer(self.text))

    @property
    def words(self) -> str:
        """What it says itself, its slots left out."""
        return _SLOT.sub("", self.text)

    def render(self, **values: str) -> str:
        """Fill every slot. Raises TemplateError naming a missing or an extra slot."""
        if self.slots != values.keys():
            missing, extra = sorted(self.slots - values.keys()), sorted(values.keys() - self.slots)
            raise TemplateError(f"template {self.name}: missing slots {missing}, unknown slots {extra}")
        for used in _RECORDERS:
            if self.name not in used:
                used[self.name] = self.digest
        fenced = [values[m.group(2)] for m in _SLOT.finditer(self.text) if m.group(1)]
        fence = fence_around(fenced)

        def fill(match: re.Match[str]) -> str:
            value = values[match.group(2)]
            return f"{fence}\n{value}\n{fence}" if match.group(1) else value

        return _SLOT.sub(fill, self.text)

    def turns(self, **values: str) -> tuple[Message, ...]:
        """The question as a conversation: each example as a question and its reply, then the slots' own question.

        Raises TemplateError naming a missing or an extra slot.
        """
        shown = []
        for each in self.examples:
            own = {name: value for name, value in each.items() if name != REPLY}
            shown += [
                Message(role="user", content=self.render(**own)),
                Message(role="assistant", content=each[REPLY]),
            ]
        return (*shown, Message(role="user", content=self.render(**values)))


def load_template(name: str, folder: Path | None = None) -> Template:
    """The template `name` of `folder`, else of the shipped ones. The file's last line feed is not part of it."""
    for place in [folder, shipped("prompts/templates")]:
        if place is not None and (path := place / f"{name}.txt").is_file():
            return _read(name, path)
    known = sorted(path.stem for path in shipped("prompts/templates").glob("*.txt"))
    raise TemplateError(f"no template {name!r}; the shipped ones are {', '.join(known)}")


def _read(name: str, path: Path) -> Template:
    """The template of a file: its text, and the examples behind it. Raises TemplateError."""
    body, *rest = _EXAMPLES.split(path.read_text(encoding="utf-8"), maxsplit=1)
    if not rest:
        return Template(name=name, text=body.removesuffix("\n"))
    template = Template(name=name, text=body.rstrip("\n"))
    # as many lines before it as in the file, so that messages name the file's lines
    above = "\n" * (body.count("\n") + 1)
    found = parse_document(above + rest[0], str(path), TemplateError).data
    if not isinstance(found, list) or not found:
        raise TemplateError(f"{path}: behind `=== examples ===` must stand a list of examples, at least one")
    wanted = {*template.slots, REPLY}
    examples = tuple(_example(each, wanted, f"{path}: example {n}") for n, each in enumerate(found, 1))
    return Template(name=name, text=template.text, examples=examples)


def _example(found: Any, wanted: set[str], where: str) -> Mapping[str, str]:
    """One example with a text for each slot and the reply. Raises TemplateError."""
    if not isinstance(found, dict) or set(found) != wanted:
        keys = set(found) if isinstance(found, dict) else set()
        raise TemplateError(
            f"{where}: missing {sorted(wanted - keys)}, unknown {sorted(map(str, keys - wanted))}; "
            f"give {', '.join(sorted(wanted))}"
        )
    for name, value in found.items():
        if not isinstance(value, str) or not value.strip():
            raise TemplateError(f"{where}: {name!r} must be text that is not blank")
    return {name: value.strip("\n") for name, value in found.items()}


@contextmanager
def recorded_templates() -> Iterator[dict[str, str]]:
    """Name and digest of every template that is rendered in the block: what the models were asked with."""
    used: dict[str, str] = {}
    _RECORDERS.append(used)
    try:
        yield used
    finally:
        # by identity: another recorder may have recorded the same
        _RECORDERS[:] = [each for each in _RECORDERS if each is not used]


def record_templates(used: Mapping[str, str]) -> None:
    """Count templates (name and digest) that another process has rendered as rendered here."""
    for each in _RECORDERS:
        each.update(used)


def template_digests(names: Sequence[str] = ()) -> dict[str, str]:
    """The digests that the shipped templates have now; of `names`, or of all."""
    names = names or sorted(path.stem for path in shipped("prompts/templates").glob("*.txt"))
    return {name: load_template(name).digest for name in names}


def unchanged(used: Mapping[str, str]) -> bool:
    """Return whether each template still has the digest in `used` (name to digest).

    Templates that are not shipped (a rule file brings its own) are not compared here.
    """
    now = template_digests() if used else {}
    return all(now.get(name, held) == held for name, held in used.items())


def numbered(texts: Sequence[str]) -> str:
    """Rules as a list that a reply can refer to: `1. ...`, one a line."""
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))


def fence_around(texts: Sequence[str]) -> str:
    """A line of backticks that none of the texts can close: one more than any run inside of them, at least three."""
    longest = max((len(run) for text in texts for run in _TICKS.findall(text)), default=0)
    return "`" * max(3, longest + 1)
