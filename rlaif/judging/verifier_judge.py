"""Programs as judge: a file says which program checks which principle. Asks no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rlaif.checks import check
from rlaif.documents import Document, read_document
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging import verifiers
from rlaif.judging.controls import GoldJudge
from rlaif.judging.kinds import JudgeContext, JudgeKind, rest_of
from rlaif.judging.protocol import Judge
from rlaif.judging.verifiers import Check
from rlaif.records import Principle, Prompt

KINDS: Mapping[str, Callable[[Any], Check]] = {
    "matches": verifiers.matches,
    "forbids": verifiers.forbids,
    "length": verifiers.length,
    "json_schema": verifiers.json_schema,
    "arithmetic": lambda _: verifiers.arithmetic,
    "python": verifiers.python,
}

VERSIONS: Mapping[str, int] = {"arithmetic": 2}
"""Of programs that judge otherwise than they did in an earlier release: such a judge is another one."""


class VerifierJudge(GoldJudge):
    """Says what its programs say: follows, violates, or abstains where no program checks a principle."""

    described: ClassVar[str] = "a file of programs (rules:FILE)"

    def __init__(self, name: str, path: Path) -> None:
        """Raises InputError with file and line of a rule that cannot be."""
        document = read_document(path, InputError)
        rows = check(document, "rules", InputError)["rules"]
        self.name = name
        read_anew = {kind: version for kind, version in VERSIONS.items() if any(kind in row for row in rows)}
        self.fingerprint = digest("judge", "rules", rows, *([read_anew] if read_anew else []))
        self.checks: dict[str, list[Check]] = {}
        for place, row in enumerate(rows):
            self.checks.setdefault(row["principle"], []).extend(_checks(document, place, row))
        super().__init__(self)

    def grade(
        self, prompt: Prompt, completion: str, principles: Sequence[Principle]
    ) -> Mapping[str, bool | None]:
        """For each principle: whether all its programs that find something to check are satisfied."""
        return {each.id: self._grade(prompt, completion, each.id) for each in principles}

    def _grade(self, prompt: Prompt, completion: str, principle: str) -> bool | None:
        answers = [check(prompt, completion) for check in self.checks.get(principle, [])]
        heard = [each for each in answers if each is not None]
        return all(heard) if heard else None


def _checks(document: Document, place: int, row: Mapping[str, Any]) -> list[Check]:
    found = []
    for kind, make in KINDS.items():
        if kind in row:
            try:
                found.append(make(row[kind]))
            except InputError as wrong:
                raise InputError(f"{document.where(('rules', place, kind))}: {wrong}") from None
    return found


def _open(name: str, _: JudgeContext) -> Judge:
    return VerifierJudge(name, Path(rest_of(name)))


def _prepare(name: str, context: JudgeContext) -> None:
    _open(name, context)


JUDGE_KIND = JudgeKind(
    name="rules",
    help="rules:FILE: programs, each checking a principle",
    open=_open,
    makes=VerifierJudge,
    bare=False,
    prepare=_prepare,
)
