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
MEANINGS = {
    "first_slot": "order: verdicts for the answer shown first (.5 is fair)",
    "order_disagreement": "order: comparisons whose two orders name different answers",
    "cyclic": "cycles: threes of answers that beat each other in a circle (a coin: .25)",
    "looks_agree": "comparisons for the side that looked better alone",
    "scores_opposed": "pairs whose chosen side has the lower score",
    "label_contradicts": "labels against the judgments recorded for them",
    "shifted": "comparisons that fit scores of neighbouring rows, of those that differ",
    "prompt_decides": "how alike answers to one prompt are graded (1: grades the prompt)",
    "unreadable:looks": "unreadable: looks at one answer",
    "unreadable:comparisons": "unreadable: comparisons",
    "refused:looks": "judge refuses: looks at one answer",
    "refused:comparisons": "judge refuses: comparisons",
    "truncated": "completions that were cut off",
    "declined": "completions that decline",
    "rationale_contradicts": "verdicts against their own rationale",
    "retest_differs": "test-retest: questions answered otherwise the second time",
    "people_agree": "people: votes for the chosen side (accuracy)",
    "overconfident": "people: how much surer labels are than right",
    "fleiss": "people among each other: Fleiss' kappa",
    "krippendorff": "people among each other: Krippendorff's alpha",
    "gold_agree": "gold: pairs labelled its way",
    "overconfident_gold": "gold: how much surer labels are than right",
    "calibration_error": "calibration: expected error of label_prob (ECE)",
    "brier": "calibration: Brier score of label_prob",
    "near_duplicate_prompts": "prompts nearly the same as another (MinHash)",
    "contaminated": "prompts that the evaluation set holds too",
    "training_uncovered": "training prompts that no feedback prompt resembles",
    "same_closer": "boilerplate: completions with the most frequent last sentence",
    "alike": "diversity: similarity of answers to one prompt (0: all different)",
}
"""Figures of a whole run, in the order in which they are shown."""


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
        _criteria(audit),
        _inverse(audit),
        _principles(audit),
        _together(audit),
        _reliability(audit),
        _gain(audit),
    ]
    return [each for each in found if each.rows]


def spread(each: Estimate | None) -> list[Any]:
    """Value, low and high."""
    return [None, None, None] if each is None else [each.value, each.low, each.high]


def between(each: Estimate | None) -> str | None:
    """`0.512 [0.498, 0.530]`, in one cell."""
    return None if each is None else f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"


def _figures(figures: Mapping[str, Estimate]) -> Section:
    kappas = {
        name: f"people: Cohen's kappa of {name.partition(':')[2]} with the labels"
        for name in figures
        if name.startswith("kappa:")
    }
    rows = [
        [name, *spread(figures[name]), int(figures[name].prompts), words]
        for name, words in {**MEANINGS, **kappas}.items()
        if name in figures
    ]
    head = ["figure", "value", "95 % low", "high", "prompts", "what it counts"]
    return Section(title="Figures", head=head, rows=rows, words_last=True)


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
                between(held.effect) if held is not None else "too few differ",
                between(more) or alone,
                between(figures.get(f"truth_more:{name}")),
                held.differ if held is not None else int(more.prompts) if more is not None else 0,
                "yes" if held is not None and held.in_force else "-",
            ]
        )
    note = (
        "effect: how much stronger a preference is for a standard deviation more of it, beside all principles. "
        "`its labels`: what a trivial judge that knew only this would get of the labels; `its truth`: of what people "
        "or gold say. A criterion that no principle asks for and whose effect is not 0 is a hidden one."
    )
    head = ["criterion", "effect", "its labels", "its truth", "of twos", "asked for"]
    told = criteria or any(name.startswith("chosen_more:") for name in figures)
    return Section(
        title="Simple criteria, beside trivial judges", head=head, rows=rows if told else [], note=note
    )


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
        head=["principle or criterion", "effect", "labels it gets", "of twos", "constitution"],
        rows=rows,
        note="Each principle beside all others; each criterion beside all principles.",
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
    head = ["principle", "met", "wins", "of pairs", "read", "alone = compared", "orders differ"]
    note = "met: of completions, by the judge alone; wins: of pairs in which it takes a side, those with the label."
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
    note = (
        "Redundant principles count twice in a label only through their weights; nothing is dropped for it."
    )
    head = ["two principles", "same side", "of pairs", ""]
    return Section(title="Agreement and conflict of principles", head=head, rows=rows, note=note)


def _reliability(audit: Audit) -> Section:
    rows = [[each.size, each.said, each.true] for each in audit.reliability]
    head = ["pairs", "mean label_prob", "share that is right"]
    return Section(title="Calibration of labels", head=head, rows=rows)


def _gain(audit: Audit) -> Section:
    names = {
        "mean": "an answer taken by chance",
        "judge_best": "the judge's best",
        "oracle_best": "the best by gold",
        "share": "share of the room that the judge wins",
    }
    held = {} if audit.gain is None else audit.gain._asdict()
    rows = [[words, *spread(held[name])] for name, words in names.items() if held.get(name) is not None]
    return Section(
        title="Generator-discriminator gap: gold of an answer",
        head=["answer", "value", "95 % low", "high"],
        rows=rows,
    )
