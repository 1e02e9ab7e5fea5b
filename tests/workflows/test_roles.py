"""One model in several roles: each is asked as is said for that role, thoughts are kept apart, weights are shared."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.engines.base import BaseEngine
from rlaif.engines.kinds import ENGINES, ModelKind
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest
from rlaif.workflows.recipe.recipes import load_recipe
from tests.workflows.conftest import GREETS, SILENT
from tests.workflows.tiny import make_tiny

ASKED: list[GenerateRequest | ScoreRequest] = []
OPENED: list[str] = []


class Talks(BaseEngine):
    """Thinks where it is told to, draw 3 without an end; greets in every second draw, and likes whoever greets."""

    guides_decoding = False

    def __init__(self, name: str) -> None:
        self.name, self.fingerprint = name, f"talks {name}"
        OPENED.append(name)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in requests:
            ASKED.append(each)
            thinks = bool(each.chat_template_kwargs.get("enable_thinking"))
            open_ = thinks and each.draw == 3
            text = "It does not greet." if "Name one rule" in each.messages[-1].content else SILENT
            text = GREETS if each.draw % 2 and text == SILENT else text
            yield Generation(
                request_id=each.id,
                text="" if open_ else text,
                finish="length" if open_ else "stop",
                thought=f"hm {each.draw}" if thinks else "",
                open_thought=open_,
            )

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            ASKED.append(each)
            asked = each.messages[-1].content
            if "Response A" in asked:
                first = asked.index("Hello") < asked.index("Response B") if "Hello" in asked else True
                likes = "A" if first else "B"
            else:
                likes = "yes" if "Hello" in asked else "no"
            liked = [text.strip() == likes for text in each.continuations]
            share = {True: 0.9 / sum(liked), False: 0.1 / (len(liked) - sum(liked))}
            yield Score(request_id=each.id, logprobs=tuple(math.log(share[is_it]) for is_it in liked))


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINES, "_added", {})
    ENGINES.add(ModelKind(name="talks", help="talks", open=lambda name, *_: Talks(name), server=True))
    ASKED.clear()
    OPENED.clear()


@pytest.fixture
def command(prompts: Path, constitution: Path) -> list[str]:
    return [
        "generate", "--policy", "talks:m", "--judge", "talks:m", "--prompts", str(prompts),
        "--constitution", str(constitution), "--n", "4", "--json",
    ]  # fmt: skip


def made(command: list[str], out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main([*command, "--out", str(out), *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def drawn() -> list[GenerateRequest]:
    return [each for each in ASKED if isinstance(each, GenerateRequest) and "|" in each.id]


def critiques() -> list[GenerateRequest]:
    return [
        each
        for each in ASKED
        if isinstance(each, GenerateRequest) and "Name one rule" in each.messages[-1].content
    ]


def judged() -> list[ScoreRequest]:
    return [each for each in ASKED if isinstance(each, ScoreRequest)]


def test_each_role_is_asked_as_it_is_said_for_it_and_the_model_is_opened_once(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--policy-enable-thinking", "--max-tokens", "40", "--max-thought-tokens", "7", "--no-judge-enable-thinking",
        "--judge-request-body", "top_k=3", "--critic-max-tokens", "9", "--critic-reasoning-effort", "low",
    ]  # fmt: skip
    made(command, tmp_path / "run", capsys, *options)
    assert {json.dumps(dict(each.chat_template_kwargs)) for each in drawn()} == {'{"enable_thinking": true}'}
    assert {(each.sampling.max_tokens, each.sampling.max_thought_tokens) for each in drawn()} == {(40, 7)}
    assert all(each.body == {} for each in drawn())
    assert judged()
    for asked in judged():
        assert (asked.chat_template_kwargs, asked.body) == ({"enable_thinking": False}, {"top_k": 3})
    assert critiques()
    for critique in critiques():
        # as the judge, but for what is said of the critic
        assert critique.chat_template_kwargs == {"enable_thinking": False}
        assert critique.body == {"top_k": 3, "reasoning_effort": "low"}
        assert critique.sampling.max_tokens == 9
    assert OPENED == ["talks:m"]


def test_what_is_said_of_roles_is_part_of_the_run_and_nothing_else_is(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(command, tmp_path / "plain", capsys)
    config = json.loads((tmp_path / "plain" / "run.json").read_text())["config"]
    assert {*config["judge"]} == {"name", "fingerprint"}
    assert [{*each} for each in config["policies"]] == [{"name", "fingerprint"}]
    assert not {"critic", "system"} & config.keys()
    told = ["--policy-enable-thinking", "--judge-max-thought-tokens", "5", "--system", "good"]
    made(command, tmp_path / "told", capsys, *told)
    config = json.loads((tmp_path / "told" / "run.json").read_text())["config"]
    assert config["policies"][0]["options"] == {"enable_thinking": True}
    assert config["judge"]["options"] == {"max_thought_tokens": 5}
    assert config["system"]["named"] == "good"
    assert main([*command, "--out", str(tmp_path / "told")]) == 2
    assert "judge.options.max_thought_tokens: 5 there, (absent) asked" in capsys.readouterr().err.replace(
        '"(absent)"', "(absent)"
    )


def test_thoughts_that_never_end_are_truncated_and_not_judged_and_equal_answers_are_duplicates(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = made(command, tmp_path / "run", capsys, "--policy-enable-thinking")
    # of four draws one is open, and two are one answer behind different thoughts
    assert (found["funnel"]["truncated"], found["funnel"]["duplicates"], found["funnel"]["kept"]) == (8, 8, 8)
    assert not any("``````" in each.messages[-1].content.replace("\n", "") for each in judged())
    assert any("8 of 32 thoughts (25%) have no end mark" in each for each in found["warnings"])
    everything = made(command, tmp_path / "all", capsys, "--policy-enable-thinking", "--judge-sees", "all")
    assert everything["funnel"]["duplicates"] == 0
    assert any("hm 0" in each.messages[-1].content for each in judged())


def test_a_system_turn_is_drawn_under_and_is_no_part_of_the_prompt(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(command, tmp_path / "run", capsys, "--system", "constitution")
    assert {each.messages[0].role for each in drawn()} == {"system"}
    assert "1. The response greets the user." in drawn()[0].messages[0].content
    rows = [json.loads(line) for line in (tmp_path / "run" / "pairs.jsonl").read_text().splitlines()]
    assert {each["prompt"][0]["role"] for each in rows} == {"user"}
    assert not any("Follow these rules" in each.messages[-1].content for each in judged())


def test_a_dry_run_counts_thoughts_and_asks_nothing(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def most(*options: str) -> int:
        found = made(command, tmp_path / "dry", capsys, "--dry-run", "--no-critique", *options)
        return int(found["models"]["talks:m"]["completion_most"])

    assert most("--max-thought-tokens", "10") - most() == 8 * 4 * 10
    assert ASKED == []


def test_evaluate_compares_a_model_that_thinks_with_itself_without(
    prompts: Path, constitution: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "evaluate", "--policy", "talks:m", "--against", "talks:m", "--policy-enable-thinking", "--judge", "talks:m",
        "--prompts", str(prompts), "--constitution", str(constitution), "--json", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["against"] for each in found["win_rates"]] == ["talks:m (against)"]
    assert Counter(len(each.chat_template_kwargs) for each in drawn()) == {1: 8, 0: 8}
    assert OPENED == ["talks:m"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--judge-request-body", "a=1"], "no use for request_body"),
        (["--judge-enable-thinking"], "reads no `enable_thinking`"),
        (["--judge-chat-template-kwargs", "effort=1"], "reads no `effort`"),
    ],
)
def test_what_a_model_cannot_honour_is_refused_before_anything_is_drawn(
    command: list[str],
    options: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judge = make_tiny(tmp_path / "judge")
    assert main([*command, "--judge", str(judge), "--out", str(tmp_path / "run"), *options]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert ASKED == []


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_judge_that_is_asked_nothing_in_words_refuses_options_in_a_dry_run_too(
    command: list[str], dry: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--judge", "random:1", "--judge-think", "--out", str(tmp_path / "run"), *dry]
    assert main([*command, *options]) == 2
    assert "random:1: is no model that is asked in words, and reads no think" in capsys.readouterr().err


def test_options_of_a_critic_are_refused_where_nobody_criticises(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--no-critique", "--critic-max-tokens", "9", "--out", str(tmp_path / "run")]
    assert main([*command, *options]) == 2
    assert "nobody writes critiques (critiques are switched off)" in capsys.readouterr().err


RECIPE = """\
name: tiny
models: {models}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4{sample}}}
  - {{step: judge}}
  - {{step: pairs{pairs}}}
