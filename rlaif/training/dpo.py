"""Direct preference optimisation: pairs with soft labels in, a model directory out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.load import check_directory
from rlaif.errors import ModelError, RecipeError, ThresholdError
from rlaif.records import Evaluator, Example, Pair
from rlaif.training import losses
from rlaif.training.configs import DPOConfig
from rlaif.training.loop import Part, tokens_a_pass
from rlaif.training.models import Opened, open_causal
from rlaif.training.order import Order, Replay
from rlaif.training.packing import Batch, Tree
from rlaif.training.progress import Progress
from rlaif.training.reference import load_reference, reference_logps, save_reference
from rlaif.training.runner import Data, Setting, conduct
from rlaif.training.scorer import Reading, Scorer, choose_layout
from rlaif.training.spans import TokenExample, TokenPair, relative_weights
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary

ZERO_TOLERANCE = {"float32": 1e-3, "bf16": 0.2}
"""How far from zero a token's log-ratio may be before the first step; float noise is well below."""


def train_dpo(  # noqa: PLR0913 - one call says all
    config: DPOConfig,
    pairs: Sequence[Pair],
    *,
    policy: Path,
    reference: str,
    out: Path,
    replay: Sequence[Example] = (),
    reference_dir: Path | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
) -> TrainSummary:
    """Train `policy` on `pairs` and write a model directory at `out`; killed, the same call goes on.

    `reference` names what the policy is held to: `previous` (the model it starts as), `init` (the first
    round's, at `reference_dir`; the policy itself where that is not given), a path, or `none`.
    """
    if not pairs:
        raise ThresholdError("there are no pairs to train on")
    _check_replay(config, replay)
    held_to = _reference_folder(reference, policy, reference_dir)
    held_print = model_fingerprint(held_to) if held_to is not None else None
    setting = Setting(
        config=config,
        base=policy,
        out=out,
        card=card or {},
        progress=progress,
        facts={"reference": reference, "reference_weights": held_print},
        evaluator=evaluator,
    )

    def objective(opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool) -> DPO:
        made = DPO(config, data.pairs, data.examples)
        if held_to is not None:
            made.starts_at_reference = held_to == policy or held_print == model_fingerprint(policy)
            made.reference = _reference(made, opened, scorer, folder, held_to, packed)
        return made

    return conduct(setting, pairs, replay, open_causal, Scorer, objective)


