"""An audit as tables for people: the same ones on the screen and on a page. Every figure has its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlaif.auditing.surface import CRITERIA

if TYPE_CHECKING:
    from rlaif.auditing.audit import Audit
    from rlaif.auditing.criteria import CriterionEffect
    from rlaif.auditing.resample import Estimate

SHOWN_WORDS = 5
SHOWN_TOGETHER = 5
SHOWN_AGAINST = 20
FIGURE_HEAD = ("figure", "value", "95 % low", "high", "prompts", "what it counts")
MEANINGS = {
    "first_slot": "position bias: share of verdicts for the answer shown first (0.5 is unbiased)",
    "order_disagreement": "order inconsistency: comparisons whose two orders prefer different answers",
    "cyclic": "cycles: triples of answers with circular preferences (random: 0.25)",
    "looks_agree": "pairwise verdicts that agree with the pointwise scores",
    "scores_opposed": "pairs whose chosen side has the lower score",
    "label_contradicts": "labels that contradict the judgments recorded for them",
    "shifted": "pairwise verdicts that fit the scores of neighbouring rows better",
    "prompt_decides": "how alike the answers to one prompt are graded (kappa; 1: only the prompt counts)",
    "unreadable:looks": "unreadable pointwise judgments",
    "unreadable:comparisons": "unreadable pairwise judgments",
    "refused:looks": "pointwise judgments that the judge refused",
    "refused:comparisons": "pairwise judgments that the judge refused",
    "truncated": "completions that were cut off",
    "declined": "completions that decline",
    "rationale_contradicts": "verdicts that contradict their own rationale",
    "thought_contradicts": "labels that contradict the judge's own thought before them",
    "retest_differs": "test-retest: questions answered differently the second time",
    "people_agree": "reviewers: votes for the chosen side (label accuracy)",
    "overconfident": "reviewers: mean label probability above label accuracy",
    "fleiss": "between reviewers: Fleiss' kappa",
    "krippendorff": "between reviewers: Krippendorff's alpha",
    "gold_agree": "gold: labels that agree with it",
    "overconfident_gold": "gold: mean label probability above label accuracy",
    "calibration_error": "calibration: expected calibration error (ECE) of label_prob",
    "brier": "calibration: Brier score of label_prob",
    "near_duplicate_prompts": "prompts that nearly duplicate another one (MinHash)",
    "contaminated": "prompts that are also in the evaluation set",
    "training_uncovered": "training prompts without a similar feedback prompt",
    "same_closer": "boilerplate: completions with the most frequent last sentence",
    "alike": "diversity: similarity of answers to one prompt (0: all different)",
}
"""Figures of a whole run, in the order in which they are shown."""
THOUGHTS = {
    "thought_words:chosen": "mean length of the chosen side's thought, in words",
    "thought_words:rejected": "mean length of the rejected side's thought, in words",
    "thought_words:apart": "how many words more the chosen side's thought has",
    "chosen_more:thought": "of pairs whose thoughts differ in length, those whose chosen side has the longer one",
    "open_thought": "completions whose thought never ends: they have no answer",
    "empty_thought": "completions without a thought, of policies that think",
}
"""Figures of what policies thought, where they think."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    words_last: bool = False
    """Whether the last column holds words, which stand flush left."""


def sections(audit: Audit) -> list[Section]:
    """All tables that have a row."""
    found = [
        Section(
            title="Funnel: from prompts to pairs", head=["step", "count"], rows=list(audit.funnel.items())
        ),
        _figures(audit.figures),
        _thoughts(audit.figures),
        _against_thought(audit),
        _criteria(audit),
        _inverse(audit),
        _principles(audit),
        _together(audit),
        _reliability(audit),
        _gain(audit),
    ]
    return [each for each in found if each.rows]


def spread(each: Estimate | None) -> list[Any]:
    """Return the cells of an estimate: value, lower and upper end of its interval; None where there is none."""
    return [None, None, None] if each is None else [each.value, each.low, each.high]


def between(each: Estimate | None) -> str | None:
    """`0.512 [0.498, 0.530]`, in one cell."""
    return None if each is None else f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"


def _figures(figures: Mapping[str, Estimate]) -> Section:
    kappas = {
        name: f"reviewers: Cohen's kappa of {name.partition(':')[2]} with the labels"
        for name in figures
        if name.startswith("kappa:")
    }
    return Section(
        title="Figures",
        head=[*FIGURE_HEAD],
        rows=_figure_rows(figures, {**MEANINGS, **kappas}),
        words_last=True,
    )


def _figure_rows(figures: Mapping[str, Estimate], meanings: Mapping[str, str]) -> list[list[Any]]:
    return [
        [name, *spread(figures[name]), int(figures[name].prompts), words]
        for name, words in meanings.items()
        if name in figures
    ]


def _thoughts(figures: Mapping[str, Estimate]) -> Section:
    note = "Every other figure counts answers, without the thoughts before them."
    return Section(
        title="Thoughts",
        head=[*FIGURE_HEAD],
        rows=_figure_rows(figures, THOUGHTS),
        note=note,
        words_last=True,
    )


