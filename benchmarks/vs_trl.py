"""What `dpo_vs_trl.py` and `reward_vs_trl.py` share: shapes, pairs, the count of products, the race itself.

Each side runs in a process of its own, one after the other, from the same random weights, over the same batches of
four pairs in the same order, with the same optimizer (fused AdamW, a constant rate, gradients clipped at 1), dtype and
number of threads. The first step is a warm-up. Token ids, and for DPO the reference's log-probabilities, are given to
both sides before the clock starts. Ours is the loop of `rlaif train`; TRL's is its trainer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BATCH, RATE, PAD = 4, 1e-6, 0


def oracle() -> Any:
    """What is known of TRL, in the one file that knows it."""
    sys.path.insert(0, str(ROOT))
    return import_module("tests.trl_oracle")


class Shape(NamedTuple):
    """A model's widths."""

    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    head_size: int


QWEN = Shape(151_936, 896, 4864, 4, 14, 2, 64)
MICRO = Shape(1408, 160, 400, 4, 4, 4, 40)


class Draw(NamedTuple):
    """A length in tokens: always the median where spread is 0, else log-normal, kept within bounds."""

    median: int
    spread: float = 0.0
    low: int = 1
    high: int = 4096

    def length(self, rng: random.Random) -> int:
        """One draw."""
        return max(self.low, min(self.high, round(self.median * rng.lognormvariate(0, self.spread))))


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    says: str
    prompt: Draw
    chosen: Draw
    rejected: Draw
    shape: Shape = QWEN

    @property
    def ragged(self) -> bool:
        """Whether batches differ, so that all steps count, not the best."""
        return self.prompt.spread > 0


CASES = {
    "a": Case("prompt 256, answers 200 and 180", Draw(256), Draw(200), Draw(180)),
    "b": Case("the bundled model", Draw(32, 0.25), Draw(45, 0.4), Draw(45, 0.4), MICRO),
    "c": Case("prompt 1,024, answers 60 and 50", Draw(1024), Draw(60), Draw(50)),
    "d": Case("no shared prompt (its one token), answers 320 and 280", Draw(1), Draw(320), Draw(280)),
    "e": Case(
        "lengths as in UltraFeedback",
        Draw(120, 1.0, 10, 1024),
        Draw(260, 0.7, 10, 1024),
        Draw(220, 0.8, 10, 1024),
    ),
}

REAL = "real"
"""Lengths as `make real` has them; run where it is named."""
CASES[REAL] = Case("lengths as in make real", Draw(45, 0.2, 20), Draw(45, 0.3, 5, 64), Draw(50, 0.3, 5, 64))

Ids = tuple[int, ...]
Triple = tuple[Ids, Ids, Ids]
"""Prompt, chosen, rejected."""


def batches(case: Case, count: int) -> list[list[Triple]]:
    """`count` batches of random tokens; of the same lengths unless the case is ragged."""
    rng = random.Random(1)

    def ids(draw: Draw) -> Ids:
        return tuple(rng.randrange(5, case.shape.vocabulary) for _ in range(draw.length(rng)))

    def pair() -> Triple:
        return ids(case.prompt), ids(case.chosen), ids(case.rejected)

    return [[pair() for _ in range(BATCH)] for _ in range(count)]


class Products(NamedTuple):
    """Multiplications with weights that a step needs, in units of 2 FLOPs, forward and backward together."""

    ours: float
    theirs: float
    useful: float
    """Ours without what is computed a second time to save memory."""


def products(case: Case, batch: Sequence[Triple], *, head: bool, completions_only: bool) -> Products:
    """The bound by counting. A layer's weights are used three times a token (forward, two gradients), a head that
    is never kept four times. TRL pads every row to the longest and scores all positions, but on CUDA."""
    shape = case.shape
    attention = shape.hidden * shape.head_size * (2 * shape.heads + 2 * shape.key_heads)
    layers = shape.layers * (attention + 3 * shape.hidden * shape.inner)
    output = shape.vocabulary * shape.hidden if head else 0
    once = sum(sum(map(len, triple)) for triple in batch)
    longest = max(len(triple[0]) + len(answer) for triple in batch for answer in triple[1:])
    padded = 2 * len(batch) * longest
    scored = sum(len(triple[1]) + len(triple[2]) for triple in batch)
    theirs_scored = scored if completions_only else padded
    return Products(
        3 * once * layers + 4 * scored * output,
        3 * padded * layers + 4 * theirs_scored * output,
        3 * once * layers + 3 * scored * output,
    )


