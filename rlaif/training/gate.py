"""What is wrong with a set of pairs, before a step is taken: rows that teach nothing or teach wrong, and slopes.

A row's defect can be left out: `same`, `empty`, `truncated`, `leaked`, `contradiction`, `duplicate`. A slope of the
whole set cannot: `failures`, `boilerplate`, `length`. An example, which has one side, can be `leaked`. Pure: knows
pairs and examples, no files and no model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from typing import Any

from rlaif.errors import InputError, ThresholdError
from rlaif.exchange.counted_texts import answer_text, asked_text
from rlaif.records import ASKED_OF, Example, Message, Pair, Prompt, prompt_name

MODES = ("filter", "refuse", "off")
DEFECTS = ("same", "empty", "truncated", "leaked", "contradiction", "duplicate")
"""In the order in which a row is asked: it is left out for the first that it has."""
LIMITS: Mapping[str, float] = {
    "same": 0.0,
    "empty": 0.0,
    "truncated": 0.02,
    "leaked": 0.0,
    "contradiction": 0.0,
    "duplicate": 0.02,
    "failures": 0.05,
    "boilerplate": 0.3,
    "length": 0.5,
}
MEANINGS: Mapping[str, str] = {
    "same": "of the pairs have two equal sides",
    "empty": "of the pairs have a side without text",
    "truncated": "of the pairs have a side that was cut off",
    "leaked": "of the pairs have a prompt of the held-out set",
    "contradiction": "of the pairs are there with the opposite label too",
    "duplicate": "of the pairs are there already",
    "failures": "of the judgments failed",
    "boilerplate": "of the chosen answers end with the same sentence",
    "length": "is the difference",
}
LEAKED = "leaked"
"""The defect that an example can have too; what else may be wrong with one, its tokens tell the training."""
NGRAM = 13
"""Words in a row that two different prompts hardly share (Brown et al. 2020, contamination)."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is let through."""

    mode: str = "filter"
    """filter: leave defective rows out and count them; refuse: stop above a limit; off: look at nothing."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Figures that stop training in either mode, in the place of `LIMITS`, which hold for `refuse` only."""

    def __post_init__(self) -> None:
        """Raise InputError for a name that is not known, or a limit that is no share."""
        if self.mode not in MODES:
            raise InputError(f"gate is {self.mode!r}; it must be one of {', '.join(MODES)}")
        for name, limit in self.limits.items():
            if name not in LIMITS:
                raise InputError(f"--gate-limit {name}: no such figure; known: {', '.join(LIMITS)}")
            if not 0 <= limit <= 1:
                raise InputError(f"--gate-limit {name}={limit:g}: must be between 0 and 1")
        if self.mode == "off" and self.limits:
            raise InputError("--gate off looks at nothing, so that --gate-limit means nothing; leave one out")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """What the gate saw."""

    mode: str
    given: int
    kept: int
    left_out: Mapping[str, int]
    figures: Mapping[str, float]
    """Shares of the pairs given, and slopes of those that are kept; `length` is below 0 where the shorter is chosen."""
    over: tuple[str, ...] = ()
    """What is above its usual limit, and lets training go on all the same."""
    rows: str = "pairs"
    """What was looked at: `pairs`, or `examples`."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"over": list(self.over)}


def pass_gate(
    pairs: Sequence[Pair],
    gate: Gate,
    *,
    held_out: Sequence[Prompt] = (),
    cut: AbstractSet[str] = frozenset(),
    failures: float | None = None,
) -> tuple[list[Pair], GateReport]:
    """The pairs to train on, and what was seen. Raises ThresholdError naming figure, limit and option.

    `held_out` are prompts that will be evaluated on, `cut` ids of pairs with a truncated side, `failures` the share
    of the judgments that came to nothing.
    """
    if gate.mode == "off":
        return list(pairs), GateReport(mode="off", given=len(pairs), kept=len(pairs), left_out={}, figures={})
    defects = find_defects(pairs, held_out, cut)
    clean = [pair for pair, defect in zip(pairs, defects, strict=True) if defect is None]
    counts = Counter(defect for defect in defects if defect is not None)
    figures = {name: counts[name] / max(1, len(pairs)) for name in DEFECTS}
    kept = clean if gate.mode == "filter" else list(pairs)
    if failures is not None:
        figures["failures"] = failures
    figures |= {"boilerplate": boilerplate(kept), "length": length_slope(kept)}
    binding = {**LIMITS, **gate.limits} if gate.mode == "refuse" else gate.limits
    _refuse(figures, binding, kept, len(pairs))
    if pairs and not kept:
        why = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ThresholdError(f"none of {len(pairs)} pairs is left by the data gate ({why}); see `--gate`")
    over = tuple(
        _said(name, figures[name], LIMITS[name], kept) for name in _slopes(figures) if name not in binding
    )
    left_out = {name: counts[name] for name in DEFECTS if counts[name]} if gate.mode == "filter" else {}
    report = GateReport(
        mode=gate.mode, given=len(pairs), kept=len(kept), left_out=left_out, figures=figures, over=over
    )
    return kept, report


def pass_examples(
    examples: Sequence[Example], gate: Gate, *, held_out: Sequence[Prompt] = ()
) -> tuple[list[Example], GateReport]:
    """As `pass_gate`, of conversations to imitate: those are left out in which a user asks a held-out prompt.

    Raises InputError for a limit on what only pairs have.
    """
    if unknown := next((name for name in gate.limits if name != LEAKED), None):
        raise InputError(f"--gate-limit {unknown}: is about pairs, and these are examples; known: {LEAKED}")
    given = len(examples)
    if gate.mode == "off":
        report = GateReport(mode="off", given=given, kept=given, left_out={}, figures={}, rows="examples")
        return list(examples), report
    asked = _Asked(held_out)
    clean = [each for each in examples if not asked.by(each)]
    leaked, kept = given - len(clean), clean if gate.mode == "filter" else list(examples)
    share = leaked / max(1, given)
    limits = {**LIMITS, **gate.limits} if gate.mode == "refuse" else gate.limits
    if share > limits.get(LEAKED, 1.0):
        raise ThresholdError(
            f"the data gate stops training on these {given} examples: in {share:.2g} of them a held-out prompt is "
            f"asked, limit {limits[LEAKED]:g}. Mend the data; or leave such examples out: --gate filter; or allow it: "
            f"--gate-limit {LEAKED}={_rounded_up(share):g}"
        )
    if examples and not kept:
        raise ThresholdError(
            f"none of {given} examples is left by the data gate: each asks a held-out prompt; see `--gate`"
        )
    left_out = {LEAKED: leaked} if leaked and gate.mode == "filter" else {}
    report = GateReport(
        mode=gate.mode,
        given=given,
        kept=len(kept),
        left_out=left_out,
        figures={LEAKED: share},
        rows="examples",
    )
    return kept, report


def find_defects(
    pairs: Sequence[Pair], held_out: Sequence[Prompt] = (), cut: AbstractSet[str] = frozenset()
) -> list[str | None]:
    """For each pair the first defect that it has, in the order of `DEFECTS`."""
    asked = _Asked(held_out)
    leaked = {prompt for prompt in {pair.prompt for pair in pairs} if asked.by_prompt(prompt)}
    ids = [pair.id for pair in pairs]
    sides: dict[str, set[tuple[Message, ...]]] = {}
    for pair, key in zip(pairs, ids, strict=True):
        sides.setdefault(key, set()).add(pair.chosen)
    seen: set[str] = set()
    found: list[str | None] = []
    for pair, key in zip(pairs, ids, strict=True):
        has = {
            "same": pair.chosen == pair.rejected,
            "empty": not (_says(pair.chosen) and _says(pair.rejected)),
            "truncated": key in cut,
            LEAKED: pair.prompt in leaked or pair.provenance.get(ASKED_OF) in asked.names,
            "contradiction": len(sides[key]) > 1,
            "duplicate": key in seen,
        }
        seen.add(key)
        found.append(next((name for name in DEFECTS if has[name]), None))
    return found


def boilerplate(pairs: Sequence[Pair]) -> float:
    """Share of the different chosen answers that end with the sentence that ends most of them.

    An answer of one sentence has no closer; and a sentence that ends one answer only is no boilerplate.
    """
    sides = {pair.chosen for pair in pairs}
    most = Counter(each for each in map(closer, map(answer_text, sides)) if each).most_common(1)
    return most[0][1] / len(sides) if most and most[0][1] > 1 else 0.0


def closer(text: str) -> str:
    """The last sentence in lower-case words, where others stand before it; else nothing."""
    sentences = _SENTENCE_END.split(text.strip())
    return " ".join(_words(sentences[-1])) if len(sentences) > 1 else ""


def length_slope(pairs: Sequence[Pair]) -> float:
    """Share of the pairs whose chosen side is longer less that of those whose rejected side is.

    0: length says nothing of the label; 1 and -1: it says it all. Lengths are characters. Pairs with a side that was
    cut off are left out: its length is the limit's.
    """
    longer, shorter = _lengths(pairs)
    return longer - shorter


def _lengths(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Shares of the pairs whose chosen side is the longer one, and the shorter one."""
    whole = [pair for pair in pairs if not pair.truncated]
    signs = [_sign(_length(pair.chosen) - _length(pair.rejected)) for pair in whole]
    count = max(1, len(signs))
    return signs.count(1) / count, signs.count(-1) / count


