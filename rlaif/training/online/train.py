"""From a call to a trained policy, for every method of the online loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.samplers import Sampler, SamplerPlan
from rlaif.errors import RecipeError, ThresholdError
from rlaif.hashing import digest
from rlaif.libraries.accelerate import process_count
from rlaif.records import Alarm, Evaluator, GroupReward, Prompt, ReachedReward
from rlaif.training.configs.online import (
    OWN_VALUE,
    GRPOConfig,
    OnlineConfig,
    OnlineDPOConfig,
    PPOConfig,
    RAFTConfig,
    ReSTConfig,
    ReSTEMConfig,
    RLOOConfig,
)
from rlaif.training.models import Opened, open_causal, write_adapter, write_snapshot
from rlaif.training.online.imitation import RAFT, ReST, ReSTEM
from rlaif.training.online.objective import OnlineObjective, OnlineParts
from rlaif.training.online.online_dpo import OnlineDPO
from rlaif.training.online.policy_gradient import GRPO, RLOO
from rlaif.training.online.ppo import PPO
from rlaif.training.online.reading import TreeReader
from rlaif.training.online.rollouts import LiveRollouts, Rollouts, TokenPrompt, token_prompts
from rlaif.training.online.sampled_rollouts import HandOver, SampledRollouts
from rlaif.training.online.value_model import ValuedScorer, attach_value_model
from rlaif.training.packing import Tree
from rlaif.training.passes import tokens_a_pass
from rlaif.training.progress import Progress
from rlaif.training.refused import REMEDIES, Refused
from rlaif.training.runner import Data, MethodCall, conduct
from rlaif.training.scorer import BranchScorer
from rlaif.training.state import TrainingFolder
from rlaif.training.summary import TrainSummary
from rlaif.training.teachers import OwnTeacher, Teacher, check_same_tokens, open_teacher

Method = Callable[[Any, OnlineParts], OnlineObjective[Any]]
METHOD_OF: Mapping[type[OnlineConfig], Method] = {
    GRPOConfig: GRPO,
    OnlineDPOConfig: OnlineDPO,
    PPOConfig: PPO,
    RAFTConfig: RAFT,
    RLOOConfig: RLOO,
    ReSTConfig: ReST,
    ReSTEMConfig: ReSTEM,
}
"""Configurations, each with what it configures."""
SAMPLER = "sampler"
"""Where a training keeps what it hands to an engine elsewhere, and what that drew."""
MOST_STEPS = 1_000_000_000
"""More than any training takes."""


def train_online(  # noqa: PLR0913 - one call says all
    config: OnlineConfig,
    prompts: Sequence[Prompt],
    reward: GroupReward,
    *,
    policy: Path,
    out: Path,
    reference: Path | None = None,
    value: Path | None = None,
    card: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    evaluator: Evaluator | None = None,
    alarm: Alarm | None = None,
    sampler: Sampler | None = None,
) -> TrainSummary:
    """Train `policy` on its own answers to `prompts`, and write it at `out`; killed, the same call goes on.

    `config` says by which method. The policy is held to `reference`, a model directory; None: to itself as it was
    before the first step. Rollouts are drawn from the weights that are trained, or by `sampler`, which is handed them
    before each step; the caller closes it.

    Raises InputError, RecipeError for what cannot work, before the first rollout; ThresholdError where the reward
    fails too often, or never varies, or where the sampler draws from other weights; EngineError where it cannot go on.
    """
    _check(config, prompts)
    for other in (reference, value):
        if other is not None:
            check_same_tokens(other, policy)
    _check_value(config, value)
    named = {"reference_weights": reference, "value_weights": value}
    columns = [[each.id, each.meta] for each in prompts if each.meta]
    setting = MethodCall(
        config=config,
        base=policy,
        out=out,
        card=card or {},
        progress=progress,
        evaluator=evaluator,
        alarm=alarm,
        facts={
            "prompts": digest("training-prompts", [each.id for each in prompts]),
            # what the reward may read beside the prompts
            **({"columns": digest("training-columns", columns)} if columns else {}),
            "reward": reward.fingerprint,
            **{name: _fingerprint(each, config) for name, each in named.items() if each is not None},
            **({"rollouts": "elsewhere"} if sampler is not None else {}),
        },
        updates=config.updates,
        restarts=config.restarts,
    )
    made = _OnlineTraining(config, prompts, reward, policy, reference, value or policy, sampler)
    scorer_kind = ValuedScorer if config.valued else BranchScorer
    return conduct(setting, (), (), open_causal, scorer_kind, made.objective, made.read)


@dataclass(slots=True)
class _OnlineTraining:
    """What a training makes of the model, once that is open."""

    config: OnlineConfig
    prompts: Sequence[Prompt]
    reward: GroupReward
    policy: Path
    reference: Path | None
    value: Path
    sampler: Sampler | None
    asked: Sequence[TokenPrompt] = ()

    def read(self, opened: Opened) -> Data:
        """The prompts that can be asked. Raises ThresholdError where none can."""
        found, refused = token_prompts(opened, self.prompts, self.config.max_tokens, self.config.inoculation)
        if not found:
            why = "; ".join(
                f"{count} {name}" + (f": {REMEDIES[Refused(name)]}" if name in REMEDIES else "")
                for name, count in refused.items()
            )
            raise ThresholdError(f"none of {len(self.prompts)} prompts can be asked. {why}")
        self.asked = found
        counts = {"given": len(self.prompts), "trained": len(found), "refused": dict(sorted(refused.items()))}
        return Data((), (), {"prompts": counts}, probes=_probes(found, opened, self.config))

    def objective(
        self, opened: Opened, scorer: Any, data: Data, folder: TrainingFolder, packed: bool
    ) -> OnlineObjective[Any]:
        """The method, with all that it works with."""
        config = self.config
        if isinstance(self.reward, ReachedReward):
            # a judge that is away is found before rollouts are drawn, and vLLM is started, for nothing
            self.reward.reach()
        scorer.temperature, scorer.entropies = config.temperature, True
        held_to = _reference(config, scorer, self.reference)
        if config.valued:
            attach_value_model(scorer, self.value, config, list(data.probes), packed=packed)
        read = TreeReader(scorer, packed=packed, batch_tokens=tokens_a_pass(config, scorer))
        parts = OnlineParts(
            prompts=self.asked,
            rollouts=self._rollouts(opened, read, folder),
            reward=self.reward,
            read=read,
            reference=held_to,
            out=folder.out,
        )
        return METHOD_OF[type(config)](config, parts)

    def _rollouts(self, opened: Opened, read: TreeReader, folder: TrainingFolder) -> Rollouts:
        """Who draws."""
        config, model = self.config, read.scorer.model
        if self.sampler is None:
            return LiveRollouts(
                model,
                opened,
                count=config.n,
                temperature=config.temperature,
                max_tokens=config.max_tokens,
                seed=config.seed,
            )
        handed = self.sampler.prepare(
            SamplerPlan(
                base=self.policy,
                rank=config.lora,
                dtype="bfloat16" if config.precision == "bf16" else "float32",
                temperature=config.temperature,
                ends=opened.ends,
                context=max(min(opened.room, len(each.ids) + config.max_tokens) for each in self.asked),
                trust_remote_code=config.trust_remote_code,
            )
        )

        def write(directory: Path) -> None:
            if handed == "adapter":
                write_adapter(model, directory)
            else:
                write_snapshot(opened, model, directory, self.policy, config)

        over = HandOver(
            write=write,
            folder=folder.inner / SAMPLER,
            version=folder.digest,
            checkpoint_every=config.checkpoint_every or MOST_STEPS,
        )
        return SampledRollouts(self.sampler, opened, config, read, over)


def _check(config: OnlineConfig, prompts: Sequence[Prompt]) -> None:
    if not prompts:
        raise ThresholdError("there are no prompts to train on")
    if process_count() > 1:
        raise RecipeError(
            f"{config.method}: rollouts are drawn by one process, and this launch has {process_count()}; start it "
            "without accelerate or torchrun"
        )


def _check_value(config: OnlineConfig, value: Path | None) -> None:
    """Raise RecipeError where a value model is given and not wanted, or the other way round."""
    begins_as = getattr(config, "value", OWN_VALUE)
    if (begins_as != OWN_VALUE) != (value is not None):
        given = "no directory of one is given" if value is None else f"{value} is given as one"
        raise RecipeError(f"{config.method}: value is {begins_as!r}, and {given}")


def _fingerprint(folder: Path, config: OnlineConfig) -> str:
    return model_fingerprint(folder, own_code=config.trust_remote_code)


def _reference(config: OnlineConfig, scorer: BranchScorer, named: Path | None) -> Teacher | None:
    if not config.looks_at_reference:
        return None
    if named is None:
        return OwnTeacher(scorer, 0.0)
    held = open_teacher(named, scorer, config)
    held.scorer.temperature = config.temperature
    return held


def _probes(prompts: Sequence[TokenPrompt], opened: Opened, config: OnlineConfig) -> list[Tree]:
    """Trees like those of a step: the shortest and the longest prompt, behind which the prompts' own tokens stand."""
    ordered = sorted(prompts, key=lambda each: len(each.ids))
    found = []
    for each in (ordered[0], ordered[-1]):
        room = min(config.max_tokens, opened.room - len(each.ids), PROBE_TOKENS)
        branches = tuple((each.ids * room)[start : start + room] for start in range(2))
        found.append(Tree(each.ids, branches))
    return found


PROBE_TOKENS = 64
