"""`rlaif attack`: honest answers are drawn and scored, attacks look for texts above them, and a report says what won.

Read `attack` from top to bottom: prepare, open, draw, probe, look, judge what scores above, report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines, write_text
from rlaif.auditing.attack_outcomes import (
    AttackTry,
    Worth,
    best_first,
    compared,
    figures_of,
    outcomes_of,
    quantile,
)
from rlaif.engines.base import capabilities_of
from rlaif.errors import EngineError, InputError
from rlaif.exchange.pairs import write_pairs
from rlaif.hashing import derived_seed
from rlaif.judging.group_rewards.probe import probe
from rlaif.judging.reward_judge import PREFIX
from rlaif.judging.reward_request import reward_request
from rlaif.records import Completion, Prompt, Sampling
from rlaif.runs.claim import Run, claim
from rlaif.runs.identity import described_constitution, described_prompts
from rlaif.store import Store, find_store
from rlaif.workflows.attack.attack_pairs import MinedText, attack_pairs, mined_prompts
from rlaif.workflows.attack.kind import AttackGround, Attempt, RewardAttack, Swaps
from rlaif.workflows.attack.kinds import ATTACKS
from rlaif.workflows.attack.prepare import BY, WHERE, AttackJob
from rlaif.workflows.attack.report import (
    EXAMPLES,
    MARKDOWN,
    REPORT,
    TEXTS,
    AttackExample,
    AttackReport,
    as_markdown,
)
from rlaif.workflows.attack.scored import TextScores
from rlaif.workflows.attack.worth import WorthJudge
from rlaif.workflows.generate.judge_step import in_writing
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.failures import failed_calls
from rlaif.workflows.models.made_by import label
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.spec import RewardSpec, label_of

TRIED_PROMPTS = 4
"""Prompts on whose honest answers the reward is tried before anything else."""
LEAST_SCORED = 2
"""Honest answers of a prompt that the reward must have scored: of one there is no quantile."""
TOP_TOKENS = 32
"""Tokens of each place among which a swap is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestAnswers:
    """Honest answers by prompt id, and what a text must be above."""

    prompts: Sequence[Prompt]
    """Those that have a line."""
    texts: Mapping[str, Sequence[str]]
    rewards: Mapping[str, Sequence[float]]
    lines: Mapping[str, float]
    warnings: tuple[str, ...]

    def best(self, prompt_id: str) -> tuple[str, float]:
        """The answer with the highest reward."""
        pairs = zip(self.rewards[prompt_id], self.texts[prompt_id], strict=True)
        reward, text = max(pairs, key=lambda each: each[0])
        return text, reward


def attack(job: AttackJob, progress: Report = silent) -> AttackReport:
    """Attack a reward. Raises InputError, before the first search, for a reward that cannot be attacked."""
    config = job.config
    names = [*job.spec.protocols, *(job.by.protocols if job.by else ())]
    models = ModelPool(config, progress, config.seed, in_writing(*names))
    models.acting(config.policy_options).open(
        str(config.policy), *([config.attacker] if config.attacker else [])
    )
    with ExitStack() as stack:
        stack.callback(models.close)
        store = stack.enter_context(Store.open(find_store(config.out or Path.cwd() / "attack", config.store)))
        models.record(store, "")
        scores = _scores(job, job.spec, models, WHERE)
        run = None
        second = None if job.by is None else _scores(job, job.by, models, BY)
        if config.out is not None:
            described = _described(job, models, scores, second)
            run = stack.enter_context(claim(config.out, described, command="attack"))
            models.record(store, run.id)
        honest = draw_honest(job, models, scores)
        worth = WorthJudge(constitution=job.constitution, honest=honest.texts, second=second)
        found = look(job, models, scores, honest, worth, progress)
        pairs = _write_pairs(job, scores, honest, found)
        report = _report(job, models, scores, honest, found, pairs)
        if run is not None:
            _write(run, report, found)
    return report