def shape_in(folder: Path) -> Shape:
    """The widths of a model directory. Raises SystemExit where its config does not say them."""
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        heads = int(told["num_attention_heads"])
        return Shape(
            int(told["vocab_size"]),
            int(told["hidden_size"]),
            int(told["intermediate_size"]),
            int(told["num_hidden_layers"]),
            heads,
            int(told.get("num_key_value_heads") or heads),
            int(told.get("head_dim") or int(told["hidden_size"]) // heads),
        )
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise SystemExit(
            f"--model {folder}: its config.json does not say the model's widths ({wrong})"
        ) from None


def make_config(shape: Shape) -> Any:
    """The transformers config of a shape."""
    from transformers import LlamaConfig, Qwen2Config

    kind = Qwen2Config if shape.vocabulary in (QWEN.vocabulary, QWEN.vocabulary // 2) else LlamaConfig
    return kind(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=1,
    )


def make_tokenizer(shape: Shape) -> Any:
    """One that TRL's trainers accept; it tokenises nothing here."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": PAD, "<end>": 1} | {f"t{number}": number for number in range(2, 8)}
    whole = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=whole, pad_token="<pad>", eos_token="<end>")


def trl_arguments(out: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What both of TRL's configs are told."""
    return {
        "output_dir": out,
        "per_device_train_batch_size": BATCH,
        "max_steps": arguments.steps + 1,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused",
        "max_grad_norm": 1.0,
        "max_length": None,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": arguments.device == "cpu",
        "bf16": arguments.bf16,
        "gradient_checkpointing": False,
    }


def run_trl(trainer: Any) -> list[tuple[float, float, float]]:
    """Train; loss, seconds and CPU seconds of each step."""
    times: list[tuple[float, float]] = []
    lines = train_trl(trainer, lambda wall, cpu: times.append((wall, cpu)))
    return [(line["loss"], *spent) for line, spent in zip(lines, times, strict=True)]


def train_trl(trainer: Any, told: Callable[[float, float], None]) -> list[dict[str, float]]:
    """Train and give what it logs of each step; `told` hears the seconds and the CPU seconds that each took."""
    from transformers import TrainerCallback

    began: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            wait()
            began.append((time.perf_counter(), time.process_time()))

        def on_step_end(self, *_: Any, **__: Any) -> None:
            wait()
            told(time.perf_counter() - began[-1][0], time.process_time() - began[-1][1])

    trainer.add_callback(Clock())
    trainer.train()
    return [line for line in trainer.state.log_history if "loss" in line]


class _Enough(Exception):
    """The last timed step is done."""


class InOrder:
    """Batch after batch, in place of the loop's shuffled order."""

    batch_size = BATCH

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def rows(self, step: int) -> list[int]:
        """Rows of a step."""
        return list(range(step * BATCH, (step + 1) * BATCH))


def run_ours(
    scorer: Any, objective: Any, config: Any, trees: Any, out: str
) -> list[tuple[float, float, float]]:
    """Train; loss, seconds and CPU seconds of each step."""
    import torch
    from accelerate import Accelerator

    from rlaif.training.loop import LoopJob, run
    from rlaif.training.scorer import choose_layout
    from rlaif.training.state import TrainingFolder

    accelerator = Accelerator(cpu=not torch.accelerator.is_available())
    scorer = scorer.to(accelerator.device)
    layout = choose_layout(scorer, trees, wanted=True)
    if not layout.packed:
        raise SystemExit(f"the packed path was not taken: {layout.reason}")
    found: list[tuple[float, float, float]] = []
    clock = [time.process_time()]

    def told(step: int, steps: int, figures: Any) -> None:
        found.append((figures["loss"], figures["seconds"], time.process_time() - clock[-1]))
        clock.append(time.process_time())
        if step == steps - 1:  # the last planned step would write a checkpoint
            raise _Enough

    job = LoopJob(
        scorer=scorer,
        pad_id=PAD,
        objective=objective,
        config=config,
        learning_rate=RATE,
        packed=True,
        folder=TrainingFolder(Path(out), {"benchmark": True}),
        progress=told,
    )
    with suppress(_Enough):
        run(job, accelerator)
    return found


def wait() -> None:
    """Until the device has done what it was told."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


Side = Callable[[Case, list[list[Triple]], argparse.Namespace, str], list[tuple[float, float, float]]]


def main(says: str, script: str, sides: dict[str, Side], *, head: bool) -> None:
    """Race both sides of each case and print the table, or be one side of one case."""
    arguments = _parse(says)
    if arguments.side is not None:
        _one_side(sides[arguments.side], arguments)
        return
    rows = []
    for name in arguments.case or [each for each in CASES if each != REAL]:
        rows.append(_race(name, script, arguments, head=head))
        if not arguments.json:
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps({"rows": rows}))


def _parse(says: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=says, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append", help=f"[default: all but {REAL}]")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="take this model's widths as the large shape"
    )
    parser.add_argument("--steps", type=int, default=2, help="timed steps, after one that warms up")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--layers", type=int, help="of the large shape [default: 4]")
    parser.add_argument(
        "--half",
        action="store_true",
        help="half the large shape's widths and vocabulary: a quarter of the time",
    )
    parser.add_argument("--bf16", action="store_true", help="bf16 arithmetic on float32 weights, both sides")
    parser.add_argument("--peak-tflops", type=float, help="the device's, for `mfu`")
    parser.add_argument(
        "--keep", type=Path, help="folder of sides that have run: an interrupted race goes on"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    return parser.parse_args()


def _case(name: str, arguments: argparse.Namespace) -> Case:
    case = CASES[name]
    if case.shape is not QWEN:
        return case
    shape = case.shape if arguments.model is None else shape_in(arguments.model)
    shape = shape._replace(layers=arguments.layers or shape.layers)
    if arguments.half:
        halved = {each: getattr(shape, each) // 2 for each in ("vocabulary", "hidden", "inner", "head_size")}
        shape = shape._replace(**halved)
    return Case(case.says, case.prompt, case.chosen, case.rejected, shape)


def _one_side(side: Side, arguments: argparse.Namespace) -> None:
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    case = _case(arguments.case[0], arguments)
    # our loop is planned one step longer, as the last one would write a checkpoint
    given = batches(case, arguments.steps + 2)
    with tempfile.TemporaryDirectory() as out:
        steps = side(case, given, arguments, out)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if arguments.device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
    print(json.dumps({"steps": steps, "memory": memory}))


def _race(name: str, script: str, arguments: argparse.Namespace, *, head: bool) -> dict[str, Any]:
    case = _case(name, arguments)
    found = {side: _kept(name, script, side, arguments) for side in ("trl", "ours")}
    seconds = {side: _seconds(case, each["steps"], 1) for side, each in found.items()}
    cpu = {side: _seconds(case, each["steps"], 2) for side, each in found.items()}
    losses = {side: [step[0] for step in each["steps"]] for side, each in found.items()}
    timed = batches(case, arguments.steps + 2)[1:-1]
    counted = [
        products(case, batch, head=head, completions_only=arguments.device == "cuda") for batch in timed
    ]
    row = {
        "case": name,
        "says": case.says,
        "speedup": round(seconds["trl"] / seconds["ours"], 2),
        "bound": round(sum(each.theirs for each in counted) / sum(each.ours for each in counted), 2),
        "cpu_speedup": round(cpu["trl"] / cpu["ours"], 2),
        "memory_ratio": round(found["ours"]["memory"] / found["trl"]["memory"], 2),
        "loss_difference": max(
            abs(one - other) for one, other in zip(losses["trl"], losses["ours"], strict=True)
        ),
        "trl_samples_per_s": round(BATCH / seconds["trl"], 3),
        "samples_per_s": round(BATCH / seconds["ours"], 3),
        "trl_gib": round(found["trl"]["memory"], 2),
        "gib": round(found["ours"]["memory"], 2),
    }
    if arguments.peak_tflops:
        useful = 2 * sum(each.useful for each in counted) / len(counted)
        row["mfu"] = round(useful / seconds["ours"] / (arguments.peak_tflops * 1e12), 3)
    return row


def _seconds(case: Case, steps: Sequence[Sequence[float]], column: int) -> float:
    """A step's: the best where all steps are alike (other work slows, nothing speeds up), else the mean."""
    timed = [step[column] for step in steps[1:]]
    return sum(timed) / len(timed) if case.ragged else min(timed)


def _kept(name: str, script: str, side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.keep is None:
        return _child(name, script, side, arguments)
    told = f"{arguments.steps}-{arguments.threads}-{arguments.device}-{arguments.layers}-{arguments.bf16}"
    told += "-half" if arguments.half else ""
    told += f"-{arguments.model.name}" if arguments.model else ""
    path: Path = arguments.keep / f"{Path(script).stem}-{name}-{side}-{told}.json"
    if not path.is_file():
        arguments.keep.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_child(name, script, side, arguments)), encoding="utf-8")
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _child(name: str, script: str, side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, script, "--case", name, "--side", side, "--steps", str(arguments.steps)]
    command += ["--threads", str(arguments.threads), "--device", arguments.device]
    command += ["--bf16"] if arguments.bf16 else []
    command += ["--half"] if arguments.half else []
    command += ["--layers", str(arguments.layers)] if arguments.layers else []
    command += ["--model", str(arguments.model)] if arguments.model else []
    environment = os.environ | {
        "OMP_NUM_THREADS": str(arguments.threads),
        "HF_HUB_OFFLINE": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0")
        if arguments.device == "cuda"
        else "",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{side}, case {name}:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def bounds() -> list[dict[str, Any]]:
    """The largest speed-ups that counting allows, over twelve batches of each case."""
    rows = []
    for name, case in CASES.items():
        found: dict[str, Any] = {"case": name}
        for title, head, on_gpu in (
            ("dpo", True, False),
            ("dpo on CUDA", True, True),
            ("reward", False, False),
        ):
            each = [products(case, one, head=head, completions_only=on_gpu) for one in batches(case, 12)]
            found[title] = round(sum(one.theirs for one in each) / sum(one.ours for one in each), 2)
        rows.append(found)
    return rows


if __name__ == "__main__":
    for bound in bounds():
        print("  ".join(f"{key} {value}" for key, value in bound.items()))
