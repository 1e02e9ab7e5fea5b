"""`make real`: a pretrained model that anyone can fetch is taught three rules, by the commands that a user would type.

    python benchmarks/real/play.py [--out runs/real] [--scale 0.25] [--model DIR] [--hh FILE] [--dtype bfloat16]
    python benchmarks/real/play.py --forecast

Programs decide whether an answer follows the rules (rules.yaml), so that the truth is known. Answers to 200 training
prompts are paired and learned by DPO, twice; GRPO takes the rules as its reward; distillation teaches what the model
does that is shown the rules. Then 200 other prompts are answered by all, and the share that follows each rule and the
base model's perplexity are printed beside those of the start. `--hh` adds a reward model of people's preferences. At
the end a step of training and rollouts are timed beside TRL and transformers.

What is finished stands in OUT/rows.json. A stage that stopped is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).resolve().parent)]

from fetch import WHEEL, fetch  # noqa: E402
from stages import MEASURED, RULES, Plan, Sizes, Stage  # noqa: E402

from rlaif.atomic import disk_told, write_text  # noqa: E402
from rlaif.errors import InputError, RlaifError  # noqa: E402

STARTING = 8.0
"""CPU seconds that a command takes to start, beside opening its model."""
KEPT = ("pairs", "funnel", "steps", "figures", "notes", "calls", "win_rates", "warnings", "unmet", "rows")
"""What a row keeps of the JSON that a command prints."""


class StageError(RlaifError):
    """A stage ended with an error; what was finished is kept."""


@dataclass
class Rows:
    """The rows of finished stages, with the settings that they belong to. Raises InputError for other settings."""

    path: Path
    setting: Mapping[str, Any]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    """CPU seconds of stages that were stopped on the way."""

    def __post_init__(self) -> None:
        if not self.path.is_file():
            return
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            self.rows, self.spent, begun = held["rows"], held["spent"], held["setting"]
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise InputError(
                f"{self.path}: is no table of make real ({wrong}); move it away, or name another --out"
            ) from wrong
        other = [name for name in self.setting if begun.get(name) != self.setting[name]]
        if other:
            told = ", ".join(f"{name} {begun.get(name)} (now {self.setting[name]})" for name in other)
            raise InputError(
                f"{self.path}: was begun with {told}; it is kept: take the same settings, or another --out"
            )

    def save(self) -> None:
        """Replace the file. Raises DiskError."""
        held = {"setting": dict(self.setting), "spent": self.spent, "rows": self.rows}
        write_text(self.path, json.dumps(held, indent=1) + "\n")

    def add(self, name: str, row: Mapping[str, Any]) -> None:
        """Keep the row of a stage."""
        self.rows[name] = dict(row)
        self.spent.pop(name, None)
        self.save()


def play(stage: Stage, plan: Plan, rows: Rows) -> None:
    """Run one stage and keep its row. Raises StageError."""
    before, began = _children(), time.perf_counter()
    try:
        said = _said(stage, plan)
        row: dict[str, Any] = {name: said[name] for name in KEPT if said.get(name)}
        if stage.measures:
            row |= _measured(stage, plan)
    finally:
        spent = _children() - before
        rows.spent[stage.name] = rows.spent.get(stage.name, 0.0) + spent
        rows.save()
    row = json.loads(usual(json.dumps(row), plan))
    used = {"cpu_seconds": round(rows.spent[stage.name], 1), "seconds": round(time.perf_counter() - began, 1)}
    rows.add(stage.name, {"says": stage.says, "command": shown(stage, plan), **used, **row})


def _children() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def argv(stage: Stage) -> list[str]:
    """The command of a stage as it is run."""
    if stage.script:
        return [sys.executable, str(ROOT / "benchmarks" / stage.command[0]), *stage.command[1:]]
    return [
        sys.executable,
        "-m",
        "rlaif",
        *stage.command,
        *([] if stage.command[0] == "import" else ["--json"]),
    ]


def shown(stage: Stage, plan: Plan) -> str:
    """The command as a user would type it, with the usual places."""
    words = (
        ["python", f"benchmarks/{stage.command[0]}", *stage.command[1:]]
        if stage.script
        else ["rlaif", *stage.command]
    )
    return usual(" ".join(words), plan)


def usual(text: str, plan: Plan) -> str:
    """A text in which the places of this play have their usual names."""
    for path, name in ((plan.work, "runs/real"), (plan.start, "MODEL"), (plan.hh, "HH")):
        text = text.replace(str(path), name) if path is not None else text
    return text


def _said(stage: Stage, plan: Plan) -> dict[str, Any]:
    environment = os.environ | {"RLAIF_STORE": str(plan.work / "store.sqlite"), "HF_HUB_OFFLINE": "1"}
    log = plan.work / "log.txt"
    with disk_told(log):
        plan.work.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as told:
        told.write(f"\n$ {shown(stage, plan)}\n")
        told.flush()
        done = subprocess.run(
            argv(stage), cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=told, text=True
        )
    if done.returncode != 0:
        ends = [
            line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
        raise StageError(
            f"{stage.name}: ended with {done.returncode}: {ends[-1].removeprefix('error: ')} (all of it: {log}); "
            "what is finished is kept, the same command goes on"
        )
    found = json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}
    return dict(found)


def _measured(stage: Stage, plan: Plan) -> dict[str, Any]:
    from measures import answers_of, fluency, followed, words

    run = Path(stage.command[stage.command.index("--out") + 1])
    model = stage.command[stage.command.index("--policy") + 1]
    answers = answers_of(run, model)
    found = {"model": stage.measures, "answers": len(answers), "words": round(words(answers), 1)}
    return {**found, "followed": followed(answers, RULES), **fluency(plan.start, answers, plan.dtype)}


def forecast(plan: Plan, speed: Mapping[str, float], rows: Rows) -> dict[str, float]:
    """CPU seconds of each stage that is to come, by the speeds of this machine."""
    return {
        stage.name: STARTING
        + (2 if stage.measures else 1) * speed["opening"]
        + sum(getattr(stage, kind) / speed[kind] for kind in ("drawn", "read", "trained"))
        for stage in plan.stages()
        if stage.name not in rows.rows
    }


def main(given: Sequence[str] | None = None) -> int:
    """Play what is not played yet, and print the table; one sentence and 1 or 2 where something is wrong."""
    parser = _parser()
    chosen = parser.parse_args(given)
    try:
        return _main(chosen)
    except RlaifError as wrong:
        print(f"error: {wrong}", file=sys.stderr)
        return 1 if isinstance(wrong, StageError) else 2
    except KeyboardInterrupt:
        print("stopped; what is finished is kept, the same command goes on", file=sys.stderr)
        return 130


def _main(chosen: argparse.Namespace) -> int:
    plan, rows = opened(chosen)
    if "speed" not in rows.rows:
        from measures import speeds

        rows.add("speed", speeds(plan.start, _prompts(), plan.dtype) | {"machine": machine(plan.threads)})
    coming = forecast(plan, rows.rows["speed"], rows)
    used = sum(row.get("cpu_seconds", 0.0) for row in rows.rows.values())
    hours = (used + sum(coming.values())) / 3600
    for name, seconds in coming.items():
        print(f"{name:<32} about {seconds:6.0f} CPU seconds")
    print(f"together {hours:.2f} CPU hours, of which {used / 3600:.2f} are played", flush=True)
    if plan.hh is None:
        print(
            "skipped: a reward model of people's preferences (name a file of hh-rlhf: --hh FILE)", flush=True
        )
    if chosen.forecast:
        return 0
    if hours > chosen.hours:
        raise InputError(
            f"the play would take {hours:.1f} CPU hours, more than {chosen.hours:g}: take a share of it "
            f"(--scale {chosen.scale * chosen.hours / hours * 0.9:.2f}), or allow more (--hours {hours * 1.1:.1f})"
        )
    for stage in plan.stages():
        if stage.name in rows.rows:
            continue
        print(f"{stage.name}: {stage.says} ...", flush=True)
        play(stage, plan, rows)
        wanted, took = coming[stage.name], rows.rows[stage.name]["cpu_seconds"]
        print(f"{stage.name}: {took:.0f} CPU seconds (forecast {wanted:.0f})", flush=True)
    print(table(rows.rows))
    return 0


def opened(chosen: argparse.Namespace) -> tuple[Plan, Rows]:
    """The plan, with a model that is there, and the rows of what is finished. Raises InputError."""
    if not 0 < chosen.scale <= 1:
        raise InputError(f"--scale {chosen.scale:g}: is a share of the whole play, above 0 and at most 1")
    if chosen.hh is not None and not chosen.hh.exists():
        raise InputError(
            f"--hh {chosen.hh}: is not there; name a file of hh-rlhf, as harmless-base/test.jsonl.gz"
        )
    if chosen.model is not None and not (chosen.model / "config.json").is_file():
        raise InputError(
            f"--model {chosen.model}: holds no config.json; name a model directory of transformers"
        )
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    named = WHEEL if chosen.model is None else chosen.model.name
    setting = {"model": named, "scale": chosen.scale, "dtype": chosen.dtype}
    rows = Rows(chosen.out / "rows.json", setting)
    model = fetch(chosen.out) if chosen.model is None else chosen.model
    sizes = Sizes(scale=chosen.scale)
    return Plan(
        start=model, work=chosen.out, sizes=sizes, dtype=chosen.dtype, hh=chosen.hh, threads=threads
    ), rows


def _prompts() -> list[str]:
    lines = (ROOT / "benchmarks/real/train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["prompt"] for line in lines[:8]]


def machine(threads: int) -> dict[str, Any]:
    """What figures depend on: the processor and what it can, torch, transformers, threads."""
    from importlib.metadata import version

    about = {"processor": "", "flags": ""}
    if Path("/proc/cpuinfo").is_file():
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
        told = {key.strip(): value.strip() for key, _, value in reversed(lines)}
        wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        flags = told.get("flags", "").split()
        about = {"processor": told.get("model name", ""), "flags": " ".join(f for f in wanted if f in flags)}
    return {**about, "threads": threads, **{name: version(name) for name in ("torch", "transformers")}}


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The measured models as a table in Markdown."""
    columns = (*RULES, "all rules", "cut")
    lines = [f"| model | {' | '.join(columns)} | words | perplexity |", "|---" * (len(columns) + 3) + "|"]
    found = {row["model"]: row for row in rows.values() if "model" in row}
    for name in MEASURED:
        if name in found:
            row = found[name]
            shares = [_interval(row["followed"].get(column)) for column in columns]
            perplexity = _interval(row["perplexity"], digits=1)
            lines.append(f"| {name} | {' | '.join(shares)} | {row['words']:.0f} | {perplexity} |")
    return "\n".join(lines)


def _interval(found: Sequence[float] | None, digits: int = 2) -> str:
    if found is None:
        return ""
    value, low, high = (f"{each:.{digits}f}" for each in found)
    return f"{value} [{low}, {high}]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/real"), help="where all of it is kept")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help=f"another model directory [default: {WHEEL}]"
    )
    parser.add_argument("--hh", type=Path, metavar="FILE", help="pairs of people, as hh-rlhf has them")
    parser.add_argument("--scale", type=float, default=1.0, help="share of prompts, pairs and steps")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--hours", type=float, default=4.0, help="CPU hours that the play may take")
    parser.add_argument("--forecast", action="store_true", help="say how long it would take, and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
