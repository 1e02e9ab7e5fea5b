"""Direct preference optimisation: pairs with soft labels in, a model directory out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import ThresholdError
from rlaif.records import ASKED_OF, Alarm, Evaluator, Example, Pair
from rlaif.runs.layout import LOGPS, METRICS
from rlaif.training import losses
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.health import Watch, held_out_figures
from rlaif.training.kto_zero_point import KTOZeroPoint
from rlaif.training.loop import Carried, StepPart
from rlaif.training.loss_names import LOSSES
from rlaif.training.models import Opened, open_causal
from rlaif.training.order import Order, Replay
from rlaif.training.packing import Batch, Tree
from rlaif.training.pair_checks import check_labels, check_pairs, check_replay, set_apart
from rlaif.training.pair_losses import mixed
from rlaif.training.pair_terms import Scored, length_shift, pair_terms
from rlaif.training.passes import tokens_a_pass
from rlaif.training.progress import Progress
from rlaif.training.reference import (
    LogpCache,
    arithmetic,
    assert_same,
    open_reference,
    reference_folder,
    reference_logps,
)
from rlaif.training.runner import Data, MethodCall, conduct
from rlaif.training.sampled import Sampled
from rlaif.training.scorer import BranchScorer, choose_layout
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary
from rlaif.training.tokens import TokenExample, TokenPair, relative_weights
from rlaif.training.trees import example_tree, pair_tree


def train_dpo(  # noqa: PLR0913 - one call says all
    config: DPOConfig,
    pairs: Sequence[Pair],
    *,
    policy: Path,
    reference: str,
    out: Path,
    replay: Sequence[Example] = (),
    reference_dir: Path | None = None,
    sampled: Mapping[str, Sampled] | None = None,
    cache: Path | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
    alarm: Alarm | None = None,
) -> TrainSummary:
    """Train `policy` on `pairs` and write a model directory at `out`; killed, the same call goes on.

    `reference` names what the policy is held to: `previous` (the model it starts as), `init` (the first
    round's, at `reference_dir`; the policy itself where that is not given), a path, or `none`. `sampled` says how
    answers came about (`spans.answer_id`). The reference's log-probabilities are kept in the file `cache`, which
    other trainings may share; without one, for this training only.
    """
    if not pairs:
        raise ThresholdError("there are no pairs to train on")
    check_replay(config, replay)
    check_labels(config, pairs)
    held_to = reference_folder(reference, policy, reference_dir)
    held_print = _fingerprint(held_to, config) if held_to is not None else None
    setting = MethodCall(
        config=config,
        base=policy,
        out=out,
        card=card or {},
        progress=progress,
        facts={"reference": reference, "reference_weights": held_print, **_apart(config, pairs)},
        evaluator=evaluator,
        alarm=alarm,
        sampled=sampled or {},
    )

    def objective(opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool) -> DPO:
        trained, held_out = set_apart(data.pairs, config.held_out, config.seed)
        data.counts["pairs"]["trained"] -= len(held_out)
        made = DPO(config, trained, data.examples, held_out=held_out, room=opened.room)
        made.read, scorer.collisions = Reader(scorer, config, packed), config.wpo
        made.watch = made.watching(folder.out / METRICS)
        if held_to is not None and held_print is not None and config.looks_at_reference:
            made.starts_at_reference = held_to == policy or held_print == _fingerprint(policy, config)
            kept = LogpCache(cache or folder.inner / LOGPS, held_print, arithmetic(scorer, config, held_to))
            made.hold_to(_reader(made, opened, scorer, held_to, packed), kept)
        return made

    return conduct(setting, pairs, replay, open_causal, BranchScorer, objective)


def _fingerprint(folder: Path, config: DPOConfig) -> str:
    return model_fingerprint(folder, own_code=config.trust_remote_code)


def _apart(config: DPOConfig, pairs: Sequence[Pair]) -> dict[str, str]:
    """Questions about pairs were once set apart by the question: what was trained so is another training."""
    asked = config.held_out and any(ASKED_OF in each.provenance for each in pairs)
    return {"held_out_by": "prompt"} if asked else {}


class Reader:
    """Reads trees without learning: for the reference, for pairs set apart, for KTO's zero point."""

    def __init__(self, scorer: BranchScorer, config: DPOConfig, packed: bool) -> None:
        self._scorer, self._config, self._packed = scorer, config, packed

    def __call__(self, trees: Sequence[Tree], cache: LogpCache | None = None) -> list[Tensor]:
        """For each tree, the log-probability of every branch token."""
        tokens = tokens_a_pass(self._config, self._scorer)
        return reference_logps(self._scorer, trees, packed=self._packed, batch_tokens=tokens, cache=cache)


class DPO:
    """The DPO objective: rows are pairs, then replayed examples."""

    with_last = False
    carried: Carried | None = None

    def __init__(
        self,
        config: DPOConfig,
        pairs: Sequence[TokenPair],
        examples: Sequence[TokenExample],
        *,
        held_out: Sequence[TokenPair] = (),
        room: int = 1 << 30,
    ) -> None:
        check_pairs(config, pairs)
        self.config = config
        self.pairs = pairs
        self.examples = examples
        self.held_out = held_out
        self.order = Order.of(config, len(pairs), "pairs")
        kinds = [each.kind for each in examples]
        self.replay = Replay.plan(kinds, config.replay, batch_size=self.order.batch_size, seed=config.seed)
        self.steps = self.order.steps
        self.reference: Mapping[int, Tensor] = {}
        """Pair -> its tokens' reference log-probabilities; empty when there is no reference."""
        self.held_out_reference: Sequence[Tensor] = ()
        self.starts_at_reference = False
        self.read: Callable[[Sequence[Tree]], list[Tensor]] | None = None  # the policy as it is
        self.watch: Watch | None = None
        kto = any(each.name == "kto" for each in config.mix)
        self.zero_point = KTOZeroPoint(pairs, self.order, room) if kto else None
        self._mean_rewards = LOSSES[config.mix[0].name].mean_rewards
        self._weights = relative_weights(pairs)

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        rows = self.order.batch_size + self.replay.count
        held_out = {"held_out": len(self.held_out)} if self.held_out else {}
        return {
            **held_out,
            "pairs_a_step": self.order.batch_size,
            "replay_a_step": dict(self.replay.counts),
            "replay_share": {kind: count / rows for kind, count in self.replay.counts.items()},
        }

    def trees(self, step: int) -> list[Tree]:
        """The pairs of `step`, then its examples."""
        pairs = [pair_tree(self.pairs[row]) for row in self.order.rows(step)]
        return pairs + [example_tree(self.examples[place]) for place in self.replay.rows(step)]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: TokenLogprobs) -> StepPart:
        """The loss and the chosen answers' NLL over the pairs, NLL over the examples."""
        rows = self.order.rows(step)
        mine = [rows[place] for place in members if place < len(rows)]
        sums_S = losses.sum_by(out.logp_N, batch.branch_N, batch.branches)
        lengths_S = torch.bincount(batch.branch_N, minlength=batch.branches)
        means_S = sums_S / lengths_S
        loss, figures = self._pairs_part(step, mine, out, batch)
        if self.replay.count:
            nll = -means_S[2 * len(mine) :].sum() / self.replay.count
            first_S = torch.zeros_like(lengths_S).scatter_reduce_(
                0, batch.branch_N, out.top_N.long(), "prod", include_self=False
            )
            figures["replay/loss"] = nll
            figures["replay/accuracy"] = first_S[2 * len(mine) :].sum() / self.replay.count
            loss = loss + self.config.replay_weight * nll
        return StepPart(loss, figures)

    def _pairs_part(
        self, step: int, mine: Sequence[int], out: TokenLogprobs, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        config, total = self.config, len(self.order.rows(step))
        inside_N = batch.branch_N < 2 * len(mine)
        logp_N, branch_N = out.logp_N[inside_N], batch.branch_N[inside_N]
        scored = Scored(logp_N, self._reference_N(mine, logp_N), branch_N)
        if step == 0 and self.starts_at_reference:
            assert_same(logp_N, scored.reference_N, config.precision)
        pairs = [self.pairs[row] for row in mine]
        terms = pair_terms(scored, pairs, self._labels(pairs, logp_N), self._zero_point_of(step, logp_N))
        weight_B = logp_N.new_tensor([self._weights[row] for row in mine])
        if config.wpo:
            assert out.collision_N is not None
            likeness_S = losses.on_policy_weights(logp_N, out.collision_N[inside_N], branch_N, 2 * len(mine))
            weight_B = weight_B * likeness_S.view(-1, 2).prod(1)
        preference_B = mixed(config.mix, terms, config.strength, config.options)
        nll_B = -terms.policy.chosen_B / terms.lengths.chosen_B
        loss = (weight_B * (preference_B + config.nll * nll_B)).sum() / total
        means = self._figures(terms) | {"loss/preference": weight_B * preference_B, "nll": nll_B}
        figures = {name: value.detach().sum() / total for name, value in means.items()}
        if self.reference:
            # nats per answer
            figures["kl"] = losses.kl_terms(logp_N.detach(), scored.reference_N).sum() / (2 * total)
        if self.zero_point is not None:
            figures["kto/drift"] = terms.zero_point * (len(mine) / total)
        return loss.to(logp_N.dtype), figures

    def _figures(self, terms: losses.PairTerms) -> dict[str, Tensor]:
        ratios = terms.policy.over(terms.lengths) if self._mean_rewards else terms.rho
        beta = self.config.strength
        margin_B = beta * ratios.gap_B
        shift_B, mean_B = length_shift(terms)
        return {
            "rewards/chosen": beta * ratios.chosen_B,
            "rewards/rejected": beta * ratios.rejected_B,
            "rewards/margins": margin_B,
            "rewards/accuracies": (margin_B > 0).float(),
            "logps/chosen": terms.policy.chosen_B,
            "logps/rejected": terms.policy.rejected_B,
            "logratios/chosen": terms.rho.chosen_B,
            "length/shift": shift_B,
            "length/mean": mean_B,
        }

    def _labels(self, pairs: Sequence[TokenPair], like: Tensor) -> Tensor:
        config = self.config
        if config.labels == "hard":
            return like.new_ones(len(pairs))
        return like.new_tensor([each.label_prob for each in pairs]).clamp(
            config.label_clip, 1 - config.label_clip
        )

    def hold_to(self, reader: Callable[[Sequence[Tree], LogpCache], list[Tensor]], cache: LogpCache) -> None:
        """Read all that the reference is asked about."""
        rows = self.order.visited()
        trees, others = [pair_tree(self.pairs[row]) for row in rows], list(map(pair_tree, self.held_out))
        mismatched = self.zero_point.visited() if self.zero_point is not None else []
        logps = reader([*trees, *others, *mismatched], cache)
        self.reference = dict(zip(rows, logps, strict=False))
        self.held_out_reference = logps[len(trees) : len(trees) + len(others)]
        if self.zero_point is not None:
            self.zero_point.reference = dict(zip(mismatched, logps[len(trees) + len(others) :], strict=True))

    def _zero_point_of(self, step: int, like: Tensor) -> Tensor | None:
        if self.zero_point is None:
            return None
        assert self.read is not None, "KTO asks the policy about answers to other prompts"
        return self.zero_point.value(step, self.read).to(like)

    def watching(self, log: Path) -> Watch:
        """Looks at this training's health."""
        every = self.config.held_out_every or max(1, self.steps // 10)
        return Watch(self.config.stop, log, self._look if self.held_out else None, every)

    def _look(self) -> Mapping[str, float]:
        assert self.read is not None
        trees = [pair_tree(each) for each in self.held_out]
        now = self.read(trees)
        before = self.held_out_reference or [torch.zeros_like(each) for each in now]
        sizes = [size for tree in trees for size in tree.scored]
        branch_N = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        label_B = self._labels(self.held_out, now[0])
        terms = pair_terms(Scored(torch.cat(now), torch.cat(list(before)), branch_N), self.held_out, label_B)
        return held_out_figures(self._figures(terms)["rewards/margins"], label_B)

    def _reference_N(self, mine: Sequence[int], logp_N: Tensor) -> Tensor:
        if not (self.reference and mine):
            return torch.zeros_like(logp_N)
        return torch.cat([self.reference[row] for row in mine]).to(logp_N)


def _reader(made: DPO, opened: Opened, scorer: BranchScorer, held_to: Path, packed: bool) -> Reader:
    if made.starts_at_reference:
        return Reader(scorer, made.config, packed)
    held = open_reference(held_to, opened, scorer, made.config)
    trees = [pair_tree(each) for each in made.pairs]
    return Reader(held, made.config, choose_layout(held, trees, wanted=packed).packed)
