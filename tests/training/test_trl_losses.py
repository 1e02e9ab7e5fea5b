"""Every loss that TRL 1.16 has: same model, pairs and reference, the loss code of its own trainers.

Where TRL is not what its paper says, or does nothing, the test says so.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.dpo import DPO, Reader, pair_tree
from rlaif.training.models import Opened, open_causal
from rlaif.training.packing import pack
from rlaif.training.reference import reference_logps
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans
from rlaif.training.tokens import TokenPair

from .conftest import MakeDirectory
from .test_trl_parity import QUIET, assert_same_gradients, gradients, rows_of

oracle = pytest.importorskip("tests.trl_oracle")
trl = oracle.trl
COUNT = 5


class Both(NamedTuple):
    """One objective of ours and what TRL's trainers are made of, over the same weights."""

    opened: Opened
    held: Any
    pairs: list[TokenPair]
    dataset: Any
    theirs: Any
    theirs_reference: Any


@pytest.fixture
def both(model_dir: MakeDirectory, tmp_path: Path) -> Both:
    pairs, dataset = rows_of(tmp_path, COUNT)
    opened, held = (open_causal(model_dir("llama", "tight", seed=seed), DPOConfig()) for seed in (0, 1))
    kept, refused = Spans(opened.chat, opened.end_id, opened.room).pairs(pairs)
    assert not refused
    even = [each._replace(weight=1.0, label_prob=1.0) for each in kept]
    return Both(opened, held.model, even, dataset, copy.deepcopy(opened.model), copy.deepcopy(held.model))


def ours(both: Both, config: DPOConfig, *, wpo: bool = False) -> Any:
    config = replace(config, batch_size=COUNT, steps=1, label_clip=0.0)
    objective = DPO(config, both.pairs, [])
    scorer = BranchScorer(both.opened.model, both.opened.pad_id)
    scorer.collisions = wpo
    objective.read = Reader(scorer, config, True)
    held = BranchScorer(both.held, both.opened.pad_id)
    if config.looks_at_reference:
        trees = [pair_tree(each) for each in both.pairs]
        objective.reference = dict(enumerate(reference_logps(held, trees, packed=True, batch_tokens=9999)))
        if objective.zero_point is not None:
            mismatched = objective.zero_point.visited()
            logps = reference_logps(held, mismatched, packed=True, batch_tokens=9999)
            objective.zero_point.reference = dict(zip(mismatched, logps, strict=True))
    packed = pack(objective.trees(0), packed=True, pad_id=both.opened.pad_id, with_last=False)
    part = objective.part(0, range(COUNT), packed, scorer(packed))
    part.loss.backward()
    return part


def dpo_trainer(both: Both, tmp_path: Path, **arguments: Any) -> tuple[Any, Any]:
    configured = trl.DPOConfig(output_dir=str(tmp_path), max_length=None, **{**QUIET, **arguments})
    trainer = trl.DPOTrainer(
        both.theirs,
        both.theirs_reference,
        configured,
        train_dataset=both.dataset,
        processing_class=both.opened.chat.tokenizer,
    )
    return trainer, oracle.first_batch(trainer, COUNT)


def their_dpo(both: Both, tmp_path: Path, **arguments: Any) -> tuple[torch.Tensor, dict[str, float]]:
    trainer, batch = dpo_trainer(both, tmp_path, **arguments)
    loss, figures = oracle.loss_of(trainer, batch)
    loss.backward()
    return loss, figures


def assert_same(
    both: Both, part: Any, loss: torch.Tensor, figures: dict[str, float], names: Sequence[str]
) -> None:
    torch.testing.assert_close(part.loss, loss, rtol=1e-5, atol=1e-7)
    for name in names:
        assert float(part.figures[name]) == pytest.approx(figures[name], rel=1e-5, abs=1e-6), name
    assert_same_gradients(gradients(both.opened.model), gradients(both.theirs))


