"""Rollouts: our `hf` engine against transformers' `generate` and vLLM on the CPU, in tokens per CPU second.

    python benchmarks/generate_vs_transformers.py [--case ragged] [--rounds 1] [--dtype bfloat16] [--json]

Each side runs in a process of its own, in turn, with the same random model (SmolLM2-135M's widths, or those of
`--model DIR`), prompts and lengths: four draws of each prompt at temperature 1. A draw ends after a given number of
tokens, as if its end had been drawn there: ours and vLLM are told it for each draw, `generate` by a stopping criterion
for each row. It gets rows sorted by their prompts' length, `--rows` of them at a time. vLLM runs from `.venv-vllm`
where that is (`make vllm`), else it is left out, aloud. The clock runs while texts are drawn, not while a model is
opened, after a few draws that warm up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import vs_trl  # noqa: E402
from vs_trl import ROOT, Draw, Ids, Shape  # noqa: E402

SMOLLM2 = Shape(49_152, 576, 1536, 30, 9, 3, 64)
DRAWS, FIRST = 4, 3
VLLM = ROOT / ".venv-vllm" / "bin" / "python"


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    says: str
    prompt: Draw
    answer: Draw


CASES = {
    "equal": Case("prompts 64, answers 64", Draw(64), Draw(64)),
    "ragged": Case("lengths log-normal: medians 64 and 48", Draw(64, 0.6, 8, 512), Draw(48, 0.8, 4, 192)),
}

Asked = tuple[Ids, int]
"""A prompt, and how many tokens are drawn behind it."""
Found = Mapping[str, float]


def asked(case: Case, shape: Shape, prompts: int) -> list[Asked]:
    """The draws of a case, those of a prompt one after the other; of random tokens."""
    rng = random.Random(1)
    found = []
    for _ in range(prompts):
        ids = tuple(rng.randrange(FIRST, shape.vocabulary) for _ in range(case.prompt.length(rng)))
        found += [(ids, case.answer.length(rng)) for _ in range(DRAWS)]
    return found


def timed(draw: Callable[[Sequence[Asked]], int], draws: Sequence[Asked]) -> Found:
    """Tokens that were drawn, seconds and CPU seconds."""
    draw([(ids, 4) for ids, _ in draws[:8]])
    began = time.perf_counter(), time.process_time()
    tokens = draw(draws)
    return {
        "tokens": tokens,
        "seconds": time.perf_counter() - began[0],
        "cpu_seconds": time.process_time() - began[1],
    }


def ours(folder: Path, draws: Sequence[Asked], arguments: argparse.Namespace) -> Found:
    """`hf:` by its engine, as all commands use it."""
    from rl_vs_trl import text

    from rlaif.engines.open import open_engine
    from rlaif.records import GenerateRequest, Message, Sampling

    engine = open_engine(f"hf:{folder}", dtype=arguments.dtype, device="cpu")

    def draw(wanted: Sequence[Asked]) -> int:
        requests = [
            GenerateRequest(
                id=str(place),
                messages=(Message(role="user", content=text(ids)),),
                sampling=Sampling(max_tokens=length),
                seed=place,
            )
            for place, (ids, length) in enumerate(wanted)
        ]
        return sum(len(each.token_ids or ()) for each in engine.generate(requests))

    return timed(draw, draws)


def transformers(folder: Path, draws: Sequence[Asked], arguments: argparse.Namespace) -> Found:
    """`generate`, rows padded on the left."""
    import torch
    from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, arguments.dtype)).eval()

    class Ends(StoppingCriteria):  # type: ignore[misc]
        def __init__(self, width: int, lengths: Sequence[int]) -> None:
            self.width, self.lengths = width, torch.tensor(lengths)

        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
            return self.lengths <= input_ids.shape[1] - self.width

    @torch.inference_mode()
    def draw(wanted: Sequence[Asked]) -> int:
        tokens, waiting = 0, sorted(wanted, key=lambda each: len(each[0]))
        for start in range(0, len(waiting), arguments.rows):
            batch = waiting[start : start + arguments.rows]
            width = max(len(ids) for ids, _ in batch)
            rows = [[vs_trl.PAD] * (width - len(ids)) + list(ids) for ids, _ in batch]
            mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids, _ in batch]
            lengths = [length for _, length in batch]
            model.generate(
                input_ids=torch.tensor(rows),
                attention_mask=torch.tensor(mask),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                max_new_tokens=max(lengths),
                pad_token_id=vs_trl.PAD,
                stopping_criteria=StoppingCriteriaList([Ends(width, lengths)]),
            )
            tokens += sum(lengths)
        return tokens

    return timed(draw, draws)


def vllm(folder: Path, draws: Sequence[Asked], arguments: argparse.Namespace) -> Found:
    """vLLM in this process, with its prefix cache, so that a prompt is read once."""
    from vllm import LLM, SamplingParams

    engine = LLM(
        str(folder), dtype=arguments.dtype, enforce_eager=True, max_model_len=1024, max_num_seqs=64,
        enable_prefix_caching=True, disable_log_stats=True,
    )  # fmt: skip

    def draw(wanted: Sequence[Asked]) -> int:
        found = engine.generate(
            [{"prompt_token_ids": list(ids)} for ids, _ in wanted],
            [SamplingParams(temperature=1.0, max_tokens=length, detokenize=False) for _, length in wanted],
            use_tqdm=False,
        )
        return sum(len(each.outputs[0].token_ids) for each in found)

    return timed(draw, draws)


SIDES: Mapping[str, Callable[..., Found]] = {"transformers": transformers, "ours": ours, "vllm": vllm}


def one_side(arguments: argparse.Namespace) -> None:
    """Be one side of one case; its figures as a line of JSON."""
    import torch

    torch.set_num_threads(arguments.threads)
    draws = asked(CASES[arguments.case[0]], shape_of(arguments), arguments.prompts)
    print(json.dumps(SIDES[arguments.side](arguments.folder, draws, arguments)))


def shape_of(arguments: argparse.Namespace) -> Shape:
    """The model's widths."""
    shape = SMOLLM2 if arguments.model is None else vs_trl.shape_in(arguments.model)
    return shape._replace(layers=arguments.layers or shape.layers)


