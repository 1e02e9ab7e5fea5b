"""The bench of a cell: its reward model, its folders, and a probe that measures policies along a training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, NamedTuple

from rlaif.atomic import write_text
from rlaif.errors import ThresholdError
from rlaif.hashing import derived_seed
from rlaif.judging.judge_reward import JudgeReward
from rlaif.judging.reward_judge import PREFIX as REWARD
from rlaif.records import Completion, GroupReward, Message, Prompt, ScoreRequest
from rlaif.training import Progress
from rlaif.workflows.evaluation.policy_kl import kl
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.lab.cell import DROPOUT, NOISE, LabCell
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.flaws import Labeller
from rlaif.workflows.lab.world import WHERE, Graded, LabWorld
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts

REWARD_BATCH = 16
REWARD_RATE = 1e-3
CENTERING = 0.01
SCALED = 16
"""Draws of each measured prompt by which the proxy's mean and deviation are told."""
PROPOSED = 200
"""Prompts of which offline methods learn at most."""


class Work(NamedTuple):
    """What a cell does, in answers."""

    drawn: int = 0
    scored: int = 0
    learned: int = 0


class ProxyScored(NamedTuple):
    """An answer with its gold and its standardised proxy reward."""

    prompt: Prompt
    text: str
    gold: float
    proxy: float


def as_turn(text: str) -> tuple[Message, ...]:
    """An answer as the side of a pair."""
    return (Message(role="assistant", content=text),)


def rounded(values: Sequence[float]) -> list[float]:
    """As a record keeps them."""
    return [round(each, 4) for each in values]