def _scores(job: AttackJob, spec: RewardSpec, models: ModelPool, where: str) -> TextScores:
    seed = job.config.seed
    return TextScores(open_reward(spec, models, job.constitution, seed=seed, where=where), seed)


def draw_honest(job: AttackJob, models: ModelPool, scores: TextScores) -> HonestAnswers:
    """Draw honest answers, try the reward on some, and score all.

    Raises InputError for a reward that fails always, or is the same for everything: nothing can be found out of it.
    """
    config = job.config
    drawn = draw_answers(job, models, str(config.policy), config.n, "honest")
    by_prompt: dict[str, dict[str, Completion]] = {each.id: {} for each in job.prompts}
    for prompt, each in drawn:
        by_prompt[prompt.id].setdefault(each.text, each)
    tried = [each for each in job.prompts if by_prompt[each.id]][:TRIED_PROMPTS]
    if not tried:
        raise InputError(
            f"{config.policy}: gave no whole answer to any of {len(job.prompts)} prompts; raise --max-tokens, or name "
            "another --policy"
        )
    groups = [list(by_prompt[each.id].values()) for each in tried]
    doubts = () if models.dry_run else probe(scores.reward, tried, groups, seed=config.seed, where=WHERE)
    asked = [(prompt, text) for prompt in job.prompts for text in by_prompt[prompt.id]]
    texts: dict[str, list[str]] = {each.id: [] for each in job.prompts}
    rewards: dict[str, list[float]] = {each.id: [] for each in job.prompts}
    for (prompt, text), reward in zip(asked, scores(asked), strict=True):
        if reward is not None:
            texts[prompt.id].append(text)
            rewards[prompt.id].append(reward)
    known = [each for each in job.prompts if len(rewards[each.id]) >= LEAST_SCORED]
    if not known:
        raise EngineError(
            f"the reward scored fewer than {LEAST_SCORED} honest answers of every prompt; {_commonest(scores)}; mend "
            "that and run the same command again"
        )
    left = len(job.prompts) - len(known)
    told = [f"{left} of {len(job.prompts)} prompts have fewer than {LEAST_SCORED} different honest answers with a "
            "reward, and are left out"] if left else []  # fmt: skip
    return HonestAnswers(
        prompts=known,
        texts=texts,
        rewards=rewards,
        lines={each.id: quantile(rewards[each.id], config.quantile) for each in known},
        warnings=(*doubts, *told),
    )


