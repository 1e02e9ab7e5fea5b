"""What `evaluate` would do, and what it would cost: `--dry-run`."""

from __future__ import annotations

from typing import Any

from rlaif.feedback.system_turn import NONE
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.generate import role_lines, sampling_line
from rlaif.workflows.evaluation.further import divergences, measured_sets
from rlaif.workflows.evaluation.named_sets.open import open_sets
from rlaif.workflows.evaluation.run import (
    compared_with,
    drawn_by,
    inputs_of,
    sampling_of,
    shown_of,
    store_of,
    systems_of,
    writers_of,
)
from rlaif.workflows.models.made_by import label


def plan(config: EvaluateConfig) -> planning.DryRunPlan:
    """What would be done, for `--dry-run`."""
    prompts, constitution = inputs_of(config)
    lines = [
        f"policy {config.policy}, against {', '.join(config.against) or 'nothing'}, judge {config.judge}"
    ]
    lines.append(label(constitution))
    lines.append(f"{len(prompts)} prompts of {config.prompts}, {len(config.against) + 1} answers each")
    lines.append(f"sampled at {sampling_line(sampling_of(config))}, seed {config.seed}")
    lines += [f"under the system turn {config.system}"] if config.system not in (None, NONE) else []
    lines += [f"the others under {config.against_system}"] if config.against_system is not None else []
    lines += [f"sets: {', '.join(config.sets)}"] if config.sets else []
    for role in ("policy", "against", "judge"):
        lines += role_lines(role, getattr(config, f"{role}_options"))
    lines.append(
        f"comparisons: {len(prompts) * len(config.against)} pairs, both orders, each principle that applies"
    )
    if any(each.hard for each in constitution.principles):
        lines.append("hard principles: pointwise, by the checklist")
    return planning.DryRunPlan(lines, forecast(config))


def forecast(config: EvaluateConfig) -> dict[str, Any]:
    """Calls, tokens and cost, by model, for `--dry-run`."""
    prompts, constitution = inputs_of(config)
    models = PlannedModels(config, seed=config.seed)
    with planning.planning(models, store_of(config), config.out):
        systems = systems_of(config, constitution)
        answered = drawn_by(config, models, prompts, systems)
        texts = {name: each.completions for name, each in answered.items()}
        compared_with(config, models, constitution, prompts, texts)
        # gold costs nothing, and cannot grade answers to come
        for own in () if config.gold else texts.values():
            shown_of(config, models, prompts, own)
        measured_sets(config, models, open_sets(config.sets, config.limit), writers_of(config), {})
        drawn = answered[str(config.policy)].drawn
        divergences(config, models, writers_of(config), drawn, systems)
        return planning.estimate(models)
