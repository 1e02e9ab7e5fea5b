"""What is set apart is set apart by prompt: nothing about a held-out prompt is trained on, in whatever form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlaif.errors import ThresholdError
from rlaif.hashing import derived_seed
from rlaif.records import ASKED_OF, Constitution, Message, Pair, Principle, prompt_name
from rlaif.training.pair_checks import set_apart
from rlaif.training.spans import Spans
from rlaif.training.tokens import TokenPair
from rlaif.workflows.training.datasets import judge_pairs

from .builders import make_tokenizer, pair

RULES = Constitution(
    name="c",
    version="1.0.0",
    title="t",
    principles=tuple(Principle(id=f"p{number}", text=f"Rule {number}.") for number in range(4)),
)


def tokens(pairs: list[Pair]) -> list[TokenPair]:
    from rlaif.engines.chat_template import Chat

    found, refused = Spans(Chat(make_tokenizer("chatml")), 2, 4096).pairs(pairs)
    assert not refused
    return found


def about(number: int) -> Pair:
    said = tuple({"id": f"p{each}", "p": 0.9} for each in range(4))
    return pair(f"how do I bake {number}", f"good {number}", f"bad {number}", principles=said)


def test_questions_to_a_judge_about_one_prompt_are_set_apart_together() -> None:
    asked = judge_pairs([about(number) for number in range(30)], RULES)
    assert len(asked) == 30 * 4 * 2
    prompts = {each.id: each.provenance[ASKED_OF] for each in asked}
    trained, held_out = set_apart(tokens(asked), 0.2, 0)
    assert len(held_out) == 6 * 4 * 2
    assert not {prompts[each.id] for each in trained} & {prompts[each.id] for each in held_out}


def test_prompts_that_differ_in_case_and_blanks_only_are_set_apart_together() -> None:
    words = ["wait", "Wait", " wait  ", "yes", "no", "first"]
    pairs = [pair(text, "good", "bad") for text in words]
    for seed in range(20):
        trained, held_out = set_apart(tokens(pairs), 0.25, seed)
        names = [{each.about for each in side} for side in (trained, held_out)]
        assert not names[0] & names[1]
        assert len(names[1]) == 1


def test_a_prompt_keeps_the_side_that_its_ids_always_drew() -> None:
    pairs = tokens([pair(f"how do I bake {number}", "good", "bad") for number in range(40)])
    prompts = sorted(
        (each.prompt for each in pairs), key=lambda ids: (derived_seed(3, "held out", *ids), ids)
    )
    assert {each.prompt for each in set_apart(pairs, 0.25, 3)[1]} == set(prompts[:10])


def test_equal_ids_go_together_under_whatever_names() -> None:
    pairs = [
        TokenPair(str(number), (number // 2,), (5, 2), (6, 2), 0.9, 1.0, about=f"{number}")
        for number in range(20)
    ]
    trained, held_out = set_apart(pairs, 0.3, 1)
    assert not {each.prompt for each in trained} & {each.prompt for each in held_out}
    assert len(held_out) == 6


def test_nothing_left_to_train_on_is_refused() -> None:
    asked = judge_pairs([about(1)], RULES)
    with pytest.raises(ThresholdError, match="none of 1 prompts"):
        set_apart(tokens(asked), 0.2, 0)


def test_a_prompts_name_knows_roles_and_words_and_no_more() -> None:
    turns = (Message(role="system", content="Be kind."), Message(role="user", content="Why?"))
    assert prompt_name(turns) == prompt_name((turns[0], replace(turns[1], content=" WHY? ")))
    assert prompt_name(turns) != prompt_name(turns[1:])
    assert prompt_name(turns) != prompt_name((turns[0], replace(turns[1], content="Why not?")))
