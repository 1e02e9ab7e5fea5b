"""TRL as oracle for thoughts and tools: the same ids and the same loss where its rule is ours, and where it is not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.chat_template import Chat
from rlaif.records import Message, Pair, ToolCall
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.dpo import DPO
from rlaif.training.packing import pack
from rlaif.training.reference import reference_logps
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans
from rlaif.training.tokens import TokenPair
from rlaif.training.trees import pair_tree
from tests.engines.makes import make_of

from .builders import make_model

oracle = pytest.importorskip("tests.trl_oracle")
trl = oracle.trl
CALL = ToolCall(name="now", arguments='{"place": "Rome"}', id="call00001")


def tight() -> Any:
    """Qwen3's template without the line feed behind an answer, which TRL learns and no model writes."""
    tokenizer = make_of("qwen3")
    loose = "{%- endfor %}{{ '<|im_end|>\\n' }}"
    assert loose in tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace(loose, loose.replace("\\n", ""))
    return tokenizer


def user(text: str) -> Message:
    return Message(role="user", content=text)


def said(text: str, thought: str = "", *calls: ToolCall) -> Message:
    return Message(role="assistant", content=text, thought=thought, tool_calls=calls)


def row(one: Pair) -> dict[str, Any]:
    sides = {"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected}
    return {name: [_turn(each) for each in turns] for name, turns in sides.items()}


def _turn(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thought:
        found["reasoning_content"] = message.thought
    if message.tool_calls:
        call = {"name": CALL.name, "arguments": {"place": "Rome"}}
        found["tool_calls"] = [{"type": "function", "function": call}]
    return found


def pair(chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Pair:
    return Pair(prompt=(user("why so"),), chosen=chosen, rejected=rejected, label_prob=1.0)


def both(one: Pair) -> tuple[TokenPair, tuple[Any, ...], Any]:
    tokenizer = tight()
    kept, refused = Spans(Chat(tokenizer), tokenizer.eos_token_id, 1000).pairs([one])
    assert not refused
    return kept[0], oracle.dpo_ids(tokenizer, [row(one)])[0], tokenizer


THOUGHTS = [
    pair((said("so it is", "let me see"),), (said("no", "never"),)),
    pair((said("mix flour", "first the water"),), (said("wait", "hm"),)),
]


def test_thoughts_of_last_turns_have_the_ids_that_trl_gives_them() -> None:
    for one in THOUGHTS:
        ours, theirs, _ = both(one)
        assert (ours.prompt, ours.chosen, ours.rejected) == tuple(tuple(each) for each in theirs)
        assert ours.chosen_parts == ours.rejected_parts == ()


def test_the_loss_and_the_gradients_of_thoughts_are_those_of_trl(tmp_path: Path) -> None:
    from datasets import Dataset

    tokenizer = tight()
    model, other = (make_model("qwen3", len(tokenizer), seed=seed) for seed in (0, 1))
    theirs_model, theirs_reference = copy.deepcopy(model), copy.deepcopy(other)
    quiet = {"report_to": [], "use_cpu": True, "bf16": False, "gradient_checkpointing": False}
    arguments = trl.DPOConfig(output_dir=str(tmp_path), beta=0.3, max_length=None, disable_tqdm=True, **quiet)
    rows = Dataset.from_list([row(each) for each in THOUGHTS])
    trainer = trl.DPOTrainer(
        theirs_model, theirs_reference, arguments, train_dataset=rows, processing_class=tokenizer
    )
    theirs_loss, figures = oracle.loss_of(trainer, oracle.first_batch(trainer, 2))
    theirs_loss.backward()

    kept, _ = Spans(Chat(tokenizer), tokenizer.eos_token_id, 1000).pairs(THOUGHTS)
    objective = DPO(DPOConfig(loss="sigmoid", beta=0.3, batch_size=2, steps=1), kept, [])
    trees = [pair_tree(each) for each in kept]
    logps = reference_logps(BranchScorer(other, 0), trees, packed=True, batch_tokens=1000)
    objective.reference = dict(enumerate(logps))
    batch = pack(objective.trees(0), packed=True, pad_id=0, with_last=False)
    part = objective.part(0, range(2), batch, BranchScorer(model, 0)(batch))
    part.loss.backward()
    torch.testing.assert_close(part.loss, theirs_loss, rtol=1e-5, atol=0)
    for name in ("rewards/chosen", "rewards/rejected", "logps/chosen", "logps/rejected"):
        assert float(part.figures[name]) == pytest.approx(figures[name], rel=1e-5), name
    theirs = {name: each.grad for name, each in theirs_model.named_parameters() if each.grad is not None}
    scale = max(float(each.abs().max()) for each in theirs.values())
    for name, each in model.named_parameters():
        if each.grad is not None:
            torch.testing.assert_close(each.grad, theirs[name], rtol=1e-4, atol=1e-5 * scale)


def test_trl_learns_an_empty_thought_and_the_results_of_tools_that_are_only_read_here() -> None:
    result = Message(role="tool", content="noon")
    ours, theirs, tokenizer = both(
        pair((said("", "I ask", CALL), result, said("noon it is", "good")), (said("no"),))
    )
    prompt, chosen, rejected = (tuple(each) for each in theirs)
    assert ours.prompt == prompt
    # a later turn without a line feed in front is another token, so that only the texts are alike
    assert tokenizer.decode(ours.chosen) == tokenizer.decode(chosen)
    assert ours.rejected == rejected
    tree = pair_tree(ours)
    masked = [
        "".join(tokenizer.decode([token]) for token in _not_learned(*each))
        for each in zip(tree.branches, tree.learned, strict=True)
    ]
    assert "noon" in masked[0]
    assert "noon it is" not in masked[0]
    assert masked[1] == "<think>\n\n</think>\n\n"


def test_trl_learns_nothing_of_an_earlier_thought_that_the_template_takes_away() -> None:
    sides = (said("so it is", "let me see"), user("and"), said("it ends", "well")), (said("no", "hm"),)
    ours, theirs, tokenizer = both(pair(*sides))
    assert "let me see" not in tokenizer.decode(theirs[1])
    assert "let me see" in tokenizer.decode(pair_tree(ours).branches[0])
    # what the last turn reads is the same
    assert tokenizer.decode([*ours.prompt, *ours.chosen]) == tokenizer.decode([*theirs[0], *theirs[1]])


def _not_learned(branch: tuple[int, ...], mask: tuple[bool, ...]) -> list[int]:
    return [token for place, token in enumerate(branch) if mask and not mask[place]]