REWARDS = [f"rewards/{name}" for name in ("chosen", "rejected", "margins", "accuracies")]
LOGPS = ["logps/chosen", "logps/rejected"]
SAME = [
    ({"loss": "sigmoid"}, {"loss_type": ["sigmoid"]}),
    ({"loss": "hinge"}, {"loss_type": ["hinge"]}),
    ({"loss": "ipo"}, {"loss_type": ["ipo"]}),
    (
        {"loss": "robust", "loss_options": {"label_smoothing": 0.2}},
        {"loss_type": ["robust"], "label_smoothing": 0.2},
    ),
    ({"loss": "sigmoid_norm"}, {"loss_type": ["sigmoid_norm"]}),
    ({"loss": "apo_zero"}, {"loss_type": ["apo_zero"]}),
    ({"loss": "apo_down"}, {"loss_type": ["apo_down"]}),
    ({"loss": "sppo"}, {"loss_type": ["sppo_hard"]}),
    ({"loss": "nca_pair"}, {"loss_type": ["nca_pair"]}),
    ({"loss": "bco_pair"}, {"loss_type": ["bco_pair"]}),
    ({"loss": "discopop"}, {"loss_type": ["discopop"], "discopop_tau": 0.05}),
    (
        {"loss": "exo_pair", "loss_options": {"label_smoothing": 0.1}},
        {"loss_type": ["exo_pair"], "label_smoothing": 0.1},
    ),
    ({"loss": "ipo:0.5,hinge:2"}, {"loss_type": ["ipo", "hinge"], "loss_weights": [0.5, 2.0]}),
]


@pytest.mark.parametrize(("config", "arguments"), SAME, ids=lambda each: str(each.get("loss", "")))
def test_the_loss_rewards_and_gradients_are_those_of_trl(
    config: Any, arguments: Any, both: Both, tmp_path: Path
) -> None:
    loss, figures = their_dpo(both, tmp_path, beta=0.3, **arguments)
    assert_same(both, ours(both, DPOConfig(beta=0.3, **config)), loss, figures, [*REWARDS, *LOGPS])


def test_length_desensitised_is_trls_ld_alpha(both: Both, tmp_path: Path) -> None:
    loss, _ = their_dpo(both, tmp_path, beta=0.3, ld_alpha=0.4)
    # its rewards and log-probabilities are of the weighed tokens; ours are of the answers as they are
    assert_same(
        both, ours(both, DPOConfig(loss="ld", beta=0.3, loss_options={"ld_alpha": 0.4})), loss, {}, []
    )


def test_wpo_weights_are_trls_use_weighting(both: Both, tmp_path: Path) -> None:
    loss, figures = their_dpo(both, tmp_path, beta=0.3, use_weighting=True)
    part = ours(both, DPOConfig(loss="sigmoid", beta=0.3, wpo=True), wpo=True)
    assert_same(both, part, loss, figures, [*REWARDS, *LOGPS])


def test_trls_sft_term_is_a_mean_over_the_batchs_tokens_and_ours_over_each_answers(
    both: Both, tmp_path: Path
) -> None:
    loss, _ = their_dpo(both, tmp_path, loss_type=["sft"])
    # weighed by its length, an answer's mean is its sum: then the two are one
    lengths = [len(each.chosen) for each in both.pairs]
    weighed = both._replace(
        pairs=[each._replace(weight=float(size)) for each, size in zip(both.pairs, lengths, strict=True)]
    )
    assert_same(both, ours(weighed, DPOConfig(loss="nll")), loss, {}, [])
    assert len(set(lengths)) > 1


def test_trl_ignores_label_smoothing_under_sigmoid_where_ours_is_a_loss_of_its_own(
    both: Both, tmp_path: Path
) -> None:
    trainer, batch = dpo_trainer(both, tmp_path, beta=0.3, label_smoothing=0.2)
    smoothed = trainer.compute_loss(trainer.model, batch)
    trainer, batch = dpo_trainer(both, tmp_path, beta=0.3)
    assert torch.equal(smoothed, trainer.compute_loss(trainer.model, batch))
    part = ours(both, DPOConfig(loss="cdpo", beta=0.3, loss_options={"label_smoothing": 0.2}))
    plain = ours(both, DPOConfig(loss="sigmoid", beta=0.3))
    assert abs(float((part.loss - plain.loss).detach())) > 1e-3


def test_trl_knows_no_label_prob_though_the_column_is_there(both: Both, tmp_path: Path) -> None:
    assert "label_prob" in both.dataset.column_names
    _, batch = dpo_trainer(both, tmp_path)
    assert not [name for name in batch if "label" in name or "weight" in name]


