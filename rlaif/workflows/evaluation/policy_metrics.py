"""A row of `rounds.json`: what a policy is worth on held-out prompts, by gold and by its judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from rlaif.auditing.cells import cells_of, kinds_of
from rlaif.auditing.intervals import Resampling, mean
from rlaif.exchange.measured import MeasuredAnswer
from rlaif.feedback.system_turn import SystemTurn
from rlaif.judging import Judge
from rlaif.records import (
    Completion,
    Constitution,
    Judgment,
    Pair,
    Prompt,
    Sampling,
    State,
)
from rlaif.workflows.evaluation.behaviours import figures, lengths, shown_by_gold, shown_by_judge
from rlaif.workflows.evaluation.policy_kl import kl
from rlaif.workflows.evaluation.rounds_compared import called as called_round
from rlaif.workflows.evaluation.rounds_compared import won_against
from rlaif.workflows.evaluation.statistics import Gap, accuracy, generator_judge_gap
from rlaif.workflows.evaluation.win_rate import AnswersCompared, compare_answers
from rlaif.workflows.generate.cut_off import never_ended
from rlaif.workflows.generate.rollouts import Draws, answers
from rlaif.workflows.models.gold import Grades, gold_by_principle, gold_mean, grade, share_met, ungraded
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions, sees_of

Readings = Mapping[tuple[str, str], float]
"""P(yes) by (completion id, principle id); what could not be read is not there."""
Asked = Mapping[str, Sequence[str]]
"""By completion id the principles that the judge was asked about."""
DRIFT_LIMIT = 0.1
"""Mean distance of two judges' P(yes) on the same texts above which the newer one counts as drifted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is measured, and by whom. `initial` and `previous` are model names."""

    policy: str
    judge: str
    initial: str
    first_judge: str
    against: Mapping[str, str]
    """What a row calls it -> model name."""
    gold: bool
    options: Mapping[str, RoleOptions] = field(default_factory=dict)
    """How models are asked: by the fields above, and by what a row calls those of `against`."""
    limits: Sampling = field(default_factory=Sampling)
    """How long answers and their thoughts may be."""
    system: SystemTurn | None = None
    """The system turn under which answers are drawn."""
    cells: bool = False
    """Whether cells of principle x kind of prompt are told too."""
    behaviours: bool = False
    """Whether the judge is asked which behaviours answers show, where gold does not say it."""
    rounds: Mapping[int, str] = field(default_factory=dict)
    """The models of earlier rounds by their number, with which the first judge compares the policy."""

    def models(self, models: ModelPool, key: str) -> ModelPool:
        """The models as the one of this key is asked."""
        return models.acting(self.options.get(key))


class Measurement(NamedTuple):
    """What measuring a policy gives."""

    row: dict[str, Any]
    """All figures of a row that come from held-out prompts."""
    answers: list[MeasuredAnswer]
    """The answers that they are of, drawn at temperature 1, with what was read of each."""


