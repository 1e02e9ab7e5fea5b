"""Training rows of the bundled models: the closed list of skills, each row labelled by gold."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from rlaif.microworld import pair_skills, single_skills
from rlaif.microworld.draws import Draw, Knobs, Reading
from rlaif.microworld.rows import Row
from rlaif.microworld.scenes import Split

SKILLS: Mapping[str, Callable[[Draw], Row]] = {
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


PLAIN_KNOBS = Knobs()
"""No planted flaw and no label noise, as in the shipped models."""


def row(
    skill: str, rng: random.Random, reading: Reading, split: Split = "all", knobs: Knobs = PLAIN_KNOBS
) -> Row:
    """One training row of `skill`, with principles phrased at this level of the curriculum."""
    return SKILLS[skill](Draw(rng, reading, split, knobs))
