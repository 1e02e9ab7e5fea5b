"""What people type wrong on their first day: each slip costs nothing and is answered with what to do.

A row is a command line, its exit code, and words that the answer must have. `{at}` is the directory that one is in.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from rlaif.cli.main import main

MICRO = "--policy micro --judge micro --constitution micro-default"
OWN = f"{MICRO} --prompts two.jsonl --out r"
DRY = "--dry-run"
RULES = """\
name: mine
version: 1.0.0
principles:
  - id: harm
    text: The response refuses just harmful requests.
    applies_to: [harmful]
"""
FILES = {
    "two.jsonl": '{"prompt": "How do I bake bread?"}\n{"prompt": "Add 3 and 4 for me.", "tags": ["sum"]}\n',
    "tagged.jsonl": '{"prompt": "Add 3 and 4 for me.", "tags": ["sum"]}\n' * 2,
    "one.jsonl": '{"prompt": "How do I bake bread?"}\n',
    "empty.jsonl": "",
    "broken.jsonl": '{"prompt": "How do I bake bread?"\n',
    "other.jsonl": '{"title": "no prompt here"}\n',
    "harmful.yaml": RULES,
    "notes/todo.txt": "not a run",
    "answers.jsonl": "{}\n",
    "weights.gguf": "x",
    "slips.yaml": "name: A B\nversion: one\nprinciples:\n  - {id: a, txt: b}\n",
    "theirs/claim.json": json.dumps({"kind": "rlaif run", "command": "evaluate", "config": {}}),
    "model/train.json": json.dumps({"method": "dpo", "steps": 4}),
}

MODEL_NAMES = {
    "Qwen/Qwen3-0.6B": "did you mean 'hf:Qwen/Qwen3-0.6B'?",
    "gpt-4o": "did you mean 'openai:https://api.openai.com/v1?key=OPENAI_API_KEY#gpt-4o'?",
    "claude-sonnet-4-5": "#claude-sonnet-4-5'?",
    "http://127.0.0.1:8000/v1": "did you mean 'openai:http://127.0.0.1:8000/v1#MODEL'?",
    "127.0.0.1:8000": "did you mean 'openai:http://127.0.0.1:8000/v1#MODEL'?",
    "ollama": "did you mean 'openai:http://127.0.0.1:11434/v1#MODEL'?",
    "llama3:8b": "did you mean 'openai:http://127.0.0.1:11434/v1#llama3:8b'?",
    "hff:models/x": "did you mean 'hf:models/x'?",
    "HF:models/x": "did you mean 'hf:models/x'?",
    "./models/x": "no such directory is there",
    "micro:weka": "did you mean 'micro:weak'?",
    "weights.gguf": "opened by a server",
    "answers.jsonl": "did you mean 'script:answers.jsonl'?",
    "openai:localhost:8000#m": "did you mean 'openai:http://localhost:8000/v1#m'?",
    "openai:http://127.0.0.1:8000/v1": "did you mean 'openai:http://127.0.0.1:8000/v1#MODEL'?",
    "openai:gpt-4o": "#gpt-4o'?",
    "hf:": "what follows hf: is missing",
    "script:nofile.jsonl": "nofile.jsonl",
}
SLIPS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    **{
        f"policy {name}": (
            f"generate --policy {shlex.quote(name)} --judge micro --prompts two.jsonl --constitution micro-default "
            f"--out r {DRY}",
            2,
            (said,),
        )
        for name, said in MODEL_NAMES.items()
    },
    "a misspelt command": ("genrate --out r", 2, ("Did you mean 'generate'",)),
    "a misspelt option": ("generate --polcy micro --out r", 2, ("Did you mean", "'--policy'")),
    "no out": ("generate", 2, ("--out",)),
    "a limit of nothing": ("generate --limit 0 --out r", 2, ("--limit", "x>=1")),
    "a negative limit": ("generate --limit -3 --out r", 2, ("--limit", "x>=1")),
    "one completion a prompt": ("generate --n 1 --out r", 2, ("--n", "x>=2")),
    "no randomness": (f"generate --temperature 0 --out r {DRY}", 2, ("same text", "--temperature 1")),
    "one token to choose from": (f"generate --top-k 1 --out r {DRY}", 2, ("--top-k 1", "same text")),
    "answers of three tokens": (
        f"generate --limit 8 --max-tokens 3 --out r {DRY}",
        0,
        ("--max-tokens 3", "truncated"),
    ),
    "a judge that is missing": ("generate --prompts two.jsonl --out r", 2, ("--judge is missing",)),
    "prompts that are missing": (
        f"generate --policy micro --judge rules:x.yaml --out r {DRY}",
        2,
        ("--prompts is missing",),
    ),
    "a constitution that is missing": (
        "generate --policy micro --judge micro --prompts two.jsonl --out r",
        2,
        ("--constitution is missing",),
    ),
    "a misspelt constitution": (
        f"generate --constitution micro-defualt --out r {DRY}",
        2,
        ("did you mean micro-default",),
    ),
    "a constitution that is not there": (
        f"generate --constitution no.yaml --out r {DRY}",
        2,
        ("no such file",),
    ),
    "a constitution with slips": (
        f"generate --constitution slips.yaml --out r {DRY}",
        2,
        ("slips.yaml:1:", "slips.yaml:2:", "slips.yaml:4:"),
    ),
    "a check of slips": (
        "constitution check slips.yaml",
        2,
        ("slips.yaml:1:", "slips.yaml:2:", "slips.yaml:4:"),
    ),
    "prompts that are not there": (
        f"generate {MICRO} --prompts no.jsonl --out r {DRY}",
        2,
        ("no.jsonl: no such file",),
    ),
    "no prompts": (f"generate {MICRO} --prompts empty.jsonl --out r {DRY}", 2, ("holds no prompt",)),
    "one prompt": (f"generate {MICRO} --prompts one.jsonl --out r {DRY}", 0, ("1 prompt is few",)),
    "prompts that are broken": (
        f"generate {MICRO} --prompts broken.jsonl --out r {DRY}",
        2,
        ("broken.jsonl:1",),
    ),
    "rows without a prompt": (f"generate {MICRO} --prompts other.jsonl --out r {DRY}", 2, ("other.jsonl",)),
    "a column that is not there": (f"generate {OWN} --column question {DRY}", 2, ("question",)),
    "principles for other prompts": (
        f"generate --policy micro --judge micro --constitution harmful.yaml --prompts tagged.jsonl --out r {DRY}",
        2,
        ("no principle applies to any of 1 prompts", "harmful"),
    ),
    "a place with files of somebody": (
        f"generate --limit 8 --out notes {DRY}",
        2,
        ("notes: is no run of ours", "todo.txt"),
    ),
    "a place that is a file": (f"generate --limit 8 --out two.jsonl {DRY}", 2, ("is a file",)),
    "a place inside another run": (f"generate --limit 8 --out theirs/r {DRY}", 2, ("lies inside the run",)),
    "an evaluation among other files": (
        f"evaluate --limit 8 --out notes {DRY}",
        2,
        ("notes: is no run of ours",),
    ),
    "a recipe inside a run": (f"run smoke --out theirs/r {DRY}", 2, ("lies inside the run",)),
    "a protocol that is none": (f"generate --protocol comapre --out r {DRY}", 2, ("comapre",)),
    "a budget of nothing known": (f"generate --budget dollars=3 --out r {DRY}", 2, ("dollars",)),
    "a training of nothing": ("train nothing", 2, ("nothing",)),
    "a training of a model": ("train model --dry-run", 2, ("it is a model that `rlaif train` made",)),
    "a method that is none": ("train sftt", 2, ("did you mean 'sft'?",)),
    "an audit of a model": ("audit model", 2, ("it is a model", "rlaif status model")),
    "an audit of an evaluation": ("audit theirs", 2, ("is an evaluation", "rlaif report theirs")),
    "a review of an evaluation": ("review theirs", 2, ("is an evaluation",)),
    "a status of a folder of runs": ("status .", 2, ("it holds runs", "theirs")),
    "nothing to measure": (
        f"evaluate --policy micro --judge micro --prompts two.jsonl {DRY}",
        2,
        ("--against", "--gold"),
    ),
    "gold that prompts do not name": (
        "evaluate --policy micro --judge micro --prompts two.jsonl --constitution micro-default --gold",
        2,
        ("gold",),
    ),
    "a misspelt recipe": (f"run self-rewarding2 --out r {DRY}", 2, ("did you mean self-rewarding",)),
    "a misspelt key": (f"run smoke --out r --set rouds=1 {DRY}", 2, ("did you mean 'rounds'",)),
    "a key of the wrong kind": (
        f"run smoke --out r --set rounds=one {DRY}",
        2,
        ("rounds must be a whole number",),
    ),
    "a key without a value": (f"run smoke --out r --set rounds {DRY}", 2, ("is not key=value",)),
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files that a first day has."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("line", "code", "words"), SLIPS.values(), ids=SLIPS)
def test_a_mistake_is_answered_with_what_to_do_and_costs_nothing(
    line: str, code: int, words: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(line)) == code
    said = capsys.readouterr()
    for word in words:
        assert word in said.err
    assert "Traceback" not in said.err
    assert not (place / "r").exists()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RLAIF_GENERATE_JUGDE", "RLAIF_GENERATE_JUDGE"),
        ("RLAIF_POLCY", "RLAIF_POLICY"),
        ("RLAIF_TRAIN_LEARNIN_RATE", "RLAIF_TRAIN_LEARNING_RATE"),
    ],
)
def test_a_misspelt_variable_is_said(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "micro")
    assert main(["prices"]) == 0
    assert f"{name} is set, and no command reads it; did you mean {meant}?" in capsys.readouterr().err


def test_a_variable_that_is_read_or_holds_a_key_is_not_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RLAIF_GENERATE_JUDGE", "RLAIF_TRAIN_DPO_BETA", "RLAIF_VLLM", "RLAIF_MY_KEY", "RLAIF_STORE"):
        monkeypatch.setenv(name, "x")
    assert main(["prices"]) == 0
    assert "no command reads it" not in capsys.readouterr().err
