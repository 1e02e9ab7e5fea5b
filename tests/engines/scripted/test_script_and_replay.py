"""Engines that answer from files: scripts and replays."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.records import Engine, Message, Sampling
from tests.engines.test_chat_turns import TOOLS
from tests.engines.tiny import draw, question


def opened(tmp_path: Path, kind: str, *rows: Any) -> Engine:
    path = tmp_path / f"{kind}.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return open_engine(f"{kind}:{path}")


def test_the_first_row_that_fits_answers(tmp_path: Path) -> None:
    engine = opened(
        tmp_path,
        "script",
        {"contains": ["bread", "hot"], "texts": ["warm"]},
        {"contains": ["bread"], "texts": ["mix"]},
        "",
    )
    texts = [reply.text for reply in engine.generate([draw("hot bread"), draw("bread")])]
    assert texts == ["warm", "mix"]


def test_draws_take_their_own_text(tmp_path: Path) -> None:
    engine = opened(tmp_path, "script", {"texts": ["a", "b"]})
    assert [reply.text for reply in engine.generate([draw("x", n) for n in range(3)])] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("text", "thought", "answer", "still_open"),
    [
        ("<think>\nwait\n</think>\n\nmix", "wait", "mix", False),
        ("wait</think>mix", "wait", "mix", False),
        ("[THINK]wait[/THINK]mix", "wait", "mix", False),
        ("<think>wait", "wait", "", True),
        ({"thought": "wait", "text": "mix <think> so"}, "wait", "mix <think> so", False),
        ({"text": "<think>wait</think>mix"}, "", "<think>wait</think>mix", False),
        ("mix, and write <think>", "", "mix, and write <think>", False),
    ],
)
def test_a_text_may_hold_a_thought(
    tmp_path: Path, text: Any, thought: str, answer: str, still_open: bool
) -> None:
    engine = opened(tmp_path, "script", {"texts": [text], "labels": {"yes": 1.0}})
    (reply,) = engine.generate([draw("x")])
    assert (reply.thought, reply.text, reply.open_thought) == (thought, answer, still_open)
    (plain,) = engine.score([question("x")])
    (told,) = engine.score([replace(question("x"), thinking=Sampling())])
    assert (plain.thought, told.thought) == ("", thought or answer)


def test_labels_are_probabilities(tmp_path: Path) -> None:
    engine = opened(tmp_path, "script", {"labels": {"yes": 0.75, "no": 0.25}})
    reply = next(iter(engine.score([question("x", "yes", "no", "No")])))
    assert [math.exp(each) for each in reply.logprobs] == pytest.approx([0.75, 0.25, 0.0])


def test_what_no_row_covers_has_failed(tmp_path: Path) -> None:
    engine = opened(tmp_path, "script", {"contains": ["bread"], "texts": ["mix"]})
    assert next(iter(engine.generate([draw("water")]))).error
    assert next(iter(engine.score([question("bread")]))).error


def test_a_replay_repeats_what_was_recorded(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "x"}]
    engine = opened(
        tmp_path,
        "replay",
        {"messages": turns, "text": "first"},
        {"messages": turns, "text": "second", "draw": 1, "finish": "length"},
        {"messages": turns, "logprobs": {"yes": -0.5, "no": -1.5}},
        {"messages": turns, "logprobs": {"A": -0.25}, "assistant_prefix": "so"},
    )
    replies = list(engine.generate([draw("x", 0), draw("x", 1), draw("x", 2)]))
    assert [(reply.text, reply.finish) for reply in replies[:2]] == [("first", "stop"), ("second", "length")]
    assert replies[2].error
    scores = list(
        engine.score([question("x", "no", "yes"), question("x", "A", prefix="so"), question("x", "A")])
    )
    assert [score.logprobs for score in scores] == [(-1.5, -0.5), (-0.25,), ()]
    assert scores[2].error


def test_roles_are_part_of_what_was_recorded(tmp_path: Path) -> None:
    engine = opened(tmp_path, "replay", {"messages": [{"role": "system", "content": "x"}], "text": "a"})
    assert next(iter(engine.generate([draw("x")]))).error


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        ("script", "{", ":1: broken JSON"),
        ("script", "[]", ":1: must be an object"),
        ("script", {"contain": ["x"], "texts": ["a"]}, "none but these: contains, texts, labels"),
        ("script", {"contains": ["x"]}, "answers nothing"),
        ("script", {"texts": []}, "answers nothing"),
        ("script", {"texts": "a"}, "'texts' must be of type list"),
        ("script", {"texts": [1]}, "lists of texts"),
        ("script", {"texts": [{"thought": "a"}]}, "an object with `text` and `thought`"),
        ("script", {"texts": [{"text": "a", "thoughts": "b"}]}, "an object with `text` and `thought`"),
        ("script", {"texts": [{"text": 1}]}, "an object with `text` and `thought`"),
        ("script", {"labels": {"yes": 1.5}}, "probabilities"),
        ("script", {"labels": {"yes": 0.7, "no": 0.7}}, "probabilities"),
        ("replay", {"text": "a"}, "keys messages"),
        ("replay", {"messages": []}, "either `text` or `logprobs`"),
        ("replay", {"messages": [{"role": "user"}], "text": "a"}, "`role` and `content`"),
        ("replay", {"messages": [], "text": "a", "logprobs": {}}, "either `text` or `logprobs`"),
        ("replay", {"messages": [], "logprobs": {"yes": 0.5}}, "at most 0"),
    ],
)
def test_a_broken_file_is_named_with_its_row(tmp_path: Path, kind: str, row: Any, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        opened(tmp_path, kind, row)
    assert words in str(caught.value)
    assert f"{kind}.jsonl" in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no rows"):
        opened(tmp_path, "script", "")


def test_the_fingerprint_is_of_the_rows(tmp_path: Path) -> None:
    one = opened(tmp_path, "script", {"texts": ["a"]}).fingerprint
    assert opened(tmp_path, "script", "", {"texts": ["a"]}).fingerprint == one
    assert opened(tmp_path, "script", {"texts": ["b"]}).fingerprint != one


def test_a_whole_conversation_is_searched(tmp_path: Path) -> None:
    engine = opened(tmp_path, "script", {"contains": ["be warm", "bake"], "texts": ["a"]})
    request = draw("bake")
    messages = (Message(role="system", content="be warm"), *request.messages)
    assert next(iter(engine.generate([replace(request, messages=messages)]))).text == "a"


@pytest.mark.parametrize("content", [math.nan, 5, None, ["x"]])
def test_a_recorded_turn_that_is_no_text_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ModelError, match="which are texts"):
        opened(tmp_path, "replay", {"messages": [{"role": "user", "content": content}], "text": "x"})


UNHEARD = {
    "tools": {"tools": TOOLS},
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": True}},
    "body": {"body": {"top_k": 3}},
    "max_thought_tokens": {"sampling": Sampling(max_thought_tokens=5)},
}


@pytest.mark.parametrize("said", UNHEARD)
def test_what_a_file_cannot_heed_fails_the_call_by_name(tmp_path: Path, said: str) -> None:
    script = opened(tmp_path, "script", {"texts": ["a"], "labels": {"yes": 1.0}})
    turn = {"role": "user", "content": "x"}
    replay = opened(
        tmp_path, "replay", {"messages": [turn], "text": "a"}, {"messages": [turn], "logprobs": {"yes": -0.1}}
    )
    for engine in (replay,) if said == "tools" else (script, replay):
        (reply,) = engine.generate([replace(draw("x"), **UNHEARD[said])])
        assert f"has no use for {said}" in str(reply.error)
        if said != "max_thought_tokens":
            (score,) = engine.score([replace(question("x", "yes"), **UNHEARD[said])])
            assert f"has no use for {said}" in str(score.error)


def test_a_recorded_call_has_no_thought_before_its_label(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "x"}], "logprobs": {"yes": -0.1}}
    (score,) = opened(tmp_path, "replay", row).score([replace(question("x", "yes"), thinking=Sampling())])
    assert "has no use for thinking" in str(score.error)


def test_a_scripted_text_calls_tools_that_were_given(tmp_path: Path) -> None:
    text = '<tool_call>{"name": "oven", "arguments": {"where": "left"}}</tool_call>'
    engine = opened(tmp_path, "script", {"texts": [text]})
    given, plain = engine.generate([replace(draw("x"), tools=TOOLS), draw("x")])
    assert (given.text, [each.name for each in given.tool_calls]) == ("", ["oven"])
    assert (plain.text, plain.tool_calls) == (text, ())


def test_a_recorded_text_is_split_by_its_marks(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "x"}], "text": "<think>wait</think>mix"}
    (reply,) = opened(tmp_path, "replay", row).generate([draw("x")])
    assert (reply.thought, reply.text) == ("wait", "mix")
