"""The order of the data is a function of the seed and the step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlaif.training.order import Order, Replay, Stream

sizes = st.integers(1, 40)


def plan(size: int, batch_size: int, **options: int | None) -> Order:
    return Order.plan(
        size,
        batch_size=batch_size,
        steps=options.get("steps"),
        epochs=options.get("epochs") or 1,
        seed=options.get("seed") or 0,
        name="pairs",
    )


@given(sizes, sizes, st.integers(1, 3))
def test_every_epoch_visits_every_row_once(size: int, batch_size: int, epochs: int) -> None:
    order = plan(size, batch_size, epochs=epochs)
    rows = [row for step in range(order.steps) for row in order.rows(step)]
    for epoch in range(epochs):
        assert sorted(rows[epoch * size : (epoch + 1) * size]) == list(range(size))
    assert len(rows) == size * epochs


@given(sizes, sizes, st.integers(1, 12))
def test_a_step_does_not_depend_on_the_steps_before_it(size: int, batch_size: int, steps: int) -> None:
    forward = [plan(size, batch_size, steps=steps).rows(step) for step in range(steps)]
    order = plan(size, batch_size, steps=steps)
    assert [order.rows(step) for step in reversed(range(steps))] == forward[::-1]


@given(sizes, sizes)
def test_a_step_never_holds_a_row_twice(size: int, batch_size: int) -> None:
    order = plan(size, batch_size, steps=25)
    for step in range(25):
        rows = order.rows(step)
        assert len(set(rows)) == len(rows) == min(batch_size, size)
    whole = order.stream.take(0, 5 * size)
    for epoch in range(5):
        assert sorted(whole[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_steps_that_held_no_row_twice_are_as_they_were() -> None:
    """Whole epochs of whole steps have no border inside a step."""
    order, free = plan(40, 8, steps=30), Stream(40, 0, "pairs")
    assert [order.rows(step) for step in range(30)] == [free.take(step * 8, 8) for step in range(30)]
    # and of others all steps before the first that would have repeated a row
    order, free = plan(300, 32, steps=30), Stream(300, 0, "pairs")
    same = [order.rows(step) == free.take(step * 32, 32) for step in range(30)]
    assert all(same[:9])


@given(sizes, sizes, st.integers(1, 6))
def test_visited_rows_are_those_of_the_steps(size: int, batch_size: int, steps: int) -> None:
    order = plan(size, batch_size, steps=steps)
    taken = {row for step in range(steps) for row in order.rows(step)}
    assert taken <= set(order.visited())


def test_another_seed_is_another_order() -> None:
    assert plan(30, 30, steps=1, seed=1).rows(0) != plan(30, 30, steps=1, seed=2).rows(0)


def test_epochs_have_different_orders() -> None:
    stream = Stream(30, 0, "pairs")
    assert stream.take(0, 30) != stream.take(30, 30)


def test_replay_has_its_declared_share_in_every_step() -> None:
    kinds = ["judge"] * 7 + ["revision"] * 5
    replay = Replay.plan(kinds, {"judge": 0.25, "revision": 0.25}, batch_size=16, seed=0)
    for step in range(6):
        rows = replay.rows(step)
        assert [kinds[row] for row in rows] == ["judge"] * 8 + ["revision"] * 8
    assert replay.count / (replay.count + 16) == 0.5


def test_replay_goes_through_all_examples_before_it_repeats_one() -> None:
    replay = Replay.plan(["judge"] * 6, {"judge": 0.5}, batch_size=3, seed=0)
    assert sorted(replay.rows(0) + replay.rows(1)) == list(range(6))


def test_a_declared_share_is_never_rounded_to_nothing() -> None:
    assert Replay.plan(["judge"], {"judge": 0.01}, batch_size=4, seed=0).count == 1
