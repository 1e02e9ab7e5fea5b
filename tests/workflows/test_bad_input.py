"""Bad input: one clear message with place and remedy, exit 2, nothing half-written, no traceback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.runs.claim import claim
from rlaif.workflows.generate.run import generate

from .conftest import CONSTITUTION, Configured
from .tiny import make_tiny

Words = Callable[..., list[str]]


@pytest.fixture
def words(configured: Configured) -> Words:
    """The words of a good command line, some of them replaced."""
    good = configured()
    own = {
        "policy": good.policy[0],
        "judge": str(good.judge),
        "prompts": str(good.prompts),
        "constitution": str(good.constitution),
        "out": str(good.out),
    }

    def line(**changed: object) -> list[str]:
        return [
            "generate",
            *(word for key, value in (own | changed).items() for word in (f"--{key}", str(value))),
        ]

    return line


def refused(words: list[str], capsys: pytest.CaptureFixture[str], out: Path) -> str:
    before = sorted(path for path in out.rglob("*")) if out.exists() else None
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert (sorted(path for path in out.rglob("*")) if out.exists() else None) == before
    return shown.err


def bomb() -> str:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    return "\n".join(levels) + "\n"


CONSTITUTIONS = {
    "unknown key": (CONSTITUTION.replace("title", "titel"), "titel"),
    "empty": ("", "empty"),
    "tab": (CONSTITUTION.replace("  - id: brief", "\t- id: brief"), "tab"),
    "duplicate id": (CONSTITUTION.replace("id: brief", "id: greet"), "greet"),
    "bomb": (bomb(), "aliases in aliases"),
    "no principle": (CONSTITUTION.partition("principles:")[0] + "principles: []\n", "principles"),
}


@pytest.mark.parametrize(("text", "said"), CONSTITUTIONS.values(), ids=CONSTITUTIONS)
def test_a_constitution_that_cannot_be_used(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    message = refused(words(constitution=file), capsys, tmp_path / "run")
    assert str(file) in message
    assert said in message


PROMPTS = {
    "broken line": ('{"prompt": "a"}\n{"prompt": \n', ":2"),
    "no prompt": ('{"question": "a"}\n', "question"),
    "nothing": ("", "no prompt"),
    "wrong kind": ('{"prompt": 3}\n', ":1"),
}


@pytest.mark.parametrize(("text", "said"), PROMPTS.values(), ids=PROMPTS)
def test_prompts_that_cannot_be_read(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text(text)
    message = refused(words(prompts=file), capsys, tmp_path / "run")
    assert str(file) in message
    assert said in message


def test_a_gold_that_is_not_installed_is_named(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text('{"prompt": "a", "gold": "mcro"}\n')
    message = refused(words(prompts=file, judge="gold:"), capsys, tmp_path / "run")
    assert "gold 'mcro' is not installed" in message
    assert "micro" in message


def test_gold_that_no_prompt_names_judges_nothing(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plain.jsonl"
    file.write_text('{"prompt": "a"}\n')
    assert "no row names a gold" in refused(words(prompts=file, judge="gold:"), capsys, tmp_path / "run")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"prompts": "micro:trian"},
            "no such bundled set; there are micro:answers, micro:comparisons, micro:held-out, micro:judge",
        ),
        ({"prompts": "https://example.com/x.jsonl"}, "https://example.com/x.jsonl: no such file"),
        ({"dtype": "float12"}, "float12"),
        ({"column": "nosuch"}, "no column 'nosuch'"),
        ({"store": "/proc/nope/store.sqlite"}, "name another store"),
        ({"n": 1}, "x>=2"),
    ],
)
def test_an_option_that_cannot_be(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, object], said: str
) -> None:
    assert said in refused(words(**given), capsys, tmp_path / "run")


@pytest.mark.parametrize("lacking", ["tokenizer*", "config.json", "*.safetensors"])
def test_a_model_directory_that_lacks_a_part(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str], lacking: str
) -> None:
    model = make_tiny(tmp_path / "model")
    for path in model.glob(lacking):
        path.unlink()
    assert str(model) in refused(words(policy=model), capsys, tmp_path / "run")


@pytest.mark.parametrize("name", ["gpt", "hf:", "hf:/no/such/directory", "script:/no/such/file", "vllm:x"])
def test_a_model_name_that_names_nothing(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert name.partition(":")[2] in refused(words(policy=name), capsys, tmp_path / "run")


def test_a_directory_that_is_not_ours(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("years")
    assert "thesis.tex" in refused(words(out=tmp_path / "theirs"), capsys, tmp_path / "theirs")


def test_a_file_where_a_directory_should_be(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(words(out=tmp_path / "file"), capsys, tmp_path / "file")


def test_a_second_process_on_one_run(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words()) == 0
    capsys.readouterr()
    import json

    held = json.loads((tmp_path / "run" / "claim.json").read_text())
    with claim(tmp_path / "run", held["config"], command="generate"):
        assert f"process {os.getpid()}" in refused(words(), capsys, tmp_path / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_where_nothing_can_be_written(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "locked"
    place.mkdir(mode=0o500)
    assert "cannot be written" in refused(words(out=place / "run"), capsys, place / "run")


def test_a_store_that_is_no_store(words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.sqlite").write_text("these are notes")
    assert "notes.sqlite" in refused(words(store=tmp_path / "notes.sqlite"), capsys, tmp_path / "run")


def test_a_recipe_with_an_unknown_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.yaml"
    shutil.copyfile("pipelines/smoke.yaml", file)
    file.write_text(file.read_text().replace("rounds: 1", "rounds: 1\nround_count: 1"))
    message = refused(["run", str(file), "--out", str(tmp_path / "run")], capsys, tmp_path / "run")
    assert f"{file}:" in message
    assert "round_count" in message
    assert "known keys" in message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--loss", "sigmoit"], "'sigmoit'"),
        (["--replay", "poems=0.2", "--policy", "micro"], "'poems'"),
        (["--replay-from", "nosuch.jsonl", "--policy", "micro"], "nosuch.jsonl"),
        (["--method", "reward", "--beta", "1", "--policy", "micro"], "beta is not used"),
        (["--policy", "reward:x"], "cannot be trained"),
    ],
)
def test_a_training_that_cannot_be(
    configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    made = generate(configured())
    capsys.readouterr()
    out = tmp_path / "model"
    assert said in refused(["train", str(made.run), "--out", str(out), *words], capsys, out)


def test_a_training_is_never_put_into_somebodys_directory(
    configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generate(configured())
    capsys.readouterr()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "README.md").write_text("years")
    for place in (tmp_path / "theirs", made.run):
        words = ["train", str(made.run), "--policy", "micro", "--out", str(place)]
        assert "is no training of ours" in refused(words, capsys, place)
    assert (tmp_path / "theirs" / "README.md").read_text() == "years"


def test_an_override_that_names_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "smoke", "--set", "round.train.betta=1", "--out", str(tmp_path / "run")]
    assert "betta" in refused(words, capsys, tmp_path / "run")


def test_what_is_not_key_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "key=value" in refused(
        ["run", "smoke", "--set", "x", "--out", str(tmp_path / "r")], capsys, tmp_path / "r"
    )


def test_workers_without_a_cluster(words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--on ray" in refused(words(workers=2), capsys, tmp_path / "run")
