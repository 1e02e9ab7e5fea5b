"""RL on what can be checked, and of models that think: each recipe before and after, three seeds.

    python benchmarks/experiments/verifiable.py [--recipes grpo-verifiable r1-zero] [--scale 0.5]

Gold of held-out prompts at temperature 1 before and after the shipped recipes, run as they are but for the seed;
`--scale` shortens their trainings. Right sums are `gold_by_principle` of `micro-default`. The judge is
asked in both orders about two answers to held-out prompts, by composed rules that tell them apart by gold.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from judge_world import Question, accuracy, judge_of
from loops import rows_of
from micro_pool import bundled
from results import Results, options

from rlaif.microworld.sets import comparisons
from rlaif.records import Completion, Message, Principle, Prompt
from rlaif.store import Store
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.run import run

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
SUMS, GENERAL, JUDGE = ("grpo-verifiable", "r1-zero"), ("thinking-policy", "r1"), "thinking-judge"
NAMES = (*SUMS, *GENERAL, JUDGE)
FIGURES = ("gold_mean", "gold_greedy", "kl", "length_mean")


def shorter(name: str, scale: float) -> dict[str, str]:
    """Overrides that leave this share of the steps of a recipe's trainings."""
    found = {}
    for each in load_recipe(name).round:
        steps = each.given.get("steps")
        if each.step == "train" and steps is not None and scale != 1:
            found[f"round.{each.key}.steps"] = str(max(1, round(steps * scale)))
    return found


def of_policy(chosen: Any, name: str, seed: int) -> dict[str, Any]:
    """Figures of the policy before and after, those by principle too."""
    text = (PIPELINES / f"{name}.yaml").read_text()
    given = {"constitution": "micro-default", **shorter(name, chosen.scale)}
    rows = rows_of(chosen.work, name, text, seed, **given)
    first, last = rows[0], rows[-1]
    found: dict[str, Any] = {}
    for when, row in (("before", first), ("after", last)):
        found |= {f"{figure}, {when}": row.get(figure) for figure in FIGURES}
        found |= {
            f"{rule}, {when}": row["gold_by_principle"].get(rule)
            for rule in ("right-sum", "working")
            if rule in row["gold_by_principle"]
        }
    return found


def known_questions(count: int, seed: int) -> list[Question]:
    """Held-out comparisons as those that the recipe learns from are made."""
    found = []
    for row in map(dict[str, Any], comparisons("held-out", count, 7000 + seed)):
        prompt = Prompt(messages=(Message(role="user", content=row["prompt"]),))
        sides = [Completion(prompt_id=prompt.id, text=row[name], policy="") for name in ("better", "worse")]
        found.append(Question(prompt, *sides, Principle(id="own", text=row["principle"])))
    return found


def of_judge(chosen: Any, name: str, seed: int) -> dict[str, Any]:
    """Accuracy of the first judge, of the one that imitates, and of the one after RL; shares without a verdict."""
    folder = chosen.work / f"{name}-{seed}-{chosen.scale}"
    given = {"seed": str(seed), **shorter(name, chosen.scale)}
    store = chosen.work / "store.sqlite"
    run(
        prepare_recipe(
            RunConfig(recipe=str(PIPELINES / f"{name}.yaml"), out=folder, overrides=given, store=store)
        )
    )
    judges = {"before": "micro"}
    judges |= {
        when: str(folder / "models" / f"round-1-{key}")
        for when, key in (("imitated", "imitated"), ("after", "rl"))
    }
    questions = known_questions(chosen.test, seed)
    found: dict[str, Any] = {"questions": len(questions)}
    with Store.open(chosen.work / "verifiable.sqlite") as held:
        for when, model in judges.items():
            judge = judge_of(held, model, seed)
            # a question each: rules have no ids by which they could be told apart
            said = [accuracy(judge, [each], "compare-cot") for each in questions]
            found |= {
                f"{figure}, {when}": sum(each[figure] for each in said) / len(said)
                for figure in ("accuracy", "unreadable")
            }
    shutil.rmtree(folder / "models", ignore_errors=True)
    return found


OF: Mapping[str, Callable[[Any, str, int], dict[str, Any]]] = {
    **dict.fromkeys((*SUMS, *GENERAL), of_policy),
    JUDGE: of_judge,
}


def gains(rows: list[dict[str, Any]], figure: str, before: str = "before") -> list[float]:
    """What a figure has gained, a seed each."""
    return [each[f"{figure}, after"] - each[f"{figure}, {before}"] for each in rows]


def main() -> None:
    """All recipes, or those that are named, over the seeds."""
    parser = options(__doc__)
    parser.add_argument("--recipes", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps")
    for name, value in (("test", 60), ("seeds", 3), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    chosen.work = Path(chosen.work).resolve()
    chosen.work.mkdir(parents=True, exist_ok=True)
    setting = {"test": chosen.test, "models": bundled()}
    results = Results("verifiable", setting, chosen.results)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    for name in chosen.recipes:
        for seed in seeds:
            results.row(
                {"recipe": name, "seed": seed, "scale": chosen.scale},
                lambda name=name, seed=seed: OF[name](chosen, name, seed),
            )
    wanted = {
        **dict.fromkeys(SUMS, ("right-sum", "before", "right sums on held-out prompts, after less before")),
        **dict.fromkeys(GENERAL, ("gold_mean", "before", "gold on held-out prompts, after less before")),
        JUDGE: ("accuracy", "before", "held-out accuracy of written verdicts, after less before"),
    }
    for name, (figure, before, said) in wanted.items():
        own = [each for each in results.rows.values() if each["recipe"] == name and each["seed"] in seeds]
        # of trainings that were shortened otherwise, those that ran longest
        scale = max((each["scale"] for each in own), default=1.0)
        rows = [each for each in own if each["scale"] == scale]
        if len(rows) == len(seeds) > 1:
            shortened = "" if scale == 1 else f", at {scale:g} of the steps"
            results.criterion(
                method=name,
                criterion=f"{said}{shortened}",
                values=gains(rows, figure, before),
                rule="above 0",
                command=f"python benchmarks/experiments/verifiable.py --recipes {name} --scale {scale:g}",
                model="micro",
            )
    results.save()


if __name__ == "__main__":
    main()
