"""Files of every kind that a command reads, broken by bytes and by structure: no exception leaves, no code is odd."""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from rlaif.cli.main import main
from tests.fuzz.fuzzing import cases, mutated

pytestmark = pytest.mark.heavy
FIXTURE = Path(__file__).parents[1] / "fixtures" / "53e3bbf"
CODES = (0, 1, 2, 3)
LONGEST = 90
"""Seconds after which a command counts as hanging."""
ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 1e308, -1e308, 10**400, 10**30, 2**63, float("nan"), float("inf"), -0.0, 0.5,
    1.0000001, "", " ", "\ud800", "\0", "\u202e", "{{x}}", "a" * 3000, "1e5", "nan", "../../etc/passwd", "<script>",
    "=1+1", "b2:00", "2024-01-01", [], [[]], {}, {"a": None}, [None], ["x"], [1, None], {"role": "user", "content": 5},
    [{"role": "assistant", "content": ""}], [{"role": "user", "content": "q"}], {"": ""},
)  # fmt: skip
WORDS = (
    b"\xff\xfe", b"\0", b"\xef\xbb\xbf", b"\t", b": ", b"- ", b"{", b"[", b'"', b"'", b"&a *a", b"!!python/none ",
    b"<<: ", b"\r", b"\xc2\x85", b"9" * 5000, b".nan", b"-.inf", b"1e999", b"0x" + b"f" * 4000, b"? ", b"|\n", b"---\n",
    b"NaN", b'"\\ud800"', b"[" * 5000, b"1e400", b"\n", b",", b"\xe9", b"null", b"'\\ud800'", b'"\\0"', b"*x",
)  # fmt: skip
Change = Callable[[bytes, random.Random], bytes]


def json_value(value: Any, rng: random.Random) -> Any:
    """One value at any depth replaced, removed, renamed, repeated, or its text lengthened."""
    places: list[tuple[Any, ...]] = []

    def walk(inner: Any, path: tuple[Any, ...]) -> None:
        places.append(path)
        if isinstance(inner, dict):
            for key, each in inner.items():
                walk(each, (*path, key))
        elif isinstance(inner, list):
            for place, each in enumerate(inner[:6]):
                walk(each, (*path, place))

    walk(value, ())
    path = rng.choice(places)
    if not path:
        return rng.choice(ODD)
    value = copy.deepcopy(value)
    holder = value
    for part in path[:-1]:
        holder = holder[part]
    key = path[-1]
    match rng.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice([f"{key}x", "", "\ud800", "id", "prompt"])] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.append(holder[key])
        case 3 if isinstance(holder[key], str):
            holder[key] += rng.choice(["\ud800", "\0", "x" * 5000, "\u2028", "```"])
        case _:
            holder[key] = rng.choice(ODD)
    return value


