"""A review's standing: agreement, kappa and time by hand arithmetic; decisions go out as rows that an import reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.auditing.intervals import wilson
from rlaif.exchange.format import FORMATS
from rlaif.exchange.pairs import write_pairs
from rlaif.review.decided import SHOWN_FROM, decision_rows, review_standing
from rlaif.review.index import PairIndex, sides
from rlaif.store.decisions import TIE, ReviewDecision
from tests.review.test_app import PAIRS


@pytest.fixture
def index(tmp_path: Path) -> PairIndex:
    write_pairs(tmp_path / "pairs.jsonl", PAIRS[:12])
    return PairIndex(tmp_path)


def said(place: int, what: str, by: str = "ann", at: float = 0.0) -> ReviewDecision:
    """`chosen`, `rejected`, `tie`: by the judge's label; `A`, `B`: by the page."""
    chosen, rejected = PAIRS[place].completion_ids
    first, second = sides(PAIRS[place])
    names = {"chosen": chosen, "rejected": rejected, "tie": TIE, "A": first.id, "B": second.id}
    return ReviewDecision(pair=PAIRS[place].id, reviewer=by, prefers=names[what], at=at)


def test_agreement_is_the_share_of_decisions_for_the_judges_side(index: PairIndex) -> None:
    words = ["chosen", "chosen", "tie", "rejected", "chosen", "chosen", "rejected"]
    found = review_standing(index, [said(place, each, at=place) for place, each in enumerate(words)], "ann")
    assert found.agree == wilson(4, 6)
    assert (found.decided, found.total) == (7, 12)
    assert found.growth


def test_agreement_of_few_decisions_would_tell_the_last_label_and_is_not_shown(index: PairIndex) -> None:
    few = [said(place, "chosen", at=place) for place in range(SHOWN_FROM - 1)]
    found = review_standing(index, few, "ann")
    assert (found.agree, found.growth) == (None, "")


def test_kappa_of_two_reviewers_is_that_of_hand_arithmetic(index: PairIndex) -> None:
    # 4 shared pairs; alike on 3: p_o = .75; ann A A B B, ben A A B A: p_e = .5*.75 + .5*.25 = .5; kappa = .5
    ann = [said(place, each) for place, each in enumerate("AABB")]
    ben = [said(place, each, "ben") for place, each in enumerate("AABA")]
    found = review_standing(index, [*ann, *ben, said(9, "B", "ben")], "ann")
    [mine, other] = found.raters
    assert (mine.name, mine.shared, mine.kappa) == ("ann", 0, None)
    assert (other.name, other.decided, other.shared) == ("ben", 5, 4)
    assert other.kappa == pytest.approx(0.5)


def test_what_is_left_is_the_median_pace_without_pauses(index: PairIndex) -> None:
    times = [0, 10, 20, 3000, 3010, 3030, 3040]
    found = review_standing(index, [said(place, "A", at=at) for place, at in enumerate(times)], "ann")
    # gaps 10, 10, 10, 20, 10 without the pause of 2980 s: median 10; 5 pairs are left
    assert found.left_s == 50.0
    assert review_standing(index, [said(0, "A")], "ann").left_s is None


def test_decisions_on_other_runs_do_not_count(index: PairIndex) -> None:
    found = review_standing(index, [said(40, "A")], "ann")
    assert (found.decided, list(found.raters)) == (0, [])


def test_exported_decisions_are_read_back_as_preferences(index: PairIndex, tmp_path: Path) -> None:
    flagged = ReviewDecision(pair=PAIRS[3].id, reviewer="ann", flag=True)
    decided = [said(0, "chosen"), said(1, "rejected"), said(2, "tie"), flagged]
    path = tmp_path / "decisions.jsonl"
    path.write_text(
        "".join(f"{json.dumps(each)}\n" for each in decision_rows(index, decided)), encoding="utf-8"
    )
    from rlaif.workflows.datasets.import_preferences import ImportConfig, import_preferences

    assert FORMATS.get("two-answers")
    import_preferences(ImportConfig(source=str(path), out=tmp_path / "run", format="two-answers"))
    rows = [json.loads(line) for line in (tmp_path / "run" / "pairs.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert rows[0]["chosen"][-1]["content"] == PAIRS[0].chosen[-1].content
    assert rows[1]["chosen"][-1]["content"] == PAIRS[1].rejected[-1].content