@dataclass(slots=True)
class CellBench:
    """One cell with everything that it is measured by."""

    world: LabWorld
    cell: LabCell
    root: Path
    """The lab's directory."""
    progress: Progress
    _scale: tuple[float, float] | None = None

    @property
    def config(self) -> LabConfig:
        """What the lab was told."""
        return self.world.config

    @property
    def folder(self) -> Path:
        """What the cell needs while it is at work."""
        return self.root / "work" / self.cell.name

    @property
    def policy_out(self) -> Path:
        """Where its policy trains."""
        return self.folder / "policy"

    def loop(self, batch_size: int) -> dict[str, Any]:
        """What all trainings of a policy are told. The weights kept are of no use: what was measured is the result."""
        config = self.config
        return {
            "steps": config.steps,
            "batch_size": batch_size,
            "learning_rate": config.learning_rate,
            "seed": self.cell.seed,
            "evaluate_every": config.every,
            "evaluate_figure": "kl",
            "checkpoint_every": config.every,
            "trackers": (),
            "trust_remote_code": config.trust_remote_code,
        }

    @property
    def reward_model(self) -> Path:
        """The reward model of the cell, trained when it is first asked for; cells of one reward share it."""
        from rlaif.training import RewardConfig, train_reward

        config, cell = self.config, self.cell
        noise = config.noise if cell.variant == NOISE else 0.0
        told = LabCell(
            method="reward",
            size=cell.size,
            labels=cell.labels,
            variant=NOISE if noise else "",
            seed=cell.seed,
        )
        out = self.root / "reward-models" / told.name
        batch = min(REWARD_BATCH, cell.labels)
        settings = RewardConfig(
            steps=max(1, round(config.passes * cell.labels / batch)),
            batch_size=batch,
            learning_rate=REWARD_RATE,
            centering=CENTERING,
            seed=cell.seed,
            trackers=(),
            trust_remote_code=config.trust_remote_code,
        )
        train_reward(
            settings,
            self.world.pairs(cell.labels, cell.seed, noise=noise),
            base=self._base(),
            out=out,
            progress=self.progress,
        )
        return out

    def reward(self) -> GroupReward:
        """The proxy as a training's reward."""
        config = self.config
        if not self.cell.asks_judge:
            parts: list[dict[str, Any]] = [{"model": str(self.reward_model)}]
        else:
            dropped = {"dropout": config.dropout} if self.cell.variant == DROPOUT else {}
            parts = [{"judge": config.rubric_judge, "protocol": "checklist", **dropped}]
        return open_reward(
            reward_parts(parts, WHERE),
            self.world.models,
            self.world.inputs.constitution,
            seed=self.cell.seed,
            where=WHERE,
        )

    def scored(self, graded: Sequence[Graded]) -> list[ProxyScored]:
        """With the proxy, in standard deviations of the first policy's draws; what it cannot read is left out."""
        mean, spread = self.scale()
        found = zip(graded, self._raw(graded), strict=True)
        return [ProxyScored(*each, (proxy - mean) / spread) for each, proxy in found if proxy is not None]

    def scored_draws(self) -> list[list[ProxyScored]]:
        """The first policy's draws of each measured prompt."""
        groups = self.world.measured_draws()
        flat = iter(self.scored([each for group in groups for each in group]))
        by_prompt: dict[str, list[ProxyScored]] = {}
        for each in flat:
            by_prompt.setdefault(each.prompt.id, []).append(each)
        return [group for group in by_prompt.values() if len(group) == self.config.best_of]

    def scale(self) -> tuple[float, float]:
        """Mean and deviation of the proxy on draws of the first policy. Raises ThresholdError where it is constant."""
        if self._scale is None:
            some = [each for group in self.world.measured_draws() for each in group[:SCALED]]
            found = [each for each in self._raw(some) if each is not None]
            if len(found) < 2 or pstdev(found) == 0:
                raise ThresholdError(
                    f"{self.cell.group}: the reward is the same for {len(found)} answers, and nothing can be optimised "
                    "against it: give reward models more labels or passes, or another rubric_judge"
                )
            self._scale = (fmean(found), pstdev(found))
        return self._scale

    def proposals(self) -> list[tuple[Prompt, list[ProxyScored]]]:
        """Draws of the first policy that offline methods learn from, with their proxies."""
        prompts = self.world.trained_on(self.cell.seed)[: min(PROPOSED, 4 * self.config.batch_size * 4)]
        groups = self.world.answers(
            self.config.policy, prompts, self.config.n, derived_seed("lab proposals", self.cell.seed)
        )
        return [(group[0].prompt, self.scored(group)) for group in groups if len(group) > 1]

    @contextmanager
    def measuring(self) -> Iterator[PolicyProbe]:
        """A probe of the policies of this cell; when it is done, so are they."""
        probe = PolicyProbe(bench=self)
        yield probe
        shutil.rmtree(self.policy_out, ignore_errors=True)

    def accuracy(self) -> float:
        """Share of pairs of draws whose order by the proxy is that of gold, of those that gold distinguishes."""
        right = []
        for group in self.world.measured_draws():
            found = self.scored(group[:SCALED])
            for one, other in zip(found[::2], found[1::2], strict=False):
                if one.gold != other.gold:
                    right.append(float((one.proxy > other.proxy) == (one.gold > other.gold)))
        return fmean(right) if right else float("nan")

    def _raw(self, graded: Sequence[Graded]) -> list[float | None]:
        """The proxy rewards of answers."""
        world = self.world
        if self.cell.asks_judge:
            assert self.config.rubric_judge is not None
            judge = JudgeReward(world.models.judge(self.config.rubric_judge), world.inputs.constitution)
            said = [Completion(prompt_id=each.prompt.id, text=each.text, policy="") for each in graded]
            return judge.rewards([each.prompt for each in graded], said)
        asked = [
            ScoreRequest(id=str(place), messages=each.prompt.messages, continuations=(each.text,))
            for place, each in enumerate(graded)
        ]
        name = f"{REWARD}{self.reward_model}"
        world.models.open(name)
        held = {
            each.request_id: None if each.error is not None else each.logprobs[0]
            for each in world.models.engine(name).score(asked)
        }
        return [held[each.id] for each in asked]

    def _base(self) -> Path:
        """The model that the reward model is made of: the first layers of the policy, or a model by its name."""
        size, policy = self.cell.size, self.world.policy_dir
        if not size.isdigit():
            return model_directory(size)
        from rlaif.libraries.transformers.shortened import layers_of, write_first_layers

        if int(size) == layers_of(policy, trust_remote_code=self.config.trust_remote_code):
            return policy
        out = self.root / "reward-models" / f"base-{size}"
        if not (out / "config.json").is_file():
            write_first_layers(policy, int(size), out, trust_remote_code=self.config.trust_remote_code)
        return out


