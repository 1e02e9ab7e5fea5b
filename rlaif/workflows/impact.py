"""What an edit of a constitution does to a run: only what changed is judged, all else comes from the store.

The two completions of each pair, and of each candidate that became none, stay the same two, and only they are asked
about: the question is what the new rules make of what the old ones were asked about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlaif.constitution import load_constitution
from rlaif.constitution.diff import Change, changed_ids, diff
from rlaif.errors import ModelError, RunError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.feedback.assemble import alone_by_prompt
from rlaif.feedback.counterfactual import Outcome, Side, Turn, outcome, through, turn
from rlaif.feedback.pairs import contested, find_candidates, readings_of
from rlaif.feedback.plan import ALONE, Candidate, PairPlan
from rlaif.hashing import digest
from rlaif.judging import Judge
from rlaif.judging.protocols import Asking, protocol
from rlaif.records import Constitution, Judgment, Message, Pair
from rlaif.runs import CLAIM, read_run
from rlaif.store import Store, find_store
from rlaif.templates import unchanged
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.impact_result import TURNS, Impact, PairChange
from rlaif.workflows.judging import Drawn, look, split
from rlaif.workflows.models import Models
from rlaif.workflows.names import CONSTITUTION_FILE
from rlaif.workflows.reports import Report, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactConfig(ModelOptions):
    """Which run to look at, and its judge where that has another name here."""

    run: Path
    judge: str | None = None


def load_side(ref: str) -> Constitution:
    """A constitution by file, name, release or the run that was judged by it."""
    folder = Path(ref)
    if not (folder / CLAIM).is_file():
        return load_constitution(ref)
    if not (folder / CONSTITUTION_FILE).is_file():
        raise RunError(
            f"{folder}: keeps no {CONSTITUTION_FILE}; name what it was judged by: a file or a release"
        )
    return load_constitution(folder / CONSTITUTION_FILE)


def impact(
    config: ImpactConfig, before: Constitution, after: Constitution, progress: Report = silent
) -> Impact:
    """What `after` makes of the run that was judged by `before`. Raises InputError for a run that is not one."""
    held = _judged_run(config.run)
    drawn = read_completions(config.run / "completions.jsonl")
    name = config.judge or str(held["config"]["judge"]["name"])
    models = Models(config, progress, held["config"].get("seed", 0))
    models.open(name)
    _require_same(models, name, held)
    with Store.open(find_store(config.run, config.store)) as store:
        # under the run's own id, so that calls of a server without a declared revision count as its own
        models.record(store, digest("run", held["command"], held["config"]))
        judging = _Judging(judge=models.judge(name), drawn=drawn, config=held["config"])
        old = judging.first(before)
        spent = models.calls, models.tokens
        new = judging.again(after, old.asked)
        cost = [
            {key: now[key] - then[key] for key in now}
            for now, then in zip((models.calls, models.tokens), spent, strict=True)
        ]
    found = _impact(config.run, name, old, new, judging, cost)
    return replace(found, warnings=(*_warnings(held, before, config.run, found, spent[0]),))


class _Judged:
    """One side, with what was asked."""

    def __init__(self, side: Side, asked: Sequence[Candidate], judgments: Sequence[Judgment]) -> None:
        self.side, self.asked, self.judgments = side, asked, judgments

    @property
    def per_principle(self) -> bool:
        """Whether no judgment is about the whole."""
        groups = [*self.side.alone.values(), *self.side.compared.values()]
        return all(each.principle_id is not None for group in groups for each in group)


@dataclass(frozen=True, slots=True)
class _Judging:
    """The run's way of judging."""

    judge: Judge
    drawn: Drawn
    config: Mapping[str, Any]

    @property
    def plan(self) -> PairPlan:
        """How the run makes pairs."""
        _, then = split(self.config["protocol"])
        shared = {key: self.config[key] for key in ("pairing", "inconsistent", "seed")}
        return PairPlan(then=then, asking=Asking(**self.config["asking"]), **shared)

    def first(self, constitution: Constitution) -> _Judged:
        """Judge as the run did: nothing of it is new where the run's calls are in the store."""
        judgments = self._look(constitution, self.drawn)
        asked = contested(self.candidates(judgments, constitution), self.plan)
        return self._compared(constitution, judgments, asked)

    def again(self, constitution: Constitution, asked: Sequence[Candidate]) -> _Judged:
        """Judge the twos that were compared before, and nothing else."""
        ids = {(each.prompt.id, name) for each in asked for name in each.ids}
        alone, _ = split(self.config["protocol"])
        # a protocol that orders all completions of a prompt is asked about other lists when some are missing
        orders = not getattr(protocol(alone), "absolute", True)
        drawn = [each for each in self.drawn if orders or (each[0].id, each[1].id) in ids]
        return self._compared(constitution, self._look(constitution, drawn), asked)

    def candidates(self, judgments: Sequence[Judgment], constitution: Constitution) -> list[Candidate]:
        """The twos that these rules choose, going by what was said of each completion alone."""
        prompts = list({prompt.id: prompt for prompt, _ in self.drawn}.values())
        texts = [each for _, each in self.drawn]
        return find_candidates(prompts, texts, judgments, constitution, self.plan)

    def _look(self, constitution: Constitution, drawn: Drawn) -> list[Judgment]:
        alone, then = split(self.config["protocol"])
        return look(self.judge, constitution, drawn, alone, self.plan.asking if then == ALONE else None)

    def _compared(
        self, constitution: Constitution, judgments: Sequence[Judgment], asked: Sequence[Candidate]
    ) -> _Judged:
        compared = readings_of(asked, judgments, self.judge, constitution, self.plan)
        side = Side(constitution=constitution, alone=alone_by_prompt(judgments), compared=compared)
        return _Judged(side, asked, judgments)


