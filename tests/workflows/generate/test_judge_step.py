"""What is asked of which completions, and what is said of principles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_constitution
from rlaif.engines.open import open_engine
from rlaif.errors import InputError
from rlaif.exchange.judgments import read_judgments, write_judgments
from rlaif.feedback import Funnel
from rlaif.judging import ModelJudge, RandomJudge
from rlaif.judging.pointwise import judge_pointwise
from rlaif.records import Completion, Judgment, Message, Prompt, State
from rlaif.workflows.generate.judge_step import counts, critic_of, idle, not_applied, principles_table
from tests.workflows.conftest import GREETS


def funnel(**changed: Any) -> Funnel:
    own: dict[str, Any] = dict.fromkeys(
        ("prompts", "completions", "duplicates", "truncated", "judged", "candidates"), 60
    )
    return Funnel(**(own | changed))


def drawn(*texts: str, finish: Any = "stop") -> list[tuple[Prompt, Completion]]:
    prompt = Prompt(messages=(Message(role="user", content="ask"),))
    return [
        (prompt, Completion(prompt_id=prompt.id, text=text, policy="p", draw=place, finish=finish))
        for place, text in enumerate(texts)
    ]


def test_equal_texts_are_judged_once_and_broken_ones_never(judge: str, constitution: Path) -> None:
    rules = load_constitution(constitution)
    asked = ModelJudge(open_engine(judge))
    assert len(judge_pointwise(asked, rules, drawn(GREETS, GREETS, "other"))) == 2 * len(rules.principles)
    assert judge_pointwise(asked, rules, drawn(GREETS, finish="length")) == []


def test_only_a_model_gives_ratings_or_critiques(constitution: Path) -> None:
    with pytest.raises(InputError, match="'score', which needs a model"):
        judge_pointwise(RandomJudge(), load_constitution(constitution), drawn(GREETS), "score")
    assert critic_of(RandomJudge()) is None


def test_the_funnel_counts_from_prompts_to_pairs() -> None:
    made = funnel(no_pair={"tie": 3}, kept=57)
    assert list(counts(made)) == [
        "prompts", "completions", "duplicates", "truncated", "judged", "candidates", "no pair: tie", "kept",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"compared": 60, "told_apart": 20, "told_apart_inconsistent": 7}, "order consistency is only 65%"),
        ({"compared": 60, "told_apart": 20, "told_apart_inconsistent": 5}, None),
        ({"compared": 60, "told_apart": 9, "told_apart_inconsistent": 9}, None),
        ({"compared": 10, "unread": 20}, "unreadable in 20 of 30"),
        ({"compared": 60, "unread": 20, "told_apart": 60}, None),
    ],
)
def test_a_principle_is_not_applied_when_enough_evidence_says_so(
    said: dict[str, int], words: str | None
) -> None:
    messages = not_applied(funnel(**{name: {"p": count} for name, count in said.items()}))
    assert (messages == []) if words is None else (words in messages[0])


def test_a_principle_that_tells_nothing_apart_decides_nothing() -> None:
    assert "none of 60 pairs differ in it" in idle(funnel(compared={"p": 60}))[0]
    assert idle(funnel(compared={"p": 60}, told_apart={"p": 1})) == []
    assert idle(funnel(compared={"p": 10})) == []


def test_order_consistency_is_of_the_pairs_whose_pointwise_scores_differ() -> None:
    flipped = {"order_inconsistent": {"p": 40}, "told_apart_inconsistent": {"p": 0}}
    made = funnel(compared={"p": 60}, told_apart={"p": 20}, **flipped)
    assert principles_table(made)["p"]["order_consistency"] == 1.0


def test_pairs_that_pointwise_judgments_decided_have_no_order_consistency() -> None:
    made = funnel(compared={"p": 60}, told_apart={"p": 20})
    assert principles_table(made)["p"]["order_consistency"] is None


def test_judgments_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    common: dict[str, Any] = {
        "protocol": "checklist",
        "judge": "b2:j",
        "prompt_id": "p",
        "completion_ids": ("c",),
    }
    judgments = [
        Judgment(**common, principle_id="a", state=State.SCORE, value=1 / 3, label_mass=0.9, calls=("k",)),
        Judgment(**common, principle_id=None, state=State.UNREADABLE, value=None, detail="elsewhere"),
    ]
    write_judgments(tmp_path / "judgments.jsonl", judgments)
    assert read_judgments(tmp_path / "judgments.jsonl") == judgments
