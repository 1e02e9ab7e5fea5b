"""What a check of a judge would cost. No question of it depends on what the judge says, so that all is exact."""

from __future__ import annotations

from rlaif.errors import InputError
from rlaif.judging.protocols import PER_PAIR
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.generate.judge_step import in_writing
from rlaif.workflows.judge_eval.config import CheckConfig
from rlaif.workflows.judge_eval.record_alone import record_alone
from rlaif.workflows.judge_eval.recorded_verdicts import recorded_gold
from rlaif.workflows.judge_eval.run import all_protocols, asked, gold_of, judge_name, refuse_unused, store_of


def plan(config: CheckConfig, *, every: bool = False) -> planning.DryRunPlan:
    """What would be asked, for `--dry-run`; of every protocol for `--all`. Nothing depends on what the judge says."""
    name = judge_name(config)
    models = planning.PlannedModels(
        config, seed=config.seed, in_writing=in_writing(config.protocol or PER_PAIR)
    ).acting(config.judge_options)
    if (alone := record_alone(config)) is not None:
        raise InputError(alone.refusal)
    if recorded_gold(name) is not None:
        return planning.DryRunPlan(
            [f"judge {name}: a record, of which nothing is asked"], planning.estimate(models)
        )
    models.refuse_role(name)
    with planning.planning(models, store_of(config)):
        if every:
            all_protocols(config, models, name)
            about = "every protocol, on answers of the bundled policy"
        else:
            gold, constitution = gold_of(config)
            refuse_unused(config, gold)
            asked(config, models, name, gold, constitution)
            count = len(gold.pairs) + len(gold.choices) + len(gold.labels)
            about = f"{gold.name}, {count} items by {config.protocol or 'the protocol of such a set'}"
        return planning.DryRunPlan([f"judge {name} on {about}"], planning.estimate(models))
