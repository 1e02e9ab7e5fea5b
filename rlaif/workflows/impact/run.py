"""What an edited constitution changes in a run: only what changed is judged, all else comes from the store.

The two completions of each pair, and of each candidate that became none, stay the same two, and only they are asked
about: the question is what the new rules make of what the old ones were asked about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rlaif.constitution.diff import Change, changed_ids, diff
from rlaif.errors import ModelError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.feedback.assemble import pointwise_by_prompt
from rlaif.feedback.counterfactual import PairOutcome, Side, Turn, outcome, through, turn
from rlaif.feedback.pairing import Candidate
from rlaif.feedback.pairs import contested, find_candidates, readings_of
from rlaif.judging import Judge
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import pointwise
from rlaif.records import Constitution, Judgment, Message, Pair
from rlaif.store import Store, find_store
from rlaif.templates import unchanged
from rlaif.workflows.generate.judge_step import Drawn
from rlaif.workflows.impact.config import ImpactConfig
from rlaif.workflows.impact.recorded_runs import JudgedRun, judged_runs
from rlaif.workflows.impact.result import TURNS, Impact, PairChange, joined
from rlaif.workflows.models.failures import failed_calls
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report, silent


def impact(
    config: ImpactConfig, before: Constitution, after: Constitution, progress: Report = silent
) -> Impact:
    """Compare the pairs of a run under the constitutions `before` and `after`; of a recipe's run, all rounds.

    Raises InputError for a directory that holds no finished judging.
    """
    runs = judged_runs(config.run)
    found = [_judged_again(config, each, before, after, progress) for each in runs]
    return joined(config.run, found)


def _judged_again(
    config: ImpactConfig, run: JudgedRun, before: Constitution, after: Constitution, progress: Report
) -> Impact:
    drawn = read_completions(run.files.completions)
    name = config.judge or run.judge
    models = ModelPool(config, progress, run.plan.seed, run.in_writing).acting(run.options)
    models.open(name)
    _require_same(models, name, run)
    with Store.open(find_store(run.folder, config.store)) as store:
        # under the run's own id, so that calls of a server without a declared revision count as its own
        models.record(store, run.run_id)
        judging = _Judging(judge=models.judge(name), drawn=drawn, run=run)
        old = judging.first(before)
        spent = models.calls, models.tokens
        new = judging.again(after, old.asked)
        cost = [
            {key: now[key] - then[key] for key in now}
            for now, then in zip((models.calls, models.tokens), spent, strict=True)
        ]
    found = _impact(name, old, new, judging, cost)
    failures = failed_calls(models.recorded)
    return replace(found, warnings=(*_warnings(run, before, found, spent[0], failures),))


class _Judged:
    """The judging under one constitution: its judgments, and the pairs of completions that were compared."""

    def __init__(self, side: Side, asked: Sequence[Candidate], judgments: Sequence[Judgment]) -> None:
        self.side, self.asked, self.judgments = side, asked, judgments

    @property
    def per_principle(self) -> bool:
        """Whether no judgment is about the whole."""
        groups = [*self.side.alone.values(), *self.side.compared.values()]
        return all(each.principle_id is not None for group in groups for each in group)


@dataclass(frozen=True, slots=True)
class _Judging:
    """Judges completions as the run did: judge, protocols, pairing."""

    judge: Judge
    drawn: Drawn
    run: JudgedRun

    def first(self, constitution: Constitution) -> _Judged:
        """Judge as the run did: nothing of it is new where the run's calls are in the store."""
        judgments = self._look(constitution, self.drawn)
        asked = contested(self.candidates(judgments, constitution), self.run.plan)
        return self._compared(constitution, judgments, asked)

    def again(self, constitution: Constitution, asked: Sequence[Candidate]) -> _Judged:
        """Judge the pairs of completions that were compared before, and nothing else."""
        ids = {(each.prompt.id, name) for each in asked for name in each.ids}
        # a protocol that orders all completions of a prompt is asked about other lists when some are missing
        orders = not pointwise(self.run.pointwise).absolute
        drawn = [each for each in self.drawn if orders or (each[0].id, each[1].id) in ids]
        return self._compared(constitution, self._look(constitution, drawn), asked)

    def candidates(self, judgments: Sequence[Judgment], constitution: Constitution) -> list[Candidate]:
        """The pairs of completions that these rules choose by the pointwise judgments."""
        prompts = list({prompt.id: prompt for prompt, _ in self.drawn}.values())
        texts = [each for _, each in self.drawn]
        return find_candidates(prompts, texts, judgments, constitution, self.run.plan)

    def _look(self, constitution: Constitution, drawn: Drawn) -> list[Judgment]:
        return judge_pointwise(
            self.judge,
            constitution,
            drawn,
            self.run.pointwise,
            self.run.asking,
            truncated=self.run.plan.truncated == "reject",
        )

    def _compared(
        self, constitution: Constitution, judgments: Sequence[Judgment], asked: Sequence[Candidate]
    ) -> _Judged:
        compared = readings_of(asked, judgments, self.judge, constitution, self.run.plan)
        side = Side(constitution=constitution, alone=pointwise_by_prompt(judgments), compared=compared)
        return _Judged(side, asked, judgments)