def measure(
    models: ModelPool, constitution: Constitution, prompts: Sequence[Prompt], what: Measured, seed: int
) -> Measurement:
    """Measure a policy on held-out prompts: by gold, by its judge, against other models."""
    judge, policies = what.models(models, "judge").judge(what.judge), what.models(models, "policy")
    answered = [_answers(policies, what.policy, prompts, what, t, seed) for t in (1.0, 0.0)]
    drawn, greedy = ([one for one in each.completions if not one.open_thought] for each in answered)
    failures = [f"{what.policy}: {told}" for each in answered for told in each.warnings]
    failures += never_ended(what.policy, [one for each in answered for one in each.completions])
    initial = what.models(models, "initial").writer(what.initial)
    distance, unscored = kl(policies.writer(what.policy), initial, answered[0].drawn, what.system)
    failures += unscored
    said = judge.checklist(_joined(prompts, drawn), constitution.principles)
    readings, asked = read(said), asked_of(said)
    graded = (
        [grade(prompt, each, constitution) for prompt, each in _joined(prompts, drawn)] if what.gold else []
    )
    best = (
        [grade(prompt, each, constitution) for prompt, each in _joined(prompts, greedy)] if what.gold else []
    )
    row: dict[str, Any] = {
        "gold_mean": gold_mean(graded),
        "gold_greedy": gold_mean(best),
        "gold_by_principle": gold_by_principle(graded),
        "judge_mean": judge_mean(readings, asked),
        "judge_by_principle": judge_by_principle(readings),
        "judge_read": judge_read(readings, asked),
        "judge_accuracy_on_policy": accuracy(readings, truths(drawn, graded)),
        "kl": distance,
        "length_mean": mean(float(len(each.text.split())) for each in drawn),
        "behaviours": _behaviours(judge, _joined(prompts, drawn), what, seed),
        "policy": policies.fingerprint(what.policy),
        "judge": judge.fingerprint,
        "judge_drift": None,
        "against": {},
        "ungraded": ungraded(graded),
    }
    if what.cells:
        row["cells"] = _cells(prompts, drawn, graded, readings, seed)
    first: dict[tuple[str, str], float] = {}
    if what.first_judge != what.judge:
        other_judge = what.models(models, "first_judge").judge(what.first_judge)
        first.update(read(other_judge.checklist(_joined(prompts, drawn), constitution.principles)))
        row["judge_drift"] = mean(abs(readings[key] - first[key]) for key in readings if key in first)
    compared: dict[str, AnswersCompared] = {}
    for called, name in what.against.items():
        answers_of_other = _answers(what.models(models, called), name, prompts, what, 1.0, seed)
        other = answers_of_other.completions
        failures += [f"{name}: {told}" for told in answers_of_other.warnings]
        resampling = Resampling(seed=seed)
        sees = sees_of(what.options.get("judge"))
        found = compare_answers(
            judge, constitution, prompts, drawn, other, against=called, resampling=resampling, sees=sees
        )
        row["against"][called], compared[called] = asdict(found.rate), found
        row["against"][called] |= {"by_group": found.by_group} if found.by_group else {}
    if what.rounds:
        row["rounds"], found_of = _earlier(models, what, constitution, prompts, drawn, seed)
        compared |= found_of
    row |= {"unanswered": failures} if failures else {}
    joined = _joined(prompts, drawn)
    return Measurement(row, measured_answers(joined, graded, readings, first, compared))


def _earlier(
    models: ModelPool,
    what: Measured,
    constitution: Constitution,
    prompts: Sequence[Prompt],
    drawn: Sequence[Completion],
    seed: int,
) -> tuple[dict[str, Any], dict[str, AnswersCompared]]:
    """Win rates against every earlier round by the judge that the run began with, and the comparisons behind them."""
    judge = what.models(models, "first_judge").judge(what.first_judge)
    policies, sees = what.models(models, "policy"), sees_of(what.options.get("first_judge"))
    theirs, found = {}, {}
    for number, name in what.rounds.items():
        theirs[number] = _answers(policies, name, prompts, what, 1.0, seed).completions
        found[number] = compare_answers(
            judge,
            constitution,
            prompts,
            drawn,
            theirs[number],
            against=called_round(number),
            resampling=Resampling(seed=seed),
            sees=sees,
        )
    rates = won_against(found, drawn, theirs, seed)
    return rates, {called_round(number): each for number, each in found.items()}


def measured_answers(
    joined: Sequence[tuple[Prompt, Completion]],
    graded: Sequence[Grades],
    readings: Readings,
    first: Readings,
    compared: Mapping[str, AnswersCompared],
    model: str = "policy",
) -> list[MeasuredAnswer]:
    """The answers with what was read of each; `first` are readings of the judge that a run began with."""
    gold = truths([each for _, each in joined], graded) if graded else {}

    by_text = {name: _by_text(each) for name, each in (("gold", gold), ("judge", readings), ("first", first))}
    return [
        MeasuredAnswer(
            model=model,
            prompt=prompt,
            answer=each,
            gold=by_text["gold"].get(each.id, {}),
            judge=by_text["judge"].get(each.id, {}),
            first_judge=by_text["first"].get(each.id, {}),
            beats={
                called: own.scores[prompt.id] for called, own in compared.items() if prompt.id in own.scores
            },
        )
        for prompt, each in joined
    ]