def _judged_run(run: Path) -> dict[str, Any]:
    held = read_run(run)
    if held.get("command") not in ("generate", "judge"):
        raise RunError(
            f"{run}: is a run of `rlaif {held.get('command')}`; name one of `generate` or `judge`, or judge its "
            f"completions first: rlaif judge {run}/round-1/completions.jsonl --judge ... (its calls are re-used)"
        )
    if held["status"] != "done":
        raise RunError(f"{run}: is {held['status']}; let its command come to the end first")
    if "protocol" not in held.get("config", {}):
        raise RunError(f"{run}: was made by an rlaif that did not record its protocol; judge it again first")
    return held


def _require_same(models: Models, name: str, held: Mapping[str, Any]) -> None:
    wanted = held["config"]["judge"]
    if models.fingerprint(name) != wanted["fingerprint"]:
        raise ModelError(
            f"{name}: is not the model that judged this run (fingerprint {models.fingerprint(name)}, there "
            f"{wanted['fingerprint']}): name that with --judge, with its --dtype; or judge the run again first"
        )


def _warnings(
    held: Mapping[str, Any], before: Constitution, run: Path, made: Impact, spent: Mapping[str, int]
) -> list[str]:
    found = []
    recorded = held["config"]["constitution"]
    if recorded["digest"] != before.digest:
        found.append(
            f"{run} was judged by {recorded['name']} {recorded['version']} ({recorded['digest']}), not by "
            f"{before.name} {before.version} ({before.digest}): its pairs are those that A would have made"
        )
    elif len(stored := read_pairs(run / "pairs.jsonl")) != made.counts["before"]:
        found.append(
            f"{run} holds {len(stored)} pairs, and {made.counts['before']} come out of its judgments again: "
            "were its files edited?"
        )
    if not unchanged(held.get("templates", {})):
        found.append(
            "a template says something else than when the run was judged: what it asks is asked anew"
        )
    if spent["new"]:
        found.append(f"{spent['new']} calls of A were not in the store and have been made")
    if failed := spent["failed"] + made.calls["failed"]:
        found.append(f"{failed} calls failed: what they would have said is missing; run again")
    return found


def _impact(
    run: Path,
    judge: str,
    old: _Judged,
    new: _Judged,
    judging: _Judging,
    cost: Sequence[Mapping[str, int]],
) -> Impact:
    plan, changes_of_rules = judging.plan, diff(old.side.constitution, new.side.constitution)
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
        run=run,
        judge=judge,
        counts=counts,
        changes=tuple(changes),
        label_shift=sum(shifts) / len(shifts) if shifts else None,
        per_principle=not whole,
        calls=cost[0],
        tokens=cost[1],
        re_paired=None if any(map(_asks, changes_of_rules)) else _re_paired(judging, old, new),
    )


def _change(candidate: Candidate, kind: Turn, names: Sequence[str], was: Outcome, now: Outcome) -> PairChange:
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
