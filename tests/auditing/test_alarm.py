from __future__ import annotations

import random

import pytest

from rlaif.auditing.alarm import AlarmCheck, AlarmLimits, best_place, first_alarm, signals

PROMPTS = [f"p{place}" for place in range(24)]


def check(step: int, level: float, *, seed: int = 0, words: int = 30, **more: object) -> AlarmCheck:
    """A check whose scores lie about `level`, the same prompts a little harder or easier each time."""
    rng = random.Random(seed * 1000 + step)
    scores = {each: level + rng.gauss(0, 0.05) for each in PROMPTS}
    lengths = {each: words + rng.randrange(5) for each in PROMPTS}
    return AlarmCheck(step=step, kl=float(step), scores=scores, lengths=lengths, **more)  # type: ignore[arg-type]


def read(checks: list[AlarmCheck], limits: AlarmLimits | None = None) -> dict[str, float]:
    return {each.name: each.value for each in signals(checks, limits or AlarmLimits())}


def test_a_score_that_falls_rings_and_one_that_rises_does_not() -> None:
    rising = [check(step, 0.5 + step / 100) for step in range(0, 21, 5)]
    assert first_alarm(rising, AlarmLimits()) is None
    falling = [*rising, check(25, 0.5)]
    rung = first_alarm(falling, AlarmLimits())
    assert rung is not None
    assert rung[0] == 5
    assert "judge" in {each.name for each in rung[1]}


def test_the_fall_is_counted_in_standard_errors_of_the_same_prompts() -> None:
    before = AlarmCheck(step=0, scores={str(n): 0.5 + n / 10 for n in range(8)})
    # falls of 0.1 and 0.3, half each: mean 0.2, deviation 0.1069, error 0.0378
    now = AlarmCheck(step=5, scores={str(n): 0.5 + n / 10 - (0.1 if n % 2 else 0.3) for n in range(8)})
    assert read([before, now])["judge"] == pytest.approx(0.2 / (0.1069045 / 8**0.5), rel=1e-5)


def test_prompts_that_could_not_be_read_are_left_out_and_never_count_as_zero() -> None:
    before = check(0, 0.6)
    now = check(5, 0.6)
    fewer = AlarmCheck(step=5, scores={each: now.scores[each] for each in PROMPTS[:20]}, lengths=now.lengths)
    assert abs(read([before, fewer])["judge"]) < 2.5
    none = AlarmCheck(step=5, scores={each: now.scores[each] for each in PROMPTS[:3]})
    assert "judge" not in read([before, none])


def test_answers_that_the_judge_can_no_longer_score_ring_by_their_share() -> None:
    before = check(0, 0.5, unread=0.1)
    few = check(5, 0.9, unread=0.5)
    rung = first_alarm([before, few], AlarmLimits(unread=0.3))
    assert rung is not None
    assert [each.name for each in rung[1]] == ["unread_rise"]
    assert rung[1][0].value == pytest.approx(0.4)
    assert rung[1][0].says == "the judge cannot score 50% of the answers (cut off, or none), and 10% before"
    assert first_alarm([before, few], AlarmLimits(unread=0.41)) is None


def test_the_best_check_is_none_of_which_few_answers_could_be_scored() -> None:
    checks = [check(0, 0.5), check(5, 0.9, unread=0.5), check(10, 0.6)]
    assert best_place(checks, AlarmLimits()) == 2
    assert best_place(checks, AlarmLimits(unread=0.5)) == 1


def test_the_kl_budget_rings_above_its_limit_alone() -> None:
    checks = [AlarmCheck(step=0, kl=0.0), AlarmCheck(step=5, kl=20.0)]
    assert first_alarm(checks, AlarmLimits(kl=20.0)) is None
    rung = first_alarm(checks, AlarmLimits(kl=19.9))
    assert rung is not None
    assert [each.name for each in rung[1]] == ["kl"]


def test_reward_models_that_disagree_more_than_twice_as_much_ring() -> None:
    checks = [AlarmCheck(step=0, spread=0.4), AlarmCheck(step=5, spread=0.7), AlarmCheck(step=10, spread=0.9)]
    assert first_alarm(checks[:2], AlarmLimits()) is None
    rung = first_alarm(checks, AlarmLimits())
    assert rung is not None
    assert rung[0] == 2
    assert rung[1][0].value == pytest.approx(0.9 / 0.4)


def test_a_policy_that_unlearns_the_anchor_rings() -> None:
    def anchored(step: int, level: float) -> AlarmCheck:
        return AlarmCheck(step=step, anchor={str(n): level + n / 100 for n in range(12)})

    learned = [anchored(0, 0.0), anchored(5, 1.0)]
    assert first_alarm(learned, AlarmLimits()) is None
    rung = first_alarm([*learned, anchored(10, 0.4)], AlarmLimits())
    assert rung is not None
    assert rung[1][0].name == "anchor"


def test_a_win_rate_that_is_all_length_does_not_fall_when_the_length_does() -> None:
    # the scores go with the length alone: at equal lengths nothing was won, and nothing is lost
    first = check(0, 0.5, words=30)
    longer = [check(5, 0.5, words=30), check(10, 0.5, words=30)]
    found = read([first, *longer])
    assert found["win_rate"] < 0.4
    better = [check(5, 0.9), check(10, 0.3)]
    assert read([first, *better])["win_rate"] > 0.5


def test_the_checkpoint_to_go_back_to_has_the_highest_mean_score_the_first_of_equals() -> None:
    checks = [
        AlarmCheck(step=step, scores={"a": score})
        for step, score in ((0, 0.5), (5, 0.8), (10, 0.8), (15, 0.2))
    ]
    assert best_place(checks, AlarmLimits()) == 1


def test_without_a_judge_the_newest_is_the_best() -> None:
    assert best_place([AlarmCheck(step=0), AlarmCheck(step=5)], AlarmLimits()) == 1


def test_the_first_policy_never_rings() -> None:
    assert first_alarm([AlarmCheck(step=0, kl=1e9)], AlarmLimits()) is None


@pytest.mark.parametrize(("times", "told"), [(1, 0.0), (10, 5 / 24)], ids=["24 prompts", "240 prompts"])
def test_a_win_rate_that_may_have_fallen_by_chance_reads_as_no_fall(times: int, told: float) -> None:
    """15 of 24 won, then 10: 5 / 24 is 1.5 standard errors of 24 prompts, and 4.7 of ten times as many."""

    def won(step: int, count: int) -> AlarmCheck:
        names = [f"{place} {copy}" for copy in range(times) for place in range(24)]
        scores = {each: float(int(each.split()[0]) < count) for each in names}
        return AlarmCheck(step=step, scores=scores, lengths=dict.fromkeys(names, 30))

    first = AlarmCheck(
        step=0, scores=dict.fromkeys(won(0, 0).scores, 0.5), lengths=dict.fromkeys(won(0, 0).scores, 30)
    )
    assert read([first, won(5, 15), won(10, 10)])["win_rate"] == pytest.approx(told, abs=0.02)
