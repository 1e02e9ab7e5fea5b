"""Writes tables into docs/experiments.md, docs/rl.md and docs/attack.md out of the results: figures come by command.

    python benchmarks/experiments/tables.py [--check]

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; what has no results yet says so.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from results import HERE

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = tuple(DOCS / name for name in ("experiments.md", "rl.md", "attack.md"))
_SLOT = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
Rows = Sequence[Mapping[str, Any]]


def mean(rows: Rows, name: str) -> float:
    """Of a column."""
    return float(sum(row[name] for row in rows) / len(rows))


def grid(head: Sequence[str], body: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""

    def line(cells: Sequence[Any]) -> str:
        shown = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        return "| " + " | ".join(shown) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, body)])


def sizes(setting: Mapping[str, Any]) -> str:
    """What the rows are rows of: sizes, rates, and the first letters of the bundled models' digests."""
    plain = [f"{name.replace('_', ' ')} {value}" for name, value in setting.items() if name != "models"]
    models = [f"`{name}` {value.partition(':')[2][:8]}" for name, value in setting.get("models", {}).items()]
    return "Setting: " + ", ".join([*plain, *models]) + "."


def hh_harmless(held: Mapping[str, Any]) -> str:
    """Accuracy of each, and the differences."""
    figures = held["figures"]
    body = [
        [name, value[0], f"{value[1]:.3f} to {value[2]:.3f}"]
        for name, value in figures.items()
        if isinstance(value, list)
    ]
    note = f"\n\nECE of the reward model, folds together: {figures['reward model ECE']:.3f}."
    return grid(["", "accuracy", "95 %"], body) + note


def _soft_and_hard(held: Mapping[str, Any]) -> str:
    names = ("label accuracy", "soft", "hard", "difference")
    body = [
        [what, *(each[name] for name in names), each["standard error"] or "-", each["seeds"]]
        for what, each in held["figures"].items()
    ]
    return grid(["labels of: figure", *names, "standard error", "seeds"], body)


def soft_labels_reward(held: Mapping[str, Any]) -> str:
    """Reward models: one line a noise level and figure."""
    return _soft_and_hard(held)


def soft_labels_policy(held: Mapping[str, Any]) -> str:
    """Policies: one line a noise level."""
    return _soft_and_hard(held)


def reward_model(held: Mapping[str, Any]) -> str:
    """One line a reward model."""
    names = ["accuracy", "ECE", "best of 1", "best of 4", "best of 8"]
    body = [
        # of gold's shares, which are no log-odds, calibration says nothing
        [
            row["judge"],
            row["loss"],
            row.get("label accuracy", "-"),
            *("-" if name == "ECE" and "label accuracy" not in row else row[name] for name in names),
        ]
        for row in held["rows"].values()
    ]
    return grid(["labels of", "loss", "label accuracy", *names], body)


def pair_count(held: Mapping[str, Any]) -> str:
    """One line a count."""
    rows = list(held["rows"].values())
    body = []
    for count in sorted({row["pairs"] for row in rows}):
        own = [row for row in rows if row["pairs"] == count]
        golds = [row["gold"] for row in own]
        body.append([count, mean(own, "gold"), f"{min(golds):.3f} to {max(golds):.3f}", len(own)])
    return grid(["pairs", "gold", "over seeds", "seeds"], body)


def preference_losses(held: Mapping[str, Any]) -> str:
    """One line a loss."""
    rows = list(held["rows"].values())
    body = []
    for loss in dict.fromkeys(row["loss"] for row in rows):
        own = [row for row in rows if row["loss"] == loss]
        golds = [row["gold"] for row in own]
        shown = f"{min(golds):.3f} to {max(golds):.3f}"
        body.append([loss, mean(own, "gold"), shown, f"{mean(own, 'words'):.1f}", len(own)])
    return grid(["loss", "gold", "over seeds", "words", "seeds"], body)


def rl_methods(held: Mapping[str, Any]) -> str:
    """One line a method; tokens in thousands."""
    columns = ("KL", "words", "drawn", "learned", "judged", "minutes", "seeds")
    head = ["method", "gold", "95 %", "against DPO", "95 %", *columns]
    body = []
    for method, row in held["figures"].items():
        gold, low, high = row["gold"]
        apart, least, most = row["apart"] or (0.0, 0.0, 0.0)
        against = [f"{apart:+.3f}", f"{least:+.3f} to {most:+.3f}"] if row["apart"] else ["-", "-"]
        thousands = [f"{row[name] / 1000:.0f}" for name in ("drawn", "learned", "judged")]
        rest = [f"{row['kl']:.1f}", f"{row['words']:.0f}", *thousands, f"{row['minutes']:.2f}", row["seeds"]]
        body.append([method, gold, f"{low:.3f} to {high:.3f}", *against, *rest])
    sums = [
        f"{method} {', '.join(f'{share:.2f}' for share in row['sums right'])}"
        for method, row in held["figures"].items()
        if "sums right" in row
    ]
    return (
        f"{grid(head, body)}\n\nShare of right sums on 60 held-out prompts, a seed each: {'; '.join(sums)}."
    )


def mitigations(held: Mapping[str, Any]) -> str:
    """Gold of each mitigation at equal proxy score over seeds, and where its longest training ends."""
    equal, rows = held["figures"]["equal_proxy"], list(held["rows"].values())
    names = list(next(iter(equal.values())))
    body = []
    for name in names:
        own = [each for each in rows if each["mitigation"] == name]
        last = [each for each in own if each["steps"] == max(one["steps"] for one in own)]
        gold = [by_seed[name] for by_seed in equal.values()]
        spread = f"{min(gold):.3f} to {max(gold):.3f}"
        ends = [mean(last, column) for column in ("proxy", "gold", "words")]
        body.append([name, sum(gold) / len(gold), spread, *ends, len(gold)])
    head = [
        "mitigation",
        "gold at equal proxy",
        "over seeds",
        "proxy at the end",
        "gold at the end",
        "words",
        "seeds",
    ]
    return grid(head, body)


def find_and_fix(held: Mapping[str, Any]) -> str:
    """The cell of each seed by gold before and after, and what became of the others."""
    columns = (
        "seed",
        "cell",
        "before",
        "after",
        "others",
        "others below",
        "others above",
        "gold before",
        "gold after",
    )
    return grid(columns, [[row[name] for name in columns] for row in held["rows"].values()])


TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    each.__name__: each
    for each in (
        hh_harmless,
        soft_labels_reward,
        soft_labels_policy,
        reward_model,
        pair_count,
        preference_losses,
        rl_methods,
        mitigations,
        find_and_fix,
    )
}


def filled(page: str, folder: Path = HERE) -> str:
    """The page with its tables as the results are."""

    def slot(match: re.Match[str]) -> str:
        path = folder / f"{match[2]}.json"
        held = json.loads(path.read_text()) if path.is_file() else {}
        done = held.get("rows") and "figures" in held
        text = f"{TABLES[match[2]](held)}\n\n{sizes(held['setting'])}" if done else "No results yet."
        return f"{match[1]}{text}\n{match[3]}"

    return _SLOT.sub(slot, page)


def main() -> None:
    """Write, or with --check only compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        again = filled(page)
        if check and page != again:
            sys.exit(f"{path}: not as the results are; run it without --check")
        if not check:
            path.write_text(again, encoding="utf-8")


if __name__ == "__main__":
    main()