@dataclass(slots=True)
class PolicyProbe:
    """Measures the policy of a training: gold, proxy, and how far it is from the first policy."""

    bench: CellBench

    def evaluate(self, step: int) -> Mapping[str, float]:
        """The figures after a step, kept beside the training, so that one that is resumed has them all."""
        bench, config = self.bench, self.bench.config
        models, world = bench.world.models, bench.world
        # of a name the fingerprint is read once: other weights need another
        from rlaif.training.runner import snapshot_directory

        place = bench.folder / f"step-{step}"
        shutil.rmtree(place, ignore_errors=True)
        snapshot_directory(bench.policy_out).rename(place)
        name, seed = str(place), derived_seed("lab probe", bench.cell.seed, step)
        drawn = draw(models, [name], world.inputs.measured, config.draws, world.sampling, seed).drawn
        distance, _ = kl(models.writer(name), models.writer(config.policy), drawn)
        gold = world.gold(drawn)
        graded = [
            Graded(prompt, said.text, known)
            for (prompt, said), known in zip(drawn, gold, strict=True)
            if known is not None
        ]
        point = _point(bench, step, max(0.0, distance or 0.0), graded)
        self._keep(step, point)
        models.release_all_but([config.policy])
        shutil.rmtree(place, ignore_errors=True)
        return {"kl": point["kl"], "proxy": point["proxy"], "gold": fmean(point["gold"])}

    def points(self) -> list[dict[str, Any]]:
        """The first policy, then what was measured, in order of steps."""
        graded = [each for group in self.bench.world.measured_draws() for each in group[:SCALED]]
        first = _point(self.bench, 0, 0.0, graded)
        held = self._held()
        return [first, *(held[step] for step in sorted(held, key=int))]

    def _keep(self, step: int, point: Mapping[str, Any]) -> None:
        held = {name: each for name, each in self._held().items() if int(name) < step}
        write_text(self._file, json.dumps({**held, str(step): point}))

    def _held(self) -> dict[str, dict[str, Any]]:
        held: dict[str, dict[str, Any]] = json.loads(self._file.read_text()) if self._file.is_file() else {}
        return held

    @property
    def _file(self) -> Path:
        return self.bench.folder / "points.json"


def _point(bench: CellBench, step: int, distance: float, graded: Sequence[Graded]) -> dict[str, Any]:
    by_prompt: dict[str, list[float]] = {each.id: [] for each in bench.world.inputs.measured}
    for each in graded:
        by_prompt[each.prompt.id].append(each.gold)
    whole = fmean(each.gold for each in graded) if graded else 0.0
    texts = [each.text for each in graded]
    flaw = Labeller(flaw=bench.config.flaw, text=bench.config.flaw_text, share=0.0, noise=0.0, seed=0)
    return {
        "step": step,
        "kl": distance,
        "distance": sqrt(distance),
        # a prompt that nothing was graded of counts as the others do on the mean
        "gold": rounded([fmean(each) if each else whole for each in by_prompt.values()]),
        "proxy": fmean(each.proxy for each in bench.scored(graded)),
        "words": fmean(len(text.split()) for text in texts),
        "flaw": fmean(flaw.feature(text) for text in texts),
    }
