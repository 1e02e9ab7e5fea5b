"""The pairs step of a plan: how many comparisons and critiques there will be, and how long they may be.

Whether a pair is kept, and often which two are compared, is for the judge to say. Where it has not, every comparison
is taken to make a pair, and the shortest and the longest texts that may be compared bound the tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rlaif.constitution import applies
from rlaif.feedback import PairPlan, ScoredCompletion, ViolatedPrinciples, critiques
from rlaif.feedback.assemble import assemble, criticised, pointwise_by_prompt
from rlaif.feedback.pairing import Candidate
from rlaif.feedback.pairs import contested, find_candidates, readings_of, settle
from rlaif.judging import Decision, Judge
from rlaif.records import Constitution, Engine, Judgment
from rlaif.workflows.dry_run.cost import PlannedModels, apart
from rlaif.workflows.generate.judge_step import Drawn, critic_in
from rlaif.workflows.models.role_options import RoleOptions


@dataclass(frozen=True, slots=True)
class PlannedPairs:
    """One pairs step of a dry run."""

    models: PlannedModels
    judge: str
    constitution: Constitution
    plan: PairPlan
    critique: bool
    critic: RoleOptions | None = None
    """How critiques are asked for, where otherwise than judgments."""
    critic_name: str | None = None
    """Who writes them, where it is not the judge."""

    def play(self, drawn: Drawn, judgments: Sequence[Judgment]) -> None:
        """Ask what the pairs step would ask."""
        said = pointwise_by_prompt(judgments)
        open_ = {name for name, own in said.items() if self._made_up(own)}
        chosen = self._candidates(drawn, judgments, self.plan)
        free = [
            each for each in chosen if each.prompt.id in open_ and self.plan.pairing in ("best-worst", "rank")
        ]
        fixed = contested([each for each in chosen if each not in free], self.plan)
        loose = self._settled(fixed, judgments, said)
        among = _texts(self._candidates(drawn, judgments, replace(self.plan, pairing="all")))
        with apart(self.models) as other:
            self._bound(other, free, loose, among, judgments, longest=False)
        with self.models.counting("most"):
            self._bound(self.models, free, loose, among, judgments, longest=True)

    def _candidates(self, drawn: Drawn, judgments: Sequence[Judgment], plan: PairPlan) -> list[Candidate]:
        prompts = list({prompt.id: prompt for prompt, _ in drawn}.values())
        return find_candidates(prompts, [each for _, each in drawn], judgments, self.constitution, plan)

    def _settled(
        self,
        fixed: Sequence[Candidate],
        judgments: Sequence[Judgment],
        said: Mapping[str, Sequence[Judgment]],
    ) -> list[Candidate]:
        """Compare what is known to be compared, criticise what is known to be kept; the rest is returned."""
        judge = self.models.judge(self.judge)
        compared = readings_of(fixed, judgments, judge, self.constitution, self.plan)
        decided: list[tuple[Candidate, Decision]] = []
        loose = []
        for each in fixed:
            readings, pointwise_said = compared.get(each.ids, []), list(said.get(each.prompt.id, []))
            if self._made_up([*readings, *pointwise_said]):
                loose.append(each)
                continue
            decision, reason = settle(each, readings, pointwise_said, self.constitution, self.plan)
            if reason is None:
                decided.append((each, decision))
        comparisons = Counter(each.prompt.id for each in fixed)
        made = assemble(decided, compared, said, judge, self.constitution, self.plan, comparisons)
        criticised(made, self.constitution, self._critic(self.models, judge), self.plan.judge_sees)
        return loose

    def _bound(
        self,
        models: PlannedModels,
        free: Sequence[Candidate],
        loose: Sequence[Candidate],
        among: Mapping[str, Sequence[ScoredCompletion]],
        judgments: Sequence[Judgment],
        *,
        longest: bool,
    ) -> None:
        """Compare the shortest or longest that may be compared, criticise the shortest or longest side of each."""
        judge = models.judge(self.judge)

        def size(each: ScoredCompletion) -> int:
            return models.length(self.judge, each.completion.text)

        comparisons, pairs = [], [*loose]
        for prompt in {each.prompt.id: each.prompt for each in free}.values():
            texts = sorted(among[prompt.id], key=size)
            compared, told = _extremes(texts, rank=self.plan.pairing == "rank", longest=longest)
            comparisons += [Candidate(prompt, *pair) for pair in compared]
            pairs += [Candidate(prompt, *pair) for pair in told]
        readings_of(comparisons, judgments, judge, self.constitution, self.plan)
        if (critic := self._critic(models, judge)) is None:
            return
        faults = [self._fault(each, judge, longest, models) for each in pairs]
        critiques(critic, faults, sees=self.plan.judge_sees)

    def _critic(self, models: PlannedModels, judge: Judge) -> Engine | None:
        return critic_in(models, judge, self.critic, self.critic_name) if self.critique else None

    def _fault(
        self, pair: Candidate, judge: Judge, longest: bool, models: PlannedModels
    ) -> ViolatedPrinciples:
        pick = max if longest else min
        worse = pick(
            (pair.better, pair.worse), key=lambda each: models.length(self.judge, each.completion.text)
        )
        rules = [each for each in self.constitution.principles if applies(each, pair.prompt)]
        rules.sort(key=lambda each: len(each.text) + len(each.critique or ""), reverse=longest)
        return ViolatedPrinciples(pair.prompt, worse.completion, rules)

    def _made_up(self, judgments: Sequence[Judgment]) -> bool:
        made_up = self.models.made_up
        return any(call in made_up for each in judgments for call in each.calls)


def _texts(comparisons: Sequence[Candidate]) -> dict[str, list[ScoredCompletion]]:
    """The different completions of each prompt that can be compared."""
    found: dict[str, dict[str, ScoredCompletion]] = {}
    for prompt, one, other in comparisons:
        found.setdefault(prompt.id, {}).update({one.completion.id: one, other.completion.id: other})
    return {name: list(own.values()) for name, own in found.items()}


def _extremes(
    texts: Sequence[ScoredCompletion], *, rank: bool, longest: bool
) -> tuple[list[tuple[ScoredCompletion, ScoredCompletion]], list[tuple[ScoredCompletion, ScoredCompletion]]]:
    """Of texts by length, the shortest or longest comparisons, and the pairs of which a side is criticised."""
    if not rank:
        pair = (texts[-2], texts[-1]) if longest else (texts[0], texts[1])
        return [pair], [pair]
    # in a ranking all but its two ends are compared twice
    ends, rest = (texts[:2], texts[2:]) if longest else (texts[-2:], texts[:-2])
    return list(pairwise([ends[0], *rest, ends[1]])), list(pairwise(texts))
