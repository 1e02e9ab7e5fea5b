"""A GRPO step: ours against TRL's trainer, in wall-clock seconds, CPU seconds, peak memory and loss.

    python benchmarks/rl_vs_trl.py [--case long-prompt] [--steps 2] [--half] [--json]

First the bound is counted. Then each side runs in a process of its own, in turn: the same random Llama from one
directory, the same prompts, the same reward, groups of eight, a KL to the reference, float32, fused AdamW at a
constant rate, gradients clipped at 1. Both sides draw every token of every rollout themselves, and are then handed the
token that is written in its place: the completions, and with them loss and gradient, are the same.

A step has three parts, each with its ratio: `rollouts`; `reference`, its log-probabilities; `update`, which is the
forward and the backward pass and the optimizer. TRL draws with transformers' `generate`. The first step warms up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import vs_trl
from vs_trl import PAD, Draw, Ids, Shape

END, FIRST = 1, 3
GROUP, BETA, RATE = 8, 0.04, 1e-4
LLAMA = Shape(32_000, 512, 1536, 8, 8, 4, 64)
PARTS = ("rollouts", "reference", "update", "step")
TOLERANCE, BF16_TOLERANCE = 1e-5, 1e-2


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    says: str
    prompts: int
    """Groups of a step."""
    prompt: Draw
    answer: Draw

    @property
    def ragged(self) -> bool:
        """Whether steps differ, so that all count, not the best."""
        return self.answer.spread > 0


CASES = {
    "long-prompt": Case("prompt 1,024, answers 64", 1, Draw(1024), Draw(64)),
    "long-answers": Case("prompt 256, answers 200", 1, Draw(256), Draw(200)),
    "ragged": Case(
        "two prompts, lengths log-normal: medians 200 and 100",
        2,
        Draw(200, 0.6, 16, 768),
        Draw(100, 0.6, 8, 384),
    ),
}

SMALL = "small"
"""A case that shows that losses are the same, and no speed; run where it is named."""
CASES[SMALL] = Case("two prompts, lengths log-normal: medians 24 and 10", 2, Draw(24, 0.5), Draw(10, 0.5, 2))

REAL = "real"
"""Lengths as `make real` has them; run where it is named."""
CASES[REAL] = Case("lengths as in make real", 4, Draw(45, 0.2, 20), Draw(45, 0.4, 5, 64))

Group = tuple[Ids, list[Ids]]
"""A prompt and its answers, each with its end token."""
Spent = tuple[float, float]
"""Seconds and CPU seconds."""


def steps_of(case: Case, shape: Shape, count: int) -> list[list[Group]]:
    """The groups of `count` steps, of random tokens."""
    rng = random.Random(1)

    def ids(draw: Draw) -> Ids:
        return tuple(rng.randrange(FIRST, shape.vocabulary) for _ in range(draw.length(rng)))

    def group() -> Group:
        return ids(case.prompt), [(*ids(case.answer)[:-1], END) for _ in range(GROUP)]

    return [[group() for _ in range(case.prompts)] for _ in range(count)]


class Bound(NamedTuple):
    """What counting allows at most for the update, had everything else no price."""

    tokens: float
    """Tokens of padded rows over tokens of trees."""
    products: float
    """The same of multiplications with weights. A layer multiplies three times with each token, a head that is never
    kept four times; on CPUs TRL's head reads all positions, on CUDA those of answers."""


def bound(shape: Shape, groups: Sequence[Group], *, answers_only: bool = False) -> Bound:
    """Of one step."""
    attention = shape.hidden * shape.head_size * (2 * shape.heads + 2 * shape.key_heads)
    layers = shape.layers * (attention + 3 * shape.hidden * shape.inner)
    output = shape.vocabulary * shape.hidden
    scored = sum(len(answer) for _, answers in groups for answer in answers)
    once = scored + sum(len(prompt) for prompt, _ in groups)
    rows = sum(len(answers) for _, answers in groups)
    longest = max(len(answer) for _, answers in groups for answer in answers)
    padded = rows * (longest + max(len(prompt) for prompt, _ in groups))
    theirs = 3 * padded * layers + 4 * (rows * longest if answers_only else padded) * output
    return Bound(padded / once, theirs / (3 * once * layers + 4 * scored * output))


def reward_of(ids: Sequence[int]) -> float:
    """Any number that an answer decides; `ids` without the end."""
    return sum(ids) % 101 / 101


