"""Log-probabilities of sides with thoughts and several turns are those of each turn in its own context, by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rlaif.records import Message, Pair
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.dpo import DPO
from rlaif.training.packing import Batch, Tree, pack
from rlaif.training.reference import LogpCache, reference_logps, tokens_key
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans
from rlaif.training.tokens import Part, TokenPair
from rlaif.training.trees import mismatched_tree, pair_tree
from tests.engines.makes import chat_of

from .builders import make_model


def user(text: str) -> Message:
    return Message(role="user", content=text)


def said(text: str, thought: str) -> Message:
    return Message(role="assistant", content=text, thought=thought)


PAIRS = [
    Pair(
        prompt=(user("why so"),),
        chosen=(said("so it is", "let me see"), user("and"), said("it ends", "well")),
        rejected=(said("no", "never"),),
        label_prob=0.8,
    ),
    Pair(
        prompt=(user("bake bread"),),
        chosen=(said("mix flour and water", "first the flour"),),
        rejected=(Message(role="assistant", content="no"),),
        label_prob=0.7,
    ),
]
TURNS = [[[0, 2], [0]], [[0], [0]]]
"""Of each pair and side the places of the assistant's turns."""


def made(train_on: str = "all") -> tuple[list[TokenPair], BranchScorer, Any]:
    chat = chat_of("qwen3")
    eos = chat.tokenizer.eos_token_id
    kept, refused = Spans(chat, chat.end_token([eos]), 250, train_on=train_on).pairs(PAIRS)
    assert not refused
    model = make_model("qwen3", len(chat.tokenizer))
    return kept, BranchScorer(model, 0), chat


def by_hand(scorer: BranchScorer, chat: Any, train_on: str) -> list[list[tuple[float, int]]]:
    """For each pair and side the summed log-probability of what is learned, and how many tokens that is."""
    return [
        [
            _side(scorer, chat, pair.prompt, side, places, train_on)
            for side, places in zip((pair.chosen, pair.rejected), own, strict=True)
        ]
        for pair, own in zip(PAIRS, TURNS, strict=True)
    ]


def _side(
    scorer: BranchScorer, chat: Any, prompt: Any, side: Any, places: list[int], train_on: str
) -> tuple[float, int]:
    total, count = 0.0, 0
    for place in places:
        rows = []
        for each in (*prompt, *side[: place + 1]):
            thought = {"reasoning_content": each.thought} if each.thought else {}
            rows.append({"role": each.role, "content": each.content} | thought)
        render = chat.tokenizer.apply_chat_template
        head = render(rows[:-1], tokenize=False, add_generation_prompt=True, enable_thinking=True)
        whole = render(rows, tokenize=False, enable_thinking=True).removesuffix("\n")
        answered = whole.rindex("</think>\n\n") + len("</think>\n\n")
        start = answered if train_on == "answer" or not side[place].thought else len(head)
        before, ids = (
            chat.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole[:start], whole)
        )
        assert ids[: len(before)] == before
        with torch.no_grad():
            logits = scorer.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        total += sum(float(logits[at - 1, ids[at]]) for at in range(len(before), len(ids)))
        count += len(ids) - len(before)
    return total, count


def batch_of(trees: list[Tree], packed: bool) -> Batch:
    return pack(trees, packed=packed, pad_id=0, with_last=False)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("train_on", ["all", "answer"])