def _require_same(models: ModelPool, name: str, run: JudgedRun) -> None:
    if models.fingerprint(name) != run.fingerprint:
        raise ModelError(
            f"{name}: is not the model that judged {run.folder} (fingerprint {models.fingerprint(name)}, there "
            f"{run.fingerprint}): name that with --judge, with its --dtype; or judge the run again first"
        )


def _warnings(
    run: JudgedRun, before: Constitution, made: Impact, spent: Mapping[str, int], failures: Sequence[str]
) -> Iterator[str]:
    recorded = run.constitution
    if recorded["digest"] != before.digest:
        yield (
            f"{run.folder} was judged by {recorded['name']} {recorded['version']} ({recorded['digest']}), not by "
            f"{before.name} {before.version} ({before.digest}): its pairs are those that A would have made"
        )
    elif len(stored := read_pairs(run.files.pairs)) != made.counts["before"]:
        yield (
            f"{run.folder} holds {len(stored)} pairs, and {made.counts['before']} come out of its judgments again: "
            "were its files edited?"
        )
    if not unchanged(run.templates):
        yield "a template says something else than when the run was judged: what it asks is asked anew"
    if spent["new"]:
        yield f"{spent['new']} calls of A were not in the store and have been made"
    for told in failures:
        yield f"{told}; what they would have said is missing: mend that and run again"


def _impact(
    judge: str,
    old: _Judged,
    new: _Judged,
    judging: _Judging,
    cost: Sequence[Mapping[str, int]],
) -> Impact:
    plan, changes_of_rules = judging.run.plan, diff(old.side.constitution, new.side.constitution)
    changed = changed_ids(changes_of_rules)
    whole = not (old.per_principle and new.per_principle)
    both = [(each, outcome(each, old.side, plan), outcome(each, new.side, plan)) for each in old.asked]
    counts = Counter(before=0, after=0, kept=0, **dict.fromkeys(TURNS, 0))
    changes, shifts = [], []
    for candidate, was, now in both:
        kind = turn(was, now)
        counts["before"] += was.chosen is not None
        counts["after"] += now.chosen is not None
        if kind is not None:
            names = [] if whole else through(candidate, old.side, new.side, changed, plan)
            counts[kind] += 1
            changes.append(_change(candidate, kind, names, was, now))
        elif was.label_prob is not None and now.label_prob is not None:
            counts["kept"] += 1
            shifts.append(abs(now.label_prob - was.label_prob))
    return Impact(
        run=judging.run.folder,
        judge=judge,
        counts=counts,
        changes=tuple(changes),
        label_shift=sum(shifts) / len(shifts) if shifts else None,
        per_principle=not whole,
        calls=cost[0],
        tokens=cost[1],
        re_paired=None if any(map(_asks, changes_of_rules)) else _re_paired(judging, old, new),
    )


def _change(
    candidate: Candidate, kind: Turn, names: Sequence[str], was: PairOutcome, now: PairOutcome
) -> PairChange:
    chosen = now.chosen or was.chosen
    one, other = candidate.better.completion, candidate.worse.completion
    better, worse = (one, other) if one.id == chosen else (other, one)
    pair = Pair(
        prompt=candidate.prompt.messages,
        chosen=(Message(role="assistant", content=better.text),),
        rejected=(Message(role="assistant", content=worse.text),),
        label_prob=1.0,
    )
    return PairChange(
        id=pair.id,
        kind=kind,
        through=tuple(names),
        prompt=candidate.prompt.text,
        better=better.text,
        worse=worse.text,
        before=was,
        after=now,
    )


def _asks(change: Change) -> bool:
    """Whether the judge must be asked about completions that were not compared, to know how they rank now."""
    return (
        change.kind == "added"
        or "applies_to" in change.fields
        or (change.kind == "reworded" and "text" in change.fields)
    )


def _re_paired(judging: _Judging, old: _Judged, new: _Judged) -> int:
    before, after = (
        {(each.prompt.id, each.ids) for each in judging.candidates(old.judgments, side.constitution)}
        for side in (old.side, new.side)
    )
    return len({prompt for prompt, _ in after - before})
