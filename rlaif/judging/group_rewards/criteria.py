"""By what a judge is asked in a step: principles, or rubrics, less what dropout takes; and one number of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rlaif.constitution import applies
from rlaif.judging.labels import CallReading
from rlaif.judging.rubric_versions import with_dropout
from rlaif.judging.rubrics import broken, rewards, unread_hard
from rlaif.judging.rules import breaks, number_of
from rlaif.judging.scales import Scale
from rlaif.records import Constitution, Judgment, Principle, Prompt, Rubric, RubricCriterion, State


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBy:
    """By what completions are judged: the principles of a constitution, or the rubrics of prompts.

    Beside rubrics the hard principles of the constitution are asked, which stay above every rubric.
    """

    constitution: Constitution
    rubrics: Mapping[str, Rubric] | None = None
    """By the id of the prompt; None: the principles that apply to it. A prompt without one is judged by nothing."""
    dropout: float = 0.0
    """The share of the criteria that are not hard that a step leaves out, others in each step (2608.11669)."""

    def rubrics_of(
        self, prompts: Iterable[Prompt], *, step: int, seed: int
    ) -> Mapping[str, Rubric | None] | None:
        """By prompt id, the criteria of a step; None where principles are asked as they are, or a prompt has none.

        Equal seed, step and prompt leave out equal criteria: a resumed run asks what it would have asked.
        """
        if self.rubrics is None and not self.dropout:
            return None
        found = {}
        for each in prompts:
            whole = self._principles(each) if self.rubrics is None else self.rubrics.get(each.id)
            thin = whole is not None and self.dropout
            found[each.id] = (
                with_dropout(whole, self.dropout, seed=seed, round=step) if whole and thin else whole
            )
        return found

    @property
    def scale(self) -> Scale:
        """From 0 (-1 where there are faults) to 1; and one less for each hard criterion that can be violated."""
        rubrics = () if self.rubrics is None else self.rubrics.values()
        faults = any(each.weight < 0 for rubric in rubrics for each in rubric.criteria)
        hard = sum(each.hard for each in self.constitution.principles)
        hard += max((sum(each.hard for each in rubric.criteria) for rubric in rubrics), default=0)
        return Scale(lowest=(-1.0 if faults else 0.0) - hard, highest=1.0)

    def _principles(self, prompt: Prompt) -> Rubric | None:
        """The principles that apply to a prompt and are not hard, as its rubric; None where none has a weight."""
        own = [each for each in self.constitution.principles if applies(each, prompt) and not each.hard]
        if not any(each.weight for each in own):
            return None
        criteria = tuple(RubricCriterion(id=each.id, text=each.text, weight=each.weight) for each in own)
        return Rubric(prompt=prompt.messages, tools=prompt.tools, criteria=criteria)


def numbers(
    principles: Sequence[Principle], said: Mapping[str, Sequence[Judgment]]
) -> dict[str, CallReading]:
    """One number for each completion of a prompt, from the judgments of each, by its id.

    It is the number of the completion as a whole, or the weighted mean of its shares over principles; minus one for
    each hard criterion that is violated, so that whoever violates one is below all who violate fewer. Where siblings
    were read by different principles, their means are made comparable (`rubrics.rewards`). A completion has none where
    a hard criterion, or more than half of the weight, could not be read.
    """
    heard = {name: [each for each in own if each.state is not State.ABSTAIN] for name, own in said.items()}
    wholes = {
        # of a rubric r itself, from -1 to 1, as the step `gate` reads it
        name: each.value if each.rubric else number_of(each)
        for name, own in heard.items()
        for each in own
        if each.principle_id is None
    }
    read = {name: _shares(own) for name, own in heard.items() if name not in wholes}
    silent = {
        name: {each.principle_id or "" for each in said[name] if each.state is State.ABSTAIN} for name in read
    }
    found = {name: value for name, value in wholes.items() if value is not None}
    found |= rewards(read, principles, silent)
    hard = {each.id for each in principles if each.hard}
    return {name: _reading(found.get(name), own, hard) for name, own in said.items()}


def _shares(judgments: Iterable[Judgment]) -> dict[str, float]:
    shares = {each.principle_id or "": number_of(each) for each in judgments}
    return {name: share for name, share in shares.items() if share is not None}


def _reading(number: float | None, said: Sequence[Judgment], hard: set[str]) -> CallReading:
    for each in said:
        if each.principle_id in hard and each.state is not State.ABSTAIN and breaks(each) is None:
            return _failed([each])
        if rows := unread_hard(each):
            why = f"the hard criterion {rows[0]['id']!r} could not be read"
            return CallReading(State(rows[0]["state"]), detail=each.detail or why)
    if number is None:
        return _failed(said)
    violated = sum(breaks(each) is True for each in said if each.principle_id in hard)
    return CallReading(State.SCORE, number - violated - sum(len(broken(each)) for each in said))


def _failed(said: Sequence[Judgment]) -> CallReading:
    """Why there is no number: the most frequent failure, or that no principle has anything to say here.

    Who was asked for a number of the whole and gave none failed: only a principle can have nothing to say.
    """
    failures = [each for each in said if each.state is not State.ABSTAIN or not _of_criteria(each)]
    if not failures:
        detail = next((each.detail for each in said if each.detail), "no principle says anything here")
        return CallReading(State.ABSTAIN, detail=detail)
    unread = [each for each in failures if each.value is None] or failures
    states = Counter(each.state for each in unread)
    state = max((each for each in State if states[each]), key=lambda each: states[each])
    why = Counter(each.detail for each in unread if each.detail).most_common(1)
    readable = state in (State.SCORE, State.PREFERENCE, State.ABSTAIN)
    silent = "the judge gave no number" if state is State.ABSTAIN else "too little of the weight was read"
    detail = why[0][0] if why else silent
    return CallReading(State.UNREADABLE if readable else state, detail=detail)


def _of_criteria(judgment: Judgment) -> bool:
    """Whether a judgment is of a principle, or of all criteria together."""
    return judgment.principle_id is not None or bool(judgment.rubric)
