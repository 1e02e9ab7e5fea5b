"""DPO: our loop against TRL's trainer, samples a second and peak memory.

    python benchmarks/dpo_vs_trl.py [--case a] [--steps 2] [--json]
    python benchmarks/dpo_vs_trl.py --device cuda --layers 24 --bf16 --case a --case e --peak-tflops 989

Cases: `a` the widths of Qwen2.5-0.5B with 4 layers and all 151,936 tokens, prompt 256, answers 200 and 180; `b` the
bundled model's shape; `c` prompt 1,024, answers 60 and 50; `d` no shared prompt; `e` lengths as in UltraFeedback.
`speedup` is TRL's time over ours, `bound` what counting the products with weights allows, `memory_ratio` our peak
resident memory over TRL's, `loss_difference` the largest difference of a step's loss.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import vs_trl
from vs_trl import BATCH, PAD, Case, Triple

BETA = 0.1


def reference(case: Case, answer: tuple[int, ...], shift: float) -> float:
    """A sum of log-probabilities such as a random model gives; any number costs the same."""
    return -len(answer) * math.log(case.shape.vocabulary) + shift


def trl(case: Case, batches: list[list[Triple]], arguments: argparse.Namespace, out: str) -> list[Any]:
    """TRL's trainer, told the token ids and the reference's sums."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    oracle = vs_trl.oracle()

    rows = [
        {
            "prompt_ids": list(prompt),
            "chosen_ids": list(chosen),
            "rejected_ids": list(rejected),
            "ref_chosen_logps": reference(case, chosen, 1.0),
            "ref_rejected_logps": reference(case, rejected, -1.0),
        }
        for batch in batches
        for prompt, chosen, rejected in batch
    ]
    model = AutoModelForCausalLM.from_config(vs_trl.make_config(case.shape))
    config = oracle.trl.DPOConfig(
        beta=BETA, precompute_ref_log_probs=True, **vs_trl.trl_arguments(out, arguments)
    )
    trainer = oracle.in_order(oracle.prepared(oracle.trl.DPOTrainer))(
        model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=vs_trl.make_tokenizer(case.shape),
    )
    return vs_trl.run_trl(trainer)


def ours(case: Case, batches: list[list[Triple]], arguments: argparse.Namespace, out: str) -> list[Any]:
    """The loop of `rlaif train`, told the token ids and the reference's log-probabilities."""
    import torch
    from transformers import AutoModelForCausalLM

    from rlaif.training.configs.dpo import DPOConfig
    from rlaif.training.dpo import DPO, pair_tree
    from rlaif.training.scorer import BranchScorer
    from rlaif.training.tokens import TokenPair

    config = DPOConfig(
        beta=BETA,
        loss="sigmoid",
        batch_size=BATCH,
        steps=len(batches),
        schedule="constant",
        warmup_share=0.0,
        precision="bf16" if arguments.bf16 else "float32",
    )
    triples = [triple for batch in batches for triple in batch]
    pairs = [TokenPair(str(number), *triple, 1.0, 1.0) for number, triple in enumerate(triples)]
    objective = DPO(config, pairs, [])
    objective.order = vs_trl.InOrder(len(batches))  # type: ignore[assignment]
    objective.reference = {
        number: torch.cat(
            [
                torch.full((len(answer),), reference(case, answer, shift) / len(answer))
                for answer, shift in ((pair.chosen, 1.0), (pair.rejected, -1.0))
            ]
        )
        for number, pair in enumerate(pairs)
    }
    model = AutoModelForCausalLM.from_config(vs_trl.make_config(case.shape)).eval()
    scorer = BranchScorer(model, PAD, bf16=arguments.bf16)
    return vs_trl.run_ours(scorer, objective, config, [pair_tree(pair) for pair in pairs], out)


if __name__ == "__main__":
    vs_trl.main(__doc__ or "", __file__, {"trl": trl, "ours": ours}, head=True)
