"""Methods on rollouts against rounds of pairs, imitation and distillation, at equal samples, in the microworld.

    python benchmarks/experiments/rl_methods.py

Every method has 256 completions of the policy that it trains: of 32 prompts, eight each, another choice of prompts for
each seed. It begins from `micro`, and `micro` judges by the checklist. A reward model learns from what the judge says
of the first half of the samples, and the second half is drawn against it. PPO is the whole pipeline: 32 samples stand
beside the demonstrations that are imitated, 96 are compared, 128 are rollouts against the reward model. GRPO on sums
has sums as prompts, and a function that adds as its reward. `best of 8` trains nothing: the judge chooses among eight
draws for each held-out prompt.

Gold is the share of principles that an answer follows, one answer at temperature 1 to each of the same 64 held-out
prompts; it only measures. `sums right` is the share of right ones, of the start too. KL is the mean log-ratio to the
start over the policy's own answers, nats per answer. Tokens are those that policies drew, those that were read with a
gradient, and those that the judge read. Minutes are of a processor, for all that a method needs but the measuring.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from micro_pool import CONSTITUTION, SAMPLING, bundled, some_of
from results import Results, options

from rlaif.auditing.intervals import SHARE, Interval, around
from rlaif.constitution import load_principles
from rlaif.exchange.completions import by_prompt
from rlaif.exchange.prompts import read_prompts, write_prompts
from rlaif.hashing import digest
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import Asking
from rlaif.judging.rules import share_of
from rlaif.records import Completion, Judgment, Prompt
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions, RunConfig
from rlaif.workflows.evaluation.policy_kl import kl
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.usage import usage
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

PROMPTS, GROUP, HELD_OUT = 32, 8, 64
START, SUMS, BEST, BESIDE = "start", "GRPO on sums", "best of 8, untrained", "DPO, two rounds"
RIGHT = "right-sum"
TRAINED = "rl"
"""What every recipe calls the policy that is measured."""
RATE, BETA, STEPS = 8e-4, 0.02, 8
"""Of all that learns from rollouts as it draws them."""
ADDS = """\
import re

from rlaif.records import Completion, Prompt

NUMBER = re.compile(r"[0-9]+")


def right(prompt: Prompt, completion: Completion) -> float:
    said = NUMBER.findall(completion.text)
    wanted = sum(map(int, NUMBER.findall(prompt.messages[-1].content)))
    return float(bool(said) and int(said[-1]) == wanted)