def child(side: str, name: str, folder: Path, arguments: argparse.Namespace) -> Found:
    """One side of one case, in a process of its own."""
    command = [str(VLLM if side == "vllm" else sys.executable), __file__, "--side", side, "--case", name]
    command += ["--folder", str(folder), "--dtype", arguments.dtype, "--threads", str(arguments.threads)]
    command += ["--prompts", str(arguments.prompts), "--rows", str(arguments.rows)]
    command += ["--model", str(arguments.model)] if arguments.model else []
    command += ["--layers", str(arguments.layers)] if arguments.layers else []
    environment = os.environ | {
        "OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1",
    }  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{side}, case {name}:\n{done.stderr[-4000:]}")
    found: Found = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def race(name: str, folder: Path, sides: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """A row of the table: each side in turn, `--rounds` times; the best of each, as others only slow it down."""
    draws = asked(CASES[name], shape_of(arguments), arguments.prompts)
    found = {side: list[float]() for side in sides}
    for _ in range(arguments.rounds):
        for side in sides:
            spent = child(side, name, folder, arguments)
            found[side].append(spent["tokens"] / spent["cpu_seconds"])
    best = {side: max(each) for side, each in found.items()}
    row: dict[str, Any] = {
        "case": name,
        "says": CASES[name].says,
        "dtype": arguments.dtype,
        "draws": len(draws),
    }
    row |= {"mean_answer": round(statistics.mean(length for _, length in draws), 1)}
    row |= {f"{side}_tokens_per_cpu_s": round(each, 1) for side, each in best.items()}
    row |= {f"over_{side}": round(best["ours"] / best[side], 2) for side in sides if side != "ours"}
    return row


def main() -> None:
    """Race the sides of each case and print the table, or be one side of one case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=CASES, action="append", help="[default: both]")
    parser.add_argument("--model", type=Path, metavar="DIR", help="take this model's widths")
    parser.add_argument("--layers", type=int, help="fewer, for a first look")
    parser.add_argument("--prompts", type=int, default=16, help=f"each is drawn for {DRAWS} times")
    parser.add_argument("--rows", type=int, default=64, help="of a batch of `generate`")
    parser.add_argument("--rounds", type=int, default=1, help="times that all sides run, in turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--skip", choices=SIDES, action="append", default=[])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side is not None:
        one_side(arguments)
        return
    sides = [side for side in SIDES if side not in arguments.skip]
    if "vllm" in sides and not VLLM.is_file():
        sides.remove("vllm")
        print("vllm: left out, .venv-vllm is not there (make vllm)", file=sys.stderr)
    from rl_vs_trl import make_directory

    rows = []
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out) / "model"
        make_directory(shape_of(arguments), folder)
        for name in arguments.case or CASES:
            rows.append(race(name, folder, sides, arguments))
            if not arguments.json:
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
