"""From a call to a finished directory, for every method: open, tokenise, claim, choose the layout, train, export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.local.checks import check_directory
from rlaif.errors import RecipeError, RunError, ThresholdError
from rlaif.hashing import digest
from rlaif.libraries.accelerate import Accelerator, join_launch
from rlaif.records import Alarm, Evaluator, Example, Pair, is_plain
from rlaif.runs.layout import USED_PAIRS
from rlaif.training.alarm import LoopAlarm
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.distributed import whole_weights
from rlaif.training.loop import LoopJob, LoopOutcome, Objective, run
from rlaif.training.models import Opened, add_adapter, card, default_learning_rate, export, write_snapshot
from rlaif.training.packing import Tree
from rlaif.training.progress import LiveLine, Progress
from rlaif.training.refused import REMEDIES, Refused
from rlaif.training.sampled import Sampled
from rlaif.training.scorer import BranchScorer, Layout, RewardScorer, choose_layout
from rlaif.training.spans import Spans
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary, last_figures
from rlaif.training.tokens import TokenExample, TokenPair
from rlaif.training.trackers import Trackers, check_trackers
from rlaif.training.trees import example_tree, pair_tree
from rlaif.training.turn_weights import unlearned
from rlaif.training.used import write_used

SNAPSHOT = "snapshot"
_NO_IDENTITY = ("trackers", "stop", "max_failed", "max_drift", "trust_remote_code")
"""Options that change nothing that is trained: a resumed run may have others. Code that runs is in the fingerprint."""
_LATER = {"train_on": "all", "thought_marks": None, "correction": "sequence-mask"}
"""Options that came later, with what was done before there were: a training is the same one as long as that is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCall:
    """One call of a method."""

    config: LoopConfig
    base: Path
    out: Path
    card: Mapping[str, str]
    """What made the data: constitution and digest, judge, run; goes into README.md and train.json."""
    progress: Progress | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else changes the outcome; part of the run's identity."""
    evaluator: Evaluator | None = None
    """Asked every `evaluate_every` steps; the weights to look at are in `snapshot_directory(out)`."""
    alarm: Alarm | None = None
    """Asked every so many steps whether the policy exploits its reward."""
    sampled: Mapping[str, Sampled] = field(default_factory=dict)
    """How answers came about, where that is known; by `spans.answer_id`."""
    answers: bool = False
    """Whether a side is read as its last answer alone, at its end."""
    taught: bool = False
    """Whether examples are also read as a teacher is shown them."""
    updates: int = 1
    """Optimizer steps of a step (`LoopJob.updates`)."""
    restarts: bool = False
    """Whether each step starts from the first weights (`LoopJob.restarts`)."""


def snapshot_directory(out: Path) -> Path:
    """Where a training to `out` puts its weights, as a model directory, before it asks its evaluator."""
    return TrainingFolder(out, {}).inner / SNAPSHOT


class Data(NamedTuple):
    """What is trained on, and what was refused."""

    pairs: Sequence[TokenPair]
    examples: Sequence[TokenExample]
    counts: dict[str, Any]
    reasons: Sequence[str] = ()
    """What a row says of why it was refused, where the reason's name alone does not."""
    probes: Sequence[Tree] = ()
    """Trees like those that the steps will read, where there are no rows before the first one."""


MakeObjective = Callable[[Opened, Any, Data, TrainingFolder, bool], Objective]


def conduct(
    setting: MethodCall,
    pairs: Sequence[Pair],
    examples: Sequence[Example],
    open_model: Callable[[Path, LoopConfig], Opened],
    scorer_kind: type[BranchScorer] | type[RewardScorer],
    make: MakeObjective,
    read: Callable[[Opened], Data] | None = None,
) -> TrainSummary:
    """Train and write the directory; what is already finished is only read.

    `read` makes the data where they are no pairs and no examples.
    """
    _check(setting)
    folder = TrainingFolder(setting.out, _identity(setting, pairs, examples))
    record = folder.finished()
    if record is not None:
        _same_end(setting, record)
        folder.clear()
        return TrainSummary.of_record(setting.out, record)
    folder.refuse_others()
    # before the model is loaded: who waits for processes that never come should not wait for that first
    accelerator = join_launch(cpu=not torch.accelerator.is_available())
    opened = open_model(setting.base, setting.config)
    data = _data(setting, opened, pairs, examples) if read is None else read(opened)
    with _claimed(folder, accelerator):
        return _train(setting, opened, data, folder, scorer_kind, make, accelerator)


