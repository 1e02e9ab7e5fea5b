"""Rule-based rewards as steps: check rules, place answers in classes, score answers by fitted weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import write_lines
from rlaif.constitution import load_constitution
from rlaif.constitution.foreign import read_foreign
from rlaif.constitution.foreign.rules import recognises
from rlaif.documents import read_document
from rlaif.errors import ConstitutionError, InputError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.rbr import GradedRow, has_truths, read_graded
from rlaif.exchange.turns import turn_rows
from rlaif.hashing import canonical_json
from rlaif.judging import Judge
from rlaif.judging.protocol import One
from rlaif.judging.rbr import (
    Classes,
    ModelReward,
    Placed,
    RuleReward,
    Scored,
    ask,
    asker,
    classes_of,
    kind_of,
    questions_of,
    read_weights,
    truths,
)
from rlaif.judging.reward_judge import PREFIX
from rlaif.records import Constitution, Prompt
from rlaif.store import Store, find_store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models import Models
from rlaif.workflows.reports import Report, silent

YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions(ModelOptions):
    """What every step of rules can be told."""

    judge: str | None = None
    kind: str | None = None
    """Of answer that every prompt wants; None: the one of its tags that names a kind."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyConfig(RuleOptions):
    """Place each answer in the one class that it belongs to."""

    files: tuple[Path, ...]
    rules: str
    out: Path | None = None
    max_unplaced: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(RuleOptions):
    """Give each answer the reward of fitted weights."""

    source: Path
    weights: Path
    out: Path
    base: str | None = None


class ScoredFile(NamedTuple):
    """The rewards that were written, and what is doubtful about them."""

    scored: Sequence[Scored]
    warnings: Sequence[str]


class Answer(NamedTuple):
    """One answer, the kind that its prompt wants, what is known of it, and where it is in."""

    prompt: Prompt
    text: str
    kind: str | None
    known: Mapping[str, Any]
    placed: Placed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """Every answer with its class."""

    answers: Sequence[Answer]
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
    def unmet(self) -> str | None:
        """Why the command exits 3."""
        share = sum(self.unplaced.values()) / len(self.answers)
        if share <= self.max_unplaced:
            return None
        why = ", ".join(f"{problem}: {count}" for problem, count in self.unplaced.items())
        return f"{share:.1%} of {len(self.answers)} answers are not in exactly one class ({why})"


def load_rules(ref: str) -> Constitution:
    """A constitution with `behaviors`, or OpenAI's proposition_prompts.yaml. Raises ConstitutionError."""
    path = Path(ref)
    if path.suffix.lower() in YAML and path.is_file():
        document = read_document(path, ConstitutionError)
        if recognises(document.data):
            return read_foreign(path, path.stem.replace("_", "-").lower()).constitution
    return load_constitution(ref)


def check(ref: str) -> tuple[dict[str, Classes], list[str]]:
    """The classes of each kind, and a message for each case that is in no class or in several."""
    kinds = classes_of(load_rules(ref))
    return kinds, [slip for classes in kinds.values() for slip in classes.slips()]


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


def score(config: ScoreConfig, progress: Report = silent) -> ScoredFile:
    """Write each answer with its reward; judge and reward model are those of the fit unless others are named."""
    weights = read_weights(config.weights)
    judge = config.judge or (weights.judge or {}).get("name")
    base = config.base or (weights.base or {}).get("name")
    if weights.rules is None or judge is None:
        raise InputError(
            f"{config.weights}: was fitted to given features, without rules; fit to answers to score answers"
        )
    if config.base and not weights.base:
        raise InputError(f"--base: {config.weights} was fitted without a reward model; fit again with --base")
    known_kind(config.kind, weights.kinds)
    items = tagged(read_completions(config.source), config.kind, weights.kinds)
    names = {"judge": judge, "reward model": base} if base else {"judge": judge}
    made_with = {"judge": weights.judge, "reward model": weights.base}
    with judging(config, list(names.values()), config.out, progress) as models:
        warnings = [
            f"the {part} {name} is not the one that the weights were fitted with"
            for part, name in names.items()
            if models.fingerprint(name) != (made_with[part] or {}).get("fingerprint")
        ]
        found = RuleReward(weights, models.judge(judge), reward_model(models, base)).scored(items)
    rows = (_scored_row(item, each) for item, each in zip(items, found, strict=True))
    write_lines(config.out, map(canonical_json, rows))
    return ScoredFile(found, warnings)


@contextmanager
def judging(options: RuleOptions, names: Sequence[str], near: Path, progress: Report) -> Iterator[Models]:
    """The models of these names, opened before anything is asked; calls go through the store near `near`."""
    models = Models(options, progress, options.seed)
    models.open(*names)
    with Store.open(find_store(near.absolute(), options.store)) as store:
        models.record(store, "")
        yield models


def known_kind(kind: str | None, kinds: Mapping[str, object]) -> None:
    """Raise InputError for a `--kind` that the rules do not have."""
    if kind is not None and kind not in kinds:
        raise InputError(
            f"--kind {kind}: the rules have no such kind of answer; they have {', '.join(kinds)}"
        )


def reward_model(models: Models, name: str | None) -> ModelReward | None:
    """The reward model of this name. Raises InputError for a model that writes: log-probabilities are no rewards."""
    if name is None:
        return None
    if not name.startswith(PREFIX):
        raise InputError(f"--base {name}: is no reward model; name one as {PREFIX}DIR")
    return ModelReward(models.engine(name))


def tagged(items: Sequence[One], kind: str | None, kinds: Mapping[str, object]) -> list[One]:
    """The items with `kind` as the tag of their prompts that names a kind; as they are without one."""
    if kind is None:
        return list(items)
    return [
        (replace(prompt, tags=(*(tag for tag in prompt.tags if tag not in kinds), kind)), each)
        for prompt, each in items
    ]


def _graded_answer(row: GradedRow, kinds: Mapping[str, Classes], wanted: str | None) -> Answer:
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
    return Answer(row.prompt, row.completion.text, kind, dict(row.truths), kinds[kind].place(row.truths))


def _judged_answers(
    judge: Judge,
    items: Sequence[One],
    kinds: Mapping[str, Classes],
    rules: Constitution,
    wanted: str | None,
) -> list[Answer]:
    found: dict[int, Answer] = {}
    named = [wanted or kind_of(prompt, kinds) for prompt, _ in items]
    if not any(named):
        raise InputError(
            f"no prompt has exactly one tag that names a kind of answer ({', '.join(kinds)}); "
            "tag the prompts, or name one kind for all with --kind"
        )
    for kind, classes in kinds.items():
        places = [place for place, each in enumerate(named) if each == kind]
        heard = ask(judge, [items[place] for place in places], classes, questions_of(rules))
        for place, each in zip(places, heard, strict=True):
            prompt, completion = items[place]
            placed = classes.place(truths(each.shares))
            found[place] = Answer(prompt, completion.text, kind, dict(each.shares), placed)
    return [
        found.get(place, Answer(prompt, completion.text, None, {}, None))
        for place, (prompt, completion) in enumerate(items)
    ]


def _row(answer: Answer) -> dict[str, Any]:
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


def _scored_row(item: One, scored: Scored) -> dict[str, Any]:
    prompt, completion = item
    return {
        "prompt": turn_rows(prompt.messages),
        "completion": completion.text,
        "tags": list(prompt.tags),
        "kind": scored.kind,
        "reward": scored.reward,
        "reward_model": scored.base,
        "rules": scored.added,
        "failed": scored.failed.value if scored.failed else None,
    }