def pass_prompts(
    prompts: Sequence[Prompt], *, held_out: Sequence[Prompt] = ()
) -> tuple[list[Prompt], GateReport]:
    """As `pass_gate`, of prompts to draw rollouts for: those that ask a held-out one are left out.

    Raises ThresholdError where none is left.
    """
    asked = _Asked(held_out)
    kept = [each for each in prompts if not (held_out and asked.by_prompt(each.messages))]
    leaked = len(prompts) - len(kept)
    if prompts and not kept:
        raise ThresholdError(
            f"none of {len(prompts)} prompts is left by the data gate: each asks a held-out one; train on others than "
            "are measured on"
        )
    report = GateReport(
        mode="filter",
        given=len(prompts),
        kept=len(kept),
        left_out={LEAKED: leaked} if leaked else {},
        figures={LEAKED: leaked / max(1, len(prompts))},
        rows="prompts",
    )
    return kept, report


def asking_again(prompts: Sequence[Prompt], others: Sequence[Prompt]) -> list[Prompt]:
    """Those prompts that ask one of the others, as the gate finds it."""
    asked = _Asked(others)
    return [each for each in prompts if asked.by_prompt(each.messages)] if others else []


class _Asked:
    """What the held-out prompts ask: all their turns, as words, and so many of these in a row."""

    def __init__(self, held_out: Sequence[Prompt]) -> None:
        asked = [_words(asked_text(each.messages)) for each in held_out]
        self.names = {prompt_name(each.messages) for each in held_out}
        self._whole = {tuple(words) for words in asked}
        self._grams = {gram for words in asked for gram in _grams(words)}

    def by_prompt(self, prompt: Sequence[Message]) -> bool:
        """Whether a prompt asks one of them: all turns are the same words, or so many in a row are.

        The last question of a dialogue is one too, where it is asked alone there.
        """
        words = _words(asked_text(prompt))
        return self._asks(words) or self._asks(_words(prompt[-1].content), grams=False)

    def by(self, example: Example) -> bool:
        """Whether one is asked in a conversation: by its prompt, or by any turn of a user or a line of it.

        A judge's question quotes a prompt on lines of its own, a tag stands on the line before it, and of a dialogue
        that is learned whole the questions are among what is learned.
        """
        if not self._whole:
            return False
        users = [each.content for each in example.messages if each.role == "user"]
        lines = {line for text in users for line in text.splitlines()}
        return (
            self.by_prompt(example.messages[: -example.learned])
            or any(self._asks(_words(text)) for text in users)
            or any(self._asks(_words(line), grams=False) for line in lines)
        )

    def _asks(self, words: Sequence[str], *, grams: bool = True) -> bool:
        return tuple(words) in self._whole or (grams and any(each in self._grams for each in _grams(words)))