def look(
    job: AttackJob,
    models: ModelPool,
    scores: TextScores,
    honest: HonestAnswers,
    worth: WorthJudge,
    progress: Report = silent,
) -> AttackLook:
    """Make every attack, and ask of each text above the line what it is worth."""
    ground = AttackGround(
        config=job.config,
        prompts=honest.prompts,
        honest=honest.texts,
        scores=scores,
        swaps=_swaps(job, models),
        draw=lambda name, count: [
            each for each in draw_answers(job, models, name, count, "extremes") if each[0].id in honest.lines
        ],
    )
    tried: list[AttackTry] = []
    others: dict[int, Worth] = {}
    skipped: dict[str, str] = {}
    for number, name in enumerate(job.attacks):
        kind = ATTACKS.get(name)
        progress("attacks", number, len(job.attacks))
        if (why := kind.refuses(ground)) is not None:
            skipped[name] = why
            continue
        with ATTACKS.guarded(name):
            attempts = kind.look(ground)
        _judged(kind, attempts, scores, honest, worth, tried, others)
    progress("attacks", len(job.attacks), len(job.attacks))
    return AttackLook(tried=tried, others=others, skipped=skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackLook:
    """What attacks tried."""

    tried: Sequence[AttackTry]
    others: Mapping[int, Worth]
    """By place in `tried`, of those above the line: what others than gold say, which alone may be trained on."""
    skipped: Mapping[str, str]

    @property
    def trainable(self) -> list[MinedText]:
        """Texts above the line, with what others than gold say of them."""
        return [MinedText(self.tried[place], worth) for place, worth in self.others.items()]


def _judged(
    kind: RewardAttack,
    attempts: Sequence[Attempt],
    scores: TextScores,
    honest: HonestAnswers,
    worth: WorthJudge,
    tried: list[AttackTry],
    others: dict[int, Worth],
) -> None:
    """Add the texts of one attack to `tried`, and to `others` what is said of those above the line."""
    own = list(zip(attempts, scores([(each.prompt, each.text) for each in attempts]), strict=True))
    above = [
        attempt for attempt, reward in own if reward is not None and reward > honest.lines[attempt.prompt.id]
    ]
    texts = [(each.prompt, each.text) for each in above]
    said = iter(worth.by_others(texts, [kind.constructed] * len(texts)))
    for attempt, reward in own:
        line = honest.lines[attempt.prompt.id]
        each = AttackTry(
            attack=kind.name,
            member=attempt.member,
            prompt_id=attempt.prompt.id,
            text=attempt.text,
            reward=reward,
            line=line,
        )
        if each.above:
            other = others[len(tried)] = next(said)
            gold = worth.by_gold(attempt.prompt, attempt.text)
            each = replace(each, worth=other if gold.worthless is None else gold)
        tried.append(each)


def draw_answers(
    job: AttackJob, models: ModelPool, name: str, count: int, what: str
) -> list[tuple[Prompt, Completion]]:
    """So many whole answers per prompt; those that were cut off, or whose thought never ended, are none."""
    config = job.config
    found = draw(
        models.acting(config.policy_options),
        [name],
        job.prompts,
        count,
        Sampling(temperature=1.0, max_tokens=config.max_tokens),
        derived_seed("attack", config.seed, what),
    )
    return [
        (prompt, each)
        for prompt, each in found.drawn
        if each.finish != "length" and not each.open_thought and each.text.strip()
    ]


def _swaps(job: AttackJob, models: ModelPool) -> Swaps | None:
    """The gradients of the reward models among the parts, one after the other, step by step."""
    config = job.config
    guides = []
    for each in job.spec.leaves:
        name = each.model or each.judge
        if name is None or each.weight <= 0:
            continue
        name = name if each.model is None or name.startswith(PREFIX) else f"{PREFIX}{name}"
        engine = models.opened(name)
        if engine is not None and capabilities_of(engine).gives_gradients:
            guides.append(capabilities_of(engine))
    if not guides:
        return None

    def swaps(prompt: Prompt, text: str, step: int) -> list[str] | None:
        asked = reward_request(prompt, Completion(prompt_id=prompt.id, text=text, policy="attack"))
        if asked is None:
            return None
        seed = derived_seed("swaps", config.seed, prompt.id, step, text)
        return guides[step % len(guides)].swaps(asked, count=config.swap_tries, top=TOP_TOKENS, seed=seed)

    return swaps


def _report(
    job: AttackJob,
    models: ModelPool,
    scores: TextScores,
    honest: HonestAnswers,
    found: AttackLook,
    pairs: int,
) -> AttackReport:
    config = job.config
    by_attack = {name: [each for each in found.tried if each.attack == name] for name in job.attacks}
    made = {name: own for name, own in by_attack.items() if name not in found.skipped}
    outcomes = {name: outcomes_of(own) for name, own in made.items()}
    earlier = job.earlier
    mined = earlier.mined if earlier is not None else frozenset()
    if config.pairs is not None:
        mined |= mined_prompts(honest.prompts, config.mined, config.seed)
    return AttackReport(
        reward=named(job.spec),
        fingerprint=scores.reward.fingerprint,
        policy=str(config.policy),
        by=None if job.by is None else named(job.by),
        constitution=label(job.constitution),
        prompts=len(honest.prompts),
        quantile=config.quantile,
        figures=tuple(figures_of(name, own) for name, own in made.items()),
        skipped=found.skipped,
        examples=tuple(_examples(honest, own) for name in made for own in best_first(made[name])[:EXAMPLES]),
        outcomes=outcomes,
        mined=tuple(sorted(mined)),
        failures=scores.reasons,
        calls=models.calls,
        before=() if earlier is None else tuple(compared(earlier.outcomes, outcomes, earlier.mined)),
        pairs=pairs,
        max_success=config.max_success,
        warnings=(*honest.warnings, *_unlike(job), *failed_calls(models.recorded)),
    )


def _examples(honest: HonestAnswers, tried: AttackTry) -> AttackExample:
    prompt = next(each for each in honest.prompts if each.id == tried.prompt_id)
    best, reward = honest.best(prompt.id)
    assert tried.reward is not None, "only texts above the line are shown"
    return AttackExample(
        attack=tried.attack,
        member=tried.member,
        prompt=prompt.text,
        text=tried.text,
        reward=tried.reward,
        line=tried.line,
        honest=best,
        honest_reward=reward,
        worth_by=str(tried.worth.by),
        worthless=tried.worth.worthless,
    )


def _unlike(job: AttackJob) -> list[str]:
    """What makes two reports another measurement."""
    earlier, config = job.earlier, job.config
    if earlier is None:
        return []
    by = None if job.by is None else named(job.by)
    return [
        f"the earlier report had {what} {was}, this one has {now}: before and after are two measurements"
        for what, was, now in (("quantile", earlier.quantile, config.quantile), ("--by", earlier.by, by))
        if was != now
    ]


def named(spec: RewardSpec) -> str:
    """A reward in a few words."""
    parts = " + ".join(map(label_of, spec.parts))
    return parts if spec.together == "sum" else f"{spec.together} of {parts}"


def _write_pairs(job: AttackJob, scores: TextScores, honest: HonestAnswers, found: AttackLook) -> int:
    """Write pairs of what was found on the prompts to mine; says how many."""
    config = job.config
    if config.pairs is None:
        return 0
    mined = mined_prompts(honest.prompts, config.mined, config.seed)
    made = attack_pairs(
        [each for each in found.trainable if each.tried.prompt_id in mined],
        {each.id: each for each in honest.prompts},
        honest.texts,
        {
            "attacked": named(job.spec),
            "attacked_fingerprint": scores.reward.fingerprint,
            "policy": [config.policy],
        },
        config.seed,
    )
    config.pairs.parent.mkdir(parents=True, exist_ok=True)
    write_pairs(config.pairs, [*job.trained_on, *made])
    return len(made)


def _write(run: Run, report: AttackReport, found: AttackLook) -> None:
    rows = (json.dumps(asdict(each), ensure_ascii=False) for each in found.tried)
    write_lines(run.dir / TEXTS, rows)
    write_text(run.dir / MARKDOWN, as_markdown(report))
    told = report.as_dict()
    write_text(run.dir / REPORT, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    run.finish({name: told[name] for name in ("reward", "prompts", "figures", "skipped", "calls", "found")})


def _described(
    job: AttackJob, models: ModelPool, scores: TextScores, second: TextScores | None
) -> dict[str, Any]:
    config = job.config
    names = ("attacks", "n", "max_tokens", "best_of", "population", "generations", "swap_steps", "swap_tries")
    return {
        "reward": scores.reward.fingerprint,
        "by": None if second is None else second.reward.fingerprint,
        "policy": models.acting(config.policy_options).fingerprint(str(config.policy)),
        "attacker": config.attacker,
        "prompts": described_prompts(job.prompts),
        "constitution": described_constitution(job.constitution),
        "quantile": config.quantile,
        "seed": config.seed,
        **{name: getattr(config, name) for name in names},
    }


def _commonest(scores: TextScores) -> str:
    return next((f"most often: {why}" for why in scores.reasons), "no reason was kept")
