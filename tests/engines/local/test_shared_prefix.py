from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.engines.local.shared_prefix import (
    PrefixPlan,
    PrefixRow,
    ScoredPrompt,
    batches,
    lengthwise,
    plan_apart,
    plan_shared,
)

IDS = st.lists(st.integers(0, 2), min_size=1, max_size=14).map(tuple)
ANSWERS = st.lists(st.lists(st.integers(0, 2), max_size=4).map(tuple), max_size=4)
QUESTIONS = st.lists(st.builds(ScoredPrompt, IDS, ANSWERS), max_size=8)


def seen_from(row: PrefixRow, column: int, kept: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Token and position of everything that a column sees."""
    branch, leaf = row.branches[column], row.leaves[column]
    return [(token, place) for place, token in enumerate(kept)] + [
        (row.tokens[place], row.positions[place])
        for place in range(column + 1)
        if row.branches[place] == 0 or (row.branches[place] == branch and row.leaves[place] in (0, leaf))
    ]


def check(plan: PrefixPlan, questions: list[ScoredPrompt]) -> None:
    read: dict[tuple[int, int], list[int]] = {}
    rows = [((), row) for row in plan.rows] + [(stem.prefix, row) for stem in plan.stems for row in stem.rows]
    for kept, row in rows:
        for each in row.reads:
            question = questions[each.question]
            answer = question.answers[each.answer]
            step = len(read.setdefault((each.question, each.answer), []))
            # just what a model would have in front of it, had it been asked this alone
            whole = [*question.prompt, *answer[:step]]
            assert seen_from(row, each.column, kept) == [(token, place) for place, token in enumerate(whole)]
            read[each.question, each.answer].append(each.token)
    wanted = {
        (n, a): list(answer) for n, q in enumerate(questions) for a, answer in enumerate(q.answers) if answer
    }
    assert read == wanted


@given(QUESTIONS, st.integers(1, 60))
def test_every_answer_is_read_behind_its_own_question_and_nothing_else(
    questions: list[ScoredPrompt], row_tokens: int
) -> None:
    check(plan_shared(questions, row_tokens), questions)


@given(QUESTIONS)
def test_rows_apart_read_the_same(questions: list[ScoredPrompt]) -> None:
    check(PrefixPlan(plan_apart(questions), ()), questions)


def tokens_of(plan: PrefixPlan) -> int:
    kept = sum(len(stem.prefix) + sum(len(row.tokens) for row in stem.rows) for stem in plan.stems)
    return kept + sum(len(row.tokens) for row in plan.rows)


@given(QUESTIONS, st.sampled_from([1, 20, 1000]))
def test_sharing_never_costs_tokens(questions: list[ScoredPrompt], row_tokens: int) -> None:
    alone = sum(len(q.prompt) + sum(max(0, len(answer) - 1) for answer in q.answers) for q in questions)
    assert tokens_of(plan_shared(questions, row_tokens)) <= alone


def test_a_shared_beginning_is_there_once() -> None:
    questions = [ScoredPrompt((*range(50), 100 + n, 200 + n), [(1,), (2, 3)]) for n in range(16)]
    (row,) = plan_shared(questions).rows
    assert len(row.tokens) == 50 + 16 * (2 + 1)


def test_two_completions_are_two_rows() -> None:
    first = [ScoredPrompt((*range(10), *[7] * 40, n), [(1,)]) for n in range(5)]
    second = [ScoredPrompt((*range(10), *[8] * 40, n), [(1,)]) for n in range(5)]
    assert [len(row.reads) for row in plan_shared([*first, *second]).rows] == [5, 5]


@pytest.mark.parametrize(("prefix", "suffixes"), [(50, 10), (2000, 16), (3000, 500)])
def test_a_long_beginning_is_there_once_and_its_questions_come_in_pieces(prefix: int, suffixes: int) -> None:
    questions = [ScoredPrompt((*range(prefix), *[9000 + n] * 10), [(1,)]) for n in range(suffixes)]
    plan = plan_shared(questions, row_tokens=90)
    (stem,) = plan.stems
    assert not plan.rows
    assert list(stem.prefix) == list(range(prefix))
    assert all(len(row.tokens) == 90 for row in stem.rows[:-1])
    assert tokens_of(plan) == prefix + 10 * suffixes


def test_long_prompts_with_much_of_their_own_are_not_joined() -> None:
    questions = [ScoredPrompt((*range(6000), *[9000 + n] * 3000), [(1,)]) for n in range(2)]
    assert [len(stem.prefix) for stem in plan_shared(questions).stems] == [8999, 8999]


@given(QUESTIONS, st.integers(1, 80), st.integers(1, 9))
def test_batches_hold_every_row_once_and_keep_to_their_size(
    questions: list[ScoredPrompt], tokens: int, reads: int
) -> None:
    rows = plan_shared(questions).rows
    found = list(batches(rows, tokens, reads))
    assert sorted(map(id, (row for batch in found for row in batch))) == sorted(map(id, rows))
    for batch in found:
        width = max(len(row.tokens) for row in batch)
        assert len(batch) == 1 or (
            len(batch) * width <= tokens and sum(len(row.reads) for row in batch) <= reads
        )


@given(st.lists(st.integers(1, 30)), st.integers(1, 90), st.booleans())
def test_lengthwise_is_a_partition_by_length(lengths: list[int], tokens: int, mixed: bool) -> None:
    found = list(lengthwise(lengths, tokens, mixed=mixed))
    flat = [place for batch in found for place in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[place] for place in flat] == sorted(lengths)
    for batch in found:
        own = [lengths[place] for place in batch]
        assert len(batch) == 1 or len(batch) * max(own) <= tokens
        assert mixed or len(set(own)) == 1