def dumped(value: Any, rng: random.Random) -> bytes:
    return json.dumps(value, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")


def of_json(data: bytes, rng: random.Random) -> bytes:
    return mutated(data, rng, WORDS) if rng.random() < 0.3 else dumped(json_value(json.loads(data), rng), rng)


def of_lines(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return mutated(data, rng, WORDS)
    lines = data.splitlines()
    place = rng.randrange(min(len(lines), 6))
    lines[place] = dumped(json_value(json.loads(lines[place]), rng), rng)
    return b"\n".join(lines) + b"\n"


def of_yaml(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return mutated(data, rng, WORDS)
    lines = data.decode().split("\n")
    place = rng.randrange(len(lines))
    name, colon, _ = lines[place].partition(":")
    if colon:
        value = rng.choice(
            ["null", "[]", "{}", "-1", "1e400", "2001-01-01", "9" * 5000, "[a, [b]]", "''", "1_0", "~"]
        )
        lines[place] = f"{name}: {value}"
    return "\n".join(lines).encode()


def of_bytes(data: bytes, rng: random.Random) -> bytes:
    return mutated(data, rng, WORDS)


def of_gzip(data: bytes, rng: random.Random) -> bytes:
    return mutated(data, rng) if rng.random() < 0.5 else gzip.compress(of_lines(gzip.decompress(data), rng))


def of_table(data: bytes, rng: random.Random) -> bytes:
    """A Parquet file: its bytes, or its rows."""
    import pyarrow
    import pyarrow.parquet

    if rng.random() < 0.5:
        return mutated(data, rng)
    rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    out = io.BytesIO()
    try:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(json_value(rows, rng)), out)
    except Exception:  # noqa: BLE001 - what Arrow cannot hold is no file
        return mutated(data, rng)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Target:
    """A file of the world, how it is broken, and the commands that read it."""

    file: str
    change: Change
    commands: Sequence[str]


SCRIPT = "--judge script:sc.jsonl"
DRAW = f"generate --constitution c.yaml --policy script:sc.jsonl {SCRIPT} --n 2 --min-pair-share 0 --out o/r"
RUN = (
    "status g", "status g --json", "audit g", "report g", "export g --out o/e", "train dpo g --out o/m --dry-run",
    "pack g --out o/p.tar.gz", "audit compare g g0", "audit compare g0 g", "constitution diff g c.yaml",
    "judge g --judge script:sc.jsonl --constitution c.yaml --out o/j --min-pair-share 0",
    "constitution diff house.yaml house-edited.yaml --impact g", f"{DRAW[:-3]}g --prompts prompts.jsonl",
)  # fmt: skip
PAIRS = (
    *RUN, "import g/pairs.jsonl --out o/i", "train reward g --out o/m --dry-run", "train sft g --out o/m --dry-run",
    "export g/pairs.jsonl --out o/e --where 'label_prob>.5'", "judge check g/pairs.jsonl --judge script:sc.jsonl",
    *(f"export g --out o/e --format {name}" for name in (
        "trl", "trl-parquet", "datasets", "openrlhf", "nemo-rl", "llama-factory", "axolotl", "ultrafeedback",
        "annotated-pairs", "kto", "hh-rlhf", "openai-preference")),
)  # fmt: skip
IMPORTS: Mapping[str, tuple[bytes, Change]] = {
    "hh.jsonl": (
        b'{"chosen":"\\n\\nHuman: hi\\n\\nAssistant: yo","rejected":"\\n\\nHuman: hi\\n\\nAssistant: no"}\n',
        of_lines,
    ),
    "kto.jsonl": (
        b'{"prompt":"q","completion":"a","label":true}\n{"prompt":"q","completion":"b","label":false}\n',
        of_lines,
    ),
    "lf.json": (
        b'[{"conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt","value":"a"},'
        b'"rejected":{"from":"gpt","value":"b"},"system":"s","score_chosen":1,"score_rejected":"0.5"}]',
        of_json,
    ),
    "uf.jsonl": (
        b'{"instruction":"q","completions":[{"model":"m","response":"a","annotations":{"helpfulness":{"Rating":"5"}},'
        b'"overall_score":7.5},{"model":"n","response":"b","annotations":{"helpfulness":{"Rating":"3"}}}]}\n',
        of_lines,
    ),
    "nemo.jsonl": (
        b'{"context":[{"role":"user","content":"q"}],"completions":[{"rank":0,"completion":[{"role":"assistant",'
        b'"content":"a"}]},{"rank":1,"completion":[{"role":"assistant","content":"b"}]}]}\n',
        of_lines,
    ),
    "ap.json": (
        b'{"metadata":{"version":"2.0"},"annotators":{"h":{"type":"human"},"p":{"type":"principle",'
        b'"description":"Be kind."}},"comparisons":[{"id":"x","prompt":"q","response_a":{"text":"a","model":"m"},'
        b'"response_b":{"text":"b"},"annotations":{"h":{"pref":"a"},"p":{"pref":"b"}}}]}',
        of_json,
    ),
    "t.csv": (b'prompt,chosen,rejected,score_chosen\nq,"a, x",b,1\nq2,c,d,2\n', of_bytes),
    "t.tsv": (b"prompt\tchosen\trejected\nq\ta\tb\n", of_bytes),
    "t.jsonl.gz": (gzip.compress(b'{"prompt":"q","chosen":"a","rejected":"b"}\n'), of_gzip),
}
PROMPTS = (
    {"prompt": "How do I bake bread?", "tags": ["howto"], "x": {"a": 1}, "completions": ["z"]},
    {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}], "tags": "a;b"},
    {"prompt": "q3", "gold": None},
)
DOCUMENTS: Mapping[str, bytes] = {
    "house2.yaml": (
        b"name: h\nversion: 1.2.0\ntitle: t\nextends: [micro-default@^1]\ndecide: {rule: log-odds, temperature: 4.0}\n"
        b"principles:\n  - id: refuse-harm\n    text: Refuse.\n    critique: Name it.\n    revise: Rewrite.\n"
        b"    weight: 2.0\n    hard: true\n    applies_to: [harmful]\n"
        b"    tests:\n      - {prompt: p, better: b, worse: w}\n"
    ),
    "panel.yaml": (
        b'quorum: 1\njudges:\n  - {judge: "script:sc.jsonl", weight: 2, group: large}\n'
        b'  - {judge: "script:sc.jsonl", protocol: compare-cot, group: large}\n'
    ),
    "checks.yaml": (
        b"rules:\n  - {principle: greet, length: {max_words: 60}}\n  - principle: greet\n    matches: 'because'\n"
        b"  - {principle: greet, json_schema: {type: object}}\n"
    ),
    "rbr.yaml": (
        b"name: h\nversion: 1.2.0\npropositions:\n  - {id: declines, text: declines}\n"
        b"  - {id: d2, all: {declines: true}}\n"
        b"behaviors:\n  order: [ideal, wrong]\n  classes:\n    ideal: {help: {declines: false}}\n"
        b"    wrong: {help: {declines: true}}\n"
    ),
    "recipe.yaml": (
        b"name: small\nmodels: {policy: micro, judge: micro}\nconstitution: c.yaml\n"
        b"prompts: {train: prompts.jsonl, held_out: prompts.jsonl}\nrounds: 1\nround:\n"
        b"  - {step: sample, n: 2, temperature: 0.9, prompts: 2}\n  - {step: judge, protocol: checklist}\n"
        b"  - {step: pairs, pairing: best-worst}\n  - {step: train, method: dpo, loss: soft, beta: 0.2, steps: 2}\n"
        b"stop: {unreadable_share: 1.0}\n"
    ),
}
LINES: Mapping[str, bytes] = {
    "sc.jsonl": (
        b'{"contains":["e"],"texts":["Answer: A","x"],"labels":{"yes":0.5,"no":0.05,"A":0.3,"B":0.1}}\n'
        b'{"texts":["Answer: B"],"labels":{"A":0.2,"B":0.3,"yes":0.1,"no":0.3}}\n'
    ),
    "replay.jsonl": (
        b'{"messages":[{"role":"user","content":"q"}],"draw":0,"text":"Mix"}\n'
        b'{"messages":[{"role":"user","content":"Does it greet?"}],"logprobs":{"yes":-0.1,"no":-2.4}}\n'
    ),
    "answers.jsonl": (
        b'{"prompt":"q","completion":"a","tags":["help"],"class":"ideal"}\n'
        b'{"prompt":"q","completion":"b","tags":["help"],"class":"wrong"}\n'
    ),
    "graded.jsonl": (
        b'{"prompt":"q","completion":"b","response_type":"help","propositions":{"declines":true,"d2":true}}\n'
    ),
    "examples.jsonl": (
        b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"kind":"judge"}\n'
    ),
    "own.jsonl": (
        b'{"prompt":"q","completion":"a","policy":"m","draw":0,"finish":"stop"}\n'
        b'{"prompt":"q","completions":["b","c"]}\n'
    ),
}
JUDGE = "judge g0 --constitution c.yaml --limit 2 --min-pair-share 0 --out o/j --judge"
TARGETS = (
    Target(
        "prompts.jsonl",
        of_lines,
        (f"{DRAW} --prompts prompts.jsonl", f"{DRAW} --prompts prompts.jsonl --dry-run"),
    ),
    *(
        Target(
            f"p.{ending}",
            change,
            (f"{DRAW} --prompts p.{ending}", f"{DRAW} --prompts p.{ending} --column prompt"),
        )
        for ending, change in (
            ("json", of_json),
            ("csv", of_bytes),
            ("tsv", of_bytes),
            ("txt", of_bytes),
            ("parquet", of_table),
            ("jsonl.gz", of_gzip),
        )
    ),
    *(
        Target(f"saved/{name}", of_json, (f"{DRAW} --prompts saved",))
        for name in ("state.json", "dataset_info.json")
    ),
    Target("saved/data-00000-of-00001.arrow", of_bytes, (f"{DRAW} --prompts saved",)),
    Target("hub/README.md", of_yaml, (f"{DRAW} --prompts hub", f"{DRAW} --prompts hub#train")),
    Target("g/pairs.jsonl", of_lines, PAIRS),
    *(
        Target(f"g/{name}", of_lines, RUN)
        for name in ("completions.jsonl", "judgments.jsonl", "comparisons.jsonl")
    ),
    *(Target(f"g/{name}", of_json, RUN) for name in ("run.json", "claim.json")),
    Target("g/constitution.yaml", of_yaml, RUN),
    *(
        Target(
            f"loop/{name}",
            of_lines if name.endswith("jsonl") else of_json,
            (
                "status loop",
                "status loop --json",
                "report loop",
                "audit loop",
                "export loop --out o/e",
                "run loop.yaml --out loop --dry-run",
            ),
        )
        for name in (
            "rounds.json",
            "claim.json",
            "progress.json",
            "round-0/evaluation.json",
            "round-1/completions.jsonl",
            "steps/round-0/evaluate.json",
            "steps/round-1/sample.json",
            "artefacts.json",
            "round-1/funnel.json",
            "round-1/pairs.jsonl",
            "run.json",
        )
    ),
    *(
        Target(
            name,
            change,
            (f"import {name} --out o/i", f"judge check {name} --judge script:sc.jsonl --dry-run"),
        )
        for name, (_, change) in IMPORTS.items()
    ),
    Target(
        "house2.yaml",
        of_yaml,
        (
            "constitution check house2.yaml",
            "constitution show house2.yaml",
            "constitution diff c.yaml house2.yaml",
            "rbr check house2.yaml",
            "constitution log house2.yaml",
            f"constitution test house2.yaml {SCRIPT}",
        ),
    ),
    Target("panel.yaml", of_yaml, (f"{JUDGE} panel:panel.yaml",)),
    Target("checks.yaml", of_yaml, (f"{JUDGE} rules:checks.yaml",)),
    Target(
        "rbr.yaml",
        of_yaml,
        (
            "rbr check rbr.yaml",
            "rbr classify answers.jsonl --rules rbr.yaml --judge script:sc.jsonl --out o/c.jsonl",
        ),
    ),
    Target("recipe.yaml", of_yaml, ("run recipe.yaml --out o/rr --dry-run",)),
    Target("prices.yaml", of_yaml, ("prices --prices prices.yaml",)),
    Target(
        "sc.jsonl", of_lines, (f"{JUDGE} script:sc.jsonl", f"{JUDGE} script:sc.jsonl --protocol compare-cot")
    ),
    Target(
        "replay.jsonl",
        of_lines,
        (f"{JUDGE} replay:replay.jsonl", f"{JUDGE} replay:replay.jsonl --protocol score"),
    ),
    Target(
        "answers.jsonl",
        of_lines,
        (
            "rbr classify answers.jsonl --rules rbr.yaml --judge script:sc.jsonl --out o/c.jsonl",
            "rbr fit answers.jsonl --rules rbr.yaml --judge script:sc.jsonl --out o/w.json --steps 2",
        ),
    ),
    Target(
        "graded.jsonl", of_lines, (f"rbr classify graded.jsonl --rules rbr.yaml {SCRIPT} --out o/c.jsonl",)
    ),
    Target("weights.json", of_json, (f"rbr score answers.jsonl --weights weights.json {SCRIPT} --out o/s",)),
    Target("examples.jsonl", of_lines, ("train sft g --replay examples.jsonl --out o/m --dry-run",)),
    Target(
        "own.jsonl",
        of_lines,
        (f"judge own.jsonl {SCRIPT} --constitution c.yaml --out o/j --min-pair-share 0",),
    ),
    Target(
        "lock.json", of_json, tuple(f"constitution {each} c.yaml" for each in ("check", "log", "release"))
    ),
)


