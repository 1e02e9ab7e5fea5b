"""A judge asked of each completion by itself, or of a tournament among siblings, as a component of a reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.group_rewards.criteria import JudgedBy, numbers
from rlaif.judging.group_rewards.part import PromptGroup, in_order
from rlaif.judging.labels import CallReading
from rlaif.judging.pointwise import judge_by_rubrics, judge_pointwise
from rlaif.judging.protocol import Judge, One, reads_principles
from rlaif.judging.protocols import Asking, pointwise, pointwise_of, refusal
from rlaif.judging.rubrics import as_principles
from rlaif.judging.scales import REWARD, Scale
from rlaif.judging.scoring_judge import ScoringJudge
from rlaif.records import Judgment, Principle, Prompt, Rubric, State

NO_RUBRIC = CallReading(State.UNREADABLE, detail="its prompt has no rubric")


class PointwisePart:
    """The number that a judge gives each completion: by any pointwise protocol, by the tournaments `rank` too.

    A judge with rewards of its own (a reward model, fitted rules, a function) gives that number. Any other gives the
    weighted mean over principles or criteria, as `criteria.numbers` has it.
    """

    def __init__(
        self,
        name: str,
        judge: Judge,
        judged_by: JudgedBy,
        *,
        protocol: str | None = None,
        how: Asking | None = None,
    ) -> None:
        """`protocol` None: the checklist, or the reward of a judge that has its own.

        Raises InputError for a protocol that judges no single completion, or cannot ask this judge.
        """
        chosen = pointwise(protocol) if protocol is not None else pointwise_of(judge)
        if chosen.judges and not isinstance(judge, chosen.judges):
            raise InputError(f"{judge.name}: {refusal(chosen.name, chosen.judges)}")
        self.name, self.judge, self.judged_by = name, judge, judged_by
        self.protocol, self.how = chosen, how or Asking()
        held = judged_by.rubrics
        self.fingerprint = digest(
            "pointwise reward",
            judge.fingerprint,
            chosen.name,
            judged_by.constitution.digest if reads_principles(judge) else "",
            None if held is None else [[prompt, each.digest] for prompt, each in sorted(held.items())],
            judged_by.dropout,
            [self.how.seed, self.how.samples, self.how.again],
        )

    @property
    def scale(self) -> Scale:
        """That of its numbers; none of a judge with rewards of its own."""
        return self.judged_by.scale if self.protocol.scale.bounded else REWARD

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        """One a completion; all are asked as one batch, equal completions of a prompt once."""
        prompts = {each.prompt.id: each.prompt for each in groups}
        rubrics = self.judged_by.rubrics_of(prompts.values(), step=step, seed=seed)
        drawn = [(group.prompt, each) for group in groups for each in group.completions]
        said: dict[str, dict[str, list[Judgment]]] = {}
        for prompt, completion in drawn:
            said.setdefault(prompt.id, {}).setdefault(completion.id, [])
        for each in self._judged(drawn, rubrics):
            said[each.prompt_id][each.completion_ids[0]].append(each)
        found: dict[str, CallReading] = {}
        for name, own in said.items():
            if rubrics is not None and rubrics[name] is None:
                found |= dict.fromkeys(own, NO_RUBRIC)
            else:
                found |= numbers(self._principles(prompts[name], rubrics), own)
                found |= self._silent(own)
        return in_order(groups, found)

    def _silent(self, said: Mapping[str, Sequence[Judgment]]) -> dict[str, CallReading]:
        """Completions of which a judge has nothing to say, where that is no failure."""
        if not (isinstance(self.judge, ScoringJudge) and self.judge.may_abstain):
            return {}
        return {
            name: CallReading(State.ABSTAIN, detail=own[0].detail)
            for name, own in said.items()
            if own and all(each.state is State.ABSTAIN for each in own)
        }

    def _judged(
        self, drawn: Sequence[One], rubrics: Mapping[str, Rubric | None] | None
    ) -> Sequence[Judgment]:
        constitution, name = self.judged_by.constitution, self.protocol.name
        if rubrics is None:
            return judge_pointwise(self.judge, constitution, drawn, name, self.how)
        held = [each for each in rubrics.values() if each is not None]
        return judge_by_rubrics(self.judge, constitution, drawn, held, name, self.how)

    def _principles(self, prompt: Prompt, rubrics: Mapping[str, Rubric | None] | None) -> Sequence[Principle]:
        own = [each for each in self.judged_by.constitution.principles if applies(each, prompt)]
        rubric = None if rubrics is None else rubrics[prompt.id]
        if rubric is None:
            return own
        return [*as_principles([rubric]), *(each for each in own if each.hard)]
