"""The table of rounds: a row of figures for each round, filled by the steps, on disk after each round."""

from __future__ import annotations

import copy
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.runs.layout import ROUNDS
from rlaif.workflows.evaluation.policy_metrics import DRIFT_LIMIT
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import PREVIOUS, Recipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import RoundState, Step

ORDER = (
    "round",
    "gold_mean",
    "gold_greedy",
    "gold_by_principle",
    "judge_mean",
    "judge_by_principle",
    "judge_read",
    "judge_accuracy_on_policy",
    "policy",
    "judge",
    "pairs",
    "pair_precision",
    "gap",
    "order_consistency",
    "unreadable_share",
    "kl",
    "length_mean",
    "behaviours",
    "judge_drift",
    "replay",
    "replay_share",
    "warnings",
)
"""How the columns of a row are ordered in `rounds.json`, which a run that is resumed must write as it began."""


@dataclass(slots=True)
class RoundsTable:
    """The rows so far."""

    prepared: PreparedRecipe
    models: ModelPool
    run: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, state: RoundState, newest: Mapping[str, str]) -> dict[str, Any]:
        """Add the row of a round that is over; `newest` are the models of the roles at its end."""
        row = self._row(state, newest)
        self.rows.append(row)
        write_text(self.run / ROUNDS, json.dumps(self.rows, indent=1, ensure_ascii=False) + "\n")
        return row

    def _row(self, state: RoundState, newest: Mapping[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = {"round": state.number, "warnings": []}
        roles = self.prepared.recipe.models
        row |= {
            role: self.models.acting(roles.asked(role)).fingerprint(newest[role])
            for role in ("policy", "judge")
        }
        for step in steps_with_columns(self.prepared.recipe):
            row |= copy.deepcopy(dict(step.columns))
        several: dict[str, Any] = {}
        entries = self.prepared.recipe.round
        for entry in entries:
            facts = state.facts.get(entry.key, {})
            own = dict(STEPS.get(entry.step).row(facts, state.number))
            row["warnings"] += own.pop("warnings", [])
            many = sum(each.step == entry.step for each in entries) > 1
            if many:
                several[entry.key] = own
                # figures that only some tables have are told apart there, where there are several
                columns = STEPS.get(entry.step).columns
                apart = [name for name in own if name in columns and name not in ORDER]
                own = own | {name: {**_held(row, name), entry.key: own[name]} for name in apart}
            if facts or entry.is_default:
                row |= own
        found = {name: row[name] for name in ORDER if name in row} | row
        return found | ({"steps": several} if several else {})


def _held(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What other steps of the same name have put into a column before."""
    return dict(row[name]) if isinstance(row.get(name), Mapping) else {}


def steps_with_columns(recipe: Recipe) -> list[Step]:
    """Return the steps whose columns a row has: those with columns of every table, and all that are used."""
    used, outside = {each.step for each in recipe.round}, STEPS.from_outside()

    def always(name: str, step: Step) -> bool:
        return name not in outside and set(step.columns) <= set(ORDER)

    return [each for name, each in STEPS.all().items() if name in used or always(name, each)]


def further_columns(recipe: Recipe) -> list[str]:
    """Return the columns that only tables of recipes with such a step have, of other packages' steps and of ours."""
    found = (name for each in steps_with_columns(recipe) for name in each.columns if name not in ORDER)
    return list(dict.fromkeys(found))


def drifted(recipe: Recipe, row: dict[str, Any]) -> str | None:
    """Note in the row that its judge is no longer the first one; return the note where the recipe stops for it."""
    drift = row.get("judge_drift")
    if drift is None or drift <= DRIFT_LIMIT:
        return None
    text = f"the judge drifts: its P(yes) is {drift:.2f} from the first judge's on the same texts"
    row["warnings"].append(text)
    return text if recipe.stop.judge_drift == "stop" else None


def collected_warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each warning once, with the rounds that it is true of."""
    rounds: dict[str, list[str]] = {}
    for row in rows:
        for text in row["warnings"]:
            rounds.setdefault(text, []).append(str(row["round"]))
    return [f"round{'s' if len(told) > 1 else ''} {', '.join(told)}: {text}" for text, told in rounds.items()]


def learned(rows: Sequence[Mapping[str, Any]], held_out: int) -> str:
    """Say what the rounds changed, in a sentence; by gold where there is some, else by the judge's own word."""
    told = [row for row in rows if row["gold_mean"] is not None or row["judge_mean"] is not None]
    if len(told) < 2:
        return "unknown, since fewer than two rounds were evaluated; add an `evaluate` step to the recipe"
    figure, by = (
        ("gold_mean", "by gold, which no step reads")
        if told[0]["gold_mean"] is not None
        else ("judge_mean", "by its judge's word: no gold knows better")
    )
    first, last = told[0][figure], told[-1][figure]
    verb = "rose" if last > first else "fell"
    moved = (
        f"stayed at {first:.2f}"
        if f"{first:.2f}" == f"{last:.2f}"
        else f"{verb} from {first:.2f} to {last:.2f}"
    )
    rounds = f"{told[-1]['round']} round{'s' if told[-1]['round'] != 1 else ''}"
    return (
        f"unknown, for answers of both ends were not kept: on {held_out} held-out prompts the share of principles that "
        f"an answer meets {moved} in {rounds} ({by})"
    )


def newest_models(prepared: PreparedRecipe, number: int, done: Container[str]) -> dict[str, str]:
    """Return the newest model of each role in round `number`, of which the steps `done` (their keys) have run."""
    newest = prepared.recipe.models.by_role()
    for task in prepared.tasks:
        ran = task.round < number or (task.round == number and task.entry.key in done)
        if ran and task.moves is not None and task.makes is not None:
            step = STEPS.get(task.entry.step)
            newest[task.moves] = step.stands(task.entry, str(prepared.config.out / task.makes.path))
    return {role: newest["policy"] if name == PREVIOUS else name for role, name in newest.items()}
