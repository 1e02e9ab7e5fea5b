"""Where the demo's time goes: plays the shipped recipe in a fresh place and prints seconds by step and round."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from rlaif.review.tables import table
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe import prepare as play
from rlaif.workflows.recipe import run as loop


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="self-rewarding")
    parser.add_argument("--limit", type=int, help="prompts of each set")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "run"
        config = RunConfig(recipe=chosen.recipe, out=out, limit=chosen.limit, seed=chosen.seed)
        start = time.perf_counter()
        done = loop.run(play.prepare_recipe(config))
        whole = time.perf_counter() - start
        notes = [
            (path.relative_to(out / "steps"), json.loads(path.read_text()))
            for path in out.glob("steps/**/*.json")
        ]
    rows = [[str(name.with_suffix("")), note["seconds"]] for name, note in sorted(notes)]
    known = sum(row[1] for row in rows)
    print(
        table(["step", "seconds"], [*rows, ["opening models and the rest", whole - known], ["whole", whole]])
    )
    print("gold", [round(row["gold_mean"], 3) for row in done.rounds if row["gold_mean"] is not None])


if __name__ == "__main__":
    main()
