"""`rlaif rbr fit`: fit the weights of rules to judged answers, or to the released files of comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.rbr import RELEASED_ORDERS, read_comparisons
from rlaif.hashing import canonical_json, digest
from rlaif.judging import Judge
from rlaif.judging.protocol import One
from rlaif.judging.rbr import (
    Classes,
    FitConfig,
    Fitted,
    ModelReward,
    Weights,
    ask,
    asker,
    classes_of,
    comparable,
    features,
    fit,
    kind_of,
    made_of,
    questions_of,
    report_of,
    truths,
    write_weights,
)
from rlaif.records import Constitution, Featured
from rlaif.version import __version__
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.rbr.config import Order, RbrFitConfig
from rlaif.workflows.rbr.load_rules import (
    CLASS_COLUMN,
    judging,
    known_kind,
    load_rules,
    reward_model,
    tagged,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RbrFit:
    """What was fitted, and what was left out of it."""

    fitted: Mapping[str, Fitted]
    weights: Weights
    out: Path
    left_out: Mapping[str, int]
    warnings: Sequence[str]
    unmet: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "out": str(self.out),
            "digest": self.weights.digest,
            "kinds": {
                kind: {"weights": dict(self.fitted[kind].weights), **report}
                for kind, report in self.weights.report.items()
            },
            "left_out": dict(self.left_out),
            "warnings": list(self.warnings),
        }


@dataclass(slots=True)
class GatheredAnswers:
    """Examples with what is known of where they came from."""

    examples: list[Featured]
    orders: Mapping[str, Order]
    rules: Constitution | None = None
    judge: Mapping[str, str] | None = None
    base: Mapping[str, str] | None = None
    left_out: Counter[str] = field(default_factory=Counter)


def fit_weights(config: RbrFitConfig, progress: Report = silent) -> RbrFit:
    """Fit each kind of answer on its own, and write the file of weights."""
    gathered = _released(config) if config.features else _from_answers(config, progress)
    fitting = FitConfig(
        margin=config.margin,
        margins=_margins(config.class_margin, gathered),
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        steps=config.steps,
        held_out=config.held_out,
        seed=config.seed,
    )
    fitted, weights, warnings = fitted_weights(gathered, config.order, fitting, str(config.out), progress)
    write_weights(config.out, weights)
    return RbrFit(
        fitted=fitted,
        weights=weights,
        out=config.out,
        left_out=dict(gathered.left_out),
        warnings=warnings,
        unmet=below(fitted, config.min_in_order),
    )


def fitted_weights(
    gathered: GatheredAnswers, orders: Mapping[str, Order], fitting: FitConfig, source: str, progress: Report
) -> tuple[dict[str, Fitted], Weights, list[str]]:
    """Fit each kind of answer on its own; also what there is to be warned of. Raises InputError for nothing to fit."""
    fitted, warnings = _fit_kinds(gathered, orders, fitting, progress)
    weights = Weights(
        kinds={kind: each.weights for kind, each in fitted.items()},
        rules=gathered.rules,
        judge=gathered.judge,
        base=gathered.base,
        source=source,
        report=report_of(fitted),
        made=made_of(fitting, _data_digest(gathered.examples), __version__),
    )
    return fitted, weights, [*warnings, *_dominated(fitted)]


def _margins(margins: Mapping[str, float], gathered: GatheredAnswers) -> Mapping[str, float]:
    known = sorted({each.label for each in gathered.examples})
    if strange := sorted(margins.keys() - set(known)):
        raise InputError(
            f"--class-margin: no answer is in class {strange[0]!r}; there are {', '.join(known)}"
        )
    return margins


def _released(config: RbrFitConfig) -> GatheredAnswers:
    unused = {"--rules": config.rules, "--judge": config.judge, "--base": config.base, "--kind": config.kind}
    if given := [name for name, value in unused.items() if value is not None]:
        raise InputError(
            f"{given[0]} is not used with --features, which already say what it would; leave it out"
        )
    examples = [
        each for file in config.files for each in read_comparisons(file, config.features, config.rewards)
    ]
    return GatheredAnswers(examples, RELEASED_ORDERS)


def _from_answers(config: RbrFitConfig, progress: Report) -> GatheredAnswers:
    if config.rewards:
        raise InputError("--rewards belongs to --features; name a reward model with --base")
    if config.rules is None or config.judge is None:
        missing = "--rules" if config.rules is None else "--judge"
        raise InputError(
            f"{missing} is missing: answers need rules, and a judge who says what is true of them"
        )
    rules = load_rules(config.rules)
    kinds = classes_of(rules)
    if slips := [slip for classes in kinds.values() for slip in classes.slips()]:
        raise InputError(f"{slips[0]} (`rlaif rbr check` lists all {len(slips)})")
    known_kind(config.kind, kinds)
    answers = [each for file in config.files for each in read_completions(file)]
    items = tagged(answers, config.kind, kinds)
    names = [config.judge, *([config.base] if config.base else [])]
    with judging(config, names, config.out, progress) as models:
        judge, base = models.judge(config.judge), reward_model(models, config.base)
        gathered = gather_answers(rules, items, judge, base)
        gathered.judge = _who(models, config.judge)
        gathered.base = _who(models, config.base) if config.base else None
    return gathered


def gather_answers(
    rules: Constitution, items: Sequence[One], judge: Judge, base: ModelReward | None
) -> GatheredAnswers:
    """The answers as examples of the fit: each with what the judge says of it, its class and the reward model's number.

    An answer that has no kind, no class or no number, or of which a proposition could not be read, is left out and
    counted.
    """
    kinds = classes_of(rules)
    gathered = GatheredAnswers(
        [], {kind: tuple((name,) for name in each.order) for kind, each in kinds.items()}, rules
    )
    for kind, classes in kinds.items():
        own = [item for item in items if kind_of(item[0], kinds) == kind]
        _gather(gathered, own, classes, asker(judge, rules), base)
    gathered.left_out["no kind"] += sum(kind_of(prompt, kinds) is None for prompt, _ in items)
    return gathered


def _who(models: ModelPool, name: str) -> dict[str, str]:
    return {"name": name, "fingerprint": models.fingerprint(name)}


def _gather(
    gathered: GatheredAnswers, items: Sequence[One], classes: Classes, judge: Judge, base: ModelReward | None
) -> None:
    """Add the examples of one kind: an answer's class is what its row says, else where the judge sees it."""
    assert gathered.rules is not None
    numbers = [number for number, _ in base.heard(items)] if base else [0.0] * len(items)
    heard = ask(judge, items, classes, questions_of(gathered.rules))
    for (prompt, completion), each, number in zip(items, heard, numbers, strict=True):
        seen = features(classes, each.shares)
        label = prompt.meta.get(CLASS_COLUMN) or classes.place(truths(each.shares)).name
        if label is not None and label not in classes.order:
            known = ", ".join(classes.order)
            raise InputError(
                f"`{CLASS_COLUMN}` is {label!r}, no class of {classes.kind}; it must be one of {known}"
            )
        if seen is None or label is None or number is None:
            why = "not readable" if seen is None else "in no one class" if label is None else "no reward"
            gathered.left_out[why] += 1
            continue
        gathered.examples.append(
            Featured(
                prompt_id=prompt.id,
                completion_id=completion.id,
                kind=classes.kind,
                label=label,
                features=seen,
                base=number,
            )
        )