class Clock:
    """Wall-clock and CPU seconds of each step, by what they were spent on."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Spent]] = []
        self._open: dict[str, Spent] = {}

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Inside, time is spent on this."""
        began = time.perf_counter(), time.process_time()
        yield
        held = self._open.get(what, (0.0, 0.0))
        spent = time.perf_counter() - began[0], time.process_time() - began[1]
        self._open[what] = held[0] + spent[0], held[1] + spent[1]

    def close(self, wall: float, cpu: float) -> None:
        """A step is over, which took so long; what is left of it is the update."""
        left = [
            whole - self._open["rollouts"][place] - self._open["reference"][place]
            for place, whole in enumerate((wall, cpu))
        ]
        self.steps.append({**self._open, "update": (left[0], left[1]), "step": (wall, cpu)})
        self._open = {}


class Step(NamedTuple):
    """What a side did in a step."""

    seconds: Mapping[str, Spent]
    loss: float
    grad_norm: float


def make_directory(shape: Shape, folder: Path) -> None:
    """A random Llama, with a tokenizer of whose words each is a token."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        head_dim=shape.head_size,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=END,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = {"<pad>": PAD, "<end>": END, "<unk>": 2}
    words |= {f"t{number}": number for number in range(FIRST, shape.vocabulary)}
    whole = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=whole, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    tokenizer.save_pretrained(folder)


def text(ids: Sequence[int]) -> str:
    """What the tokenizer reads as these."""
    return " ".join(f"t{each}" for each in ids)


def answers_of(steps: Sequence[Sequence[Group]]) -> dict[Ids, list[Ids]]:
    """By prompt."""
    return {prompt: answers for groups in steps for prompt, answers in groups}


def trl(
    case: Case, steps: Sequence[Sequence[Group]], folder: Path, out: str, arguments: argparse.Namespace
) -> list[Step]:
    """TRL's trainer: all rollouts of a step in one batch."""
    from datasets import Dataset
    from transformers import AutoTokenizer

    oracle, clock, answers = vs_trl.oracle(), Clock(), answers_of(steps)

    def reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
        return [reward_of([each for each in ids if each != END]) for ids in completion_ids]

    told = vs_trl.trl_arguments(out, arguments) | {
        "per_device_train_batch_size": case.prompts * GROUP,
        "max_steps": len(steps),
        "learning_rate": RATE,
        "model_init_kwargs": {"dtype": "float32"},
        "num_generations": GROUP,
        "max_completion_length": longest(steps),
        "beta": BETA,
        "loss_type": "grpo",
        "shuffle_dataset": False,
    }
    del told["max_length"]
    trainer = oracle.HandedGRPO(
        str(folder),
        reward,
        oracle.trl.GRPOConfig(**told),
        Dataset.from_list([{"prompt": text(prompt)} for prompt in answers]),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    trainer.handed, trainer.clock = answers, clock.on
    return [
        Step(spent, line["loss"], line["grad_norm"])
        for spent, line in zip(clock.steps, vs_trl.train_trl(trainer, clock.close), strict=True)
    ]


def ours(
    case: Case, steps: Sequence[Sequence[Group]], folder: Path, out: str, arguments: argparse.Namespace
) -> list[Step]:
    """The training of `rlaif train grpo`."""
    from rlaif.records import Message, Prompt
    from rlaif.training import GRPOConfig, train_online
    from rlaif.training.online import train
    from rlaif.training.online.policy_gradient import GRPO

    clock, answers, found = Clock(), answers_of(steps), list[Step]()
    began: list[float] = []

    class Timed(GRPO):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.order = InOrder(self.order.steps, case.prompts)  # type: ignore[assignment]
            began.append(time.process_time())

        def drawn(self, step: int) -> Any:
            with clock.on("rollouts"):
                return super().drawn(step)

        def _read(self, *given: Any) -> Any:
            with clock.on("reference"):
                return super()._read(*given)

    def told(step: int, _: int, figures: Mapping[str, float]) -> None:
        clock.close(figures["seconds"], time.process_time() - began[-1])
        found.append(Step(clock.steps[-1], figures["loss"], figures["grad_norm"]))
        if step == len(steps):  # behind it the model is written
            raise _Enough
        began.append(time.process_time())

    train.METHOD_OF = {GRPOConfig: Timed}
    config = GRPOConfig(
        steps=len(steps) + 1,
        batch_size=case.prompts,
        n=GROUP,
        max_tokens=longest(steps),
        beta=BETA,
        learning_rate=RATE,
        schedule="constant",
        warmup_share=0.0,
        trackers=(),
        precision="bf16" if arguments.bf16 else "float32",
    )
    prompts = [Prompt(messages=(Message(role="user", content=text(each)),)) for each in answers]
    with handed(answers), suppress(_Enough):
        train_online(config, prompts, Reward(), policy=folder, out=Path(out) / "ours", progress=told)
    return found


class _Enough(Exception):
    """The last timed step is done."""


class InOrder(vs_trl.InOrder):
    """Prompts as they come, so many a step."""

    def __init__(self, steps: int, prompts: int) -> None:
        super().__init__(steps)
        self.batch_size = prompts

    def rows(self, step: int) -> list[int]:
        """Rows of a step."""
        return list(range(step * self.batch_size, (step + 1) * self.batch_size))


class Reward:
    """`reward_of` as a reward of groups."""

    fingerprint = "benchmark"

    def score(self, prompts: Any, groups: Sequence[Sequence[Any]], *, step: int, seed: int) -> Any:
        """What each rollout is worth."""
        from rlaif.records import Component, ScoredGroups

        values = tuple(reward_of(each.token_ids) for group in groups for each in group)
        part = Component(name="sum", weight=1.0, hard=False, values=values)
        return ScoredGroups(totals=values, components=(part,), additive=True)


@contextmanager
def handed(answers: Mapping[Ids, Sequence[Ids]]) -> Iterator[None]:
    """Inside, our decoder goes on with given tokens; it has drawn its own."""
    import torch

    from rlaif.engines.local.generate import _Batch

    usual = _Batch.take

    def take(self: Any, tokens: Any, logprobs: Any, warm: Any, decoder: Any) -> Any:
        wanted = []
        for place in self.rows:
            answer = answers[self.draws[place].prompt][place % GROUP]
            wanted.append(answer[min(len(self.drawn[place].ids), len(answer) - 1)])
        tokens = torch.tensor(wanted)
        found = self.logits.float().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
        return usual(self, tokens, found, found, decoder)

    _Batch.take = take
    try:
        yield
    finally:
        _Batch.take = usual


def longest(steps: Sequence[Sequence[Group]]) -> int:
    """Tokens of the longest answer."""
    return max(len(answer) for groups in steps for _, answers in groups for answer in answers)


SIDES: Mapping[str, Callable[..., list[Step]]] = {"trl": trl, "ours": ours}


def race(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """A row of the table: each side in turn, `--rounds` times; ratios are medians over the rounds."""
    case, rounds = CASES[name], []
    for number in range(arguments.rounds):
        rounds.append({side: kept(name, side, number, arguments) for side in SIDES})
    row: dict[str, Any] = {"case": name, "says": case.says}
    for unit, title in enumerate(("speedup", "cpu_speedup")):
        for part in PARTS:
            spent = [
                {side: seconds(case, found[side]["steps"], part, unit) for side in SIDES} for found in rounds
            ]
            row[f"{part}_{title}"] = round(statistics.median(each["trl"] / each["ours"] for each in spent), 2)
            if unit == 0 and part in ("update", "step"):
                row |= {
                    f"{part}_{side}_s": round(statistics.median(each[side] for each in spent), 2)
                    for side in SIDES
                }
    memory = {side: statistics.median(found[side]["memory"] for found in rounds) for side in SIDES}
    row["memory_ratio"] = round(memory["ours"] / memory["trl"], 2)
    row |= {f"{side}_gib": round(value, 2) for side, value in memory.items()}
    pairs = [
        pair for found in rounds for pair in zip(found["trl"]["steps"], found["ours"]["steps"], strict=True)
    ]
    row["loss_difference"] = max(abs(one["loss"] - other["loss"]) for one, other in pairs)
    row["grad_norm_difference"] = max(
        abs(one["grad_norm"] - other["grad_norm"]) / one["grad_norm"] for one, other in pairs
    )
    row["grad_norm"] = round(min(one["grad_norm"] for one, _ in pairs), 3)
    return row


def seconds(case: Case, steps: Sequence[Mapping[str, Any]], part: str, unit: int) -> float:
    """A step's: the best where all are alike (other work slows, nothing speeds up), else the mean."""
    timed = [float(step["seconds"][part][unit]) for step in steps[1:]]
    return sum(timed) / len(timed) if case.ragged else min(timed)


def kept(name: str, side: str, number: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """A side's figures: those of a file of `--keep`, or of a process that makes them."""
    if arguments.keep is None:
        return child(name, side, arguments)
    told = f"{arguments.steps}-{arguments.threads}-{arguments.device}-{arguments.layers}-{arguments.bf16}"
    told += f"-{arguments.half}-{number}" + (f"-{arguments.model.name}" if arguments.model else "")
    path: Path = arguments.keep / f"rl_vs_trl-{name}-{side}-{told}.json"
    if not path.is_file():
        arguments.keep.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(child(name, side, arguments)), encoding="utf-8")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def child(name: str, side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One side of one case, in a process of its own."""
    command = [sys.executable, __file__, "--case", name, "--side", side, "--steps", str(arguments.steps)]
    command += ["--threads", str(arguments.threads), "--device", arguments.device]
    command += ["--bf16"] if arguments.bf16 else []
    command += ["--half"] if arguments.half else []
    command += ["--layers", str(arguments.layers)] if arguments.layers else []
    command += ["--model", str(arguments.model)] if arguments.model else []
    environment = os.environ | {
        "OMP_NUM_THREADS": str(arguments.threads),
        "HF_HUB_OFFLINE": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }
    if arguments.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{side}, case {name}:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def one_side(arguments: argparse.Namespace) -> None:
    """Be one side of one case: its steps and its peak memory, as a line of JSON."""
    import torch

    torch.set_num_threads(arguments.threads)
    case, shape = CASES[arguments.case[0]], shape_of(arguments)
    steps = steps_of(case, shape, arguments.steps + 1)
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out) / "model"
        make_directory(shape, folder)
        found = SIDES[arguments.side](case, steps, folder, out, arguments)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if arguments.device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
    print(json.dumps({"steps": [each._asdict() for each in found], "memory": memory}))


def shape_of(arguments: argparse.Namespace) -> Shape:
    """The model's widths."""
    shape = LLAMA if arguments.model is None else vs_trl.shape_in(arguments.model)
    shape = shape._replace(layers=arguments.layers or shape.layers)
    if arguments.half:
        shape = shape._replace(
            **{each: getattr(shape, each) // 2 for each in ("vocabulary", "hidden", "inner", "head_size")}
        )
    return shape


def counted(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The bounds of a case, over its timed steps."""
    case, shape = CASES[name], shape_of(arguments)
    each = [
        bound(shape, groups, answers_only=arguments.device == "cuda")
        for groups in steps_of(case, shape, arguments.steps + 1)[1:]
    ]
    return {
        "case": name,
        "bound_tokens": round(statistics.mean(one.tokens for one in each), 2),
        "bound": round(statistics.mean(one.products for one in each), 2),
    }


def main() -> None:
    """Count the bounds, race both sides of each case and print the table; exit 1 where their losses differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--case", choices=CASES, action="append", help=f"[default: all but {SMALL} and {REAL}]"
    )
    parser.add_argument("--model", type=Path, metavar="DIR", help="take this model's widths")
    parser.add_argument("--steps", type=int, default=2, help="timed steps, after one that warms up")
    parser.add_argument("--rounds", type=int, default=1, help="times that both sides run, in turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--layers", type=int, help=f"[default: {LLAMA.layers}]")
    parser.add_argument("--half", action="store_true", help="half the widths and the vocabulary")
    parser.add_argument("--bf16", action="store_true", help="bf16 arithmetic on float32 weights, both sides")
    parser.add_argument("--bound", action="store_true", help="only count")
    parser.add_argument(
        "--keep", type=Path, help="folder of sides that have run: an interrupted race goes on"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side is not None:
        one_side(arguments)
        return
    rows = []
    for name in arguments.case or [each for each in CASES if each not in (SMALL, REAL)]:
        row = counted(name, arguments)
        if not arguments.json:
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        if not arguments.bound:
            row |= race(name, arguments)
            if not arguments.json:
                print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        rows.append(row)
    if arguments.json:
        print(json.dumps({"rows": rows}))
    tolerance = BF16_TOLERANCE if arguments.bf16 else TOLERANCE
    if apart := [row["case"] for row in rows if row.get("loss_difference", 0.0) > tolerance]:
        raise SystemExit(f"losses differ by more than {tolerance}: {', '.join(apart)}")


if __name__ == "__main__":
    main()
