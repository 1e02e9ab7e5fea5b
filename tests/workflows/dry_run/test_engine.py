"""A model of which nothing is asked: what it counts, and what it makes up so that the plan goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.judging.labels import AB, RATINGS, YES_NO, read_expected, read_share
from rlaif.judging.parse import parse_ranking, parse_verdict
from rlaif.judging.structured import COMPARED, RATED, parse_json
from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, State, Usage
from rlaif.store import Store, call_key
from rlaif.workflows.dry_run.engine import (
    LETTERS_A_TOKEN,
    SEAM_TOKENS,
    TO_COME,
    TURN_TOKENS,
    Counting,
    PlannedEngine,
    ToCome,
)


def words(conversations: Sequence[Sequence[Message]]) -> list[int]:
    """A tokenizer of words, with one token around each turn."""
    return [sum(1 + len(turn.content.split()) for turn in each) for each in conversations]


def engine(
    store: Store | None = None, *, counted: bool = True, to_come: ToCome | None = None
) -> PlannedEngine:
    return PlannedEngine("m", "fp", store, to_come or ToCome(), Counting("words", words) if counted else None)


def draw(name: str, text: str, **more: Any) -> GenerateRequest:
    return GenerateRequest(
        id=name, messages=(Message(role="user", content=text),), sampling=Sampling(max_tokens=7), **more
    )


def ask(name: str, text: str, labels: Sequence[str] = YES_NO.continuations) -> ScoreRequest:
    return ScoreRequest(id=name, messages=(Message(role="user", content=text),), continuations=tuple(labels))


def test_what_the_tokenizer_sees_is_exact() -> None:
    model = engine()
    list(model.generate([draw("a", "one two three"), draw("b", "one")]))
    list(model.score([ask("c", "one two")]))
    assert model.planned.calls == 3
    assert model.planned.prompt_least == model.planned.prompt_most == 4 + 2 + 3
    assert model.planned.completion_most == 14


def test_a_text_to_come_is_bounded_by_what_its_writer_may_write() -> None:
    model = engine()
    (text,) = model.generate([draw("a", "one")])
    before = model.planned.prompt_most
    list(model.score([ask("b", f"judge {text.text} now")]))
    assert model.planned.prompt_most - before == 3 + 7 + SEAM_TOKENS
    assert model.planned.prompt_least - before == 3 - SEAM_TOKENS


def test_another_tokenizer_may_need_more_tokens_for_the_same_text() -> None:
    to_come = ToCome()
    (text,) = engine(counted=False, to_come=to_come).generate([draw("a", "one")])
    judge = engine(to_come=to_come)
    list(judge.score([ask("b", f"judge {text.text} now")]))
    assert judge.planned.prompt_most == 3 + 7 * LETTERS_A_TOKEN + SEAM_TOKENS


def test_without_a_tokenizer_bytes_and_letters_bound_the_tokens() -> None:
    model = engine(counted=False)
    list(model.score([ask("a", "é" * 80)]))
    assert model.planned.prompt_least == 80 // LETTERS_A_TOKEN
    assert model.planned.prompt_most == 160 + 2 * TURN_TOKENS
    assert model.planned.completion_most == 1


def test_what_is_stored_is_answered_and_counted_with_its_tokens(tmp_path: Path) -> None:
    held = draw("a", "one")
    used = Usage(prompt_tokens=11, completion_tokens=5)
    with Store.open(tmp_path / "s.sqlite") as store:
        reply = Generation(request_id="a", text="known", finish="stop", usage=used)
        store.put_many("fp", [(call_key("fp", held), held, reply)])
        model = engine(store)
        known, made_up = model.generate([held, draw("b", "two")])
        assert (known.text, made_up.text[0]) == ("known", TO_COME)
        assert (model.planned.stored, model.planned.stored_tokens, model.planned.calls) == (1, 16, 1)
        assert model.made_up == {call_key("fp", draw("b", "two"))}
        # what is asked a second time is asked past the store
        list(model.generate([held]))
        assert (model.planned.stored, model.planned.calls) == (1, 2)


def test_calls_count_once_where_a_plan_runs_for_each_bound() -> None:
    model = engine()
    model.side = "least"
    list(model.score([ask("a", "short")]))
    model.side = "most"
    list(model.score([ask("b", "rather longer")]))
    assert (model.planned.calls, model.planned.prompt_least, model.planned.prompt_most) == (1, 2, 3)


@pytest.mark.parametrize(
    ("labels", "wanted", "state"), [(YES_NO, "yes", State.SCORE), (AB, "A", State.PREFERENCE)]
)
def test_made_up_scores_are_readable_and_unlike(labels: Any, wanted: str, state: State) -> None:
    scores = engine().score([ask(f"{n}", f"text {n}", labels.continuations) for n in range(40)])
    readings = [read_share(labels, wanted, state, each) for each in scores]
    assert {each.state for each in readings} == {state}
    values = [each.value for each in readings if each.value is not None]
    assert len(set(values)) == 40
    assert min(values) > 0.55


def test_made_up_ratings_are_readable() -> None:
    (score,) = engine().score([ask("a", "x", RATINGS.continuations)])
    reading = read_expected(RATINGS, score)
    assert reading.state is State.SCORE
    assert reading.label_mass == pytest.approx(1.0)


def test_made_up_texts_end_in_what_protocols_read() -> None:
    model = engine()
    (verdict,) = model.generate([draw("a", "Which is better?")])
    assert parse_verdict(verdict.text).label == "A"
    (ranking,) = model.generate([replace(draw("b", "x"), protocol="rank-list")])
    assert parse_ranking(ranking.text, 4).order == (0, 1, 2, 3)
    for schema in (COMPARED, RATED):
        (reply,) = model.generate([draw("c", "?", schema=schema)])
        assert parse_json(reply.text, schema).problem == ""


def test_a_score_of_one_text_is_one_logprob() -> None:
    (score,) = engine().score([ask("a", "x", ["a whole text"])])
    assert isinstance(score, Score)
    assert len(score.logprobs) == 1