def _by_text(readings: Mapping[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (text, principle), value in readings.items():
        found.setdefault(text, {})[principle] = float(value)
    return found


def _cells(
    prompts: Sequence[Prompt],
    drawn: Sequence[Completion],
    graded: Sequence[Grades],
    readings: Readings,
    seed: int,
) -> dict[str, Any]:
    """Cells of principle x kind of prompt: by gold where it is measured, else by the judge."""
    of = {each.id: each.prompt_id for each in drawn}
    known = {key: float(met) for key, met in truths(drawn, graded).items()} if graded else readings
    values = [(of[text], principle, value) for (text, principle), value in known.items()]
    return {
        each.name: {
            "met": each.met.value,
            "low": each.met.low,
            "high": each.met.high,
            "answers": each.answers,
        }
        for each in cells_of(values, kinds_of(prompts), seed=seed)
    }


def _behaviours(
    judge: Judge, joined: Sequence[tuple[Prompt, Completion]], what: Measured, seed: int
) -> dict[str, Any]:
    """What the answers show: by gold where that is measured, else by the judge where it is to be asked."""
    if what.gold:
        shown = shown_by_gold(joined)
    elif what.behaviours:
        shown = shown_by_judge(judge, joined)
    else:
        shown = lengths(joined)
    return {name: asdict(each) for name, each in figures(shown, Resampling(seed=seed)).items()}


def read(judgments: Sequence[Judgment]) -> Readings:
    """The judge's P(yes) for each text and each principle that was read."""
    return {
        (each.completion_ids[0], each.principle_id): each.value
        for each in judgments
        if each.state is State.SCORE and each.value is not None and each.principle_id is not None
    }


def asked_of(judgments: Sequence[Judgment]) -> Asked:
    """What was asked of each text, but for what the judge abstains from."""
    found: dict[str, list[str]] = {}
    for each in judgments:
        if each.principle_id is not None and each.state is not State.ABSTAIN:
            found.setdefault(each.completion_ids[0], []).append(each.principle_id)
    return found


def judge_mean(readings: Readings, asked: Asked) -> float | None:
    """Mean over texts of the mean over principles, as gold is taken.

    Only texts of which all that was asked could be read: a mean over other principles is another figure. `judge_read`
    says how much was.
    """
    return mean(
        sum(readings[text, each] for each in principles) / len(principles)
        for text, principles in asked.items()
        if principles and all((text, each) in readings for each in principles)
    )


def judge_by_principle(readings: Readings) -> dict[str, float]:
    """By principle the mean of the judge's P(yes) over the texts of which it could be read, in the order of asking."""
    found: dict[str, list[float]] = {}
    for (_, principle), value in readings.items():
        found.setdefault(principle, []).append(value)
    return {principle: sum(own) / len(own) for principle, own in found.items()}


def judge_read(readings: Readings, asked: Asked) -> float | None:
    """Share of what the judge was asked of these texts that could be read."""
    return mean(float((text, each) in readings) for text, principles in asked.items() for each in principles)


def truths(texts: Sequence[Completion], graded: Sequence[Grades]) -> dict[tuple[str, str], bool]:
    """Gold by the key of a reading."""
    return {
        (each.id, principle): met
        for each, grades in zip(texts, graded, strict=bool(graded))
        for principle, met in grades.items()
        if met is not None
    }


def gap(
    constitution: Constitution, groups: Sequence[tuple[Prompt, Sequence[tuple[Completion, float | None]]]]
) -> Gap | None:
    """What the judge's scores of a round's own draws could win, by gold."""
    rows = []
    for prompt, scored in groups:
        golds = [(score, share_met(grade(prompt, each, constitution))) for each, score in scored]
        rows.append([(score, gold) for score, gold in golds if gold is not None])
    return generator_judge_gap(rows)


def pair_precision(
    constitution: Constitution, prompts: Mapping[str, Prompt], pairs: Sequence[Pair]
) -> float | None:
    """Share of the pairs whose gold differs that prefer the better side."""
    right: list[float] = []
    for pair in pairs:
        prompt = prompts[Prompt(messages=pair.prompt, tools=pair.tools).id]
        chosen, rejected = (
            share_met(
                grade(prompt, Completion(prompt_id=prompt.id, text=side[-1].content, policy=""), constitution)
            )
            for side in (pair.chosen, pair.rejected)
        )
        if chosen is not None and rejected is not None and chosen != rejected:
            right.append(float(chosen > rejected))
    return mean(right)


def _answers(
    models: ModelPool, name: str, prompts: Sequence[Prompt], what: Measured, temperature: float, seed: int
) -> Draws:
    return answers(models, name, prompts, replace(what.limits, temperature=temperature), seed, what.system)


def _joined(prompts: Sequence[Prompt], texts: Sequence[Completion]) -> list[tuple[Prompt, Completion]]:
    by_id = {prompt.id: prompt for prompt in prompts}
    return [(by_id[each.prompt_id], each) for each in texts]