def _against_thought(audit: Audit) -> Section:
    listed = audit.against_thought
    rows = [
        [
            each.pair or "no pair was made",
            each.principle or "-",
            ("first", "second")[each.thought_prefers],
            each.probability,
            each.call,
        ]
        for each in listed[:SHOWN_AGAINST]
    ]
    more = (
        f" The {SHOWN_AGAINST} surest of {len(listed)} are shown; --json has all."
        if len(listed) > SHOWN_AGAINST
        else ""
    )
    return Section(
        title="Labels against the judge's own thought",
        head=["pair", "principle", "thought prefers", "P(first is better)", "call"],
        rows=rows,
        note=f"Read them with `rlaif audit show PAIR --thoughts`.{more}",
        words_last=True,
    )


def _criteria(audit: Audit) -> Section:
    """Simple criteria beside trivial judges, and of words the most striking ones."""
    criteria, figures = audit.criteria, audit.figures
    plain = [*CRITERIA, *(["own"] if "own" in criteria else [])]
    words = sorted(
        (name for name in criteria if name.startswith("word ")),
        key=lambda name: -abs(criteria[name].effect.value),
    )
    rows: list[list[Any]] = []
    for name in [*plain, *words[:SHOWN_WORDS]]:
        more, held = figures.get(f"chosen_more:{name}"), criteria.get(name)
        alone = f"{held.agree:.3f}" if held is not None else None
        rows.append(
            [
                name,
                between(held.effect) if held is not None else "too few pairs differ",
                between(more) or alone,
                between(figures.get(f"truth_more:{name}")),
                held.differ if held is not None else int(more.prompts) if more is not None else 0,
                "yes" if held is not None and held.in_force else "-",
            ]
        )
    note = (
        "effect: change of the preference per standard deviation of the criterion, controlling for all principles. "
        "Label agreement: share of labels that a judge of this criterion alone would give; truth agreement: "
        "the same of what reviewers or gold say. A criterion is hidden where its effect is not 0 and no principle asks "
        "for it."
    )
    head = ["criterion", "effect", "label agreement", "truth agreement", "pairs that differ", "asked for"]
    told = criteria or any(f"chosen_more:{name}" in figures for name in CRITERIA)
    return Section(title="Simple criteria (bias check)", head=head, rows=rows if told else [], note=note)


def _inverse(audit: Audit) -> Section:
    """The constitution that the labels would give, beside the one in force."""
    simple: dict[str, CriterionEffect] = {
        name: each for name, each in audit.criteria.items() if not name.startswith("word ")
    }
    both = [
        (name, each, "in force" if each.in_force else "asked alone") for name, each in audit.explained.items()
    ]
    both += [
        (f"prefers: {name}", each, "in force" if each.in_force else "HIDDEN" if _sure(each) else "-")
        for name, each in simple.items()
    ]
    rows = [
        [name, between(each.effect), each.agree, each.differ, kind]
        for name, each, kind in sorted(both, key=lambda row: -abs(row[1].effect.value))
    ]
    return Section(
        title="Inverse constitution: what explains the labels, strongest first",
        head=["principle or criterion", "effect", "label agreement", "pairs that differ", "constitution"],
        rows=rows,
        note="Each principle is estimated controlling for all others, each criterion controlling for all principles.",
    )


def _sure(each: CriterionEffect) -> bool:
    return each.effect.low > 0 or each.effect.high < 0


def _principles(audit: Audit) -> Section:
    rows = [
        [
            each.principle,
            between(each.met),
            between(each.wins),
            each.sides,
            None if each.read is None else each.read.value,
            between(each.looks_agree),
            between(each.order_disagreement),
        ]
        for each in audit.principles
    ]
    head = ["principle", "met", "wins", "of pairs", "readable", "pointwise = pairwise", "order inconsistency"]
    note = (
        "met: share of completions that follow it, by pointwise judgments; wins: of the pairs in which it prefers a "
        "side, the share in which that side is chosen."
    )
    return Section(title="Principles", head=head, rows=rows, note=note)


def _together(audit: Audit) -> Section:
    listed = list(audit.together)
    conflicts = [each for each in listed[::-1] if each.agree.value < 0.5][:SHOWN_TOGETHER]
    alike = [each for each in listed if each not in conflicts][:SHOWN_TOGETHER]
    rows = [
        [f"{each.one} and {each.other}", between(each.agree), each.pairs, kind]
        for kind, shown in (("alike", alike), ("in conflict", conflicts))
        for each in shown
    ]
    note = "Two principles that always agree count twice in a label; lower their weights if you do not want that."
    head = ["principles", "same side", "of pairs", ""]
    return Section(title="Agreement and conflict of principles", head=head, rows=rows, note=note)


def _reliability(audit: Audit) -> Section:
    rows = [[each.size, each.said, each.true] for each in audit.reliability]
    head = ["pairs", "mean label_prob", "accuracy"]
    return Section(title="Calibration of labels", head=head, rows=rows)


def _gain(audit: Audit) -> Section:
    names = {
        "mean": "a random answer",
        "judge_best": "the judge's best answer",
        "oracle_best": "the best answer by gold",
        "share": "share of the gap that the judge closes",
    }
    held = {} if audit.gain is None else audit.gain._asdict()
    rows = [[words, *spread(held[name])] for name, words in names.items() if held.get(name) is not None]
    return Section(
        title="Generator-discriminator gap: gold of an answer",
        head=["answer", "value", "95 % low", "high"],
        rows=rows,
    )