def test_kto_is_trls_with_the_same_mismatched_answers(both: Both, tmp_path: Path) -> None:
    from datasets import Dataset

    rows = [
        {"prompt": each["prompt"], "completion": each[side], "label": side == "chosen"}
        for each in both.dataset
        for side in ("chosen", "rejected")
    ]
    weights = {"desirable_weight": 1.2, "undesirable_weight": 0.8}
    configured = trl.KTOConfig(output_dir=str(tmp_path), max_length=None, beta=0.3, **weights, **QUIET)
    trainer = trl.KTOTrainer(
        both.theirs,
        both.theirs_reference,
        configured,
        train_dataset=Dataset.from_list(rows),
        processing_class=both.opened.chat.tokenizer,
    )
    config = DPOConfig(loss="kto", beta=0.3, loss_options=weights, batch_size=COUNT, steps=1)
    order = DPO(config, both.pairs, []).order.rows(0)
    # TRL pairs a prompt with the answer of the row before it in the file, of whatever batch; here, as the paper
    # has it, the answers of the batch itself are dealt to its other prompts
    places = [2 * row + side for row in order for side in (0, 1)]
    others = [*places[2:], *places[:2]]
    examples = [dict(trainer.train_dataset[place]) for place in places]
    for example, other in zip(examples, others, strict=True):
        example["KL_completion_ids"] = trainer.train_dataset[other]["completion_ids"]
    loss, figures = oracle.loss_of(trainer, trainer.data_collator(examples))
    loss.backward()
    part = ours(both, replace(config, loss_options=weights))
    assert float(part.figures["kto/drift"]) == pytest.approx(figures["kl"], rel=1e-5, abs=1e-6)
    assert_same(both, part, loss, figures, ["rewards/chosen", "rewards/rejected", "rewards/margins", *LOGPS])


def concatenated(both: Both) -> dict[str, torch.Tensor]:
    """A batch as CPOTrainer's and ORPOTrainer's collator makes it, of our own ids."""
    batch: dict[str, torch.Tensor] = {}
    for side in ("chosen", "rejected"):
        rows = [[*each.prompt, *getattr(each, side)] for each in both.pairs]
        width = max(map(len, rows))
        label = [[-100] * len(each.prompt) + list(getattr(each, side)) for each in both.pairs]
        batch[f"{side}_input_ids"] = torch.tensor(
            [row + [both.opened.pad_id] * (width - len(row)) for row in rows]
        )
        batch[f"{side}_labels"] = torch.tensor([row + [-100] * (width - len(row)) for row in label])
        batch[f"{side}_attention_mask"] = torch.tensor(
            [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        )
    return batch


def test_simpo_is_that_of_trls_cpo_trainer(both: Both) -> None:
    trainer = oracle.bare(
        oracle.CPOTrainer, loss_type="simpo", beta=2.0, simpo_gamma=1.4, label_smoothing=0.0, alpha=0.0, cpo_alpha=0.0,
        pad_token_id=both.opened.pad_id,
    )  # fmt: skip
    loss, figures = oracle.bare_loss(trainer, both.theirs, concatenated(both))
    loss.backward()
    part = ours(both, DPOConfig(loss="simpo", beta=2.0, loss_options={"gamma": 1.4}))
    assert_same(both, part, loss, figures, REWARDS)


def test_orpo_is_trls_but_for_the_prompt_that_trl_imitates_too(both: Both) -> None:
    trainer = oracle.bare(oracle.ORPOTrainer, beta=0.1, padding_value=both.opened.pad_id)
    batch = concatenated(both)
    loss, figures = oracle.bare_loss(trainer, both.theirs, batch)
    part = ours(both, DPOConfig(loss="orpo", beta=0.1))
    for name in REWARDS:
        assert float(part.figures[name]) == pytest.approx(figures[name], rel=1e-5, abs=1e-6), name
    # TRL's likelihood runs over prompt and answer and is a mean over the batch's tokens (the paper: the answer's)
    rows = batch["chosen_input_ids"].masked_fill(batch["chosen_attention_mask"] == 0, -100)
    logits = both.theirs(batch["chosen_input_ids"], attention_mask=batch["chosen_attention_mask"]).logits[
        :, :-1
    ]
    whole = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    torch.testing.assert_close(figures["nll_loss"], float(whole.detach()), rtol=1e-5, atol=0)
    (loss - whole + own_likelihood(both)).backward()
    expected = float((loss - whole + own_likelihood(both)).detach())
    assert float(part.loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert_same_gradients(gradients(both.opened.model), gradients(both.theirs))


def own_likelihood(both: Both) -> torch.Tensor:
    """Mean over answers of the mean over their tokens, under TRL's model, one row at a time."""
    means = []
    for each in both.pairs:
        ids = torch.tensor([[*each.prompt, *each.chosen]])
        logits = both.theirs(ids).logits[0, len(each.prompt) - 1 : -1]
        means.append(torch.nn.functional.cross_entropy(logits, torch.tensor(each.chosen)))
    return torch.stack(means).mean()
