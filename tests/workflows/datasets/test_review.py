"""What people said of pairs changes what is trained on and exported, as they were told it would."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.exchange.pairs import pair_row, read_pairs, row_pair
from rlaif.records import Pair
from rlaif.review.index import PairIndex, sides
from rlaif.store import Store, find_store
from rlaif.store.decisions import TIE, ReviewDecision, put_decision, undo_decision
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.run import audit
from rlaif.workflows.datasets.review import decisions_of, honoured, serve
from rlaif.workflows.generate.run import generate
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.run import settle
from tests.workflows.conftest import Configured


@pytest.fixture
def run(configured: Configured) -> Path:
    return generate(configured()).run


def chosen_of(pair: Pair) -> str:
    return next(name for name, turns in sides(pair) if turns == pair.chosen)


def rejected_of(pair: Pair) -> str:
    return next(name for name, turns in sides(pair) if turns == pair.rejected)


def test_flagged_pairs_ties_and_pairs_against_the_label_are_dropped(run: Path) -> None:
    pairs = read_pairs(run / "pairs.jsonl")
    said = [
        ReviewDecision(pair=pairs[0].id, reviewer="ann", flag=True),
        ReviewDecision(pair=pairs[1].id, reviewer="ann", prefers=TIE),
        ReviewDecision(pair=pairs[2].id, reviewer="ann", prefers=rejected_of(pairs[2])),
        ReviewDecision(pair=pairs[3].id, reviewer="ann", prefers=chosen_of(pairs[3])),
        ReviewDecision(pair=pairs[4].id, reviewer="ann", note="fine"),
    ]
    kept, counts = honoured(pairs, said, "drop")
    assert kept == pairs[3:]
    assert counts == {"flagged": 1, "tie": 1, "against the label": 1}
    assert honoured(pairs, said, "ignore") == (pairs, {})


def test_a_pair_against_the_label_is_turned_with_all_that_has_sides(run: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    (turned,), counts = honoured(
        [pair], [ReviewDecision(pair=pair.id, reviewer="ann", prefers=rejected_of(pair))], "turn"
    )
    assert (turned.chosen, turned.rejected, turned.id) == (pair.rejected, pair.chosen, pair.id)
    assert (turned.chosen_score, turned.rejected_score) == (pair.rejected_score, pair.chosen_score)
    assert turned.score_gap == pytest.approx(-(pair.score_gap or 0))
    assert [each["p"] for each in turned.principles] == pytest.approx(
        [1 - each["p"] for each in pair.principles]
    )
    assert turned.critique is None
    assert counts == {"against the label": 1}


def test_whoever_agrees_with_a_label_below_one_half_is_not_reversed(run: Path) -> None:
    row = pair_row(read_pairs(run / "pairs.jsonl")[0])
    # the same word, written the other way round, as rows of other people may be
    row |= {"chosen": row["rejected"], "rejected": row["chosen"], "label_prob": 0.1}
    pair = row_pair(row)
    good = row["rejected"][0]["content"]
    names = {turns[-1].content: name for name, turns in sides(pair)}
    for how in ("drop", "turn"):
        agreed, counts = honoured(
            [pair], [ReviewDecision(pair=pair.id, reviewer="ann", prefers=names[good])], how
        )
        assert [(each.chosen[0].content, each.label_prob) for each in agreed] == [(good, 0.9)]
        assert counts == {}
    bad = row["chosen"][0]["content"]
    against = [ReviewDecision(pair=pair.id, reviewer="ann", prefers=names[bad])]
    assert honoured([pair], against, "drop") == ([], {"against the label": 1})
    (turned,), _ = honoured([pair], against, "turn")
    assert (turned.chosen[0].content, turned.label_prob) == (bad, 0.9)
    assert turned.provenance["turned_by"] == "review"


def test_more_voices_win_and_as_many_on_both_sides_are_a_tie(run: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]

    def voices(*prefers: str) -> list[ReviewDecision]:
        return [
            ReviewDecision(pair=pair.id, reviewer=str(each), prefers=side)
            for each, side in enumerate(prefers)
        ]

    good, bad = chosen_of(pair), rejected_of(pair)
    assert honoured([pair], voices(good, bad, good), "drop")[0] == [pair]
    assert honoured([pair], voices(good, bad), "turn") == ([], {"tie": 1})


def test_an_audit_counts_agreement_with_people(run: Path) -> None:
    pairs = read_pairs(run / "pairs.jsonl")
    with Store.open(find_store(run)) as store:
        for number, pair in enumerate(pairs):
            prefers = rejected_of(pair) if number == 0 else TIE if number == 1 else chosen_of(pair)
            put_decision(store, ReviewDecision(pair=pair.id, reviewer="ann", prefers=prefers))
            put_decision(store, ReviewDecision(pair=pair.id, reviewer="ben", prefers=chosen_of(pair)))
    assert len(decisions_of(run, None, pairs)) == 16
    found = audit(AuditConfig(run=run)).audit
    # of eight by each, one against, and a tie is no vote
    assert found.figures["people_agree"].value == pytest.approx(14 / 15)
    assert found.raters["cohen"]["ben"] in (None, pytest.approx(1.0))
    assert found.counts["votes"] == 15


@pytest.mark.parametrize(("how", "count"), [("ignore", 8), ("drop", 6), ("turn", 7)])
def test_a_training_takes_the_pairs_as_people_left_them(run: Path, how: Any, count: int) -> None:
    pairs = read_pairs(run / "pairs.jsonl")
    with Store.open(find_store(run)) as store:
        put_decision(store, ReviewDecision(pair=pairs[0].id, reviewer="ann", prefers=rejected_of(pairs[0])))
        put_decision(store, ReviewDecision(pair=pairs[1].id, reviewer="ann", flag=True))
    job = settle(TrainConfig(source=run, policy="micro", reviewed=how, gate="off"))
    assert len(job.pairs) == count
    sides_of_first = [each.chosen for each in job.pairs if each.id == pairs[0].id]
    assert sides_of_first == {"ignore": [pairs[0].chosen], "drop": [], "turn": [pairs[0].rejected]}[how]
    assert job.reviewed == ({} if how == "ignore" else {"flagged": 1, "against the label": 1})


def test_to_honour_what_nobody_said_or_what_leaves_nothing_is_refused(run: Path) -> None:
    config = TrainConfig(source=run, policy="micro", reviewed="drop", gate="off")
    with pytest.raises(InputError, match="nobody has decided"):
        settle(config)
    with Store.open(find_store(run)) as store:
        for pair in read_pairs(run / "pairs.jsonl"):
            put_decision(store, ReviewDecision(pair=pair.id, reviewer="ann", flag=True))
    with pytest.raises(InputError, match="leaves none of 8 pairs"):
        settle(config)


def test_an_undone_decision_changes_no_training(run: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    with Store.open(find_store(run)) as store:
        put_decision(store, ReviewDecision(pair=pair.id, reviewer="ann", flag=True))
        put_decision(store, ReviewDecision(pair=pair.id, reviewer="ben", prefers=chosen_of(pair)))
        undo_decision(store, pair.id, "ann")
    job = settle(TrainConfig(source=run, policy="micro", reviewed="drop", gate="off"))
    assert (len(job.pairs), job.reviewed) == (8, {})


@pytest.mark.timing
def test_a_port_in_use_and_a_run_without_pairs_are_refused(run: Path) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        with pytest.raises(InputError, match="cannot be used"):
            serve(run, port=held.getsockname()[1])
    (run / "pairs.jsonl").write_text("")
    with pytest.raises(InputError, match="no pairs to review"):
        PairIndex(run)


def test_who_has_no_name_reviews_under_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from rlaif.workflows.datasets import review

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr(review.getpass, "getuser", nameless)
    assert review.login() == f"user {os.getuid()}"


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(tmp_path)]) == 2
    assert "is no run directory" in capsys.readouterr().err
