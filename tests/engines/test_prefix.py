from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlaif.engines.prefix import Question, Row, batches, lengthwise, plan_apart, plan_shared

IDS = st.lists(st.integers(0, 2), min_size=1, max_size=14).map(tuple)
ANSWERS = st.lists(st.lists(st.integers(0, 2), max_size=4).map(tuple), max_size=4)
QUESTIONS = st.lists(st.builds(Question, IDS, ANSWERS), max_size=8)


def seen_from(row: Row, column: int) -> list[tuple[int, int]]:
    """Token and position of everything that a column sees."""
    branch, leaf = row.branches[column], row.leaves[column]
    return [
        (row.tokens[place], row.positions[place])
        for place in range(column + 1)
        if row.branches[place] == 0 or (row.branches[place] == branch and row.leaves[place] in (0, leaf))
    ]


def check(rows: list[Row], questions: list[Question]) -> None:
    read: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        for each in row.reads:
            question = questions[each.question]
            answer = question.answers[each.answer]
            step = len(read.setdefault((each.question, each.answer), []))
            # just what a model would have in front of it, had it been asked this alone
            whole = [*question.prompt, *answer[:step]]
            assert seen_from(row, each.column) == [(token, place) for place, token in enumerate(whole)]
            read[each.question, each.answer].append(each.token)
    wanted = {
        (n, a): list(answer) for n, q in enumerate(questions) for a, answer in enumerate(q.answers) if answer
    }
    assert read == wanted


@given(QUESTIONS, st.integers(1, 60))
def test_every_answer_is_read_behind_its_own_question_and_nothing_else(
    questions: list[Question], row_tokens: int
) -> None:
    check(plan_shared(questions, row_tokens), questions)


@given(QUESTIONS)
def test_rows_apart_read_the_same(questions: list[Question]) -> None:
    check(plan_apart(questions), questions)


@given(QUESTIONS)
def test_sharing_never_costs_tokens(questions: list[Question]) -> None:
    alone = sum(len(q.prompt) + sum(max(0, len(answer) - 1) for answer in q.answers) for q in questions)
    assert sum(len(row.tokens) for row in plan_shared(questions)) <= alone


def test_a_shared_beginning_is_there_once() -> None:
    questions = [Question((*range(50), 100 + n, 200 + n), [(1,), (2, 3)]) for n in range(16)]
    (row,) = plan_shared(questions)
    assert len(row.tokens) == 50 + 16 * (2 + 1)


def test_two_completions_are_two_rows() -> None:
    first = [Question((*range(10), *[7] * 40, n), [(1,)]) for n in range(5)]
    second = [Question((*range(10), *[8] * 40, n), [(1,)]) for n in range(5)]
    assert [len(row.reads) for row in plan_shared([*first, *second])] == [5, 5]


def test_a_row_does_not_outgrow_its_limit() -> None:
    questions = [Question((*range(50), *[100 + n] * 10), [(1,)]) for n in range(10)]
    assert all(len(row.tokens) <= 90 for row in plan_shared(questions, row_tokens=90))


@given(QUESTIONS, st.integers(1, 80), st.integers(1, 9))
def test_batches_hold_every_row_once_and_keep_to_their_size(
    questions: list[Question], tokens: int, reads: int
) -> None:
    rows = plan_shared(questions)
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