def ran(command: str) -> tuple[object, str]:
    """The exit code of a command, or the exception that left it, and what it said."""
    import shlex

    def hangs(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"longer than {LONGEST} s")

    out, err = io.StringIO(), io.StringIO()
    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(LONGEST)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return main(shlex.split(command)), out.getvalue() + err.getvalue()
    except BaseException as problem:  # noqa: BLE001 - whatever leaves is the finding
        import traceback

        return problem, err.getvalue() + "".join(traceback.format_exception(problem)[-6:])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def must(command: str) -> None:
    code, said = ran(command)
    assert code == 0, f"{command}: {said[-2000:]}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a good file of every kind."""
    from datasets import Dataset

    folder = tmp_path_factory.mktemp("world")
    before = Path.cwd()
    os.chdir(folder)
    try:
        rows = [
            {"prompt": "How do I bake bread?", "tags": "howto", "n": 1},
            {"prompt": "q2", "tags": "", "n": 2},
        ]
        Path("prompts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in PROMPTS))
        Path("p.json").write_text(json.dumps(PROMPTS))
        Path("p.jsonl.gz").write_bytes(gzip.compress(Path("prompts.jsonl").read_bytes()))
        Path("p.csv").write_text('prompt,tags\n"a, b",x;y\nq2,\n')
        Path("p.tsv").write_text("prompt\ttags\na\tx\n")
        Path("p.txt").write_text("How do I bake bread?\nAnd rolls?\n")
        Dataset.from_list(rows).to_parquet("p.parquet")
        Dataset.from_list(rows).save_to_disk("saved")
        Path("hub/data").mkdir(parents=True)
        shutil.copy("p.parquet", "hub/data/train-00000-of-00001.parquet")
        Path("hub/README.md").write_text(
            "---\nlicense: mit\nconfigs:\n- config_name: default\n  data_files:\n"
            "  - split: train\n    path: data/train-*\n---\n# x\n"
        )
        for name, data in {
            **DOCUMENTS,
            **LINES,
            **{name: data for name, (data, _) in IMPORTS.items()},
        }.items():
            Path(name).write_bytes(data)
        Path("c.yaml").write_text(
            "name: c\nversion: 0.1.0\nprinciples:\n  - id: greet\n    text: The response greets.\n"
        )
        for name in ("house.yaml", "house-edited.yaml", "loop.yaml"):
            shutil.copy(FIXTURE / name, name)
        shutil.copytree(FIXTURE / "runs" / "loop", "loop")
        shutil.copytree(FIXTURE / ".rlaif", ".rlaif")
        for run in ("g", "g0"):
            shutil.copytree(FIXTURE / "runs" / "r1", run)
        for name in ("pairs.jsonl", "run.json"):
            shutil.copy(Path("g", name), Path("loop", "" if name == "run.json" else "round-1", name))
        Path("loop/round-1/funnel.json").write_text('{"prompts": 2, "pairs": 1}')
        Path("loop/artefacts.json").write_text(
            '[{"path": "round-1/hard.jsonl", "kind": "pairs", "round": 1, "step": "hard", '
            '"of": {"completions": "round-1/completions.jsonl"}}]'
        )
        must("prices --out prices.yaml")
        must("rbr fit answers.jsonl --rules rbr.yaml --judge script:sc.jsonl --out weights.json --steps 2")
        must("constitution release c.yaml")
        yield folder
    finally:
        os.chdir(before)


def finding(target: Target, rng: random.Random) -> str:
    """What is wrong with what came of one broken file; empty where nothing is."""
    path = Path(target.file)
    good = path.read_bytes()
    command = rng.choice(target.commands)
    shutil.rmtree("o", ignore_errors=True)
    try:
        path.write_bytes(target.change(good, rng))
        code, said = ran(command)
        if code in CODES and not isinstance(code, BaseException):
            return ""
        kept = Path(os.environ.get("FUZZ_KEEP", "."), f"kept-{rng.randrange(10**6)}{path.suffix}")
        kept.write_bytes(path.read_bytes())
        return f"{target.file} ({kept}): {command}: {code!r:.300}\n{said[-3000:]}"
    finally:
        path.write_bytes(good)
        for run in ("g", "loop"):
            if run in command:
                again(run)


def again(run: str) -> None:
    """What a command wrote into a run is undone."""
    if run == "g":
        shutil.rmtree("g")
        shutil.copytree("g0", "g")
    else:
        for name in ("report.html", "audit.json"):
            Path(run, name).unlink(missing_ok=True)


def test_no_broken_file_ends_in_an_exception(world: Path) -> None:
    found: dict[str, str] = {}
    for number, rng in cases():
        target = TARGETS[number % len(TARGETS)]
        if wrong := finding(target, rng):
            found.setdefault(
                wrong.rstrip().rpartition("\n")[2][:80] + wrong.partition(": ")[0], f"case {number}: {wrong}"
            )
            if "FUZZ_KEEP" in os.environ:
                with Path(os.environ["FUZZ_KEEP"], "found.txt").open("a") as stream:
                    stream.write(f"case {number}: {wrong}\n\n".encode("utf-8", "backslashreplace").decode())
    assert not found, "\n\n".join(found.values())
