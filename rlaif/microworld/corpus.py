"""Training rows of the bundled models: the closed list of skills, each row labelled by gold."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from rlaif.microworld import pair_skills, single_skills
from rlaif.microworld.draws import LabelNoise, Reading, WorldDraw
from rlaif.microworld.rows import PackedRow
from rlaif.microworld.scenes import Split

SKILLS: Mapping[str, Callable[[WorldDraw], PackedRow]] = {
    "respond": single_skills.respond,
    "respond-constitution": single_skills.under_rules,
    "respond-good-bad": single_skills.good_bad,
    "checklist": single_skills.checklist,
    "score": single_skills.score,
    "compare": pair_skills.compare,
    "compare-cot": pair_skills.compare_cot,
    "rank": pair_skills.rank,
    "critique": single_skills.critique,
    "revise": single_skills.revise,
    "argue": pair_skills.argue,
    "meta": pair_skills.meta,
    "step": single_skills.step,
    "similar-prompt": single_skills.similar,
}


PLAIN_KNOBS = LabelNoise()
"""No planted flaw and no label noise, as in the shipped models."""


def row(
    skill: str, rng: random.Random, reading: Reading, split: Split = "all", knobs: LabelNoise = PLAIN_KNOBS
) -> PackedRow:
    """One training row of `skill`, with principles phrased at this level of the curriculum."""
    return SKILLS[skill](WorldDraw(rng, reading, split, knobs))
