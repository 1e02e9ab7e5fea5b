"""Thoughts of local models: split off, bounded, and written before a label. Truth: transformers, one text at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from rlaif.engines.chat_template import Chat
from rlaif.engines.local.engine import HfEngine
from rlaif.engines.local.thinking import ThoughtFollower, ThoughtPlan, forced_stretch
from rlaif.engines.thoughts import THINK, ThoughtMarks
from rlaif.engines.written import answer_of
from rlaif.records import GenerateRequest, Sampling, ScoreRequest, ToolCall
from tests.engines.makes import make_of
from tests.engines.test_chat_turns import TOOLS
from tests.engines.tiny import draw, make_model, make_tokenizer, plain_logprob, question, user

KINDS = ("qwen3", "gemma3", "lfm2")
"""One that only attends, one with a window, one with a state."""


def engine_of(kind: str = "qwen3", tokenizer: Any = None, **options: Any) -> HfEngine:
    tokenizer = tokenizer or make_of("deepseek-r1")
    return HfEngine("x", make_model(kind, len(tokenizer)), Chat(tokenizer, **options), fingerprint="x")


def model_of(engine: HfEngine) -> Any:
    return engine._decoder.model


def budgeted(text: str, number: int = 0, **how: Any) -> GenerateRequest:
    return draw(text, number, **{"max_tokens": 7, "max_thought_tokens": 5, **how})


@torch.inference_mode()
def greedy(model: Any, ids: list[int], count: int) -> list[int]:
    found: list[int] = []
    for _ in range(count):
        logits = model(input_ids=torch.tensor([[*ids, *found]]), use_cache=False).logits[0, -1]
        found.append(int(logits.argmax()))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_thought_that_has_used_up_its_tokens_is_closed_and_the_answer_has_its_own(kind: str) -> None:
    engine = engine_of(kind)
    (found,) = engine.generate([budgeted("how", temperature=0.0)])
    (prompt,) = engine.chat.prompt_ids([user("how")])
    thought = greedy(model_of(engine), prompt, 5)
    behind = [*prompt, *thought, *engine.chat.closing_ids]
    answer = greedy(model_of(engine), behind, 7)
    assert found.token_ids == (*thought, *engine.chat.closing_ids, *answer)
    assert (found.thought, found.text) == (
        engine.chat.decode(thought).strip(),
        engine.chat.decode(answer).lstrip(),
    )
    assert (found.open_thought, found.finish) == (False, "length")
    sampled = plain_logprob(model_of(engine), prompt, thought) + plain_logprob(
        model_of(engine), behind, answer
    )
    assert found.logprob == pytest.approx(sampled, abs=1e-3)


def test_without_a_budget_the_room_is_shared_and_may_end_inside_of_the_thought() -> None:
    (found,) = engine_of().generate([draw("how", max_tokens=6)])
    assert found.token_ids is not None
    assert (len(found.token_ids), found.text, found.open_thought, found.finish) == (6, "", True, "length")
    assert found.thought


def test_a_budget_of_nothing_closes_the_thought_at_once() -> None:
    engine = engine_of()
    (found,) = engine.generate([budgeted("how", max_thought_tokens=0)])
    assert found.token_ids is not None
    assert list(found.token_ids[: len(engine.chat.closing_ids)]) == engine.chat.closing_ids
    assert (found.thought, found.open_thought) == ("", False)


def test_a_model_that_does_not_think_has_the_tokens_of_its_answer() -> None:
    (found,) = engine_of(tokenizer=make_of("qwen3")).generate([budgeted("how")])
    assert found.token_ids is not None
    assert (len(found.token_ids), found.thought) == (7, "")


def test_a_budget_changes_nothing_where_no_marks_are_known() -> None:
    engine = engine_of(tokenizer=make_tokenizer())
    (one,) = engine.generate([budgeted("how")])
    (other,) = engine.generate([draw("how", max_tokens=7)])
    assert (one.text, one.token_ids, one.logprob) == (other.text, other.token_ids, other.logprob)


@pytest.mark.parametrize("kind", KINDS)
def test_budgeted_texts_are_the_same_whatever_the_batch(kind: str) -> None:
    engine = engine_of(kind)
    requests = [
        each
        for number in range(6)
        for each in (
            budgeted("how" + " bread" * number, number, max_thought_tokens=2 + 3 * number),
            draw("bake" + " flour" * number, number, max_tokens=3 + number),
        )
    ]
    together = list(engine.generate(requests))
    apart = [next(iter(engine.generate([each]))) for each in requests]
    assert [each.token_ids for each in together] == [each.token_ids for each in apart]
    assert [each.thought for each in together] == [each.thought for each in apart]


def marked(kind: str, end: str) -> HfEngine:
    """A model whose prompt has begun its thought, and that ends it with `end`."""
    return engine_of(kind, make_tokenizer(), marks=("assistant", end))


def thinking(text: str = "how", *, prefix: str = "Answer:", number: int = 0, **how: Any) -> ScoreRequest:
    asked = question(text, "yes", "no", "A", prefix=prefix)
    return replace(asked, thinking=Sampling(**{"max_tokens": 9, **how}), seed=1000 + number)


def drawn_alone(engine: HfEngine, request: ScoreRequest, **how: Any) -> tuple[list[int], list[int]]:
    """The prompt, and what `generate` draws from it with the same seed."""
    assert request.thinking is not None
    asked = GenerateRequest(
        id="x",
        messages=request.messages,
        sampling=replace(request.thinking, stop=(), **how),
        seed=request.seed,
    )
    (found,) = engine.generate([asked])
    assert found.token_ids is not None
    return engine.chat.prompt_ids([request.messages])[0], list(found.token_ids)


def labels_behind(engine: HfEngine, ids: list[int], request: ScoreRequest) -> list[float]:
    front, *labels = engine.chat.text_ids([request.assistant_prefix, *request.continuations])
    return [plain_logprob(model_of(engine), [*ids, *front], each) for each in labels]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["Answer:", ""])
def test_labels_are_read_behind_a_thought_that_has_used_up_its_tokens(kind: str, prefix: str) -> None:
    engine, request = engine_of(kind), thinking(prefix=prefix)
    prompt, ids = drawn_alone(engine, request)
    (found,) = engine.score([request])
    wanted = labels_behind(engine, [*prompt, *ids, *engine.chat.closing_ids], request)
    assert found.logprobs == pytest.approx(wanted, abs=1e-3)
    assert found.thought == engine.chat.decode(ids).strip()
    assert found.usage.completion_tokens == 9


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_read_behind_a_thought_that_its_mark_ends(kind: str) -> None:
    plain = engine_of(kind, make_tokenizer())
    prompt, ids = drawn_alone(plain, thinking())
    engine = marked(kind, plain.chat.decode(ids[3:5]))
    (found,) = engine.score([thinking()])
    wanted = labels_behind(engine, [*prompt, *ids[:5], *engine.chat.behind_end_ids], thinking())
    assert found.logprobs == pytest.approx(wanted, abs=1e-3)
    assert found.thought == plain.chat.decode(ids[:3]).strip()
    assert found.usage.completion_tokens == 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["Answer:", ""])
def test_labels_are_read_behind_what_stands_before_a_stop_string(kind: str, prefix: str) -> None:
    engine = engine_of(kind, make_tokenizer())
    request = thinking(prefix=prefix)
    prompt, ids = drawn_alone(engine, request)
    stop = engine.chat.decode(ids[4:7])
    (found,) = engine.score([thinking(prefix=prefix, stop=(stop,))])
    assert found.logprobs == pytest.approx(labels_behind(engine, [*prompt, *ids[:4]], request), abs=1e-3)
    assert found.thought == engine.chat.decode(ids[:4]).strip()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begun", [False, True])
def test_labels_are_read_behind_a_thought_where_the_model_ends_its_turn(kind: str, begun: bool) -> None:
    plain = engine_of(kind, make_tokenizer())
    prompt, ids = drawn_alone(plain, thinking())
    engine = marked(kind, "</muse>") if begun else engine_of(kind, make_tokenizer())
    engine._decoder.end_ids = frozenset({ids[6]})
    place = ids.index(ids[6])
    (found,) = engine.score([thinking()])
    wanted = labels_behind(engine, [*prompt, *ids[:place], *engine.chat.closing_ids], thinking())
    assert found.logprobs == pytest.approx(wanted, abs=1e-3)
    assert found.usage.completion_tokens == place


def test_labels_of_several_tokens_are_read_behind_the_thought_too() -> None:
    engine = engine_of()
    request = replace(thinking(), continuations=("not sure at all", "yes"))
    prompt, ids = drawn_alone(engine, request)
    (found,) = engine.score([request])
    wanted = labels_behind(engine, [*prompt, *ids, *engine.chat.closing_ids], request)
    assert found.logprobs == pytest.approx(wanted, abs=1e-3)
    assert found.thought


def test_thinking_and_plain_questions_stand_side_by_side_whatever_the_batch() -> None:
    engine = engine_of()
    requests = [
        each
        for number in range(5)
        for each in (
            thinking("how" + " bread" * number, number=number, max_tokens=3 + 2 * number),
            question("bake" + " flour" * number, "yes", "no"),
        )
    ]
    together = list(engine.score(requests))
    for one, request in zip(together, requests, strict=True):
        (alone,) = engine.score([request])
        assert one.logprobs == pytest.approx(alone.logprobs, abs=1e-3)
        assert (one.thought, one.error) == (alone.thought, None)
    assert [bool(each.thought) for each in together] == [True, False] * 5


def test_a_thought_is_as_long_as_the_context_lets_it_be() -> None:
    engine = engine_of()
    (found,) = engine.score([thinking("how " * 400, max_tokens=9999)])
    assert found.error is None
    assert len(found.logprobs) == 3
    (late,) = engine.score([thinking("how " * 600)])
    assert late.error is not None
    assert "do not fit into the model's context" in late.error


def test_fields_for_a_server_are_refused() -> None:
    engine = engine_of()
    (one,) = engine.generate([replace(draw("how"), body={"top_a": 1})])
    (other,) = engine.score([replace(question("how"), body={"top_a": 1})])
    for each in (one.error, other.error):
        assert each is not None
        assert "fields of a request to a server" in each


def test_tools_and_template_options_of_a_request_are_written() -> None:
    engine = engine_of(tokenizer=make_of("qwen3"))
    plain, told, tooled = engine.generate(
        [
            draw("how"),
            replace(draw("how"), chat_template_kwargs={"enable_thinking": True}),
            replace(draw("how"), tools=TOOLS),
        ]
    )
    assert told.usage.prompt_tokens < plain.usage.prompt_tokens < tooled.usage.prompt_tokens


def test_a_follower_finds_a_mark_that_is_many_tokens() -> None:
    letters = list("<think>wait</think>yes")
    follower = ThoughtFollower(ThoughtPlan(THINK, False, 99), lambda ids: "".join(map(chr, ids)))
    ids: list[int] = []
    for each in letters[:-3]:
        ids.append(ord(each))
        follower.saw(ids)
        assert not follower.answered(ids, 0) or len(ids) == len("<think>wait</think>")
    assert follower.answered([*ids, 1, 2, 3], 3)
    assert not follower.answered([*ids, 1, 2], 3)


def test_calls_that_a_model_wrote_are_read_where_it_was_given_tools() -> None:
    chat = Chat(make_of("qwen3"))
    (prompt,) = chat.prompt_ids([user("how")])
    text = (
        '<think>\nhm\n</think>\n\n<tool_call>\n{"name": "oven", "arguments": {"where": "left"}}\n</tool_call>'
    )
    found = answer_of(chat, prompt, text, TOOLS)
    assert found["tool_calls"] == (ToolCall(name="oven", arguments='{"where": "left"}'),)
    assert (found["thought"], found["text"]) == ("hm", "")
    assert answer_of(chat, prompt, text, ())["tool_calls"] == ()


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ("abcXYde", (3, 6)),
        ("abcX", (3, 4)),
        ("aYde", (0, 0)),
        ("abcdef", None),
    ],
)
def test_tokens_that_nobody_sampled_are_found_again(ids: str, found: tuple[int, int] | None) -> None:
    """`Y` ends a thought; one of three letters is closed by `X`, `Y` and `d`."""
    plan = ThoughtPlan(ThoughtMarks("S", "Y"), True, 3, tuple(map(ord, "XYd")))
    assert forced_stretch(plan, [*map(ord, ids)], lambda each: "".join(map(chr, each))) == found


def test_a_call_in_the_commentary_channel_stands_behind_its_thought() -> None:
    text = (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.oven "
        '<|constrain|>json<|message|>{"where": "left"}'
    )
    found = answer_of(Chat(make_of("gpt-oss"), {}), [], text, TOOLS)
    assert found["tool_calls"] == (ToolCall(name="oven", arguments='{"where": "left"}'),)
    assert (found["thought"], found["text"], found["open_thought"]) == ("hm", "", False)


@pytest.mark.parametrize("budget", [5, None])
def test_a_budget_that_bounds_nothing_is_told(budget: int | None, caplog: pytest.LogCaptureFixture) -> None:
    engine = engine_of(tokenizer=make_tokenizer())
    assert not engine.marks_thoughts()
    list(engine.generate([budgeted("how", max_thought_tokens=budget)]))
    assert ("max_thought_tokens bounds nothing" in caplog.text) == (budget is not None)
