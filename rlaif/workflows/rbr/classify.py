"""`rlaif rbr classify`: place answers in the classes of rules, by recorded propositions or by a judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import write_lines
from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.rbr import GradedRow, has_truths, read_graded
from rlaif.exchange.turns import turn_rows
from rlaif.hashing import canonical_json
from rlaif.judging import Judge
from rlaif.judging.protocol import One
from rlaif.judging.rbr import Classes, Placed, ask, asker, classes_of, kind_of, question, questions_of, truths
from rlaif.records import Constitution, Prompt
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.rbr.config import ClassifyConfig
from rlaif.workflows.rbr.load_rules import (
    CLASS_COLUMN,
    judging,
    known_kind,
    load_rules,
    no_kind,
    tagged,
)


class ClassifiedAnswer(NamedTuple):
    """One answer, the kind that its prompt wants, what is known of it, and where it is in."""

    prompt: Prompt
    text: str
    kind: str | None
    known: Mapping[str, Any]
    placed: Placed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """Every answer with its class."""

    answers: Sequence[ClassifiedAnswer]
    kinds: Mapping[str, Classes]
    max_unplaced: float

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many answers are in each class, by kind; best class first."""
        found = Counter((each.kind, each.placed.name) for each in self.answers if each.placed)
        return {
            kind: {name: found[kind, name] for name in classes.order}
            for kind, classes in self.kinds.items()
            if any(found[kind, name] for name in classes.order)
        }

    @property
    def unplaced(self) -> dict[str, int]:
        """How many are in no one class, and why: no class, several, not readable, of no kind."""
        problems = Counter(each.placed.problem if each.placed else "no kind" for each in self.answers)
        return {problem: count for problem, count in sorted(problems.items()) if problem}

    @property
    def labelled(self) -> dict[str, int]:
        """Of the answers whose row names a class itself, how many there are and how many are placed in it."""
        own = [each for each in self.answers if each.prompt.meta.get(CLASS_COLUMN)]
        same = [each for each in own if each.placed and each.placed.name == each.prompt.meta[CLASS_COLUMN]]
        return {"answers": len(own), "same": len(same)}

    @property
    def unmet(self) -> str | None:
        """Why the command exits 3."""
        share = sum(self.unplaced.values()) / len(self.answers)
        if share <= self.max_unplaced:
            return None
        why = ", ".join(f"{problem}: {count}" for problem, count in self.unplaced.items())
        return f"{share:.1%} of {len(self.answers)} answers are not in exactly one class ({why})"


def classify(config: ClassifyConfig, progress: Report = silent) -> Classified:
    """Place the answers of files; those that do not say what is true of them are put to a judge."""
    rules = load_rules(config.rules)
    kinds = classes_of(rules)
    known_kind(config.kind, kinds)
    given = {file: has_truths(file) for file in config.files}
    graded = [row for file in config.files if given[file] for row in read_graded(file)]
    asked = [each for file in config.files if not given[file] for each in read_completions(file)]
    if asked and config.judge is None:
        raise InputError("--judge is missing: these answers do not say which propositions are true of them")
    if config.judge is not None and not asked:
        raise InputError("--judge is not used: every row says which propositions are true; leave it out")
    answers = [_graded_answer(row, kinds, config.kind) for row in graded]
    if config.judge is not None:
        with judging(config, [config.judge], config.out or Path("classes"), progress) as models:
            answers += _judged_answers(
                asker(models.judge(config.judge), rules), asked, kinds, rules, config.kind
            )
    found = Classified(answers=answers, kinds=kinds, max_unplaced=config.max_unplaced)
    if config.out is not None:
        write_lines(config.out, (canonical_json(_row(each)) for each in answers))
    return found


def first_question(config: ClassifyConfig, progress: Report = silent) -> str:
    """The exact text that the judge gets first (`--show-prompt`)."""
    if config.judge is None:
        raise InputError("--show-prompt needs --judge: the model that would be asked")
    rules = load_rules(config.rules)
    kinds = classes_of(rules)
    known_kind(config.kind, kinds)
    for prompt, completion in tagged(read_completions(config.files[0]), config.kind, kinds):
        if (kind := kind_of(prompt, kinds)) is not None:
            texts = {each.id: each for each in questions_of(rules)}
            with judging(config, [config.judge], config.out or Path("classes"), progress) as models:
                judge = asker(models.judge(config.judge), rules)
                return question(judge, prompt, completion.text, texts[kinds[kind].asked[0]])
    raise InputError(no_kind(kinds))


def _graded_answer(row: GradedRow, kinds: Mapping[str, Classes], wanted: str | None) -> ClassifiedAnswer:
    kind = wanted or row.kind
    if kind not in kinds:
        raise InputError(
            f"{row.where}: `response_type` names the kind {kind!r}, which the rules do not have; "
            f"they have {', '.join(kinds)}"
        )
    if missing := [name for name in kinds[kind].asked if name not in row.truths]:
        raise InputError(
            f"{row.where}: `propositions` lacks {missing[0]!r}, which the rules of {kind} ask for"
        )
    return ClassifiedAnswer(
        row.prompt, row.completion.text, kind, dict(row.truths), kinds[kind].place(row.truths)
    )


def _judged_answers(
    judge: Judge,
    items: Sequence[One],
    kinds: Mapping[str, Classes],
    rules: Constitution,
    wanted: str | None,
) -> list[ClassifiedAnswer]:
    found: dict[int, ClassifiedAnswer] = {}
    named = [wanted or kind_of(prompt, kinds) for prompt, _ in items]
    if not any(named):
        raise InputError(no_kind(kinds))
    for kind, classes in kinds.items():
        places = [place for place, each in enumerate(named) if each == kind]
        heard = ask(judge, [items[place] for place in places], classes, questions_of(rules))
        for place, each in zip(places, heard, strict=True):
            prompt, completion = items[place]
            placed = classes.place(truths(each.shares))
            found[place] = ClassifiedAnswer(prompt, completion.text, kind, dict(each.shares), placed)
    return [
        found.get(place, ClassifiedAnswer(prompt, completion.text, None, {}, None))
        for place, (prompt, completion) in enumerate(items)
    ]


def _row(answer: ClassifiedAnswer) -> dict[str, Any]:
    placed = answer.placed
    return {
        "prompt": turn_rows(answer.prompt.messages),
        "completion": answer.text,
        "tags": list(answer.prompt.tags),
        "kind": answer.kind,
        "class": placed.name if placed else None,
        "possible": list(placed.possible) if placed else [],
        "problem": placed.problem if placed else "no kind",
        "propositions": dict(answer.known),
    }
