"""Faults that are planted are named, and clean runs raise no alarm."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlaif.auditing.audit import Audit, audit
from rlaif.auditing.fault_table import FAULTS
from rlaif.auditing.planted import Planted, planted_run
from rlaif.auditing.planted_kinds import KINDS, PlantedKind, cases


def found(planted: Planted, seed: int = 0) -> set[str]:
    return {each.fault for each in audit(planted_run(planted, seed=seed)).findings}


@pytest.fixture(scope="module")
def clean() -> Audit:
    return audit(planted_run(seed=3))


def test_a_clean_run_raises_no_alarm(clean: Audit) -> None:
    assert clean.findings == []


def test_there_are_at_least_twenty_kinds_and_each_is_a_fault_that_audits_know() -> None:
    assert len({kind.fault for kind in KINDS}) >= 20
    assert {kind.fault for kind in KINDS} <= {fault.name for fault in FAULTS}
    assert all(kind.strengths == tuple(sorted(kind.strengths)) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS[::4], ids=lambda kind: kind.fault)
def test_a_strong_fault_is_named(kind: PlantedKind) -> None:
    assert kind.fault in found(kind.planted(kind.strengths[2]))


def test_scores_that_are_all_upside_down_are_not_taken_for_rows_that_slipped() -> None:
    # a seed at which the neighbours' readings fit a little
    assert found(Planted(settings={"inverted_scores": 1.0}), seed=3) == {"inverted-scores"}


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    one, again = (planted_run(seed=5, prompts=20) for _ in range(2))
    assert one.texts.texts == again.texts.texts
    assert one.pairwise.value.tolist() == again.pairwise.value.tolist()
    assert planted_run(seed=6, prompts=20).texts.texts != one.texts.texts


def test_every_figure_of_a_clean_run_has_an_interval_around_it(clean: Audit) -> None:
    for name, each in clean.figures.items():
        assert each.low <= each.value <= each.high, name


def test_few_prompts_raise_no_alarm() -> None:
    # what twenty prompts show can be chance, however far out it is
    assert audit(planted_run(prompts=12, seed=1)).findings == []


@pytest.mark.long
def test_strong_faults_are_named_at_95_and_middle_ones_at_80_of_a_hundred() -> None:
    runs = 4
    missed: Sequence[str] = [
        f"{kind.fault} {name}"
        for kind, name, planted in cases()
        if name != "weak"
        and sum(kind.fault in found(planted, seed) for seed in range(runs))
        < (runs if name == "strong" else runs - 1)
    ]
    assert missed == []
