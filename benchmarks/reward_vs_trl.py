"""Reward models: our loop against TRL's trainer, samples a second and peak memory.

    python benchmarks/reward_vs_trl.py [--case a] [--steps 2] [--json]

Cases and columns as in `dpo_vs_trl.py`; the model is a sequence classifier with one label.
"""

from __future__ import annotations

import argparse
from typing import Any

import vs_trl
from vs_trl import BATCH, PAD, Case, Triple


def make_model(case: Case) -> Any:
    """A random classifier of the case's shape."""
    from transformers import AutoModelForSequenceClassification

    config = vs_trl.make_config(case.shape)
    config.num_labels = 1
    return AutoModelForSequenceClassification.from_config(config)


def trl(case: Case, batches: list[list[Triple]], arguments: argparse.Namespace, out: str) -> list[Any]:
    """TRL's trainer, told the token ids."""
    from datasets import Dataset

    oracle = vs_trl.oracle()

    rows = [
        {"chosen_ids": [*prompt, *chosen], "rejected_ids": [*prompt, *rejected]}
        for batch in batches
        for prompt, chosen, rejected in batch
    ]
    trainer = oracle.in_order(oracle.trl.RewardTrainer)(
        make_model(case),
        oracle.trl.RewardConfig(**vs_trl.trl_arguments(out, arguments)),
        train_dataset=Dataset.from_list(rows),
        processing_class=vs_trl.make_tokenizer(case.shape),
    )
    return vs_trl.run_trl(trainer)


def ours(case: Case, batches: list[list[Triple]], arguments: argparse.Namespace, out: str) -> list[Any]:
    """The loop of `rlaif train --method reward`, told the token ids."""
    from rlaif.training.configs.reward import RewardConfig
    from rlaif.training.dpo import pair_tree
    from rlaif.training.reward import BradleyTerry
    from rlaif.training.scorer import RewardScorer
    from rlaif.training.tokens import TokenPair

    config = RewardConfig(
        loss="sigmoid",
        batch_size=BATCH,
        steps=len(batches),
        schedule="constant",
        warmup_share=0.0,
        precision="bf16" if arguments.bf16 else "float32",
    )
    triples = [triple for batch in batches for triple in batch]
    pairs = [TokenPair(str(number), *triple, 1.0, 1.0) for number, triple in enumerate(triples)]
    objective = BradleyTerry(config, pairs)
    objective.order = vs_trl.InOrder(len(batches))  # type: ignore[assignment]
    scorer = RewardScorer(make_model(case).eval(), PAD, bf16=arguments.bf16)
    return vs_trl.run_ours(scorer, objective, config, [pair_tree(pair) for pair in pairs], out)


if __name__ == "__main__":
    vs_trl.main(__doc__ or "", __file__, {"trl": trl, "ours": ours}, head=False)
