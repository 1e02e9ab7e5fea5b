from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.judging import PanelJudge
from rlaif.judging.panel import Member, Seat, read_panel
from rlaif.records import Judgment, State

from .builders import completion, judged, principle, prompt

ONE, OTHER = completion("one"), completion("other")
ITEMS = [(prompt(), ONE, OTHER)]
RULES = [principle("greet")]


class Fixed:
    """A judge of one opinion: P(`ONE` is better), a state, or of the whole."""

    def __init__(self, p: float | State, name: str | None = "greet") -> None:
        self.p, self.about = p, name
        self.name = self.fingerprint = f"fixed {p}"

    def checklist(self, items: object, principles: object) -> list[Judgment]:
        return [self._said((ONE.id,), self.p)]

    def compare(self, items: object, principles: object) -> list[Judgment]:
        back = self.p if isinstance(self.p, State) else 1 - self.p
        return [self._said((ONE.id, OTHER.id), self.p), self._said((OTHER.id, ONE.id), back)]

    def _said(self, ids: tuple[str, ...], p: float | State) -> Judgment:
        return judged(ids, self.about, None, state=p) if isinstance(p, State) else judged(ids, self.about, p)


def panel(*members: Fixed, weights: tuple[float, ...] = (), quorum: int = 2) -> PanelJudge:
    seats = [
        Member(
            seat=Seat(judge=each.name, weight=weights[place] if weights else 1.0, group="ab"[place % 2]),
            judge=each,
            compare=lambda judge, items, rules: judge.compare(items, rules),
        )
        for place, each in enumerate(members)
    ]
    return PanelJudge("panel", seats, quorum)


def test_a_panels_value_is_the_weighted_mean_of_its_judges() -> None:
    there, back = panel(Fixed(0.9), Fixed(0.1), weights=(3.0, 1.0)).compare(ITEMS, RULES)
    assert (there.state, there.value, back.value) == (
        State.PREFERENCE,
        pytest.approx(0.7),
        pytest.approx(0.3),
    )


def test_below_the_quorum_there_is_no_vote_and_the_reason_is_kept() -> None:
    (there, _) = panel(Fixed(0.9), Fixed(State.UNREADABLE), Fixed(State.UNREADABLE)).compare(ITEMS, RULES)
    assert (there.state, there.value) == (State.UNREADABLE, None)
    assert there.detail == "1 of 3 judges, quorum 2"


def test_an_unreadable_vote_is_not_half_a_vote() -> None:
    (there, _) = panel(Fixed(0.9), Fixed(0.9), Fixed(State.UNREADABLE)).compare(ITEMS, RULES)
    assert there.value == pytest.approx(0.9)


def test_a_tie_is_a_vote_and_all_ties_are_a_tie() -> None:
    assert panel(Fixed(0.9), Fixed(State.TIE)).compare(ITEMS, RULES)[0].value == pytest.approx(0.7)
    assert panel(Fixed(State.TIE), Fixed(State.TIE)).compare(ITEMS, RULES)[0].state is State.TIE


def test_a_judge_of_wholes_votes_in_every_principle() -> None:
    (there, _) = panel(Fixed(0.9), Fixed(0.5, name=None)).compare(ITEMS, RULES)
    assert (there.principle_id, there.value) == ("greet", pytest.approx(0.7))


def test_disagreement_is_kept_and_shown_by_group() -> None:
    judge = panel(Fixed(0.9), Fixed(0.2), Fixed(0.8), Fixed(State.TRANSPORT))
    (there, _) = judge.compare(ITEMS, RULES)
    assert [(each["group"], each["p"], each["state"]) for each in there.votes] == [
        ("a", 0.9, "preference"), ("b", 0.2, "preference"), ("a", 0.8, "preference"), ("b", None, "transport"),
    ]  # fmt: skip
    assert judge.disagreement.as_dict() == {
        "decided": 2,
        "split": 2,
        "no_quorum": 0,
        "groups": {
            "a": {"votes": 4, "unread": 0, "against": 0},
            "b": {"votes": 2, "unread": 2, "against": 2},
        },
    }


def test_pointwise_the_panel_gives_the_mean() -> None:
    (found,) = panel(Fixed(0.9), Fixed(0.3)).checklist([(prompt(), ONE)], RULES)
    assert (found.protocol, found.state, found.value) == ("checklist", State.SCORE, pytest.approx(0.6))


def test_a_file_of_judges(tmp_path: Path) -> None:
    path = tmp_path / "panel.yaml"
    path.write_text(
        "judges:\n  - {judge: micro}\n  - {judge: other, protocol: meta, weight: 2, group: big}\n  - {judge: x}\n"
    )
    seats, quorum = read_panel(path)
    assert quorum == 2
    assert seats[1] == Seat(judge="other", protocol="meta", weight=2.0, group="big")
    path.write_text("quorum: 3\njudges: [{judge: micro}, {judge: other}]\n")
    with pytest.raises(InputError, match="quorum 3 is more than the 2 judges"):
        read_panel(path)
    path.write_text("judges: [{judge: micro, wieght: 2}, {judge: x}]\n")
    with pytest.raises(InputError, match="did you mean 'weight'"):
        read_panel(path)


class Rewards(Fixed):
    """A reward model: a number of the whole, in units of its own."""

    def checklist(self, items: object, principles: object) -> list[Judgment]:
        if isinstance(self.p, State):
            return [judged((ONE.id,), None, None, state=self.p, protocol="reward")]
        return [judged((ONE.id,), None, self.p, protocol="reward")]


def test_reward_models_together_give_the_mean_reward() -> None:
    (found,) = panel(Rewards(40.0, None), Rewards(50.0, None), weights=(3.0, 1.0)).checklist(
        [(prompt(), ONE)], RULES
    )
    assert (found.protocol, found.principle_id, found.value) == ("reward", None, pytest.approx(42.5))


def test_without_one_of_the_rewards_the_level_is_unknown() -> None:
    judge = panel(Rewards(40.0, None), Rewards(50.0, None), Rewards(State.TRANSPORT, None))
    (found,) = judge.checklist([(prompt(), ONE)], RULES)
    assert (found.state, found.value) == (State.TRANSPORT, None)


def test_pointwise_a_judge_that_names_no_principle_judges_none() -> None:
    (found,) = panel(Fixed(0.9), Rewards(-40.0, None)).checklist([(prompt(), ONE)], RULES)
    assert (found.principle_id, found.value) == ("greet", pytest.approx(0.9))
    # who reads principles and could not be read is still missed
    (lost,) = panel(Fixed(0.9), Fixed(State.UNREADABLE), Rewards(4.0, None)).checklist(
        [(prompt(), ONE)], RULES
    )
    assert (lost.state, lost.value) == (State.UNREADABLE, None)
