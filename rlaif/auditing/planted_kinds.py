"""The faults that are planted to measure audits: each at three strengths, and the name it must be reported under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlaif.auditing.planted import Planted


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedKind:
    """A kind of fault."""

    fault: str
    settings: Mapping[str, float]
    """What is set, per unit of strength; what begins with `=` is set as it is."""
    strengths: tuple[float, float, float]
    """Weak, middle, strong."""
    unit: str
    """What the strength counts."""

    def planted(self, strength: float) -> Planted:
        """The fault at one strength."""
        return Planted(
            settings={
                name.removeprefix("="): each if name.startswith("=") else each * strength
                for name, each in self.settings.items()
            }
        )


def _kind(
    fault: str, setting: str, weak: float, middle: float, strong: float, unit: str, **more: float
) -> PlantedKind:
    settings = {setting: 1.0, **{f"={name}": each for name, each in more.items()}}
    return PlantedKind(fault=fault, settings=settings, strengths=(weak, middle, strong), unit=unit)


PULL = "log-odds of a comparison"
KINDS: Sequence[PlantedKind] = (
    _kind("position", "position", 0.2, 1.0, 2.0, "log-odds for the answer shown first"),
    _kind("inconsistent", "coin", 0.5, 3.0, 8.0, "log-odds of noise in each order"),
    _kind("cycles", "cycles", 0.1, 0.5, 0.9, "share of comparisons", all_pairs=1.0),
    _kind("unreadable", "unreadable", 0.055, 0.15, 0.4, "share of comparisons"),
    _kind("refusing", "refused", 0.011, 0.05, 0.3, "share of looks"),
    _kind("truncated", "truncated", 0.055, 0.15, 0.4, "share of completions"),
    _kind("shifted-rows", "shifted_rows", 0.1, 0.5, 1.0, "share of the rows, by one"),
    _kind("inverted-scores", "inverted_scores", 0.1, 0.4, 1.0, "share of completions"),
    _kind("scores-oppose-labels", "scores_opposed", 0.03, 0.2, 0.5, "share of completions"),
    _kind("flipped-labels", "flipped_labels", 0.005, 0.03, 0.1, "share of pairs"),
    _kind("grades-the-prompt", "prompt_decides", 0.5, 0.9, 1.0, "share of looks"),
    _kind("ignored-principle", "ignored_principle", 0.5, 0.9, 1.0, "share of its pull that is lost"),
    _kind("length", "prefers_length", 0.05, 0.3, 1.0, PULL),
    _kind("hidden-lists", "prefers_lists", 0.1, 0.5, 1.5, PULL),
    _kind("hidden-bold", "prefers_bold", 0.1, 0.5, 1.5, PULL),
    _kind("hidden-headings", "prefers_headers", 0.1, 0.5, 1.5, PULL),
    _kind("hidden-exclamation", "prefers_exclaims", 0.1, 0.5, 1.5, PULL),
    _kind("confident-tone", "prefers_confident", 0.1, 0.5, 1.5, PULL),
    _kind("sycophancy", "prefers_flatters", 0.1, 0.5, 1.5, PULL),
    _kind("hidden-word", "prefers_word", 0.1, 0.6, 1.5, PULL),
    _kind("self-preference", "self_preference", 0.1, 0.5, 1.5, PULL),
    _kind("duplicate-prompts", "duplicate_prompts", 0.05, 0.12, 0.3, "share of prompts"),
    _kind("contaminated", "contaminated", 0.01, 0.05, 0.2, "share of prompts"),
    _kind("boilerplate", "boilerplate", 0.3, 0.7, 0.95, "share of completions"),
    _kind("low-diversity", "alike", 0.3, 0.9, 0.99, "share of completions that repeat the one before"),
    _kind("people-disagree", "people_disagree", 0.15, 0.32, 0.5, "further share of votes against the label"),
    _kind("overconfident", "people_disagree", 0.08, 0.25, 0.4, "further share of votes against sure labels"),
    _kind("rationale-contradicts", "rationale_contradicts", 0.03, 0.12, 0.4, "share of verdicts"),
    _kind("not-repeatable", "not_repeatable", 0.07, 0.2, 0.5, "share of questions"),
)
STRENGTHS = ("weak", "middle", "strong")


def cases(kinds: Sequence[PlantedKind] = KINDS) -> Iterator[tuple[PlantedKind, str, Planted]]:
    """Every kind at every strength."""
    for kind in kinds:
        for name, strength in zip(STRENGTHS, kind.strengths, strict=True):
            yield kind, name, kind.planted(strength)
