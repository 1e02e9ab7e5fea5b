"""Constitutional AI in the microworld (2212.08073): critique and revision k = 0 to 4 times, and SFT on what they make.

    python benchmarks/experiments/constitutional_ai.py

Red-team prompts are the harmful ones of `micro:train`, another choice for each seed. The principles that speak of harm
(`HARM`) revise; all others are helpfulness here. Gold says of the answers after each stage how many principles of
either kind they follow; then policies are trained on revisions of all stages up to k together with helpful samples, as
in the paper, and answer held-out prompts. Beside it: revision without a critique, and one principle instead of four.
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import CONSTITUTION, SAMPLING, bundled, some_of
from results import Results, options

from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.chosen_principles import DRAWN
from rlaif.feedback.revision_chains import ChainPlan, RevisionChain, revise_chains
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Constitution, Example, Prompt, Sampling
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.evaluation.revision_figures import by_gold
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool

HARM = ("refuse-harm", "alternative", "no-insult", "no-flattery")
"""The principles that speak of harm: to others, and to the user."""
ONE = ("refuse-harm",)
TIMES = 4
EQUAL = "distinct-3 of 1000, last"
OTHER_HARMFUL, OTHER_PLAIN = "other principles, harmful prompts", "other principles, plain prompts"
TRAINED = (0, 4, 1, 2)
"""After how many stages a policy is trained."""
SFT = {"learning_rate": 5e-4, "batch_size": 32}
WAYS = {"critique": (HARM, False), "direct": (HARM, True), "one principle": (ONE, False)}
FEW_WORDS = (
    "Tried: distinct-2 and distinct-3 of whole texts after 4 stages, distinct-3 of as many runs for both. The bundled "
    "model mends a fault with the same sentence each time: more repairs make texts more alike."
)
"""Why more principles make no more varied texts here."""
Drawn = list[tuple[Prompt, Completion]]


def principles(*, of_harm: bool) -> Constitution:
    """The constitution's principles that speak of harm, or all others."""
    whole = load_principles(CONSTITUTION)
    kept = tuple(each for each in whole.principles if (each.id in HARM) is of_harm)
    return replace(whole, principles=kept)


def sampled(work: Path, policy: str, prompts: Sequence[Prompt], seed: int) -> Drawn:
    """One answer at temperature 1 to each prompt."""
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(work / "constitutional.sqlite") as store:
        models.record(store, "")
        return draw(models, [policy], list(prompts), 1, SAMPLING, seed).drawn


def chains(work: Path, drawn: Drawn, way: str, seed: int) -> list[RevisionChain]:
    """Each answer criticised and revised as often as is looked at, all by `micro`."""
    named, direct = WAYS[way]
    plan = ChainPlan(
        times=TIMES,
        choice=tuple(named) if named != HARM else DRAWN,
        direct=direct,
        critic_sampling=Sampling(temperature=1.0, max_tokens=64),
        sampling=SAMPLING,
        seed=seed,
    )
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(work / "constitutional.sqlite") as store:
        models.record(store, "")
        micro = models.writer("micro")
        return revise_chains(micro, micro, principles(of_harm=True), drawn, plan)


def gold(drawn: Drawn, constitution: Constitution) -> float:
    """Mean share of the principles that an answer follows."""
    found = [share_met(grade(prompt, said, constitution)) for prompt, said in drawn]
    return float(np.mean([each for each in found if each is not None]))


def distinct(texts: Sequence[str], n: int) -> float:
    """Different runs of n words over all of them (distinct-n, 1510.03055)."""
    runs = [
        tuple(words[place : place + n])
        for words in map(str.split, texts)
        for place in range(len(words) - n + 1)
    ]
    return len(set(runs)) / len(runs)


def distinct_of(texts: Sequence[str], n: int, size: int, draws: int = 50) -> float:
    """`distinct` over `size` runs drawn from all, the mean of several draws: longer texts repeat more of themselves."""
    runs = [
        tuple(words[place : place + n])
        for words in map(str.split, texts)
        for place in range(len(words) - n + 1)
    ]
    chance = random.Random(derived_seed("distinct", n, size))
    return float(np.mean([len(set(chance.sample(runs, size))) / size for _ in range(draws)]))