"""


@pytest.fixture
def recipe(tmp_path: Path, prompts: Path, constitution: Path) -> Any:
    def write(models: str, sample: str = "", pairs: str = "") -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(
            RECIPE.format(
                models=models, constitution=constitution, prompts=prompts, sample=sample, pairs=pairs
            )
        )
        return path

    return write


def test_a_recipe_says_it_by_role_and_a_step_before_the_role(
    recipe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = (
        "{policy: {name: 'talks:m', enable_thinking: true, max_tokens: 50, max_thought_tokens: 6}, "
        "judge: {name: previous, request_body: {top_k: 2}}, critic: {name: 'talks:c', max_tokens: 8}}"
    )
    path = recipe(models, sample=", max_tokens: 30, system: good", pairs=", critic: critic")
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--json"]) == 0
    capsys.readouterr()
    assert {(each.sampling.max_tokens, each.sampling.max_thought_tokens) for each in drawn()} == {(30, 6)}
    assert all(each.chat_template_kwargs == {"enable_thinking": True} for each in drawn())
    assert all(each.messages[0].content == "Give a good response." for each in drawn())
    assert {json.dumps(dict(each.body)) for each in judged()} == {'{"top_k": 2}'}
    assert all(each.chat_template_kwargs == {} for each in judged())
    assert {each.sampling.max_tokens for each in critiques()} == {8}
    assert OPENED == ["talks:m", "talks:c"]


def test_the_command_goes_before_the_recipe_and_keeps_what_only_that_says(
    recipe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(
        "{policy: 'talks:m', judge: {name: 'talks:m', request_body: {a: 1}, enable_thinking: true}}"
    )
    options = ["--no-judge-enable-thinking", "--set", "models.policy.enable_thinking=true"]
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--json", *options]) == 0
    capsys.readouterr()
    for each in judged():
        assert (each.chat_template_kwargs, each.body) == ({"enable_thinking": False}, {"a": 1})
    assert all(each.chat_template_kwargs == {"enable_thinking": True} for each in drawn())


def test_a_mapping_that_says_nothing_is_the_name_and_what_is_said_is_in_the_digest(recipe: Any) -> None:
    name, same, told = (
        load_recipe(recipe(f"{{policy: 'talks:m', judge: {judge}}}")).digest
        for judge in ("'talks:m'", "{name: 'talks:m'}", "{name: 'talks:m', think: true}")
    )
    assert name == same != told


def test_only_the_steps_of_a_role_are_made_again_where_more_is_said_of_it(
    recipe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(out: str, models: str) -> tuple[int, int]:
        ASKED.clear()
        assert main(["run", str(recipe(models)), "--out", str(tmp_path / out), "--json"]) == 0
        capsys.readouterr()
        return len(drawn()), len(judged())

    first = asked("a", "{policy: 'talks:m@1', judge: 'talks:m@1'}")
    again = asked("b", "{policy: 'talks:m@1', judge: {name: 'talks:m@1', request_body: {a: 1}}}")
    assert first[0] > 0
    assert again[0] == 0
    assert again[1] > 0


def test_a_role_that_writes_takes_no_options_of_judges(
    recipe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe("{policy: {name: 'talks:m', think: true}, judge: 'talks:m'}")
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 2
    assert "writes completions in this role, and judges none; leave think out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ("{nam: x}", "unknown key 'nam' (did you mean 'name'?)"),
        ("{name: 'talks:m', max_tokens: 0}", "max_tokens is 0; it must be a whole number, 1 or above"),
        ("{name: 'talks:m', thought_marks: [a]}", "give two marks"),
    ],
)
def test_a_wrong_role_is_refused_with_file_and_key(
    recipe: Any, judge: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(f"{{policy: 'talks:m', judge: {judge}}}")
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert f"{path}:2: " in said
    assert told in said


def test_a_sample_step_goes_on_from_a_turn_of_a_conversation(
    recipe: Any, tmp_path: Path, prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    talk = {"messages": [{"role": role, "content": text} for role, text in turns]}
    prompts.write_text(json.dumps(talk) + "\n")
    path = recipe("{policy: 'talks:m', judge: 'talks:m'}", sample=", from_turn: each")
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--json"]) == 0
    capsys.readouterr()
    assert {tuple(each.content for each in asked.messages) for asked in drawn()} == {("a",), ("a", "b", "c")}
    rows = [
        json.loads(line)
        for line in (tmp_path / "run" / "round-1" / "completions.jsonl").read_text().splitlines()
    ]
    assert [each["branch"]["turn"] for each in rows if "branch" in each] == [1] * 4
