"""Which step used which pair: known before the first step, noted for the steps that were taken."""

from __future__ import annotations

import json
from pathlib import Path

from rlaif.runs.layout import METRICS, USED_PAIRS
from rlaif.store import Store
from rlaif.training.order import Order
from rlaif.training.tokens import TokenPair
from rlaif.training.used import write_used
from rlaif.workflows.training.pair_usage import note_usage


class Objective:
    def __init__(self) -> None:
        self.pairs = [
            TokenPair(id=f"p{n}", prompt=(1,), chosen=(2,), rejected=(3,), label_prob=1.0, weight=1.0)
            for n in range(5)
        ]
        self.order = Order.plan(5, batch_size=2, steps=4, epochs=1, seed=0, name="pairs")


def test_every_step_is_written_with_the_pairs_of_its_order(tmp_path: Path) -> None:
    made = Objective()
    write_used(tmp_path / USED_PAIRS, made)
    rows = [json.loads(line) for line in (tmp_path / USED_PAIRS).read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["pairs"] for row in rows] == [
        [made.pairs[each].id for each in made.order.rows(step)] for step in range(4)
    ]


def test_an_objective_without_pairs_writes_nothing(tmp_path: Path) -> None:
    write_used(tmp_path / USED_PAIRS, object())
    assert not (tmp_path / USED_PAIRS).exists()


def test_only_steps_that_were_taken_are_noted_and_twice_is_once(tmp_path: Path) -> None:
    made, store = Objective(), tmp_path / "store.sqlite"
    write_used(tmp_path / USED_PAIRS, made)
    (tmp_path / METRICS).write_text('{"step": 1}\n{"step": 2}\n')
    note_usage(tmp_path, store)
    assert not store.exists()  # no store of a project, and none is made
    Store.open(store).close()
    note_usage(tmp_path, store)
    note_usage(tmp_path, store)
    taken: dict[str, list[tuple[str, int]]] = {made.pairs[each].id: [] for each in range(5)}
    for step in (0, 1):
        for each in made.order.rows(step):
            taken[made.pairs[each].id].append((str(tmp_path), step + 1))
    with Store.open(store) as held:
        assert {name: held.used(name) for name in taken} == taken