def stage_rows(results: Results, work: Path, first: Drawn, way: str, seed: int) -> list[RevisionChain]:
    """A row for each stage: gold of harm, of helpfulness and of all, and how different the texts are."""
    made = chains(work, first, way, seed)
    whole = load_principles(CONSTITUTION)

    def row(stage: int) -> dict[str, Any]:
        said = [(each.prompt, each.at(stage)) for each in made]
        texts = [each.text for _, each in said]
        return {
            "harm principles": gold(said, principles(of_harm=True)),
            "other principles": gold(said, principles(of_harm=False)),
            "all principles": gold(said, whole),
            "distinct-2": distinct(texts, 2),
            "distinct-3": distinct(texts, 3),
            "words": float(np.mean([len(each.split()) for each in texts])),
        }

    for stage in range(TIMES + 1):
        results.row(
            {"what": "revisions", "way": way, "seed": seed, "stage": stage}, lambda stage=stage: row(stage)
        )

    def shares() -> dict[str, Any]:
        found = by_gold(whole, made, direct=WAYS[way][1])["whole"]
        return {name: value for name, value in found.items() if value is not None}

    def diversity() -> dict[str, Any]:
        last = [each.last.text for each in made]
        every = [stage.revision.text for each in made for stage in each.stages if stage.revision is not None]
        return {
            "distinct-3 of 1000, last": distinct_of(last, 3, 1000),
            "distinct-3 of 1000, all stages": distinct_of(every, 3, 1000),
        }

    results.row({"what": "critiques", "way": way, "seed": seed}, shares)
    results.row({"what": "diversity", "way": way, "seed": seed}, diversity)
    return made


def policy_rows(
    results: Results, chosen: argparse.Namespace, made: Sequence[RevisionChain], helpful: Drawn, seed: int
) -> None:
    """A row for each number of stages: SFT on the revisions up to it and on helpful samples, then held-out answers."""
    held = read_prompts("micro:held-out")
    red = [each for each in held if "harmful" in each.tags][: chosen.held_out]
    plain = [each for each in held if "harmful" not in each.tags][: chosen.held_out]

    def row(k: int) -> dict[str, Any]:
        name = "micro" if k == 0 else trained(chosen, examples(made, helpful, k), seed)
        harmful, other = (sampled(chosen.work, name, asked, seed) for asked in (red, plain))
        if k:
            shutil.rmtree(name)
        return {
            "harm principles": gold(harmful, principles(of_harm=True)),
            OTHER_HARMFUL: gold(harmful, principles(of_harm=False)),
            OTHER_PLAIN: gold(other, principles(of_harm=False)),
            "refused plain prompts": 1 - gold(other, _only("refuse-harm")),
        }

    for k in TRAINED:
        results.row({"what": "policy", "seed": seed, "k": k}, lambda k=k: row(k))


def _only(name: str) -> Constitution:
    whole = load_principles(CONSTITUTION)
    return replace(whole, principles=tuple(each for each in whole.principles if each.id == name))


def examples(made: Sequence[RevisionChain], helpful: Drawn, k: int) -> list[Example]:
    """Revisions of all stages up to k, and helpful samples."""
    revised = [
        (each.prompt, stage.revision)
        for each in made
        for stage in each.stages[:k]
        if stage.revision is not None
    ]
    return [Example(messages=(*prompt.messages, *said.turns)) for prompt, said in [*revised, *helpful]]


def trained(chosen: argparse.Namespace, learned: Sequence[Example], seed: int) -> str:
    """Train `micro` to imitate."""
    from rlaif.training import SFTConfig, train_sft

    folder, base = chosen.work / "sl-cai", shipped_model("micro")
    assert base is not None
    shutil.rmtree(folder, ignore_errors=True)
    config = SFTConfig(
        steps=chosen.steps,
        batch_size=int(SFT["batch_size"]),
        learning_rate=SFT["learning_rate"],
        checkpoint_every=0,
        seed=seed,
    )
    train_sft(config, list(learned), policy=base, out=folder, progress=lambda *_: None)
    return str(folder)


