"""Programs as judge: a file says which program checks which principle. Asks no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rlaif.checks import check
from rlaif.documents import Document, read_document
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.controls import GoldJudge
from rlaif.judging.function_judge import RAISED
from rlaif.judging.kinds import JudgeContext, JudgeKind, named_in
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge
from rlaif.judging.rule_process import RuleProcess
from rlaif.judging.verifiers import KINDS
from rlaif.records import Completion, Principle, Prompt, State
from rlaif.shipped import shipped

VERSIONS: Mapping[str, int] = {"arithmetic": 2}
"""Of programs that judge otherwise than they did in an earlier release: such a judge is another one."""


class RuleFailedError(Exception):
    """A program took too long, raised, or answered what is no answer; it says which, and why."""


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
        self._places: dict[str, list[int]] = {}
        rules: list[tuple[str, Any]] = []
        for place, row in enumerate(rows):
            for kind, value in _usable(document, place, row):
                self._places.setdefault(row["principle"], []).append(len(rules))
                rules.append((kind, value))
        self._rules = RuleProcess(rules)
        super().__init__(self)

    def grade(
        self, prompt: Prompt, completion: str, principles: Sequence[Principle]
    ) -> Mapping[str, bool | None]:
        """For each principle: whether all its programs that find something to check are satisfied.

        Raises RuleFailedError where one of them failed.
        """
        return {each.id: self._grade(prompt, completion, each.id) for each in principles}

    def _grade(self, prompt: Prompt, completion: str, principle: str) -> bool | None:
        answers = [self._rules.ask(place, prompt, completion) for place in self._places.get(principle, [])]
        if failed := next((each.failed for each in answers if each.failed), ""):
            raise RuleFailedError(failed)
        heard = [each.holds for each in answers if each.holds is not None]
        return all(heard) if heard else None

    def _alone(self, prompt: Prompt, completion: Completion, principle: Principle) -> CallReading:
        try:
            return super()._alone(prompt, completion, principle)
        except RuleFailedError as why:
            return CallReading(State.UNREADABLE, detail=f"{RAISED}{why}")

    def _first(self, prompt: Prompt, one: Completion, other: Completion, principle: Principle) -> CallReading:
        try:
            return super()._first(prompt, one, other, principle)
        except RuleFailedError as why:
            return CallReading(State.UNREADABLE, detail=f"{RAISED}{why}")


def _usable(document: Document, place: int, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Kind and value of each program of a row, every one of which can be made."""
    for kind, make in KINDS.items():
        if kind in row:
            try:
                make(row[kind])
            except InputError as wrong:
                raise InputError(f"{document.where(('rules', place, kind))}: {wrong}") from None
            yield kind, row[kind]


def _open(name: str, _: JudgeContext) -> Judge:
    return VerifierJudge(name, _file(named_in(name)))


def _file(named: str) -> Path:
    """The file of that path, or else the shipped one of that name."""
    ours = shipped("prompts/rules") / f"{named}.yaml"
    return ours if not Path(named).exists() and ours.is_file() else Path(named)


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
