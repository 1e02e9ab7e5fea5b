"""The data gate of `rlaif train`: gathers what a run knows of its pairs or examples, asks the gate, keeps its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.exchange.completions import read_completions
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Example, Pair, Prompt, State
from rlaif.runs.layout import PAIRS, pairs_in, sources_of
from rlaif.training.gate import Gate, GateReport, pass_examples, pass_gate, pass_prompts
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.recipe_runs import measured_on
from rlaif.workflows.training.train_record import add_to_record

FAILURES = (State.UNREADABLE, State.JUDGE_REFUSED, State.TRUNCATED, State.TRANSPORT)


def gate_pairs(
    config: TrainConfig, pairs: Sequence[Pair], found: Mapping[str, Any]
) -> tuple[list[Pair], GateReport]:
    """What is let through, and what was seen. Raises InputError, ThresholdError."""
    gate = Gate(mode=config.gate, limits=dict(config.gate_limit))
    cut = _cut(config.source, pairs) if gate.mode != "off" else set()
    return pass_gate(pairs, gate, held_out=_held_out(config), cut=cut, failures=_failures(found))


def gate_examples(
    config: TrainConfig, examples: Sequence[Example]
) -> tuple[list[Example], GateReport | None]:
    """As `gate_pairs`, of examples; None where there is no held-out prompt that one could ask."""
    gate = Gate(mode=config.gate, limits=dict(config.gate_limit))
    held_out = _held_out(config)
    kept, report = pass_examples(examples, gate, held_out=held_out)
    return kept, report if held_out else None


def gate_replay(config: TrainConfig, replay: Sequence[Example]) -> list[Example]:
    """Of what is replayed beside pairs, those examples in which no held-out prompt is asked."""
    return pass_examples(replay, Gate(mode=config.gate), held_out=_held_out(config))[0]


def gate_round(
    pairs: Sequence[Pair], prompts: Mapping[str, Sequence[Prompt]]
) -> tuple[list[Pair], GateReport]:
    """What of a round's pairs is let through; `prompts` are those of `measured_prompts`."""
    return pass_gate(pairs, Gate(), held_out=_apart(prompts))


def gate_round_examples(
    examples: Sequence[Example], prompts: Mapping[str, Sequence[Prompt]]
) -> tuple[list[Example], GateReport]:
    """As `gate_round`, of a round's examples, or of what it replays."""
    return pass_examples(examples, Gate(), held_out=_apart(prompts))


def gate_round_prompts(
    prompts: Sequence[Prompt], known: Mapping[str, Sequence[Prompt]]
) -> tuple[list[Prompt], GateReport]:
    """As `gate_round`, of prompts that rollouts are drawn for."""
    return pass_prompts(prompts, held_out=_apart(known))


def _held_out(config: TrainConfig) -> list[Prompt]:
    """What is measured on: the prompts that are named, or those of the recipe whose run is trained on."""
    if config.gate == "off":
        return []
    return read_prompts(config.held_out) if config.held_out is not None else measured_on(config.source)


def _apart(prompts: Mapping[str, Sequence[Prompt]]) -> list[Prompt]:
    """The prompts of a recipe's sets beside `train`: those that are measured on.

    A recipe that names one set for both says itself that it measures on what it trains on: that is no leak.
    """
    known = {each.id for each in prompts.get("train", ())}
    others = (own for name, own in prompts.items() if name != "train")
    return [each for own in others if not known.issuperset(prompt.id for prompt in own) for each in own]


def gate_words(report: GateReport) -> list[str]:
    """What the gate saw, for people: what it left out, and what is above its usual limit."""
    out = [
        f"the data gate left {count} of {report.given} {report.rows} out: {name}"
        for name, count in report.left_out.items()
    ]
    return [*out, *(f"the data gate: {text}" for text in report.over)]


def record_gate(out: Path, report: GateReport | None) -> None:
    """Add to `train.json` what the gate saw; once there, it is left alone."""
    if report is not None:
        add_to_record(out, "gate", report.as_dict())


def _failures(found: Mapping[str, Any]) -> float | None:
    states = (found.get("summary") or {}).get("states") or {}
    total = sum(states.values())
    return sum(states.get(state.value, 0) for state in FAILURES) / total if total else None


def _cut(source: Path, pairs: Sequence[Pair]) -> set[str]:
    """Ids of the pairs with a side that the completions call cut off, and that were not made so on purpose."""
    file = sources_of(pairs_in(source) or source / PAIRS).completions
    if not file.is_file():
        return set()
    cut = {each.id for _, each in read_completions(file) if each.finish == "length" or each.open_thought}
    return {
        pair.id for pair in pairs if cut and not pair.truncated and not cut.isdisjoint(pair.completion_ids)
    }