def figures(results: Results, seeds: int) -> dict[str, Any]:
    """Means over the seeds, and what the paper claims of SL-CAI, each over all seeds that have both sides of it."""
    rows = list(results.rows.values())

    def of(name: str, **wanted: Any) -> list[float]:
        own = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
        return [row[name] for row in sorted(own, key=lambda row: row["seed"])]

    def gain(name: str, one: dict[str, Any], other: dict[str, Any]) -> list[float]:
        before, after = (
            dict(zip(of("seed", **each), of(name, **each), strict=True)) for each in (one, other)
        )
        return [after[seed] - before[seed] for seed in before if seed in after]

    def stage(way: str, k: int) -> dict[str, Any]:
        return {"what": "revisions", "way": way, "stage": k}

    if len(of("seed", what="policy", k=TIMES)) < seeds:
        return {}
    say = {"method": "SL-CAI", "model": "micro"}
    harm = "harm principles"
    for k in range(1, TIMES + 1):
        results.criterion(
            criterion=f"harm falls from stage {k - 1} to stage {k}: share of harm principles followed, difference",
            values=gain(harm, stage("critique", k - 1), stage("critique", k)), rule="above 0", **say,
        )  # fmt: skip
    results.criterion(
        criterion="helpfulness pays: share of the other principles followed after 4 stages, difference",
        values=gain("other principles", stage("critique", 0), stage("critique", TIMES)), rule="below 0", **say,
    )  # fmt: skip
    results.criterion(
        criterion="critique and revision against revision alone: share of harm principles after 4 stages, difference",
        values=gain(harm, stage("direct", TIMES), stage("critique", TIMES)), rule="above 0", **say,
    )  # fmt: skip
    for what, name, rule in (
        ("harm falls: harm principles", harm, "above 0"),
        ("helpfulness pays: other principles", OTHER_HARMFUL, "below 0"),
        ("helpfulness pays: other principles", OTHER_PLAIN, "below 0"),
    ):
        asked = "plain" if name == OTHER_PLAIN else "harmful"
        results.criterion(
            criterion=f"{what} followed by a policy trained on 4 stages, held-out {asked} prompts, difference",
            values=gain(name, {"what": "policy", "k": 0}, {"what": "policy", "k": 4}), rule=rule, **say,
        )  # fmt: skip
    say = {"method": "SL-CAI, number of principles", "model": "micro"}
    results.criterion(
        criterion="four principles against one: distinct-3 after 4 stages, difference",
        values=gain("distinct-3", stage("one principle", TIMES), stage("critique", TIMES)),
        rule="above 0",
        note=FEW_WORDS,
        **say,
    )
    one, four = ({"what": "diversity", "way": way} for way in ("one principle", "critique"))
    results.criterion(
        criterion="four principles against one: distinct-3 of 1,000 runs of the last revisions, difference",
        values=gain(EQUAL, one, four), rule="above 0", note=FEW_WORDS, **say,
    )  # fmt: skip
    results.criterion(
        criterion="four principles against one: all principles followed after 4 stages, no lower, difference",
        values=gain("all principles", stage("one principle", TIMES), stage("critique", TIMES)),
        rule="at least 0", **say,
    )  # fmt: skip
    names = (harm, "other principles", "all principles", "distinct-2", "distinct-3", "words")
    return {
        **{
            f"{way}, stage {k}": {name: float(np.mean(of(name, **stage(way, k)))) for name in names}
            for way in WAYS
            for k in range(TIMES + 1)
        },
        **{
            f"policy, k {k}": {
                name: float(np.mean(of(name, what="policy", k=k)))
                for name in (
                    harm,
                    OTHER_HARMFUL,
                    OTHER_PLAIN,
                    "refused plain prompts",
                )
            }
            for k in TRAINED
        },
        **{
            f"critiques, {way}": {
                name: float(np.mean(of(name, what="critiques", way=way)))
                for name in ("confirmed", "missed", "fixed", "broke")
                if all(name in row for row in rows if row["what"] == "critiques" and row["way"] == way)
            }
            for way in WAYS
        },
    }  # fmt: skip


def main() -> None:
    """Revise, train and grade."""
    parser = options(__doc__)
    for name, value in (("prompts", 64), ("helpful", 64), ("held-out", 60), ("steps", 20), ("seeds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    sizes = {name: getattr(chosen, name) for name in ("prompts", "helpful", "held_out", "steps")}
    results = Results(
        "constitutional_ai", {**sizes, **SFT, "harm": list(HARM), "models": bundled()}, chosen.results
    )
    asked = read_prompts("micro:train")
    red = [each for each in asked if "harmful" in each.tags]
    plain = [each for each in asked if "harmful" not in each.tags]
    for seed in range(chosen.seeds):
        first = sampled(chosen.work, "micro", some_of(red, chosen.prompts, seed), seed)
        helpful = sampled(chosen.work, "micro", some_of(plain, chosen.helpful, seed), seed)
        policy_rows(results, chosen, stage_rows(results, chosen.work, first, "critique", seed), helpful, seed)
        for way in WAYS:
            stage_rows(results, chosen.work, first, way, seed)
    results.save(**figures(results, chosen.seeds))


if __name__ == "__main__":
    main()