def _grams(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _says(side: Sequence[Message]) -> bool:
    """Whether a side ends with an answer, or with a call of a tool."""
    return bool(side[-1].content.strip() or side[-1].tool_calls)


def _length(side: Sequence[Message]) -> int:
    """Characters of the answers; thoughts do not count."""
    return sum(len(each.content) for each in side if each.role == "assistant")


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _slopes(figures: Mapping[str, float]) -> list[str]:
    return [name for name in figures if name not in DEFECTS and abs(figures[name]) > LIMITS[name]]


def _refuse(
    figures: Mapping[str, float], limits: Mapping[str, float], kept: Sequence[Pair], pairs: int
) -> None:
    above = [name for name in figures if name in limits and abs(figures[name]) > limits[name]]
    if not above:
        return
    said = "; ".join(_said(name, figures[name], limits[name], kept) for name in above)
    name = above[0]
    rows = any(each in DEFECTS for each in above)
    remedy = " or leave such pairs out: --gate filter;" if rows else ""
    raise ThresholdError(
        f"the data gate stops training on these {pairs} pairs: {said}. Mend the data;{remedy} or allow it: "
        f"--gate-limit {name}={_rounded_up(abs(figures[name])):g}"
    )


def _said(name: str, value: float, limit: float, kept: Sequence[Pair]) -> str:
    if name == "length":
        longer, shorter = _lengths(kept)
        sides = [(longer, "longer"), (shorter, "shorter")]
        (most, more), (least, less) = sides if value >= 0 else reversed(sides)
        return (
            f"length: {most:.2g} of the chosen answers are the {more} ones and {least:.2g} the {less} ones; "
            f"{abs(value):.2g} {MEANINGS[name]}, limit {limit:g}"
        )
    return f"{name}: {value:.2g} {MEANINGS[name]}, limit {limit:g}"


def _rounded_up(value: float) -> float:
    return min(1.0, int(value * 100 + 1) / 100)