"""
"""The verifiable reward: the last number that is said is the sum of those that were asked about."""
Step = dict[str, Any]
Drawn = Sequence[tuple[Prompt, Completion]]
JUDGED: Step = {"step": "judge", "protocol": "checklist"}


class Recipe(NamedTuple):
    """The steps of a round, and how many rounds there are."""

    round: Sequence[Step]
    rounds: int = 1


def _sample(of: str, n: int = GROUP, prompts: int = PROMPTS, **more: Any) -> Step:
    return {"step": "sample", "of": of, "n": n, "temperature": 1.0, "prompts": prompts, **more}


def _learn(method: str, name: str = TRAINED, **more: Any) -> Step:
    return {"step": "train", "as": name, "method": method, **more}


def _rollouts(method: str, reward: Step, of: str = "train", **more: Any) -> Step:
    """A train step on eight rollouts of each prompt, eight rounds of them."""
    count = PROMPTS if of in ("train", "sums") else PROMPTS // 2
    loop = {"n": GROUP, "batch_size": count // STEPS, "steps": STEPS, "learning_rate": RATE}
    return _learn(method, of=of, reward=[reward], **{**loop, **more})


def _reward_model(n: int, loss: str) -> list[Step]:
    """Draws for the first half of the prompts, what the judge says of each, and a model of which is better."""
    return [
        _sample("first", n, PROMPTS // 2, model="policy", **{"as": "drawn"}),
        {**JUDGED, "of": "drawn"},
        {"step": "pairs", "pairing": "all", "then": "none", "critique": False, "as": "labelled"},
        _learn("reward", "reward-model", of="labelled", trains="reward-model", loss=loss, steps=15, batch_size=32,
               learning_rate=3e-4),
    ]  # fmt: skip


BY_JUDGE: Step = {"judge": "judge", "protocol": "checklist"}
BY_MODEL: Step = {"model": "reward-model"}
DEMONSTRATIONS: list[Step] = [
    _sample("answers", 1, PROMPTS, **{"as": "own"}),
    {"step": "pairs", "of": "own", "source": "given", "answer": "answer", "as": "demonstrations"},
    _learn("sft", "sft", of="demonstrations", steps=12, batch_size=16, learning_rate=1e-4),
]  # fmt: skip
PAIRS: Step = {"step": "pairs", "pairing": "best-worst", "then": "none", "critique": False}


def recipes(work: Path) -> Mapping[str, Recipe]:
    """The methods that train, by name."""
    held: Step = {"beta": BETA, "iterations": 2}
    adds: Step = {"function": f"{work / 'right_sum.py'}:right", "rare": True}
    imitate: Step = {"steps": STEPS, "batch_size": 16, "learning_rate": 6e-4}
    ppo = _rollouts("ppo", BY_MODEL, "second", value="reward-model", reference="previous", **held)
    return {
        "SFT, reward model, PPO": Recipe([*DEMONSTRATIONS, *_reward_model(6, "sigmoid"), ppo]),
        "RLOO, judge": Recipe([_rollouts("rloo", BY_JUDGE, **held)]),
        "GRPO, judge": Recipe([_rollouts("grpo", BY_JUDGE, **held)]),
        "GRPO, reward model": Recipe(
            [*_reward_model(GROUP, "soft"), _rollouts("grpo", BY_MODEL, "second", **held)]
        ),
        SUMS: Recipe([_rollouts("grpo", adds, "sums", **held)]),
        "ReST, judge": Recipe(
            [_rollouts("rest", BY_JUDGE, steps=4, batch_size=8, minibatches=2, learning_rate=6e-4)]
        ),
        "online DPO, judge": Recipe([_rollouts("online-dpo", BY_JUDGE, beta=0.1, iterations=2)]),
        BESIDE: Recipe(
            [
                _sample("train", prompts=PROMPTS // 2),
                JUDGED,
                PAIRS,
                _learn(
                    "dpo",
                    loss="sigmoid",
                    beta=0.1,
                    reference="previous",
                    steps=STEPS,
                    batch_size=16,
                    learning_rate=4e-4,
                ),
            ],
            rounds=2,
        ),
        "SFT on the best of 8": Recipe(
            [
                _sample("train"),
                JUDGED,
                {"step": "examples", "learn": "best", "kind": "best"},
                _learn("sft", **imitate),
            ]
        ),
        "self-distillation": Recipe(
            [
                _sample("train"),
                JUDGED,
                {"step": "contexts", "teacher_sees": ["principle"]},
                _learn(
                    "distill",
                    teacher="base",
                    form="jensen-shannon",
                    **{**imitate, "steps": 16, "batch_size": 32},
                ),
            ]
        ),
    }


def prepared(work: Path, seed: int) -> Path:
    """The prompts of a seed, the start, and the reward that adds."""
    folder = work / f"prompts-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    asked = read_prompts("micro:train")
    chosen = some_of(asked, PROMPTS, seed)
    write_prompts(folder / "all.jsonl", chosen)
    write_prompts(folder / "first.jsonl", chosen[: PROMPTS // 2])
    write_prompts(folder / "second.jsonl", chosen[PROMPTS // 2 :])
    sums = [each for each in asked if "sum" in each.tags]
    write_prompts(folder / "sums.jsonl", some_of(sums, PROMPTS, seed))
    (work / "right_sum.py").write_text(ADDS)
    if not (work / START).is_dir():
        bundle = shipped_model("micro")
        assert bundle is not None
        shutil.copytree(bundle, work / START)
    return folder


def ran(work: Path, name: str, recipe: Recipe, seed: int) -> tuple[Path, dict[str, Any]]:
    """The run of a method, and what it took."""
    prompts = prepared(work, seed)
    folder = work / f"run-{digest('rl method', name)[3:11]}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    files = {each: f"{prompts}/{each}.jsonl" for each in ("first", "second", "sums")}
    text = {
        "name": "rl-methods",
        "models": {"policy": str(work / START), "judge": "micro"},
        "constitution": CONSTITUTION,
        "prompts": {"train": f"{prompts}/all.jsonl", **files, "answers": "micro:answers"},
        "seed": seed,
        "rounds": recipe.rounds,
        "round": list(recipe.round),
    }
    (folder / "recipe.yaml").write_text(json.dumps(text, indent=1))
    config = RunConfig(recipe=str(folder / "recipe.yaml"), out=folder / "run", store=folder / "store.sqlite")
    before = time.process_time()
    done = run(prepare_recipe(config))
    minutes = (time.process_time() - before) / 60
    last, learned = recipe.round[-1], 0.0
    drawn, judged = _called(done.costs["models"])
    for metrics in sorted((folder / "run" / "models").glob("*/metrics.jsonl")):
        counts = json.loads((metrics.parent / "train.json").read_text())["counts"]
        for line in map(json.loads, metrics.read_text().splitlines()):
            # a line has the mean over the updates of its step
            learned += line["num_tokens"] * counts.get("updates_a_step", 1)
            drawn += line.get("completions/mean_length", 0.0) * last.get("n", 0) * last["batch_size"]
    took = {"drawn": drawn, "learned": learned, "judged": judged, "minutes": minutes}
    [policy] = sorted((folder / "run" / "models").glob(f"round-{recipe.rounds}-{TRAINED}"))
    return policy, took


def _called(models: Mapping[str, Mapping[str, Any]]) -> tuple[float, float]:
    """Tokens that policies wrote outside of trainings, and those that judges read, a reward model too."""
    judges = [name for name in models if name == "micro" or name.endswith("reward-model")]
    written = sum(each["completion_tokens"] for name, each in models.items() if name not in judges)
    return written, sum(models[name]["prompt_tokens"] for name in judges)


class Measured(NamedTuple):
    """What a policy does on held-out prompts: its answers, and how far they are from the start."""

    gold: list[float]
    kl: float
    words: float
    right: float
    called: Mapping[str, Mapping[str, Any]]
    """Calls and tokens by model."""


def answered(work: Path, policy: str, prompts: Sequence[Prompt], n: int, seed: int) -> Measured:
    """Answers of a policy at temperature 1; with n above 1 the best of n by the judge, whose KL is a bound."""
    constitution = load_principles(CONSTITUTION)
    models = ModelPool(ModelOptions(), seed=seed)
    scratch = work / "measured.sqlite"
    scratch.unlink(missing_ok=True)
    with Store.open(scratch) as store:
        models.record(store, "")
        drawn = draw(models, [policy], prompts, n, SAMPLING, seed).drawn
        if n > 1:
            said = judge_pointwise(models.judge("micro"), constitution, drawn, "checklist", Asking(seed=seed))
            drawn = _best(drawn, said)
            distance: float | None = math.log(n) - (n - 1) / n
        else:
            distance, _ = kl(models.writer(policy), models.writer(str(work / START)), drawn)
        called = usage(models, store, ())["models"]
    graded = [grade(prompt, each, constitution) for prompt, each in drawn]
    golds = [each for each in map(share_met, graded) if each is not None]
    assert distance is not None, "answers of the microworld can be scored"
    assert len(golds) == len(prompts), "each held-out prompt has gold"
    right = [float(bool(each[RIGHT])) for each in graded if RIGHT in each]
    words = float(np.mean([len(each.text.split()) for _, each in drawn]))
    return Measured(golds, distance, words, float(np.mean(right)), called)


def _best(drawn: Drawn, said: Sequence[Judgment]) -> Drawn:
    """For each prompt the answer that follows the largest share of its principles, as the judge says."""
    shares: dict[str, list[float]] = {}
    for each in said:
        share = share_of(each)
        if share is not None:
            shares.setdefault(each.completion_ids[0], []).append(share)
    return [
        (prompt, max(texts, key=lambda each: float(np.mean(shares[each.id]))))
        for prompt, texts in by_prompt(drawn)
    ]


def row(
    work: Path, method: str, held_out: Sequence[Prompt], sums: Sequence[Prompt], seed: int
) -> dict[str, Any]:
    """Train by a method, measure, and remove what was trained."""
    took: dict[str, Any] = {"drawn": 0, "learned": 0, "judged": 0, "minutes": 0.0}
    policy, n = work / START, 1
    prepared(work, seed)
    if method == BEST:
        n = GROUP
    elif method != START:
        policy, took = ran(work, method, recipes(work)[method], seed)
    before = time.process_time()
    found = answered(work, str(policy), held_out, n, seed)
    if method == BEST:
        drawn, judged = _called(found.called)
        took = {
            "drawn": drawn,
            "learned": 0,
            "judged": judged,
            "minutes": (time.process_time() - before) / 60,
        }
    by_sums = {}
    if method in (START, SUMS):
        by_sums = {"sums right": answered(work, str(policy), sums, 1, seed).right}
    if method not in (START, BEST):
        shutil.rmtree(policy.parents[2])
    rounded = [round(each, 4) for each in found.gold]
    return {"gold": rounded, "kl": found.kl, "words": found.words, **by_sums, **took}


def over_both(gold_SP: np.ndarray) -> tuple[float, float]:
    """The error of a mean over seeds and prompts, both drawn, and its degrees of freedom (Satterthwaite, 1946).

    Of one seed, over prompts alone.
    """
    seeds, prompts = gold_SP.shape
    if seeds == 1:
        return float(gold_SP.std(ddof=1)) / math.sqrt(prompts), prompts - 1
    of_seeds = prompts * float(gold_SP.mean(1).var(ddof=1))
    of_prompts = seeds * float(gold_SP.mean(0).var(ddof=1))
    residue = gold_SP - gold_SP.mean(1, keepdims=True) - gold_SP.mean(0) + gold_SP.mean()
    left = float((residue**2).sum()) / ((seeds - 1) * (prompts - 1))
    # where a source varies less than chance alone would let it, it adds nothing
    squares = [(of_seeds, seeds - 1), (of_prompts, prompts - 1), (-left, (seeds - 1) * (prompts - 1))]
    total = sum(each for each, _ in squares)
    if total <= left:
        return math.sqrt(left / (seeds * prompts)), (seeds - 1) * (prompts - 1)
    freedom = total**2 / sum(each**2 / count for each, count in squares)
    return math.sqrt(total / (seeds * prompts)), freedom


FIGURES = ("kl", "words", "drawn", "learned", "judged", "minutes")


def figures(results: Results, methods: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """By method: means over seeds, gold with its interval over seeds and prompts, the difference to rounds of DPO."""
    by = {(row["method"], row["recipe"], row["seed"]): row for row in results.rows.values()}
    found: dict[str, Any] = {}
    for method in methods:
        ours, beside = (
            {seed: row for seed in seeds if (row := by.get((name, recipe_of(name), seed))) is not None}
            for name in (method, BESIDE)
        )
        both = sorted(ours.keys() & beside.keys())
        if not both:
            continue
        rows = [ours[seed] for seed in both]
        gold_SP = np.array([row["gold"] for row in rows])
        apart_SP = gold_SP - np.array([beside[seed]["gold"] for seed in both])
        found[method] = {
            "seeds": len(both),
            "gold": list(interval(gold_SP, SHARE)),
            "apart": list(interval(apart_SP, (-1.0, 1.0))) if method != BESIDE else None,
            **{name: float(np.mean([row[name] for row in rows])) for name in FIGURES},
        }
        if all("sums right" in row for row in rows):
            found[method]["sums right"] = [row["sums right"] for row in rows]
    return found


def interval(value_SP: np.ndarray, limits: tuple[float, float]) -> Interval:
    """The mean with its 95 % interval."""
    error, freedom = over_both(value_SP)
    return around(float(value_SP.mean()), error, freedom + 1, limits)


def recipe_of(method: str) -> str:
    """The first letters of the digest of its steps: other settings make another row."""
    return digest("rl method", recipes(Path()).get(method))[3:11]


def main() -> None:
    """Train by each method for each seed, and measure."""
    parser = options(__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--only", nargs="*", default=[""], help="only methods whose name has one of these in it"
    )
    chosen = parser.parse_args()
    work = (chosen.work / "rl-methods").resolve()
    work.mkdir(parents=True, exist_ok=True)
    methods = [START, *recipes(Path()), BEST]
    sizes = {"prompts": PROMPTS, "completions of a prompt": GROUP, "held-out prompts": HELD_OUT}
    setting = {**sizes, "models": bundled()}
    results = Results("rl_methods", setting, chosen.results)
    asked = read_prompts("micro:held-out")
    held_out, sums = asked[:HELD_OUT], [each for each in asked if "sum" in each.tags]
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    for seed in seeds:
        for method in methods:
            if any(each in method for each in chosen.only):
                results.row(
                    {"method": method, "recipe": recipe_of(method), "seed": seed},
                    lambda method=method, seed=seed: row(work, method, held_out, sums, seed),
                )
    results.save(**figures(results, methods, seeds))


if __name__ == "__main__":
    main()
