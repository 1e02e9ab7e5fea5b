"""Evaluation: win rates against other models by a judge in both orders, and gold where prompts name one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from rlaif.constitution import load_constitution
from rlaif.exchange.completions import write_completions
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback import sample
from rlaif.hashing import derived_seed
from rlaif.judging import Judge, decide
from rlaif.records import Completion, Constitution, Judgment, NoPair, Prompt, Sampling
from rlaif.runs import claim
from rlaif.store import Store, find_store
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.gold import Grades, grade
from rlaif.workflows.measure import bootstrap, gold_by_principle, share_met
from rlaif.workflows.models import Models, Report, silent
from rlaif.workflows.play import described_constitution, described_prompts

EVEN = {NoPair.TIE, NoPair.INCONSISTENT, NoPair.UNDECIDED, NoPair.BOTH_VIOLATE, NoPair.DUPLICATE}
"""Reasons that are a verdict: neither is better. All others are failures of the judge and give no result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """How often a policy's answer is judged better; an even pair counts one half, a failed one not at all."""

    against: str
    win_rate: float | None
    low: float | None
    high: float | None
    wins: int
    losses: int
    even: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldFigures:
    """Gold of one model's answers."""

    model: str
    mean: float | None
    low: float | None
    high: float | None
    by_principle: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation found."""

    policy: str
    judge: str | None
    prompts: int
    win_rates: tuple[WinRate, ...]
    gold: tuple[GoldFigures, ...]
    calls: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """As JSON: `gold` by model name."""
        found = asdict(self)
        found["gold"] = {each.pop("model"): each for each in found["gold"]}
        return found


def evaluate(config: EvaluateConfig, progress: Report = silent) -> Evaluation:
    """Sample one answer a prompt and model, compare, grade. `config` has been through `choose_evaluate`."""
    prompts, constitution = _read(config)
    names = [str(config.policy), *config.against]
    models = Models(config, progress, config.seed)
    models.open(*names, *([config.judge] if config.judge else []))
    with ExitStack() as stack:
        run = None
        if config.out is not None:
            run = stack.enter_context(claim(config.out, _described(config, models), command="evaluate"))
        place = config.out or config.store or find_store(_here())
        store = stack.enter_context(Store.open(find_store(place, config.store)))
        models.record(store, run.id if run else "")
        texts = {name: answers(models, name, prompts, _sampling(config), config.seed) for name in names}
        found = Evaluation(
            policy=names[0],
            judge=config.judge,
            prompts=len(prompts),
            win_rates=_win_rates(config, models, constitution, prompts, texts),
            gold=_gold(config, constitution, prompts, texts) if config.gold else (),
            calls=models.calls,
        )
        if run is not None:
            by_id = {prompt.id: prompt for prompt in prompts}
            rows = [(by_id[each.prompt_id], each) for name in names for each in texts[name]]
            write_completions(run.dir / "completions.jsonl", rows)
            run.finish(found.as_dict())
    return found


def answers(
    models: Models, name: str, prompts: Sequence[Prompt], sampling: Sampling, seed: int
) -> list[Completion]:
    """One answer a prompt."""
    return sample(models.engine(name), prompts, n=1, sampling=sampling, seed=seed)


def win_rate(
    judge: Judge,
    constitution: Constitution,
    prompts: Sequence[Prompt],
    ours: Sequence[Completion],
    theirs: Sequence[Completion],
    **options: Any,
) -> WinRate:
    """Compare two models' answers to the same prompts. Options: against, resamples, seed."""
    by_id = {prompt.id: prompt for prompt in prompts}
    other = {each.prompt_id: each for each in theirs}
    both = [(by_id[each.prompt_id], each, other[each.prompt_id]) for each in ours if each.prompt_id in other]
    asked = [(prompt, one, two) for prompt, one, two in both if one.text != two.text]
    judged: dict[str, list[Judgment]] = {}
    for judgment in judge.compare(asked, constitution.principles):
        judged.setdefault(judgment.prompt_id, []).append(judgment)
    scores: list[float] = [0.5] * (len(both) - len(asked))
    failed = 0
    for prompt, one, _ in asked:
        decision = decide(constitution, prompt, judged.get(prompt.id, []), first=one.id)
        if decision.label_prob is not None:
            scores.append(1.0 if decision.label_prob > 0.5 else 0.0 if decision.label_prob < 0.5 else 0.5)
        elif decision.reason in EVEN:
            scores.append(0.5)
        else:
            failed += 1
    seed = derived_seed(options["seed"], "bootstrap")
    found = bootstrap(scores, resamples=options["resamples"], seed=seed)
    return WinRate(
        against=options["against"],
        win_rate=found.mean if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        wins=scores.count(1.0),
        losses=scores.count(0.0),
        even=scores.count(0.5),
        failed=failed,
    )


def grades_of(
    constitution: Constitution, prompts: Sequence[Prompt], texts: Sequence[Completion]
) -> list[Grades]:
    """Gold of each text, in order."""
    by_id = {prompt.id: prompt for prompt in prompts}
    return [grade(by_id[each.prompt_id], each, constitution) for each in texts]


def plan(config: EvaluateConfig) -> str:
    """What would be done, for `--dry-run`."""
    prompts, constitution = _read(config)
    lines = [f"policy {config.policy}, against {', '.join(config.against) or 'nothing'}, judge {config.judge}"]
    lines.append(f"constitution {constitution.name} {constitution.version} ({constitution.digest})")
    lines.append(f"{len(prompts)} prompts of {config.prompts}, {len(config.against) + 1} answers each")
    lines.append(f"comparisons: {len(prompts) * len(config.against)} pairs, both orders, each principle that applies")
    return "\n".join(lines)


def _read(config: EvaluateConfig) -> tuple[list[Prompt], Constitution]:
    prompts = read_prompts(str(config.prompts), column=config.column, limit=config.limit)
    return prompts, load_constitution(str(config.constitution))


def _sampling(config: EvaluateConfig) -> Sampling:
    return Sampling(temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_tokens)
