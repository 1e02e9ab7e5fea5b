"""A judge of judgments: N written judgments of one question, asked for and set against each other (2407.19594).

A meta-judge reads two judgments in one question and names the better one, in both orders (`both`), or each verdict by
itself, how right it is (`each`, the template `meta`, of questions about two answers): then there is no place to prefer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, permutations
from statistics import pvariance
from typing import Literal

from rlaif.constitution import applies
from rlaif.engines.base import capabilities_of
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.ask import Asked, Writing, ask_texts
from rlaif.judging.battles import Battle, Winner
from rlaif.judging.labels import AB, YES_NO, CallReading, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols import Pairwise, Pointwise, protocol
from rlaif.records import EVEN, Completion, Judgment, Principle, Prompt, Sampling, State

MetaForm = Literal["both", "each"]
BOTH, EACH = "compare-judgments", "meta"
"""The templates of the two forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuestion:
    """A question to a judge, and the different texts that it wrote."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    """One, or two in the order shown."""
    principle: Principle
    text: str
    judgments: tuple[str, ...]
    verdicts: tuple[float, ...]
    """What each judgment says: 1 for A or yes, 0 for B or no."""
    values: tuple[float, ...]
    """The same of all texts, equal ones too."""
    lost: int = 0
    """Texts that could not be read."""

    @property
    def variance(self) -> float:
        """How far the judgments disagree."""
        return pvariance(self.values) if self.values else 0.0


def judged_in_words(name: str) -> Pointwise | Pairwise:
    """The protocol of this name, whose replies each hold a judgment in words. Raises InputError for others."""
    chosen = protocol(name)
    if chosen.reads is None or not chosen.templates:
        raise InputError(
            f"protocol {name!r} writes no reasoning with a verdict that could be judged; name one that does: "
            "compare-cot, checklist-cot"
        )
    return chosen


def questions_about(
    judge: ModelJudge, name: str, prompt: Prompt, texts: Sequence[Completion], principles: Sequence[Principle]
) -> Iterator[tuple[tuple[Completion, ...], Principle, Asked]]:
    """All questions of a protocol about answers to a prompt: of each, or of neighbours, each two in one order."""
    chosen = judged_in_words(name)
    two = isinstance(chosen, Pairwise)
    shown = list(pairwise(texts)) if two else [(each,) for each in texts]
    for number, own in enumerate(shown):
        order = own[::-1] if two and number % 2 else own
        for principle in principles:
            if applies(principle, prompt):
                yield order, principle, judge.asked(chosen.templates[0], prompt, order, principle)


def judge_often(
    judge: ModelJudge,
    name: str,
    questions: Sequence[tuple[Prompt, tuple[Completion, ...], Principle, Asked]],
    *,
    samples: int,
    sampling: Sampling,
    seed: int,
) -> list[JudgedQuestion]:
    """`samples` judgments of each question; what is unreadable is no judgment, and is not asked again."""
    read = judged_in_words(name).reads
    assert read is not None

    def reading(text: str) -> CallReading:
        """The text as the detail of what it says."""
        said = read(text)
        return said if said.value is None else said._replace(detail=text)

    options = judge.options
    how = Writing(
        sampling=sampling,
        seed=seed,
        samples=samples,
        chat_template_kwargs=options.chat_template_kwargs,
        body=options.body,
    )
    replies = ask_texts(judge.engine, name, [asked for *_, asked in questions], reading, how)
    found = []
    for (prompt, completions, principle, asked), reply in zip(questions, replies, strict=True):
        heard = [(each.detail, each.value) for each in reply.readings if each.value is not None]
        said, every = dict(heard), [value for _, value in heard]
        found.append(
            JudgedQuestion(
                prompt=prompt,
                completions=completions,
                principle=principle,
                text=asked.text,
                judgments=tuple(said),
                verdicts=tuple(said.values()),
                values=tuple(every),
                lost=len(reply.readings) - len(every),
            )
        )
    return found


def most_in_doubt(found: Sequence[JudgedQuestion]) -> list[JudgedQuestion]:
    """Of each prompt the question on which the judgments disagree most, where any two differ."""
    best: dict[str, JudgedQuestion] = {}
    for each in found:
        held = best.get(each.prompt.id)
        if len(each.judgments) > 1 and (held is None or each.variance > held.variance):
            best[each.prompt.id] = each
    return list(best.values())


def check_form(meta: ModelJudge, form: MetaForm, name: str) -> None:
    """Raise InputError where a meta-judge cannot be asked in this form about judgments of a protocol."""
    if form == "each" and isinstance(judged_in_words(name), Pointwise):
        raise InputError(
            f"`form: each` asks about verdicts on two answers, and {name!r} judges one; set `form: both`, or "
            "`protocol: compare-cot`"
        )
    template = meta.before_label(BOTH if form == "both" else EACH)
    if not capabilities_of(meta.engine).reads(meta.template(template).words):
        raise InputError(
            f"{meta.name}: does not know all words of the template {template}.txt, by which judgments are judged; "
            + ("set `form: each`, or " if form == "both" else "")
            + "name another model as `meta`"
        )


def battles_of(meta: ModelJudge, form: MetaForm, questions: Sequence[JudgedQuestion]) -> list[list[Battle]]:
    """The battles of each question: all ordered pairs of its judgments."""
    return _in_pairs(meta, questions) if form == "both" else _one_by_one(meta, questions)


def _in_pairs(meta: ModelJudge, questions: Sequence[JudgedQuestion]) -> list[list[Battle]]:
    template = meta.template(meta.before_label(BOTH))
    asked: list[Asked] = []
    for each in questions:
        for first, second in permutations(each.judgments, 2):
            text = template.render(question=each.text, judgment_a=first, judgment_b=second)
            names = tuple(digest("judgment", each.text, one) for one in (first, second))
            asked.append(Asked(text, each.prompt.id, names, each.principle.id))
    read = partial(read_share, AB, "A", State.PREFERENCE)
    said = iter(meta.labelled(BOTH, iter(asked), AB, read))
    return [
        [
            Battle(first, second, _winner(next(said)))
            for first, second in permutations(range(len(each.judgments)), 2)
        ]
        for each in questions
    ]


def _winner(said: Judgment) -> Winner:
    if said.value is None:
        return "unreadable"
    return "tie" if said.value == EVEN else "first" if said.value > EVEN else "second"


def _one_by_one(meta: ModelJudge, questions: Sequence[JudgedQuestion]) -> list[list[Battle]]:
    """Battles by how right the meta-judge finds each verdict: the odds that m is right and n is not."""
    template, asked = meta.before_label(EACH), []
    for each in questions:
        for verdict in "AB":
            own = meta.asked(template, each.prompt, each.completions, each.principle, judgment=verdict)
            asked.append(own._replace(completion_ids=(*own.completion_ids, verdict)))
    read = partial(read_share, YES_NO, "yes", State.SCORE)
    said = iter(meta.labelled(EACH, iter(asked), YES_NO, read))
    found = []
    for each in questions:
        right = {1.0: next(said).value, 0.0: next(said).value}
        found.append(
            [
                Battle(first, second, _more_right(right[one], right[other]))
                for (first, one), (second, other) in permutations(enumerate(each.verdicts), 2)
            ]
        )
    return found


def _more_right(first: float | None, second: float | None) -> Winner:
    if first is None or second is None:
        return "unreadable"
    return "tie" if first == second else "first" if first > second else "second"
