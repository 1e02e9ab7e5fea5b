"""RLCD against RLAIF with a weak judge: how often is the better side by gold the one that is chosen?

    python benchmarks/experiments/rlcd.py

The policy is `micro`, the judge `micro:weak`. RLCD labels by construction (two instructions, one answer to each);
RLCD-rescore lets the weak judge label the same two; RLAIF is the usual way: the judge's best and worst of four,
confirmed in both orders. Precision is over pairs whose sides gold tells apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loops import folder_of, rows_of
from micro_pool import bundled
from results import Results, options

from rlaif.constitution import load_principles
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Completion, Prompt
from rlaif.workflows.models.gold import grade, share_met

RECIPE = """\
name: rlcd-precision
models: {policy: micro, judge: "micro:weak"}
constitution: micro-default
prompts: {train: micro:train}
rounds: 1
round:
  - {step: contrast, affixes: good-bad, as: sides}
  - {step: pairs, source: sides, as: built}
  - {step: pairs, source: sides, of: sides, rescore: compare, inconsistent: average, as: rescored}
  - {step: sample, n: 4, as: plain}
  - {step: judge, of: plain, as: rated}
  - {step: pairs, of: rated, pairing: best-worst, then: compare, inconsistent: drop, critique: false, as: rlaif}
"""
WAYS = ("built", "rescored", "rlaif")


def right(run: Path, way: str) -> list[int]:
    """Of each pair whose sides differ by gold: is the better one chosen?"""
    rules = load_principles("micro-default")
    prompts = {each.id: each for each in read_prompts("micro:train")}
    found = []
    for pair in read_pairs(run / "round-1" / f"{way}.jsonl"):
        prompt = prompts[Prompt(messages=pair.prompt).id]
        sides = [
            share_met(grade(prompt, Completion(prompt_id=prompt.id, text=side[-1].content, policy=""), rules))
            for side in (pair.chosen, pair.rejected)
        ]
        if None not in sides and sides[0] != sides[1]:
            found.append(int(sides[0] > sides[1]))  # type: ignore[operator]
    return found


def main() -> None:
    """Make the pairs in three ways, and print."""
    parser = options(__doc__)
    for name, value in (("prompts", 50), ("seeds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    results = Results("rlcd", {"prompts": chosen.prompts, "models": bundled()}, chosen.results)
    for seed in range(chosen.seeds):

        def precision(seed: int = seed) -> dict[str, Any]:
            sizes = {f"round.{step}.prompts": chosen.prompts for step in ("sides", "plain")}
            own = rows_of(chosen.work, "rlcd", RECIPE, seed, **sizes)[-1]["steps"]
            run = folder_of(chosen.work, "rlcd", RECIPE, seed, **sizes) / "run"
            return {
                f"{way}: {figure}": value
                for way in WAYS
                for figure, value in (
                    ("precision", own[way]["pair_precision"]),
                    ("pairs", own[way]["pairs"]),
                    ("right", right(run, way)),
                )
            }

        results.row({"seed": seed}, precision)
    rows = list(results.rows.values())
    results.criterion(
        method="RLCD",
        criterion="labels by construction are more often right than a weak judge's (difference of precision)",
        values=[row["built: precision"] - row["rlaif: precision"] for row in rows],
        rule="above 0",
        model="policy micro, judge micro:weak",
    )
    means = {
        name: round(sum(row[name] for row in rows) / len(rows), 4)
        for name in rows[0]
        if name.endswith(("precision", "pairs"))
    }
    results.save(**means)
    print(means)


if __name__ == "__main__":
    main()
