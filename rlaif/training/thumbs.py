"""KTO of single answers (2402.01306): each was liked or not, and none needs a partner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import ThresholdError
from rlaif.records import Alarm, Example
from rlaif.runs.layout import LOGPS
from rlaif.training import losses
from rlaif.training.configs.thumbs import ThumbsConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.health import Watch
from rlaif.training.loop import Carried, StepPart
from rlaif.training.models import Opened, open_causal
from rlaif.training.order import Order
from rlaif.training.packing import Batch, Tree
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
from rlaif.training.tokens import TokenExample, relative_weights
from rlaif.training.trees import example_tree, mismatched_example

UP, DOWN = "thumb-up", "thumb-down"
"""Kinds of example: the answer was liked, or was not."""
Read = Callable[[Sequence[Tree]], list[Tensor]]


def train_thumbs(  # noqa: PLR0913 - one call says all
    config: ThumbsConfig,
    examples: Sequence[Example],
    *,
    policy: Path,
    reference: str,
    out: Path,
    reference_dir: Path | None = None,
    sampled: Mapping[str, Sampled] | None = None,
    cache: Path | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    alarm: Alarm | None = None,
) -> TrainSummary:
    """Train `policy` on `examples` of the kinds `thumb-up` and `thumb-down`, and write a model directory at `out`.

    `reference` and `cache` are as those of `train_dpo`. Raises ThresholdError where both thumbs are not there.
    """
    check_thumbs(examples)
    held_to = reference_folder(reference, policy, reference_dir)
    if held_to is None:
        raise ThresholdError("thumbs compares with a reference; name one: init, previous or a model")
    held_print = model_fingerprint(held_to, own_code=config.trust_remote_code)
    setting = MethodCall(
        config=config,
        base=policy,
        out=out,
        card=card or {},
        progress=progress,
        alarm=alarm,
        facts={"reference": reference, "reference_weights": held_print},
        sampled=sampled or {},
    )

    def objective(opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool) -> Thumbs:
        made = Thumbs(config, data.examples, room=opened.room)

        def reader(of: BranchScorer, held: bool, cache: LogpCache | None = None) -> Read:
            def read(trees: Sequence[Tree]) -> list[Tensor]:
                layout = choose_layout(of, trees, wanted=packed).packed if held else packed
                tokens = tokens_a_pass(config, of)
                return reference_logps(of, trees, packed=layout, batch_tokens=tokens, cache=cache)

            return read

        own = model_fingerprint(policy, own_code=config.trust_remote_code)
        made.starts_at_reference = held_to == policy or held_print == own
        made.read = reader(scorer, held=False)
        kept = LogpCache(cache or folder.inner / LOGPS, held_print, arithmetic(scorer, config, held_to))
        if made.starts_at_reference:
            made.hold_to(reader(scorer, held=False, cache=kept))
        else:
            made.hold_to(reader(open_reference(held_to, opened, scorer, config), held=True, cache=kept))
        return made

    return conduct(setting, (), examples, open_causal, BranchScorer, objective)


def check_thumbs(examples: Sequence[Example]) -> None:
    """Raise ThresholdError for examples without a thumb, and where one of the two thumbs is not there."""
    kinds = [each.kind for each in examples]
    if other := sorted({each for each in kinds if each not in (UP, DOWN)}):
        raise ThresholdError(
            f"thumbs learns from examples of kind {UP} and {DOWN}, and there is {other[0]!r}; make them by a step "
            "`examples` with `condition: thumb`"
        )
    for kind in (UP, DOWN):
        if kind not in kinds:
            raise ThresholdError(
                f"none of {len(kinds)} examples is a {kind}; choose other thresholds, so that both thumbs occur"
            )


def kto_losses(rho_B: Tensor, zero_point: Tensor, up_B: Tensor, beta: float) -> Tensor:
    """1 - sigmoid(beta (rho - z)) of liked answers, 1 - sigmoid(beta (z - rho)) of the others (eq. 8, unweighted)."""
    sign_B = torch.where(up_B, 1.0, -1.0)
    return 1 - torch.sigmoid(beta * sign_B * (rho_B - zero_point))


class Thumbs:
    """The objective: rows are single answers; z is measured on each step's prompts with the next one's answers."""

    with_last = False
    carried: Carried | None = None
    watch: Watch | None = None

    def __init__(
        self, config: ThumbsConfig, examples: Sequence[TokenExample], *, room: int = 1 << 30
    ) -> None:
        if len(examples) < 2:
            raise ThresholdError("thumbs needs two answers or more: it sets prompts against others' answers")
        self.config = config
        self.examples = examples
        self.order = Order.of(config, len(examples), "examples")
        self.steps = self.order.steps
        self.room = room
        self.reference: Mapping[Tree, Tensor] = {}
        """Reference log-probabilities of every tree of the training."""
        self.starts_at_reference = False
        self.read: Read | None = None
        self._weights = relative_weights(examples)
        self._up = [each.kind == UP for each in examples]
        self._zero: tuple[int, Tensor] = (-1, torch.zeros(()))

    @property
    def desirable(self) -> float:
        """How much a liked answer counts; by default all of them together as much as all disliked ones (sec. 4.2)."""
        if self.config.desirable_weight is not None:
            return self.config.desirable_weight
        ups = sum(self._up)
        return self.config.undesirable_weight * (len(self._up) - ups) / ups if ups else 1.0

    def counts(self) -> dict[str, Any]:
        """What a step is made of."""
        ups = sum(self._up)
        return {
            "examples_a_step": self.order.batch_size,
            "thumbs_up": ups,
            "thumbs_down": len(self._up) - ups,
            "desirable_weight": self.desirable,
        }

    def trees(self, step: int) -> list[Tree]:
        """The answers of `step`."""
        return [example_tree(self.examples[row]) for row in self.order.rows(step)]

    def mismatched(self, step: int) -> list[Tree]:
        """The prompts of `step`, each with the answer to the next one; what is too long for it is cut."""
        rows = self.order.rows(step)
        others = [*rows[1:], rows[0]] if len(rows) > 1 else [(rows[0] + 1) % len(self.examples)]
        return [
            mismatched_example(
                self.examples[row].prompt,
                self.examples[other],
                self.room - len(self.examples[row].prompt),
            )
            for row, other in zip(rows, others, strict=True)
        ]

    def hold_to(self, read: Read) -> None:
        """Read all that the reference is asked about."""
        wanted = {tree for step in range(self.steps) for tree in (*self.trees(step), *self.mismatched(step))}
        trees = sorted(wanted)
        self.reference = dict(zip(trees, read(trees), strict=True))

    def zero_point(self, step: int) -> Tensor:
        """z / beta in nats: mean log-ratio over the mismatched answers before `step`, at least 0; no gradient."""
        if self._zero[0] != step:
            assert self.read is not None, "the policy is asked about answers to other prompts"
            trees = self.mismatched(step)
            moved = [
                float((now - self.reference[tree]).sum())
                for tree, now in zip(trees, self.read(trees), strict=True)
            ]
            self._zero = (step, torch.tensor(max(0.0, sum(moved) / len(trees))))
        return self._zero[1]

    def part(self, step: int, members: Sequence[int], batch: Batch, out: TokenLogprobs) -> StepPart:
        """The share of the step's mean loss, and what the answers have become."""
        rows = self.order.rows(step)
        mine = [rows[place] for place in members]
        held = [self.reference[example_tree(self.examples[row])] for row in mine]
        reference_N = torch.cat(held).to(out.logp_N) if held else out.logp_N[:0]
        if step == 0 and self.starts_at_reference:
            assert_same(out.logp_N, reference_N, self.config.precision)
        rho_B = losses.sum_by(out.logp_N - reference_N, batch.branch_N, len(mine))
        up_B = torch.tensor([self._up[row] for row in mine], device=rho_B.device)
        zero = self.zero_point(step).to(rho_B)
        loss_B = kto_losses(rho_B, zero, up_B, self.config.beta)
        weight_B = rho_B.new_tensor([self._weights[row] for row in mine])
        side_B = torch.where(up_B, self.desirable, self.config.undesirable_weight)
        total, moved_B = len(rows), rho_B.detach()
        figures = {
            "logratios/up": (moved_B * up_B).sum() / max(1, sum(self._up[row] for row in rows)),
            "logratios/down": (moved_B * ~up_B).sum() / max(1, sum(not self._up[row] for row in rows)),
            "kl": losses.kl_terms(out.logp_N.detach(), reference_N).sum() / total,
            "kto/drift": zero * (len(mine) / total),
        }
        return StepPart((weight_B * side_B * loss_B).sum() / total, figures)
