"""The line on stderr that a command ends with: what to run next, with real paths, quoted for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.runs.claim import read_run
from rlaif.runs.layout import is_run
from rlaif.shipped import MODELS

if TYPE_CHECKING:
    from rlaif.workflows.attack.config import AttackConfig
    from rlaif.workflows.attack.report import AttackReport
    from rlaif.workflows.configs import EvaluateConfig
    from rlaif.workflows.evaluation.result import Evaluation
    from rlaif.workflows.generate.result import GenerateResult
    from rlaif.workflows.judge_eval.config import CheckConfig
    from rlaif.workflows.training.job import TrainJob

HELD_OUT = "HELD-OUT.jsonl"
"""Stands for a file that nobody but the user can name: prompts that were not trained on."""
COMPLETIONS = "COMPLETIONS.jsonl"
"""Stands for answers to judge."""
PROMPTS, POLICY = "PROMPTS.jsonl", "POLICY"
UNNAMED = "JUDGE"
"""Stands for the name of a judge, where none is known."""


def command_line(*words: object) -> str:
    """A command of ours as one would type it."""
    return shlex.join(["rlaif", *map(str, words)])


def after_tests(constitution: str, judge: str) -> str:
    """After `constitution test`: make pairs by it."""
    prompts, policy = ("micro:train", "micro") if judge in MODELS else (PROMPTS, POLICY)
    words = ["--constitution", constitution, "--prompts", prompts, "--policy", policy, "--judge", judge]
    return command_line("generate", *words, "--out", Path("runs") / "r1")


def after_pairs(made: GenerateResult) -> str:
    """After `generate` and `judge`: look at the pairs first; where there are none, at what became of the prompts."""
    return command_line("audit" if made.pairs else "status", made.run)


def after_status(run: Path, found: Mapping[str, Any]) -> str:
    """After `status`: the page of it; of a model, what it is good for; of what is unfinished, where it is seen live."""
    if found.get("command") == "train":
        return command_line("view", run.parent)
    return command_line("report" if found.get("status") == "done" else "view", run)


def after_check(config: CheckConfig) -> str:
    """After `judge check`: put the judge to work."""
    judge = config.judge or UNNAMED
    known = judge in MODELS
    words: list[object] = [] if known else ["--prompts", PROMPTS, "--policy", POLICY, "--judge", judge]
    return command_line("generate", *words, "--out", Path("runs") / "r1")


def after_audit(audited: Path, *, doubtful: bool = False) -> str:
    """After `audit`: train on what was audited; where it is doubtful, look at its pairs first."""
    if doubtful and is_run(audited):
        return command_line("review", audited)
    folder = audited if audited.is_dir() else audited.parent
    config = read_run(folder).get("config", {}) if is_run(folder) else {}
    policy = [] if len(config.get("policies") or ()) == 1 else ["--policy", POLICY]
    return command_line("train", audited, *policy, "--out", Path("models") / folder.absolute().name)


def after_training(job: TrainJob) -> str:
    """After `train`: compare with what it was made of; a reward model or a judge is put to use as one."""
    from rlaif.workflows.training.method import Role
    from rlaif.workflows.training.methods import METHODS

    method = METHODS.get(job.method)
    if method.trains is Role.REWARD_MODEL:
        return _by_reward(job, method.asked_by)
    if method.trains is Role.JUDGE:
        return command_line("judge", "check", "--judge", job.out)
    base = next((name for name in MODELS if str(job.base) == str(_bundled(name))), str(job.base))
    judge = job.card["judge"].partition(" (")[0]
    prompts = "micro:held-out" if base in MODELS else HELD_OUT
    words: list[object] = [
        "--policy",
        job.out,
        "--against",
        base,
        "--judge",
        judge if judge != "unknown" else UNNAMED,
    ]
    return command_line("evaluate", *words, "--prompts", prompts, *_gold(prompts))


def _by_reward(job: TrainJob, protocol: str) -> str:
    """Judge what it learned from by a reward model; a file of examples holds no completions."""
    source = Path(job.card["run"])
    judged = COMPLETIONS if job.examples and not is_run(source) else source
    out = f"{source.with_suffix('') if source.is_file() else source}-by-reward"
    asked = ["--protocol", protocol] if protocol else []
    return command_line("judge", judged, "--judge", f"reward:{job.out}", *asked, "--out", out)


def after_evaluation(config: EvaluateConfig, found: Evaluation) -> str:
    """After `evaluate`: the page of it; where it was kept nowhere, that it can be."""
    if config.out is not None:
        return command_line("report", config.out)
    words: list[object] = ["--policy", found.policy]
    for name in config.against:
        words += ["--against", name]
    words += ["--judge", config.judge] if config.judge else []
    words += ["--prompts", config.prompts, *(["--gold"] if config.gold else [])]
    return command_line("evaluate", *words, "--out", Path("runs") / "evaluation")


def after_attack(config: AttackConfig, reward: Sequence[str], found: AttackReport) -> str:
    """After `attack`: mend the reward with the pairs, or make some; one that nothing fooled is trained against."""
    bundled = config.policy is None or config.policy in MODELS
    policy = config.policy or "micro"
    if found.pairs:
        return command_line(
            "train", "reward", config.pairs, "--policy", policy, "--out", Path("models") / "mended"
        )
    asked = [word for each in reward for word in ("--reward", each)]
    if found.unmet is None:
        prompts = "micro:train" if bundled else PROMPTS
        words = ["--prompts", prompts, *asked, "--policy", policy, "--out", Path("models") / "policy"]
        return command_line("train", "grpo", *words)
    named = ["--policy", config.policy] if config.policy else []
    named += ["--prompts", config.prompts] if config.prompts else []
    return command_line(
        "attack", *reward, *named, "--pairs", "attacks.jsonl", "--out", Path("runs") / "mined"
    )


def _gold(prompts: str) -> list[str]:
    return ["--gold"] if prompts != HELD_OUT else []


def _bundled(name: str) -> Path | None:
    from rlaif.shipped import shipped_model

    return shipped_model(name)
