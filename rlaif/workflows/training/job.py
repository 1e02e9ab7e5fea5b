"""One training, checked and ready to run: what a method is given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.records import Alarm, Constitution, Example, GroupReward, Pair, Prompt
from rlaif.training import SFTConfig
from rlaif.training.gate import GateReport
from rlaif.training.sampled import Sampled
from rlaif.workflows.training.alarm.inputs import AlarmInputs
from rlaif.workflows.training.options import MethodOptions, PairTrainingOptions
from rlaif.workflows.training.reward_coverage import RewardCoverage


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """All that a training needs, checked."""

    method: str
    """By name: a job goes to other processes."""
    options: MethodOptions
    pairs: Sequence[Pair]
    base: Path
    """The model directory that is trained."""
    out: Path
    examples: Sequence[Example] = ()
    """What to imitate, where a recipe's step made it; else a method makes its own from the pairs."""
    reference_dir: Path | None = None
    """Weights of the reference that the options name; None where that is the policy itself, or nothing."""
    replay: Sequence[Example] = ()
    prompts: Sequence[Prompt] = ()
    """Whose answers the policy learns from as it writes them."""
    reward: GroupReward | None = None
    """What says how good those answers are, open."""
    looked: AlarmInputs | None = None
    """What its alarm is to look at, as it was read."""
    alarm: Alarm | None = None
    """What says that the policy exploits its reward, open."""
    seed: int = 0
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """As those with which the completions were drawn: training must see the same prompts."""
    thought_marks: tuple[str, str] | None = None
    """What the policy writes around its thoughts, where somebody said so."""
    trust_remote_code: bool = False
    """Whether code found in a model directory may run."""
    card: Mapping[str, str]
    """What the model card says of the data: constitution and digest, judge, policy, run."""
    sampled: Mapping[str, Sampled] = field(default_factory=dict)
    """How answers were sampled, where the run knows, by completion id."""
    constitution: Constitution | None = None
    """The one by which a judge that is trained was asked."""
    gate: GateReport | None = None
    """What the data gate left out of the pairs; None where it did not look."""
    coverage: Sequence[RewardCoverage] = ()
    """Of each reward model of the reward, whether the prompts are like those that it learned from."""
    edited: bool = False
    """Whether the pairs were changed by hand after their run was finished, on purpose."""
    doubts: Sequence[str] = ()
    """Warnings about how the pairs were judged."""
    reviewed: Mapping[str, int] = field(default_factory=dict)
    """Pairs that were left out or swapped because people decided so, by reason."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where options come from that are not the method's defaults, by name: given, or of the shipped recipe."""
    store: Path | None = None
    """Where it is noted which step used which pair; None: found upward from `out`."""

    @property
    def rank(self) -> int:
        """Rank of the adapter; 0 trains all weights."""
        return self.options.rank

    def loop_fields(self, rows: int, usual: int | None = None) -> dict[str, Any]:
        """The fields of `rlaif.training.LoopConfig` that the shared options settle; `rows` are learned from.

        `usual` rows are a step of the method where the options name no number; None: as many as of most.
        """
        options = self.options
        shared: dict[str, Any] = {
            "steps": self._steps(rows, usual or SFTConfig().batch_size),
            "learning_rate": options.learning_rate,
            "seed": self.seed,
            "chat_template_kwargs": dict(self.chat_template_kwargs),
            "thought_marks": self.thought_marks,
            "trust_remote_code": self.trust_remote_code,
            **options.checked_loop("train"),
        }
        if options.batch_size is not None:
            shared["batch_size"] = options.batch_size
        return shared

    def _steps(self, rows: int, usual: int) -> int | None:
        options = self.options
        if options.steps is not None or options.epochs is None:
            return options.steps
        held_out = options.held_out_pairs if isinstance(options, PairTrainingOptions) else 0.0
        trained = rows * (1 - held_out)
        return max(1, math.ceil(options.epochs * trained / (options.batch_size or usual)))


def rollout_card(
    constitution: Constitution, judges: Sequence[str], place: Mapping[str, str]
) -> dict[str, str]:
    """What a model card says of a training on rollouts; `place` is where their prompts or the training come from."""
    return {
        "constitution": f"{constitution.name} {constitution.version}".strip(),
        "constitution digest": constitution.digest,
        "judge": ", ".join(judges) or "unknown",
        **place,
    }


def card(pairs: Sequence[Pair], run: str, judge: str | None = None) -> dict[str, str]:
    """What a model card says of the pairs that made the model; `judge` is the judge's name, where it is known."""
    first = pairs[0].provenance if pairs else {}
    constitution = first.get("constitution") or {}
    fingerprint = str(first.get("judge", "unknown"))
    return {
        "constitution": f"{constitution.get('name', 'unknown')} {constitution.get('version', '')}".strip(),
        "constitution digest": str(constitution.get("digest", "unknown")),
        "judge": fingerprint if judge is None else f"{judge} ({fingerprint})",
        "policy": ", ".join(first.get("policy") or ["unknown"]),
        "run": run,
        "pairs": str(len(pairs)),
    }
