"""Self-distillation from a judge's feedback against DPO by the same judge, at equal cost.

    python benchmarks/experiments/self_distillation.py

`micro` draws eight answers a prompt and `micro` judges each by the checklist: both ways learn from these calls and no
others. `distill`: each answer that breaks a rule, its teacher shown the answer and the rule. `dpo`: the best against
the worst answer of a prompt by the same judgments. A step of either reads as many answers with a gradient, and both
take as many steps; `tokens` are those that were read with one. The teacher's reading, without a gradient, is the cost
that distill has beside (`teacher tokens`). Gold of one answer at temperature 1 to each held-out prompt; it only
measures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from context_distillation import gold
from micro_pool import BETA, CONSTITUTION, SAMPLING, bundled
from results import Results, options

from rlaif.constitution import load_principles
from rlaif.exchange.completions import by_prompt
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.pairing import NO_PAIRWISE, pair_plan
from rlaif.feedback.system_turn import CONSTITUTION as RULES
from rlaif.feedback.system_turn import SystemTurn
from rlaif.feedback.teacher_contexts import TeacherMaterial, teacher_turns
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import Asking
from rlaif.judging.rules import breaks, share_of
from rlaif.records import Completion, Constitution, Example, Judgment, Pair, Prompt
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.training import DistillConfig, DPOConfig, train_distill, train_dpo
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.judge_step import make_preference_pairs
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.training.datasets import sampled

GROUP, RATE, ANSWERS = 8, 3e-4, 24
"""Answers a prompt, the learning rate of both, and answers that a step reads."""
FORM = "jensen-shannon"
NOTE = (
    "the teacher repairs one rule an answer and copies the rest: a step moves less than a pair of whole answers; "
    "one setting was measured over the seeds, forward KL was worse in one run"
)
BEST_WORST = {"pairing": "best-worst", "inconsistent": "drop"}
Drawn = Sequence[tuple[Prompt, Completion]]


def feedback(work: Path, prompts: int, seed: int) -> tuple[Drawn, Sequence[Judgment], Sequence[Pair]]:
    """The answers, what the judge says of each, and the pairs that follow from that without another call."""
    constitution = load_principles(CONSTITUTION)
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(work / "self-distillation.sqlite") as store:
        models.record(store, "")
        asked = read_prompts("micro:train")[seed * prompts : (seed + 1) * prompts]
        drawn = draw(models, ["micro"], asked, GROUP, SAMPLING, seed).drawn
        judge = models.judge("micro")
        judgments = judge_pointwise(judge, constitution, drawn, "checklist", Asking(seed=seed))
        plan = pair_plan(BEST_WORST, then=NO_PAIRWISE, asking=None, seed=seed, round=1)
        pairs = make_preference_pairs(judge, constitution, drawn, judgments, plan, None).pairs
    return drawn, judgments, pairs


def taught(constitution: Constitution, drawn: Drawn, judgments: Sequence[Judgment]) -> list[Example]:
    """Each answer that breaks a rule, with the rule for its teacher."""
    rules = {each.id: each for each in constitution.principles}
    found = []
    for prompt, texts in by_prompt(drawn):
        for said in texts:
            own = [each for each in judgments if each.completion_ids == (said.id,) and breaks(each)]
            faults = [
                rules[str(each.principle_id)] for each in sorted(own, key=lambda each: share_of(each) or 0.0)
            ]
            turns = teacher_turns(
                TeacherMaterial(
                    prompt=prompt, completion=said, constitution=SystemTurn(named=RULES), faults=faults
                ),
                ["principle"],
            )
            if turns is not None and said.finish == "stop":
                found.append(
                    Example(messages=(*prompt.messages, *said.turns), teacher=turns[1], kind="distill")
                )
    return found


def trained(work: Path, way: str, prompts: int, steps: int, graded: int, seed: int) -> dict[str, Any]:
    """Train by one way, and grade it."""
    base = shipped_model("micro")
    assert base is not None
    drawn, judgments, pairs = feedback(work, prompts, seed)
    folder = work / f"self-{way}"
    shutil.rmtree(folder, ignore_errors=True)
    loop: dict[str, Any] = {"steps": steps, "learning_rate": RATE, "seed": seed, "checkpoint_every": 0}
    shared: dict[str, Any] = {
        "policy": base,
        "out": folder,
        "sampled": sampled([said for _, said in drawn], drawn[0][1].policy),
        "progress": lambda *_: None,
    }
    more = 0.0
    if way == "distill":
        rows = taught(load_principles(CONSTITUTION), drawn, judgments)
        summary = train_distill(DistillConfig(form=FORM, batch_size=ANSWERS, **loop), rows, **shared)
        more = summary.counts["teacher_tokens_more"] * ANSWERS * steps
    else:
        config = DPOConfig(beta=BETA, batch_size=ANSWERS // 2, **loop)
        train_dpo(config, pairs, reference="previous", **shared)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    tokens = sum(line["num_tokens"] for line in lines)
    found = gold(work, str(folder), graded, seed)
    shutil.rmtree(folder)
    return {
        "gold": found,
        "judge calls": len(judgments),
        "tokens": tokens,
        "teacher tokens": tokens + more if more else 0,
    }


def main() -> None:
    """Train both ways for each seed."""
    parser = options(__doc__)
    for name, value in (("prompts", 24), ("steps", 12), ("graded", 100), ("seeds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    setting = {
        **{name: getattr(chosen, name) for name in ("prompts", "steps", "graded")},
        "learning_rate": RATE,
        "answers": ANSWERS,
        "group": GROUP,
        "form": FORM,
        "models": bundled(),
    }
    results = Results("self_distillation", setting, chosen.results)
    work = chosen.work / "self-distillation"
    work.mkdir(parents=True, exist_ok=True)
    for seed in range(chosen.seeds):
        results.row(
            {"way": "micro", "seed": seed},
            lambda seed=seed: {"gold": gold(work, "micro", chosen.graded, seed)},
        )
        for way in ("distill", "dpo"):
            results.row(
                {"way": way, "seed": seed},
                lambda way=way, seed=seed: trained(
                    work, way, chosen.prompts, chosen.steps, chosen.graded, seed
                ),
            )
    by = {(row["way"], row["seed"]): row["gold"] for row in results.rows.values()}
    seeds = range(chosen.seeds)
    if chosen.seeds >= 3:
        for way, other, said in (
            ("distill", "micro", "gold rises (difference to the policy before)"),
            (
                "distill",
                "dpo",
                "more gold than DPO by the same judge calls and as many trained answers (difference)",
            ),
        ):
            results.criterion(
                method="Self-distillation",
                criterion=said,
                values=[by[way, seed] - by[other, seed] for seed in seeds],
                rule="above 0",
                model="micro",
                note=NOTE if other == "dpo" else "",
            )
    results.save(
        **{way: float(np.mean([by[way, seed] for seed in seeds])) for way in ("micro", "distill", "dpo")}
    )


if __name__ == "__main__":
    main()