def _fit_kinds(
    gathered: GatheredAnswers, orders: Mapping[str, Order], config: FitConfig, progress: Report
) -> tuple[dict[str, Fitted], list[str]]:
    by_kind: dict[str, list[Featured]] = {}
    for each in gathered.examples:
        by_kind.setdefault(each.kind, []).append(each)
    if strange := sorted(orders.keys() - by_kind.keys()):
        raise InputError(
            f"--order: no answer is of the kind {strange[0]!r}; there are {', '.join(by_kind) or 'none'}"
        )
    fitted, warnings = {}, []
    for done, (kind, examples) in enumerate(by_kind.items()):
        progress("fitting", done, len(by_kind))
        tiers = orders.get(kind) or gathered.orders.get(kind)
        if tiers is None:
            raise InputError(
                f"{kind}: no order of its classes is known; give one: --order '{kind}=best > worst'"
            )
        if comparable(examples, tiers):
            fitted[kind] = fit(examples, tiers, config)
        else:
            warnings.append(
                f"{kind}: no two answers of one prompt are of different classes: it gets no weights"
            )
    progress("fitting", len(by_kind), len(by_kind))
    if not fitted:
        raise InputError("there is nothing to fit: no prompt has answers of two classes; add answers")
    return fitted, warnings


def _dominated(fitted: Mapping[str, Fitted]) -> list[str]:
    """A message for each kind in which the reward model outshouts rules that by themselves are right."""
    return [
        f"{kind}: the rules alone put {each.fitted_on.rules:.0%} of the pairs in order, with the reward model "
        f"{each.fitted_on.both:.0%}: its numbers are too large for these weights; more --steps, or scale it down"
        for kind, each in fitted.items()
        if each.fitted_on.rules is not None
        and each.fitted_on.both is not None
        and each.fitted_on.rules - each.fitted_on.both > 0.05
    ]


def below(fitted: Mapping[str, Fitted], least: float | None) -> str | None:
    """Which kinds have fewer held-out pairs in order than are wanted; None where none has."""
    if least is None:
        return None
    low = [kind for kind, each in fitted.items() if (each.held_out.both or 0.0) < least]
    return f"held-out pairs in order are below {least:.0%} for {', '.join(low)}" if low else None


def _data_digest(examples: Sequence[Featured]) -> str:
    rows = [
        [each.prompt_id, each.completion_id, each.kind, each.label, dict(each.features), each.base]
        for each in examples
    ]
    return digest("rbr-data", sorted(rows, key=canonical_json))
