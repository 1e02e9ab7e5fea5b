"""Distillation: a student comes to answer without a context as its teacher does with it (2112.00861, 2601.20802)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import RecipeError, ThresholdError
from rlaif.libraries.transformers import text_config
from rlaif.records import Alarm, Evaluator, Example
from rlaif.runs.layout import LOGPS
from rlaif.training import distill_losses as distances
from rlaif.training.configs.distill import FULL, OWN_TEACHERS, SAMPLED, TOP_K, DistillConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.health import Watch
from rlaif.training.loop import Carried, StepPart
from rlaif.training.models import Opened, open_causal
from rlaif.training.order import Order
from rlaif.training.packing import Batch, Tree, pack
from rlaif.training.passes import tokens_a_pass
from rlaif.training.progress import Progress
from rlaif.training.reference import LogpCache, arithmetic, reference_logps
from rlaif.training.runner import Data, MethodCall, conduct
from rlaif.training.sampled import Sampled
from rlaif.training.scorer import BranchScorer
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary
from rlaif.training.teachers import OwnTeacher, Teacher, check_same_tokens, open_teacher
from rlaif.training.tokens import TokenExample, relative_weights
from rlaif.training.trees import example_tree


def train_distill(  # noqa: PLR0913 - one call says all
    config: DistillConfig,
    examples: Sequence[Example],
    *,
    policy: Path,
    out: Path,
    teacher: Path | None = None,
    sampled: Mapping[str, Sampled] | None = None,
    cache: Path | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
    alarm: Alarm | None = None,
) -> TrainSummary:
    """Train `policy` towards its teacher on each example's last turn; killed, the same call goes on.

    The teacher reads `Example.teacher` in the place of the turns before the answer. It is `policy` itself, as
    `config.teacher` says, or the model in the directory `teacher`. In the form `sampled` the policy's first
    log-probabilities (pi_old) are kept in the file `cache`; without one, for this training only.

    Raises RecipeError for examples that its own teacher would read as it does, ModelError for a teacher with another
    tokenizer.
    """
    if not examples:
        raise ThresholdError("there are no examples to train on")
    check_taught(examples, config.teacher)
    if (teacher is None) != (config.teacher in OWN_TEACHERS):
        raise RecipeError(
            f"distill: teacher is {config.teacher!r}, and "
            + (
                "no directory of another model is given"
                if teacher is None
                else f"{teacher} is given as another model"
            )
        )
    if teacher is not None:
        check_same_tokens(teacher, policy)
    setting = MethodCall(
        config=config,
        base=policy,
        out=out,
        card=card or {},
        progress=progress,
        facts={} if teacher is None else {"teacher_weights": _fingerprint(teacher, config)},
        evaluator=evaluator,
        alarm=alarm,
        sampled=sampled or {},
        taught=True,
    )

    def objective(
        opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool
    ) -> Distillation:
        check_top(config, text_config(opened.model.config).vocab_size)
        scorer.distributions = config.form != SAMPLED
        held = OwnTeacher(scorer, config.rate) if teacher is None else open_teacher(teacher, scorer, config)
        made = Distillation(config, data.examples, held, packed=packed, pad_id=opened.pad_id)
        if config.form == SAMPLED:
            weights, kind = _fingerprint(policy, config), arithmetic(scorer, config, policy)
            kept = LogpCache(cache or folder.inner / LOGPS, weights, kind)
            made.read_old(scorer, kept)
        return made

    return conduct(setting, (), examples, open_causal, BranchScorer, objective)


def check_taught(examples: Sequence[Example], teacher: str) -> None:
    """Raise RecipeError where a model would be taught by itself, shown the same."""
    without = [place for place, each in enumerate(examples, 1) if not each.teacher]
    if teacher in OWN_TEACHERS and without:
        raise RecipeError(
            f"distill: {len(without)} of {len(examples)} examples have no teacher's turns, the first of them row "
            f"{without[0]}: teacher {teacher} would be shown what the student is, and teach nothing. Give each row "
            "`teacher`, the turns that stand for those before the answer (the recipe step `contexts` writes them), or "
            "name another model as teacher"
        )


def check_top(config: DistillConfig, vocabulary: int) -> None:
    """Raise RecipeError for more tokens than there are."""
    if config.form == TOP_K and config.top_k is not None and config.top_k > vocabulary:
        raise RecipeError(
            f"distill: top_k is {config.top_k}, and the model has {vocabulary:,} tokens; take fewer, or form full"
        )


def _fingerprint(folder: Path, config: DistillConfig) -> str:
    return model_fingerprint(folder, own_code=config.trust_remote_code)


class Distillation:
    """The objective: the mean over all answer tokens of a step of how far the student is from its teacher."""

    with_last = False
    watch: Watch | None = None

    def __init__(
        self,
        config: DistillConfig,
        examples: Sequence[TokenExample],
        teacher: Teacher,
        *,
        packed: bool,
        pad_id: int,
    ) -> None:
        self.config, self.examples = config, examples
        self.teacher = teacher
        self.carried: Carried | None = teacher
        self.order = Order.of(config, len(examples), "examples")
        self.steps = self.order.steps
        self.old: Mapping[int, Tensor] = {}
        """Example -> its tokens' log-probabilities under the policy that drew them; in the form `sampled`."""
        self._packed, self._pad_id = packed, pad_id
        self._weights = relative_weights(examples)

    def counts(self) -> dict[str, Any]:
        """What a step is made of, and how much more its teacher reads."""
        shown = [(len(_taught(each).prompt), len(each.prompt)) for each in self.examples]
        more = sum(teacher - own for teacher, own in shown) / len(shown)
        return {"examples_a_step": self.order.batch_size, "teacher_tokens_more": more}

    def trees(self, step: int) -> list[Tree]:
        """The examples of `step` as the student reads them."""
        return [example_tree(self.examples[row]) for row in self.order.rows(step)]

    def read_old(self, scorer: BranchScorer, cache: LogpCache) -> None:
        """Read what the policy says before its first step."""
        rows = self.order.visited()
        trees = [example_tree(self.examples[row]) for row in rows]
        tokens = tokens_a_pass(self.config, scorer)
        found = reference_logps(scorer, trees, packed=self._packed, batch_tokens=tokens, cache=cache)
        self.old = dict(zip(rows, found, strict=True))

    def part(self, step: int, members: Sequence[int], batch: Batch, out: TokenLogprobs) -> StepPart:
        """The share of the step's mean: its tokens are counted over all passes and processes."""
        rows = self.order.rows(step)
        mine = [rows[place] for place in members]
        total = sum(sum(example_tree(self.examples[row]).scored) for row in rows)
        weight_N = out.logp_N.new_tensor([self._weights[row] for row in mine])[batch.branch_N]
        taught = self._taught(mine, batch)
        distance_N = self._distance(mine, out, taught)
        loss = (weight_N * distance_N).sum() / total
        gap_N = out.logp_N.detach() - taught.logp_N
        figures = {
            "log_ratio": gap_N.sum() / total,
            "mean_token_accuracy": out.top_N.sum() / total,
            "teacher_token_accuracy": taught.top_N.sum() / total,
        }
        return StepPart(loss, figures)

    def _taught(self, mine: Sequence[int], batch: Batch) -> TokenLogprobs:
        trees = [example_tree(_taught(self.examples[row])) for row in mine]
        shown = pack(trees, packed=self._packed, pad_id=self._pad_id, with_last=False)
        return self.teacher.read(shown.to(batch.ids_RL.device))

    def _distance(self, mine: Sequence[int], out: TokenLogprobs, taught: TokenLogprobs) -> Tensor:
        config = self.config
        if config.form == SAMPLED:
            old_N = torch.cat([self.old[row] for row in mine]).to(out.logp_N)
            return distances.sampled(out.logp_N, taught.logp_N, old_N, most=config.most)
        assert out.logits_NV is not None
        assert taught.logits_NV is not None
        # models of one tokenizer may have rows of padding behind its tokens, and not as many
        width = min(out.logits_NV.shape[-1], taught.logits_NV.shape[-1])
        own_NV, held_NV = out.logits_NV[:, :width], taught.logits_NV[:, :width]
        if config.form == FULL:
            return distances.full(own_NV, held_NV, forward=config.forward)
        if config.form == TOP_K:
            return distances.top_k(own_NV, held_NV, top=config.top, forward=config.forward)
        return distances.jensen_shannon(own_NV, held_NV, alpha=config.mixed)


def _taught(example: TokenExample) -> TokenExample:
    assert example.taught is not None, "examples of a distillation are read as their teacher is shown them"
    return example.taught
