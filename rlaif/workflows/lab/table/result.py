"""What the cells come to: a row for each recipe and judge, differences paired by prompt and seed, Holm over recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from rlaif.auditing.holm import holm
from rlaif.auditing.intervals import around
from rlaif.auditing.paired_seeds import Figures, SeedPairedDifference, seed_paired
from rlaif.workflows.lab.table.columns import COLUMNS, GOOD
from rlaif.workflows.lab.table.settings import POLICY, PlayedRecipe, table_settings

Record = Mapping[str, Any]
CHANCE = 0.05
MEANS = ("kl", "words", "start_words", "seconds")
"""Figures of a cell whose mean over seeds a row has."""
SPENT = ("answers", "judge_calls", "tokens")


def summed(records: Sequence[Record]) -> dict[str, Any]:
    """The whole table, as `table.json` has it."""
    held: dict[tuple[str, str], list[Record]] = {}
    for each in records:
        held.setdefault((each["cell"]["column"], each["cell"]["recipe"]), []).append(each)
    columns = [name for name in COLUMNS if any(column == name for column, _ in held)]
    found = []
    for column in columns:
        rows = [
            _row(played, column, own)
            for name, played in table_settings().played.items()
            if (own := held.get((column, name)))
        ]
        _corrected(rows)
        for row in rows:
            if column != GOOD:
                row["against_good"] = _against(
                    held.get((GOOD, row["recipe"]), ()), held[column, row["recipe"]]
                )
        found.append({**_column(column), "rows": rows})
    return {"budget": dict(table_settings().budget), "columns": found, "beat": _beat(found)}


def _column(name: str) -> dict[str, Any]:
    column = COLUMNS[name]
    played = table_settings().played.values()
    none = {each.name: each.no_judge for each in played if each.judge_role is None and name != GOOD}
    return {"column": name, "judge": column.judge, "says": column.says, "not_played": none}


def _row(played: PlayedRecipe, column: str, records: Sequence[Record]) -> dict[str, Any]:
    done = [each for each in records if "failed" not in each]
    row: dict[str, Any] = {
        "recipe": played.name,
        "baseline": bool(played.says),
        "measures": "gold" if played.measures == POLICY else "accuracy",
        "seeds": [each["cell"]["seed"] for each in done],
        "failed": {str(each["cell"]["seed"]): each["failed"] for each in records if "failed" in each},
        "says": played.says,
        "judged": played.judge_role is not None,
        "column": column,
    }
    row |= {name: _mean([each.get("spent", {}).get(name) for each in records]) for name in SPENT}
    row |= {name: _mean([each.get(name) for each in done]) for name in MEANS}
    row["seconds"] = _mean([each.get("seconds") for each in records])
    row["start"] = _mean([fmean(each["start"].values()) for each in done])
    row["value"] = _interval([each["by_prompt"] for each in done])
    row["won"] = _interval([each["won"] for each in done if each["won"]])
    gain = seed_paired([(each["start"], each["by_prompt"]) for each in done])
    row["gain"] = None if gain is None else gain._asdict()
    row["label_error"] = _share(records, "pairs", "wrong")
    row["dealt"] = _share(records, "answers", "dealt") or None
    return row


def _corrected(rows: Sequence[dict[str, Any]]) -> None:
    """Holm over the recipes of a column; baselines stand beside them and are no part of it."""
    chances = {
        each["recipe"]: each["gain"]["chance"] for each in rows if each["gain"] and not each["baseline"]
    }
    counted = holm(chances)
    for each in rows:
        gain, chance = each["gain"], counted.get(each["recipe"])
        each["chance"] = chance
        if gain is None:
            each["verdict"] = "failed"
        elif (gain["chance"] if chance is None else chance) >= CHANCE:
            each["verdict"] = "no clear change"
        else:
            each["verdict"] = "beats its start" if gain["value"] > 0 else "worse than its start"


def _against(good: Sequence[Record], own: Sequence[Record]) -> dict[str, Any] | None:
    """The difference to the good judge, on the seeds that both have."""
    before = {each["cell"]["seed"]: each["by_prompt"] for each in good if "failed" not in each}
    both = [
        (before[each["cell"]["seed"]], each["by_prompt"])
        for each in own
        if "failed" not in each and each["cell"]["seed"] in before
    ]
    found: SeedPairedDifference | None = seed_paired(both) if both else None
    return None if found is None else found._asdict()


def _beat(columns: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By column, the policy recipes that beat their start."""
    return {
        each["column"]: [
            row["recipe"]
            for row in each["rows"]
            if row["verdict"] == "beats its start" and not row["baseline"] and row["measures"] == "gold"
        ]
        for each in columns
    }


def _interval(seeds: Sequence[Figures]) -> list[float] | None:
    """The mean share with its interval: prompts and seeds are both drawn."""
    zeros = [(dict.fromkeys(own, 0.0), own) for own in seeds if own]
    found = seed_paired(zeros) if zeros else None
    if found is None:
        return None
    half = found.high - found.value
    # laid between 0 and 1: a share near its limit has no interval beyond it
    within = around(found.value, half / 1.96, found.prompts)
    return [within.value, within.low, within.high]


def _share(records: Sequence[Record], of: str, part: str) -> float | None:
    whole = sum(each.get("labels", {}).get(of, 0) for each in records)
    return sum(each.get("labels", {}).get(part, 0) for each in records) / whole if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return fmean(known) if known else None