def test_losses_read_each_turn_where_it_was_written(train_on: str, packed: bool) -> None:
    kept, scorer, chat = made(train_on)
    expected = by_hand(scorer, chat, train_on)
    objective = DPO(DPOConfig(loss="simpo", beta=2.0, batch_size=2, steps=1), kept, [])
    rows = objective.order.rows(0)
    batch = batch_of(objective.trees(0), packed)
    part = objective.part(0, range(2), batch, scorer(batch))
    chosen = [expected[row][0] for row in rows]
    rejected = [expected[row][1] for row in rows]
    assert float(part.figures["logps/chosen"]) == pytest.approx(sum(each for each, _ in chosen) / 2, rel=1e-5)
    assert float(part.figures["logps/rejected"]) == pytest.approx(
        sum(each for each, _ in rejected) / 2, rel=1e-5
    )
    # lengths are those of what is learned: the rewards of simpo are means over it
    means = [sum(2.0 * total / count for total, count in side) / 2 for side in (chosen, rejected)]
    assert float(part.figures["rewards/chosen"]) == pytest.approx(means[0], rel=1e-5)
    assert float(part.figures["rewards/rejected"]) == pytest.approx(means[1], rel=1e-5)
    lengths = sum(count for side in (chosen, rejected) for _, count in side) / 4
    assert float(part.figures["length/mean"]) == pytest.approx(lengths)


@pytest.mark.parametrize("loss", ["soft", "kto", "orpo", "ld"])
def test_packed_and_plain_rows_give_the_same_loss_and_gradients(loss: str) -> None:
    kept, scorer, _ = made("answer")
    found = []
    for packed in (True, False):
        objective = DPO(DPOConfig(loss=loss, batch_size=2, steps=1), kept, [])
        objective.read = lambda trees, how=packed: reference_logps(
            scorer, trees, packed=how, batch_tokens=500
        )
        batch = batch_of(objective.trees(0), packed)
        scorer.zero_grad()
        part = objective.part(0, range(2), batch, scorer(batch))
        part.loss.backward()
        found.append(
            [
                part.loss.detach(),
                *(each.grad.clone() for each in scorer.parameters() if each.grad is not None),
            ]
        )
    scale = max(float(each.abs().max()) for each in found[0])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * scale)


def test_margins_are_zero_where_the_policy_is_its_own_reference() -> None:
    kept, scorer, _ = made("answer")
    objective = DPO(DPOConfig(batch_size=2, steps=1), kept, [])
    objective.starts_at_reference = True
    logps = reference_logps(scorer, [pair_tree(each) for each in kept], packed=True, batch_tokens=500)
    objective.reference = dict(enumerate(logps))
    batch = batch_of(objective.trees(0), True)
    part = objective.part(0, range(2), batch, scorer(batch))
    assert float(part.figures["rewards/margins"]) == pytest.approx(0.0, abs=1e-5)
    assert float(part.figures["kl"]) == pytest.approx(0.0, abs=1e-5)


def test_the_cache_tells_what_is_learned_apart_and_knows_plain_pairs_as_before(tmp_path: Any) -> None:
    (first, _), scorer, _ = made("all")
    (second, _), _, _ = made("answer")
    plain = Tree((1, 2), ((3, 4), (5,)))
    assert (
        tokens_key(plain)
        != tokens_key(plain._replace(learned=((), (True,))))
        != tokens_key(plain._replace(learned=((True, False), ())))
    )
    cache = LogpCache(tmp_path / "logps.sqlite", "weights", "kind")
    for each in (first, second):
        (kept,) = reference_logps(scorer, [pair_tree(each)], packed=True, batch_tokens=500, cache=cache)
        (again,) = cache.found([pair_tree(each)])
        assert len(kept) == sum(pair_tree(each).scored)
        assert torch.equal(again, kept)  # type: ignore[arg-type]


def test_answers_to_another_prompt_keep_their_masks_and_are_cut_to_its_room() -> None:
    one = TokenPair(
        "a", (1,), (7, 8), (9,), 0.9, 1.0, chosen_parts=(Part((5, 6), (False, True)), Part((7, 8)))
    )
    assert mismatched_tree((2, 2), one, 9) == Tree(
        (2, 2), ((5, 6), (7, 8), (9,)), ((False, True), (), ()), (0, 0, 1)
    )
    assert mismatched_tree((2, 2), one, 1).branches == ((5,), (7,), (9,))