def _train(
    setting: MethodCall,
    opened: Opened,
    data: Data,
    folder: TrainingFolder,
    scorer_kind: type[BranchScorer] | type[RewardScorer],
    make: MakeObjective,
    accelerator: Accelerator,
) -> TrainSummary:
    config = setting.config
    rate = config.learning_rate or default_learning_rate(opened.model, config)
    model = add_adapter(opened.model, config) if config.lora else opened.model
    scorer = scorer_kind(model, opened.pad_id, bf16=config.precision == "bf16").to(accelerator.device)
    layout = choose_layout(scorer, _probe_trees(data), wanted=config.packed)
    objective = make(opened, scorer, data, folder, layout.packed)
    live = LiveLine(config.method) if setting.progress is None and accelerator.is_main_process else None
    trackers = _trackers(setting, folder, accelerator)
    job = LoopJob(
        scorer=scorer,
        pad_id=opened.pad_id,
        objective=objective,
        config=config,
        learning_rate=rate,
        packed=layout.packed,
        folder=folder,
        progress=setting.progress or live,
        evaluate=_evaluate(setting, opened, model),
        alarm=_alarm(setting, opened, model, folder),
        trackers=trackers,
        carried=objective.carried,
        updates=setting.updates,
        restarts=setting.restarts,
    )
    try:
        if accelerator.is_main_process:
            write_used(setting.out / USED_PAIRS, objective)
        outcome = run(job, accelerator)
    finally:
        for each in (live, trackers):
            if each is not None:
                each.close()
    summary = _summary(setting, data, objective, outcome, layout, rate)
    with whole_weights(scorer):
        if accelerator.is_main_process:
            _write(setting, opened, model, folder, summary, outcome)
    accelerator.wait_for_everyone()
    return summary


def _summary(
    setting: MethodCall, data: Data, objective: Objective, outcome: LoopOutcome, layout: Layout, rate: float
) -> TrainSummary:
    history = outcome.history
    notes = [f"plain rows: {layout.reason}"] if layout.reason else []
    notes += data.reasons
    notes += [outcome.stopped] if outcome.stopped else []
    notes += objective.watch.warnings() if objective.watch is not None else []
    return TrainSummary(
        out=setting.out,
        method=setting.config.method,
        steps=outcome.steps,
        learning_rate=rate,
        packed=layout.packed,
        counts=data.counts | objective.counts(),
        figures=last_figures(history) if history else {},
        seconds=sum(line["seconds"] for line in history),
        notes=tuple(notes),
        best_step=outcome.best.step,
    )


def _check(setting: MethodCall) -> None:
    config = setting.config
    if (setting.evaluator is None) != (config.evaluate_every == 0):
        given = "an evaluator is given" if setting.evaluator is not None else "no evaluator is given"
        raise RecipeError(f"evaluate_every is {config.evaluate_every}, yet {given}; give both or none")
    check_trackers(config.trackers)


def _trackers(setting: MethodCall, folder: TrainingFolder, accelerator: Accelerator) -> Trackers | None:
    config = setting.config
    if not accelerator.is_main_process:
        return None
    return Trackers(config.trackers, setting.out, config.as_dict(), folder.digest)


def _evaluate(setting: MethodCall, opened: Opened, model: Any) -> Callable[[int], Mapping[str, float]] | None:
    evaluator = setting.evaluator
    if evaluator is None:
        return None

    def evaluate(step: int) -> Mapping[str, float]:
        write_snapshot(opened, model, snapshot_directory(setting.out), setting.base, setting.config)
        return evaluator.evaluate(step)

    return evaluate


def _alarm(setting: MethodCall, opened: Opened, model: Any, folder: TrainingFolder) -> LoopAlarm | None:
    if setting.alarm is None:
        return None

    def write(place: Path) -> None:
        write_snapshot(opened, model, place, setting.base, setting.config)

    return LoopAlarm(setting.alarm, folder.inner, write)


def _same_end(setting: MethodCall, record: Mapping[str, Any]) -> None:
    """Raise RunError where a training was ended by an alarm, and is asked for with another or none."""
    ended = record.get("ended_by_alarm")
    asked = setting.alarm.fingerprint if setting.alarm is not None and setting.alarm.do == "back" else None
    if ended is not None and ended != asked:
        raise RunError(
            f"{setting.out}: its alarm took it back to step {record.get('best_step', 0)}, and another alarm is asked "
            "for; choose another directory, or remove it"
        )


def _write(
    setting: MethodCall,
    opened: Opened,
    model: Any,
    folder: TrainingFolder,
    summary: TrainSummary,
    outcome: LoopOutcome,
) -> None:
    readme = card(summary.method, str(setting.base), setting.card, summary.figures)
    export(opened, model, setting.out, setting.base, setting.config, readme)
    facts = {
        "base": str(setting.base),
        "card": dict(setting.card),
        "config": setting.config.as_dict(),
        "weights": model_fingerprint(setting.out, own_code=setting.config.trust_remote_code),
        "versions": {"torch": torch.__version__},
    }
    if outcome.ended_by_alarm and setting.alarm is not None:
        facts["ended_by_alarm"] = setting.alarm.fingerprint
    folder.finish(summary.record(outcome.history, **facts))


