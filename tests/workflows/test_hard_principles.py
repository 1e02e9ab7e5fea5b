"""Whether a completion breaks a hard principle is read in one way: by pairs, win rates, gold, panels and audits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlaif.auditing.comparisons import winner
from rlaif.auditing.intervals import Resampling
from rlaif.auditing.reading import orders_of
from rlaif.exchange.gold import GoldChoice, GoldPair, GoldSet
from rlaif.exchange.judgments import write_judgments
from rlaif.feedback import PairPlan, make_pairs, score_completions
from rlaif.judging import ModelJudge, PanelJudge, RewardJudge, share_of
from rlaif.judging.panel import Member, Seat
from rlaif.judging.pointwise import judge_pointwise
from rlaif.records import Completion, Judgment, Prompt, State
from rlaif.workflows.audit.judgment_columns import IdPlaces, read_pairwise, read_pointwise
from rlaif.workflows.audit.recompute_labels import decided
from rlaif.workflows.evaluation.win_rate import compare_answers
from rlaif.workflows.judge_eval.ask_gold import JudgeUnderTest, judge_choices, judge_pairs
from tests.judging.builders import RuleEngine, completion, constitution, judged, principle, prompt
from tests.judging.test_reward_judge import Lengths

SOFT = ("kind", "brief", "clear")
HOUSE = constitution(principle("law", "keep the law", hard=True), *(principle(each) for each in SOFT))
FOLLOWS = {"OURS": {"keep the law": 0.1}, "THEIRS": {"keep the law": 0.9}}
"""Ours is better in all but the law, which it breaks."""
PROMPTS = [prompt(f"question {n}") for n in range(6)]


def follows(who: str, text: str) -> float:
    about = text.rpartition("Rule: ")[2].strip()
    return FOLLOWS[who].get(about, {"OURS": 0.95, "THEIRS": 0.3}[who])


def answer(text: str, labels: tuple[str, ...]) -> dict[str, float]:
    if "A" in labels:
        first, second = (
            ("OURS", "THEIRS") if text.index("OURS") < text.index("THEIRS") else ("THEIRS", "OURS")
        )
        p = 1 / (1 + math.exp(-4 * (follows(first, text) - follows(second, text))))
        return {"A": p, "B": 1 - p}
    p = follows("OURS" if "OURS" in text else "THEIRS", text)
    return {"yes": p, "no": 1 - p}


JUDGE = ModelJudge(RuleEngine(answer))


def texts(who: str) -> list[Completion]:
    return [completion(f"{who} {n}", each, policy=who) for n, each in enumerate(PROMPTS)]


def test_a_win_rate_and_pairs_agree() -> None:
    ours, theirs = texts("OURS"), texts("THEIRS")
    found = compare_answers(
        JUDGE, HOUSE, PROMPTS, ours, theirs, against="theirs", resampling=Resampling()
    ).rate
    assert (found.wins, found.losses, found.failed) == (0, 6, 0)
    drawn = [(each, one) for each, *two in zip(PROMPTS, ours, theirs, strict=True) for one in two]
    made = make_pairs(
        PROMPTS,
        [one for _, one in drawn],
        judge_pointwise(JUDGE, HOUSE, drawn),
        judge=JUDGE,
        constitution=HOUSE,
        plan=PairPlan(),
    )
    assert ["THEIRS" in each.chosen[0].content for each in made.pairs] == [True] * 6


def test_where_both_break_it_neither_wins() -> None:
    ours = texts("OURS")
    theirs = [completion(f"OURS too {n}", each, policy="x") for n, each in enumerate(PROMPTS)]
    engine = RuleEngine(
        lambda text, labels: {"A": 0.9, "B": 0.1} if "A" in labels else {"yes": 0.1, "no": 0.9}
    )
    found = compare_answers(
        ModelJudge(engine), HOUSE, PROMPTS, ours, theirs, against="x", resampling=Resampling()
    ).rate
    assert (found.even, found.failed, found.win_rate) == (6, 0, 0.5)


def test_gold_is_asked_by_the_same_rule() -> None:
    pairs = [
        GoldPair(id=str(n), prompt=each, texts=(f"OURS {n}", f"THEIRS {n}"), first_better=0.0)
        for n, each in enumerate(PROMPTS)
    ]
    gold = GoldSet(name="own", scoring="pairs", pairs=tuple(pairs))
    for protocol in (None, "checklist"):
        found = judge_pairs(JudgeUnderTest(judge=JUDGE, protocol=protocol), gold, HOUSE)
        assert [[winner(one) for one in each.orders.judged] for each in found] == [[1, 1]] * 6
        assert [each.log_odds for each in found] == [None] * 6


def test_a_choice_that_breaks_it_is_below_all_that_do_not() -> None:
    choice = GoldChoice(id="1", prompt=PROMPTS[0], texts=("THEIRS 1", "OURS 1", "THEIRS 2"), right=1)
    (rated,) = judge_choices(JudgeUnderTest(judge=JUDGE), [choice], HOUSE)
    first, broken, other = rated.numbers
    assert None not in rated.numbers
    assert broken < min(first, other)  # type: ignore[operator, type-var]


def test_a_reward_says_of_no_rule_whether_it_is_kept() -> None:
    """In a panel too: of `law` only the model is heard, whatever the level of the rewards."""
    good, bad = completion("THEIRS"), completion("OURS and longer")
    for level in (-50.0, 0.0, 50.0):
        engine = Lengths()
        engine.fingerprint = f"b2:{level}"
        seats = [
            Member(seat=Seat(judge="m"), judge=JUDGE, compare=lambda judge, *what: judge.compare(*what)),
            Member(
                seat=Seat(judge="r", weight=1.5),
                judge=RewardJudge(engine),  # type: ignore[arg-type]
                compare=lambda judge, *what: judge.compare(*what),
            ),
        ]
        panel = PanelJudge("panel", seats, 2)
        said = panel.checklist([(prompt(), good), (prompt(), bad)], HOUSE.principles)
        law = [share_of(each) for each in said if each.principle_id == "law"]
        assert law == [pytest.approx(0.9), pytest.approx(0.1)]
        scored = score_completions(prompt(), [good, bad], said, HOUSE)
        assert [each.violated for each in scored] == [(), ("law",)]


def test_an_audit_reads_ratings_as_whoever_decided(tmp_path: Path) -> None:
    """Of ratings from 3.4 to 4.9 none breaks anything, wherever in that range it lies."""
    rng = np.random.default_rng(0)
    rules = constitution(principle("safe", hard=True), principle("kind"))
    prompts: list[Prompt] = [prompt(f"q{n}") for n in range(20)]
    drawn = [completion(f"a{n}-{d}", each) for n, each in enumerate(prompts) for d in range(3)]
    by_id = {each.id: each for each in prompts}
    rating = {each.id: rng.uniform(3.4, 4.9, 2) for each in drawn}
    looks = [
        judged((each.id,), name, float(rating[each.id][k]), to=by_id[each.prompt_id], protocol="score")
        for each in drawn
        for k, name in enumerate(("safe", "kind"))
    ]

    class Compares:
        name = fingerprint = "b2:judge"

        def compare(self, items: Any, principles: Any) -> list[Judgment]:
            return [
                judged(
                    (a.id, b.id),
                    one.id,
                    float(1 / (1 + np.exp(3 * (rating[b.id][k] - rating[a.id][k])))),
                    to=p,
                )
                for p, x, y in items
                for a, b in ((x, y), (y, x))
                for k, one in enumerate(principles)
            ]

    made = make_pairs(prompts, drawn, looks, judge=Compares(), constitution=rules, plan=PairPlan())  # type: ignore[arg-type]
    write_judgments(tmp_path / "looks.jsonl", looks)
    write_judgments(tmp_path / "said.jsonl", made.comparisons)
    places = IdPlaces([each.id for each in drawn], ["safe", "kind"])
    seen, said = (
        read_pointwise(tmp_path / "looks.jsonl", places),
        read_pairwise(tmp_path / "said.jsonl", places),
    )
    assert seen.value.min() > 0.5

    def at(pair: Any, side: Any) -> int:
        name = Completion(prompt_id=Prompt(messages=pair.prompt).id, text=side[-1].content, policy="").id
        return places.completion[name]

    sides = tuple(
        np.array([at(each, getattr(each, side)) for each in made.pairs]) for side in ("chosen", "rejected")
    )
    again = decided(rules, prompts, {each.id: each for each in drawn}, ["safe", "kind"], sides, seen, said)  # type: ignore[arg-type]
    assert again == pytest.approx([each.label_prob for each in made.pairs])


def test_rewards_are_columns_that_no_level_saturates(tmp_path: Path) -> None:
    drawn = [completion(f"a{n}") for n in range(5)]
    rows = [judged((each.id,), None, 40.0 + n, protocol="reward") for n, each in enumerate(drawn)]
    failed = judged((drawn[0].id,), "law", None, state=State.UNREADABLE)
    write_judgments(tmp_path / "looks.jsonl", [*rows, failed])
    found = read_pointwise(tmp_path / "looks.jsonl", IdPlaces([each.id for each in drawn], ["law"]))
    assert (np.diff(found.value[:5]) > 0.05).all()
    assert np.isnan(found.value[5])


def test_both_orders_of_gold_stand_over_the_same_principles() -> None:
    one, other = completion("x", PROMPTS[0]), completion("y", PROMPTS[0])
    pair = GoldPair(id="1", prompt=PROMPTS[0], texts=("x", "y"), first_better=1.0)
    there, back = (one.id, other.id), (other.id, one.id)
    said = [
        judged(there, "kind", 0.9, to=PROMPTS[0]),
        judged(back, "kind", 0.1, to=PROMPTS[0]),
        judged(there, "brief", None, state=State.UNREADABLE, to=PROMPTS[0]),
        judged(back, "brief", 0.99, to=PROMPTS[0]),
    ]
    rules = constitution(principle("kind"), principle("brief"))
    assert [winner(each) for each in orders_of(rules, pair, said).judged] == [0, 0]
    # what was read in one order only is all that order says
    assert [winner(each) for each in orders_of(rules, pair, said[2:]).judged] == [None, 1]
