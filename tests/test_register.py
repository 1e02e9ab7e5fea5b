"""Functions of this process count as judges, rewards, models and protocols, by name or as they are."""

from __future__ import annotations

import dataclasses
import doctest
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif import register
from rlaif.cli.main import main
from rlaif.engines.kinds import ENGINES
from rlaif.errors import InputError
from rlaif.judging import JUDGES
from rlaif.judging.protocols import PROTOCOLS, stated
from rlaif.judging.rewards import REWARDS
from rlaif.records import Completion, Judgment, Message, Prompt, Sampling

SHORT, LONG = "It is.", "It is as it is, and so it will be."
HOUSE = "name: house\nversion: 1.0.0\ntitle: T\nprinciples:\n  - {id: brief, text: The response is brief.}\n"


def by_turns() -> Any:
    """A function that writes a short and a long answer in turns."""
    written: list[str] = []

    def write(messages: Sequence[Message], sampling: Sampling) -> str:
        written.append(LONG if len(written) % 2 else SHORT)
        return written[-1]

    return write


def shorter(prompt: Prompt, a: Completion, b: Completion) -> float:
    """P(a is better): the shorter one is."""
    return 0.5 if len(a.text) == len(b.text) else float(len(a.text) < len(b.text))


def brevity(prompt: Prompt, completion: Completion) -> float:
    """Shorter is more."""
    return -float(len(completion.text))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with a constitution and prompts; what is registered is forgotten afterwards."""
    for registry in (JUDGES, REWARDS, ENGINES, PROTOCOLS):
        monkeypatch.setattr(registry, "_added", {})
    monkeypatch.setattr(register, "_engines", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.yaml").write_text(HOUSE)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "What is it?"}\n')
    return tmp_path


def made(**given: Any) -> Any:
    own = {"out": "run", "constitution": "house.yaml", "prompts": "prompts.jsonl", "n": 2, "critique": False}
    return rlaif.generate(**(own | given))


def chosen(result: Any) -> list[str]:
    return [pair.chosen[0].content for pair in result.pairs]


def test_functions_are_passed_where_a_policy_and_a_judge_are_named() -> None:
    writer = register.engine(version="1", name="turns")(by_turns())
    assert chosen(made(policy=writer, judge=shorter)) == [SHORT]


def test_a_registered_function_stays_what_it_was_and_has_a_name_everywhere() -> None:
    assert register.judge(name="short", version="1")(shorter) is shorter
    register.engine(name="turns", version="1")(by_turns())
    assert chosen(made(policy="turns:", judge="short")) == [SHORT]
    words = ["judge", "run", "--judge", "short", "--constitution", "house.yaml", "--out", "again"]
    assert main(words) == 0


def test_a_reward_is_a_judge_and_a_reward() -> None:
    register.reward(brevity)
    register.engine(name="turns", version="1")(by_turns())
    assert chosen(made(policy="turns:", judge="brevity")) == [SHORT]
    with rlaif.reward(judge="brevity", constitution="house.yaml") as score:
        assert score(["What is it?"], ["four"]) == [-4.0]


def test_a_function_is_a_reward_without_a_name() -> None:
    with rlaif.reward(judge=brevity, constitution="house.yaml") as score:
        assert score(["What is it?"], ["four"]) == [-4.0]


def test_provenance_says_what_a_function_is() -> None:
    register.judge(name="short", version="7")(shorter)
    register.engine(name="turns", version="3")(by_turns())
    made(policy="turns:", judge="short")
    config = json.loads(Path("run/run.json").read_text())["config"]
    assert config["judge"]["fingerprint_from"].endswith("shorter@version:7")
    assert config["policies"][0]["fingerprint"].endswith("write@version:3")


def test_an_edited_function_is_another_judge() -> None:
    assert made(policy=register.engine(name="turns", version="1")(by_turns()), judge=shorter).pairs
    held = json.loads(Path("run/run.json").read_text())["config"]["judge"]["fingerprint_from"]
    assert ".shorter@source:b2:" in held


def test_a_protocol_is_a_function() -> None:
    @rlaif.register.protocol(says="what the judge says, doubled")
    def doubled(judge: Any, items: Any, principles: Any, how: Any) -> list[Judgment]:
        found = judge.checklist(items, principles)
        return [dataclasses.replace(each, protocol="doubled") for each in found]

    register.engine(name="turns", version="1")(by_turns())
    result = made(policy="turns:", judge="random:3", protocol="doubled", min_pair_share=0.0)
    assert PROTOCOLS.get("doubled").says == "what the judge says, doubled"
    rows = [json.loads(line) for line in (result.run / "judgments.jsonl").read_text().splitlines()]
    assert {row["protocol"] for row in rows} == {"doubled"}
    config = json.loads((result.run / "run.json").read_text())["config"]
    assert ".doubled@source:b2:" in config["protocols"]["doubled"]


def test_a_protocol_made_by_another_function_must_declare_what_it_is() -> None:
    held = "x"

    def closed(judge: Any, items: Any, principles: Any, how: Any) -> list[Judgment]:
        raise AssertionError(held)

    with pytest.raises(InputError, match="declare what it is: version='1'"):
        register.protocol(closed)
    register.protocol(version="1")(closed)
    assert stated(["closed"])["closed"].endswith("closed@version:1")


def test_a_protocol_of_an_unknown_shape_is_refused() -> None:
    with pytest.raises(InputError, match="one of pointwise, pairwise"):
        register.protocol(shape="listwise")(shorter)  # type: ignore[call-overload]


def test_a_function_made_by_another_must_declare_what_it_is() -> None:
    with pytest.raises(InputError, match="declare what it is: version='1'"):
        made(policy=by_turns(), judge=shorter)


def test_an_engine_object_is_passed_where_a_model_is_named() -> None:
    engine = rlaif.open_engine(
        register.engine_name_of(register.engine(name="turns", version="1")(by_turns()))
    )
    assert chosen(made(policy=[engine], judge=shorter)) == [SHORT]


def test_two_functions_of_one_name_are_not_one_model() -> None:
    one, other = (lambda messages, sampling: SHORT), (lambda messages, sampling: LONG)
    with pytest.raises(InputError, match="two functions are called lambda:"):
        made(policy=[one, other], judge=shorter)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="is no model"):
        made(policy=3, judge=shorter)


def test_names_of_ours_are_not_taken() -> None:
    with pytest.raises(InputError, match="is a model kind already"):
        register.engine(name="hf", version="1")(by_turns())


@pytest.mark.parametrize("name", ["judge", "reward", "engine", "protocol"])
def test_the_example_in_help_runs(name: str) -> None:
    known: dict[str, Any] = {"rlaif": rlaif, "dataclasses": dataclasses}
    [example] = doctest.DocTestFinder(recurse=False).find(getattr(register, name), name, globs=known)
    wrong: list[str] = []
    doctest.DocTestRunner().run(example, out=wrong.append)
    assert wrong == []
