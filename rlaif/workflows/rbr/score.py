"""Score answers by fitted weights: what each gets from the reward model, and what from the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rlaif.atomic import write_lines
from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.turns import turn_rows
from rlaif.hashing import canonical_json
from rlaif.judging.protocol import One
from rlaif.judging.rbr import RuleReward, RuleScore, read_weights
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.rbr.config import ScoreConfig
from rlaif.workflows.rbr.load_rules import judging, known_kind, reward_model, tagged


class ScoredFile(NamedTuple):
    """The rewards that were written, and what is doubtful about them."""

    scored: Sequence[RuleScore]
    warnings: Sequence[str]


def score(config: ScoreConfig, progress: Report = silent) -> ScoredFile:
    """Write each answer with its reward; judge and reward model are those of the fit unless others are named."""
    weights = read_weights(config.weights)
    judge = config.judge or (weights.judge or {}).get("name")
    base = config.base or (weights.base or {}).get("name")
    if weights.rules is None or judge is None:
        raise InputError(
            f"{config.weights}: was fitted to given features, without rules; fit to answers to score answers"
        )
    if config.base and not weights.base:
        raise InputError(f"--base: {config.weights} was fitted without a reward model; fit again with --base")
    known_kind(config.kind, weights.kinds)
    items = tagged(read_completions(config.source), config.kind, weights.kinds)
    names = {"judge": judge, "reward model": base} if base else {"judge": judge}
    made_with = {"judge": weights.judge, "reward model": weights.base}
    with judging(config, list(names.values()), config.out, progress) as models:
        warnings = [
            f"the {part} {name} is not the one that the weights were fitted with"
            for part, name in names.items()
            if models.fingerprint(name) != (made_with[part] or {}).get("fingerprint")
        ]
        found = RuleReward(weights, models.judge(judge), reward_model(models, base)).scored(items)
    rows = (_scored_row(item, each) for item, each in zip(items, found, strict=True))
    write_lines(config.out, map(canonical_json, rows))
    return ScoredFile(found, warnings)


def _scored_row(item: One, scored: RuleScore) -> dict[str, Any]:
    prompt, completion = item
    return {
        "prompt": turn_rows(prompt.messages),
        "completion": completion.text,
        "tags": list(prompt.tags),
        "kind": scored.kind,
        "reward": scored.reward,
        "reward_model": scored.base,
        "rules": scored.added,
        "failed": scored.failed.value if scored.failed else None,
    }