def _identity(setting: MethodCall, pairs: Sequence[Pair], examples: Sequence[Example]) -> dict[str, Any]:
    check_directory(setting.base)
    rows = [
        [
            pair.id,
            _better(pair),
            pair.label_prob,
            pair.weight,
            pair.score_gap,
            pair.principles,
            *_masked(pair),
        ]
        for pair in pairs
    ]
    turns = [_example(each) for each in examples]
    drawn = sorted([name, each.cut, *(each.ids or ())] for name, each in setting.sampled.items())
    return {
        "method": setting.config.method,
        "config": {
            name: value
            for name, value in setting.config.as_dict().items()
            if name not in _NO_IDENTITY and not (name in _LATER and _LATER[name] == value)
        },
        "base": model_fingerprint(setting.base, own_code=setting.config.trust_remote_code),
        "pairs": digest("training-pairs", rows),
        "examples": digest("training-examples", turns),
        "sampled": digest("training-sampled", drawn),
        **setting.facts,
    }


def _masked(pair: Pair) -> list[Any]:
    """Which turns of a pair's sides are not learned; nothing where all are."""
    places = [unlearned(pair.chosen), unlearned(pair.rejected)]
    return [places] if any(places) else []


def _better(pair: Pair) -> Any:
    """Which side is the chosen one: by its text, which is all that a plain side is."""
    if is_plain(pair.chosen) and is_plain(pair.rejected):
        return pair.chosen[0].content
    return [each.identity for each in pair.chosen]


def _example(example: Example) -> list[Any]:
    further: dict[str, Any] = {"tools": list(example.tools)} if example.tools else {}
    if example.teacher:
        further["teacher"] = [each.identity for each in example.teacher]
    if example.learned != 1:
        further["learned"] = example.learned
    if places := unlearned(example.messages):
        further["unlearned"] = places
    turns = [each.identity for each in example.messages]
    return [example.kind, example.weight, *turns, *([further] if further else [])]


def _data(setting: MethodCall, opened: Opened, pairs: Sequence[Pair], examples: Sequence[Example]) -> Data:
    config = setting.config
    spans = Spans(
        opened.chat,
        opened.end_id,
        opened.room,
        config.truncation,
        setting.sampled,
        train_on=config.train_on,
        answers=setting.answers,
        ends=opened.ends,
        taught=setting.taught,
    )
    token_pairs, refused_pairs = spans.pairs(pairs)
    token_examples, refused_examples = spans.examples(examples)
    counts: dict[str, Any] = {}
    for name, given, kept, refused in (
        ("pairs", pairs, token_pairs, refused_pairs),
        ("examples", examples, token_examples, refused_examples),
    ):
        counts[name] = {"given": len(given), "trained": len(kept), "refused": _named(refused)}
        if not setting.answers and (count := sum(map(_unlearned, given))):
            counts[name]["unlearned_turns"] = count
        if given and not kept:
            why = "; ".join(
                f"{count} {reason}: {REMEDIES[Refused(reason)]}" for reason, count in refused.items()
            )
            first = f" The first is {told[0]}." if (told := list(spans.reasons.values())) else ""
            raise ThresholdError(f"none of {len(given)} {name} can be trained on. {why}.{first}")
    counts["pairs"] |= _noted(
        map(pair_tree, token_pairs),
        [each for pair in token_pairs for each in pair.thoughts],
        cut=sum(pair.cut for pair in token_pairs),
        sampled_ids=sum(pair.sampled for pair in token_pairs),
    )
    counts["examples"] |= _noted(
        map(example_tree, token_examples), [each.thoughts for each in token_examples]
    )
    total = refused_pairs + refused_examples
    reasons = [
        f"{total[reason]} rows are left out ({reason}), the first of them {first}; {REMEDIES[reason]}"
        for reason, first in spans.reasons.items()
    ]
    return Data(token_pairs, token_examples, counts, reasons)


def _unlearned(row: Pair | Example) -> int:
    """How many turns of a row were to be learned but for their weight."""
    sides = (row.messages[-row.learned :],) if isinstance(row, Example) else (row.chosen, row.rejected)
    return sum(len(unlearned(side)) for side in sides)


def _noted(trees: Iterable[Tree], thoughts: Sequence[int], **counts: int) -> dict[str, int]:
    """What is worth a figure of what is trained on: answers with thoughts, and tokens that are not learned."""
    noted = counts | {
        "thoughts": sum(each > 0 for each in thoughts),
        "thought_tokens": sum(thoughts),
        "masked_tokens": sum(sum(map(len, each.branches)) - sum(each.scored) for each in trees),
    }
    return {name: count for name, count in noted.items() if count}


def _named(refused: Counter[str]) -> dict[str, int]:
    return {str(reason): count for reason, count in sorted(refused.items())}


def _probe_trees(data: Data) -> list[Tree]:
    taught = (each.taught for each in data.examples if each.taught is not None)
    rows = [*map(pair_tree, data.pairs), *map(example_tree, data.examples), *map(example_tree, taught)]
    return [*rows, *data.probes]


def _claimed(folder: TrainingFolder, accelerator: Accelerator) -> AbstractContextManager[None]:
    return folder.claimed() if accelerator.is_main_process else nullcontext()