class DPO:
    """The DPO objective: rows are pairs, then replayed examples."""

    with_last = False

    def __init__(
        self, config: DPOConfig, pairs: Sequence[TokenPair], examples: Sequence[TokenExample]
    ) -> None:
        self.config = config
        self.pairs = pairs
        self.examples = examples
        self.order = Order.plan(
            len(pairs),
            batch_size=config.batch_size,
            steps=config.steps,
            epochs=config.epochs,
            seed=config.seed,
            name="pairs",
        )
        kinds = [each.kind for each in examples]
        self.replay = Replay.plan(kinds, config.replay, batch_size=self.order.batch_size, seed=config.seed)
        self.steps = self.order.steps
        self.reference: Mapping[int, Tensor] = {}
        """Pair -> its tokens' reference log-probabilities; empty when there is no reference."""
        self.starts_at_reference = False
        self._weights = relative_weights(pairs)

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        rows = self.order.batch_size + self.replay.count
        return {
            "pairs_a_step": self.order.batch_size,
            "replay_a_step": dict(self.replay.counts),
            "replay_share": {kind: count / rows for kind, count in self.replay.counts.items()},
        }

    def trees(self, step: int) -> list[Tree]:
        """The pairs of `step`, then its examples."""
        examples = [self.examples[place] for place in self.replay.rows(step)]
        return [pair_tree(self.pairs[row]) for row in self.order.rows(step)] + [
            Tree(each.prompt, (each.answer,)) for each in examples
        ]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: Reading) -> Part:
        """Soft-label DPO and the chosen answers' NLL over the pairs, NLL over the examples."""
        rows = self.order.rows(step)
        mine = [rows[place] for place in members if place < len(rows)]
        sums_S = losses.sum_by(out.logp_N, batch.branch_N, batch.branches)
        lengths_S = torch.bincount(batch.branch_N, minlength=batch.branches)
        means_S = sums_S / lengths_S
        loss, figures = self._pairs_part(step, mine, out, batch, sums_S, means_S)
        if self.replay.count:
            nll = -means_S[2 * len(mine) :].sum() / self.replay.count
            first_S = torch.zeros_like(lengths_S).scatter_reduce_(
                0, batch.branch_N, out.top_N.long(), "prod", include_self=False
            )
            figures["replay/loss"] = nll
            figures["replay/accuracy"] = first_S[2 * len(mine) :].sum() / self.replay.count
            loss = loss + self.config.replay_weight * nll
        return Part(loss, figures)

    def _pairs_part(
        self, step: int, mine: Sequence[int], out: Reading, batch: Batch, sums_S: Tensor, means_S: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        config, total = self.config, len(self.order.rows(step))
        logp_N = out.logp_N[batch.branch_N < 2 * len(mine)]
        policy = losses.PairLogps(*sums_S[: 2 * len(mine)].reshape(len(mine), 2).unbind(1))
        reference_N = self._reference_N(mine, logp_N)
        if step == 0 and self.starts_at_reference:
            self._assert_zero(logp_N, reference_N)
        sums = losses.sum_by(reference_N, batch.branch_N[: len(logp_N)], 2 * len(mine))
        rewards = losses.implicit_rewards(
            policy, losses.PairLogps(*sums.reshape(len(mine), 2).unbind(1)), config.beta
        )
        margin_B = rewards.chosen_B - rewards.rejected_B
        label_B = margin_B.new_tensor([self.pairs[row].label_prob for row in mine])
        weight_B = margin_B.new_tensor([self._weights[row] for row in mine])
        target_B = losses.target_probs(label_B, config.loss, config.label_clip)
        preference_B = losses.preference_loss(margin_B, target_B)
        nll_B = -means_S[: 2 * len(mine) : 2]
        loss = (weight_B * (preference_B + config.nll * nll_B)).sum() / total
        means = {
            "loss/preference": weight_B * preference_B,
            "nll": nll_B,
            "rewards/chosen": rewards.chosen_B,
            "rewards/rejected": rewards.rejected_B,
            "rewards/margins": margin_B,
            "rewards/accuracies": (margin_B > 0).float(),
            "logps/chosen": policy.chosen_B,
            "logps/rejected": policy.rejected_B,
        }
        figures = {name: value.detach().sum() / total for name, value in means.items()}
        if self.reference:
            # nats an answer
            figures["kl"] = losses.kl_terms(logp_N.detach(), reference_N).sum() / (2 * total)
        return loss, figures

    def _reference_N(self, mine: Sequence[int], logp_N: Tensor) -> Tensor:
        if not (self.reference and mine):
            return torch.zeros_like(logp_N)
        return torch.cat([self.reference[row] for row in mine]).to(logp_N)

    def _assert_zero(self, logp_N: Tensor, reference_N: Tensor) -> None:
        off = float((logp_N.detach() - reference_N).abs().max()) if len(logp_N) else 0.0
        if not off <= ZERO_TOLERANCE[self.config.precision]:
            raise ModelError(
                f"at step 0 the policy differs from its reference by {off:.2g} in a token's log-probability,"
                " though they are the same weights: this model computes at random"
            )


def pair_tree(pair: TokenPair) -> Tree:
    """The prompt with its two answers, chosen first."""
    return Tree(pair.prompt, (pair.chosen, pair.rejected))


def _reference_folder(reference: str, policy: Path, given: Path | None) -> Path | None:
    if reference == "none":
        if given is not None:
            raise RecipeError("reference is none, yet a reference directory is given; name one of the two")
        return None
    folder = given or (policy if reference in ("init", "previous") else Path(reference))
    check_directory(folder)
    return folder


def _reference(
    made: DPO, opened: Opened, scorer: Scorer, folder: TrainingFolder, held_to: Path, packed: bool
) -> dict[int, Tensor]:
    rows = made.order.visited()
    trees = [pair_tree(made.pairs[row]) for row in rows]
    logps = load_reference(folder, trees)
    if logps is None:
        model = scorer
        if not made.starts_at_reference:
            model = _open_reference(held_to, opened, scorer, made.config)
            packed = choose_layout(model, trees, wanted=packed).packed
        tokens = tokens_a_pass(made.config, next(scorer.parameters()).device)
        logps = reference_logps(model, trees, packed=packed, batch_tokens=tokens)
        save_reference(folder, logps)
    return dict(zip(rows, logps, strict=True))


def _open_reference(held_to: Path, opened: Opened, scorer: Scorer, config: DPOConfig) -> Scorer:
    held = open_causal(held_to, config)
    if held.chat.tokenizer.get_vocab() != opened.chat.tokenizer.get_vocab():
        raise ModelError(
            f"the reference {held_to} has another vocabulary than the policy: its log-probabilities of the policy's "
            "tokens mean nothing; name a model of the same family"
        )
    device = next(scorer.parameters()).device
    return Scorer(held.model, held.pad_id, bf16=scorer.bf16).to(device)


def _check_replay(config: DPOConfig, replay: Sequence[Example]) -> None:
    kinds = sorted({each.kind for each in replay})
    if unknown := sorted(set(config.replay) - set(kinds)):
        raise RecipeError(
            f"replay names {', '.join(map(repr, unknown))}; the examples given are of kinds: {kinds or 'none'}"
        )
    if unused := sorted(set(kinds) - set(config.replay)):
        raise RecipeError(
            f"examples of kinds {unused} are given, but replay says no share for them; add one, e.g. 0.2"
        )
