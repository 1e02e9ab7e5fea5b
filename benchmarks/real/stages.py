"""The stages of `make real`: which `rlaif` command each is, and how many tokens it draws, reads and trains at most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path("benchmarks/real")
"""From the repository's root, where all commands run."""
PROMPT, SYSTEM, ANSWER = 45, 75, 55
"""Tokens of a prompt in its template, of the constitution in a system turn, and of an answer: a forecast's guess."""
MAX_TOKENS, TEMPERATURE = 64, 0.8
BATCH, GROUP, GRPO_PROMPTS = 10, 8, 4
RATE = "3e-5"
RULES = ("short", "no-list", "because")
MEASURED = ("start", "start, shown the constitution", "dpo-1", "dpo-2", "grpo", "distill")
"""The models whose held-out answers are measured, in the order of the table."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is played: a share of the whole."""

    scale: float = 1.0

    def of(self, whole: int) -> int:
        """That share of a number, at least 1."""
        return max(1, round(whole * self.scale))

    @property
    def prompts(self) -> int:
        """Of training, and as many to measure on."""
        return self.of(200)

    @property
    def steps(self) -> int:
        """Of each training: 300 pairs, or examples, at ten a step; GRPO takes 32 rollouts a step."""
        return self.of(30)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One command, after which there is one row."""

    name: str
    says: str
    command: tuple[str, ...]
    drawn: int = 0
    """Tokens that are sampled at most."""
    read: int = 0
    trained: int = 0
    measures: str = ""
    """The model, of `MEASURED`, whose held-out answers the command has drawn."""
    script: bool = False
    """Whether the command is a script of benchmarks/, not `rlaif`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is played, with which model, where."""

    start: Path
    work: Path
    sizes: Sizes
    dtype: str
    hh: Path | None = None
    threads: int = 1
    ours: tuple[str, ...] = field(init=False, default=("--judge", f"rules:{HERE / 'rules.yaml'}"))

    @property
    def house(self) -> tuple[str, ...]:
        """Judge and constitution."""
        return (*self.ours, "--constitution", str(HERE / "constitution.yaml"))

    @property
    def drawing(self) -> tuple[str, ...]:
        """How answers are drawn."""
        return ("--max-tokens", str(MAX_TOKENS), "--temperature", str(TEMPERATURE), "--dtype", self.dtype)

    @property
    def training(self) -> tuple[str, ...]:
        """How a model is trained: on float32 weights whatever the arithmetic, and small changes are kept."""
        bf16 = ("--loop", "precision=bf16") if self.dtype == "bfloat16" else ()
        return (
            *bf16,
            "--loop",
            "save_dtype=float32",
            "--loop",
            "checkpoint_every=5",
            "--learning-rate",
            RATE,
        )

    def stages(self) -> Iterator[Stage]:
        """In the order in which they are played."""
        yield from self._measured("start", self.start)
        yield from self._measured(MEASURED[1], self.start, system=True)
        policy = self.start
        for number in (1, 2):
            yield self._pairs(number, policy)
            yield self._dpo(number, policy)
            policy = self.work / f"dpo-{number}"
            yield from self._measured(policy.name, policy)
        yield self._grpo()
        yield from self._measured("grpo", self.work / "grpo")
        yield self._distilled()
        yield from self._measured("distill", self.work / "distill" / "models" / "round-1")
        yield from self._rivals()
        if self.hh is not None:
            yield from self._people(self.hh)

    def _measured(self, name: str, model: Path, *, system: bool = False) -> Iterator[Stage]:
        slug = "shown" if system else name
        command = ["evaluate", "--policy", f"hf:{model}", "--against", f"hf:{self.start}", *self.house]
        command += ["--prompts", str(HERE / "held-out.jsonl"), "--limit", str(self.sizes.prompts)]
        command += [*self.drawing, *(["--system", "constitution"] if system else [])]
        command += ["--out", str(self.work / f"measured-{slug}")]
        count = self.sizes.prompts
        yield Stage(
            name=f"measure {slug}", says=f"answers of {name} to held-out prompts", command=tuple(command),
            drawn=count * ANSWER, read=count * (PROMPT + ANSWER + SYSTEM * system), measures=name,
        )  # fmt: skip

    def _pairs(self, number: int, policy: Path) -> Stage:
        command = ["generate", "--policy", f"hf:{policy}", *self.house, "--protocol", "rules", "--n", "6"]
        command += ["--pairing", "all", "--no-critique", "--drift", "0", *self.drawing]
        command += ["--prompts", str(HERE / "train.jsonl"), "--limit", str(self.sizes.prompts)]
        command += ["--seed", str(number), "--out", str(self.work / f"pairs-{number}")]
        return Stage(
            name=f"pairs {number}", says="answers to training prompts, paired by the rules",
            command=tuple(command), drawn=self.sizes.prompts * 6 * ANSWER,
        )  # fmt: skip

    def _dpo(self, number: int, policy: Path) -> Stage:
        pairs = self.sizes.steps * BATCH
        command = ["train", "dpo", str(self.work / f"pairs-{number}"), "--policy", str(policy)]
        command += ["--steps", str(self.sizes.steps), "--batch-size", str(BATCH), *self.training]
        command += ["--out", str(self.work / f"dpo-{number}")]
        tokens = pairs * (PROMPT + 2 * ANSWER)
        return Stage(
            name=f"dpo {number}", says=f"DPO on {pairs} pairs", command=tuple(command),
            read=tokens, trained=tokens,
        )  # fmt: skip

    def _grpo(self) -> Stage:
        rollouts = self.sizes.steps * GRPO_PROMPTS * GROUP
        command = ["train", "grpo", "--policy", f"hf:{self.start}", "--prompts", str(HERE / "train.jsonl")]
        command += ["--held-out", str(HERE / "held-out.jsonl"), "--dtype", self.dtype]
        command += ["--reward", f"judge=rules:{HERE / 'rules.yaml'},rare=true", "--constitution"]
        command += [str(HERE / "constitution.yaml"), "--batch-size", str(GRPO_PROMPTS), "--n", str(GROUP)]
        command += ["--steps", str(self.sizes.steps), "--max-tokens", str(MAX_TOKENS)]
        command += ["--temperature", str(TEMPERATURE), *self.training, "--out", str(self.work / "grpo")]
        return Stage(
            name="grpo", says=f"GRPO, {self.sizes.steps} steps of {GRPO_PROMPTS} prompts by {GROUP} rollouts",
            command=tuple(command), drawn=rollouts * ANSWER,
            trained=rollouts * ANSWER + rollouts // GROUP * PROMPT,
        )  # fmt: skip

    def _distilled(self) -> Stage:
        prompts, steps = self.sizes.of(150), self.sizes.steps
        told = {
            "prompts.train": HERE / "train.jsonl", "prompts.held_out": HERE / "held-out.jsonl",
            "round.sample.prompts": prompts, "round.train.steps": steps,
        }  # fmt: skip
        if self.dtype == "bfloat16":
            told["round.train.loop"] = "{precision: bf16, save_dtype: float32}"
        command = ["run", str(HERE / "distill.yaml"), "--policy", f"hf:{self.start}", *self.house]
        command += ["--dtype", self.dtype]
        for key, value in told.items():
            command += ["--set", f"{key}={value}"]
        command += ["--out", str(self.work / "distill")]
        return Stage(
            name="distill", says=f"the constitution distilled on {2 * prompts} answers", command=tuple(command),
            drawn=2 * prompts * ANSWER, read=steps * BATCH * (PROMPT + SYSTEM + ANSWER),
            trained=steps * BATCH * (PROMPT + ANSWER),
        )  # fmt: skip

    def _people(self, hh: Path) -> Iterator[Stage]:
        pairs, steps = self.sizes.of(500), self.sizes.of(40)
        people, model = self.work / "people", self.work / "people-reward"
        yield Stage(
            name="people", says="preferences of people",
            command=("import", str(hh), "--limit", str(pairs), "--out", str(people)),
        )  # fmt: skip
        command = ["train", "reward", str(people), "--policy", str(self.start), "--held-out-pairs", "0.2"]
        command += ["--steps", str(steps), "--batch-size", str(BATCH), "--loop", "max_length=512"]
        yield Stage(
            name="reward model", says=f"a reward model on four in five of {pairs} pairs of people",
            command=(*command, *self.training, "--out", str(model)),
            trained=steps * BATCH * 350, read=pairs // 5 * 350,
        )  # fmt: skip
        command = ["generate", "--policy", f"hf:{self.start}", "--judge", f"reward:{model}", "--constitution"]
        command += [str(HERE / "constitution.yaml"), "--protocol", "reward", "--n", "6", "--no-critique"]
        command += ["--drift", "0", *self.drawing, "--prompts", str(HERE / "train.jsonl"), "--limit"]
        command += [str(self.sizes.prompts), "--seed", "1", "--out", str(self.work / "pairs-people")]
        yield Stage(
            name="feedback of the reward model", says="the same answers, paired by that reward model",
            command=tuple(command), read=self.sizes.prompts * 6 * (PROMPT + ANSWER),
        )  # fmt: skip

    def _rivals(self) -> Iterator[Stage]:
        shared = ("--model", str(self.start), "--threads", str(self.threads), "--json")
        bf16 = ("--bf16",) if self.dtype == "bfloat16" else ()
        yield Stage(
            name="DPO step, TRL", says="a DPO step of ours and of TRL", script=True,
            command=("dpo_vs_trl.py", "--case", "real", "--steps", "2", *shared, *bf16),
            trained=2 * 3 * 8 * (PROMPT + ANSWER),
        )  # fmt: skip
        yield Stage(
            name="GRPO step, TRL", says="rollouts and a GRPO step of ours and of TRL", script=True,
            command=("rl_vs_trl.py", "--case", "real", "--steps", "1", "--rounds", "1", *shared, *bf16),
            drawn=2 * 2 * GRPO_PROMPTS * GROUP * ANSWER, trained=2 * 2 * GRPO_PROMPTS * GROUP * (PROMPT + ANSWER),
        )  # fmt: skip
        yield Stage(
            name="rollouts, transformers", says="rollouts of ours and of transformers", script=True,
            command=("generate_vs_transformers.py", "--rounds", "1", "--dtype", self.dtype, *shared),
            drawn=2 * 64 * ANSWER,
        )  # fmt: skip
