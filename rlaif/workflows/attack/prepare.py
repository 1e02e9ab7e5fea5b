"""All that `rlaif attack` checks before a model is loaded: reward, prompts, files. What is wrong is refused here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlaif.constitution import load_principles
from rlaif.errors import InputError, ThresholdError
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.judging.kinds import judge_kind
from rlaif.records import Constitution, Pair, Prompt
from rlaif.runs.layout import pairs_file
from rlaif.training.gate import pass_prompts
from rlaif.workflows.attack.config import AttackConfig
from rlaif.workflows.attack.kinds import ATTACKS
from rlaif.workflows.attack.report import EarlierReport, read_earlier
from rlaif.workflows.attack.scored import refuse_relative
from rlaif.workflows.models.defaults import BUNDLED, CONSTITUTION, HINT, POLICY, is_bundled
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.spec import RewardSpec

WHERE, BY = "REWARD", "--by"
PROMPTS = "micro:held-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackJob:
    """Everything that can be read without a model."""

    config: AttackConfig
    spec: RewardSpec
    by: RewardSpec | None
    prompts: Sequence[Prompt]
    constitution: Constitution
    trained_on: Sequence[Pair]
    earlier: EarlierReport | None
    attacks: Sequence[str]


def prepare(config: AttackConfig) -> AttackJob:
    """Read and check. Raises InputError, with the remedy, for whatever is wrong."""
    for name in config.attacks:
        ATTACKS.get(name)
    spec = reward_parts(list(config.reward), WHERE)
    refuse_relative(spec, WHERE)
    by = None if config.by is None else reward_parts([config.by], BY)
    if by is not None:
        refuse_relative(by, BY)
    config = _with_defaults(config, spec, by)
    prompts = read_prompts(str(config.prompts), limit=config.limit)
    prompts = list({each.id: each for each in prompts}.values())
    trained_on = [] if config.trained_on is None else read_pairs(pairs_file(config.trained_on))
    earlier = None if config.against is None else read_earlier(config.against)
    _refuse_overlap(prompts, trained_on, earlier, config)
    if config.pairs is not None and config.pairs.suffix not in (".jsonl", ".parquet"):
        raise InputError(f"--pairs {config.pairs}: must end in .jsonl or .parquet")
    if config.pairs is None and config.mined != AttackConfig.__dataclass_fields__["mined"].default:
        raise InputError("--mined: says of which prompts pairs are made, and --pairs is not there; add it")
    return AttackJob(
        config=config,
        spec=spec,
        by=by,
        prompts=prompts,
        constitution=load_principles(str(config.constitution)),
        trained_on=trained_on,
        earlier=earlier,
        attacks=list(dict.fromkeys(config.attacks)) or list(ATTACKS.names()),
    )


def _with_defaults(config: AttackConfig, spec: RewardSpec, by: RewardSpec | None) -> AttackConfig:
    """The bundled world where nothing is named; a toy never stands in for somebody's own."""
    named = [each.source for one in (spec, *([by] if by else [])) for each in one.leaves]
    strangers = [each for each in named if not is_bundled(each)]
    if config.policy is None and config.prompts is None and not strangers:
        config = replace(config, policy=POLICY, prompts=PROMPTS)
    if config.policy is None:
        raise InputError(
            f"--policy is missing: the honest answers are those of a model; {HINT}"
            + (f" (with {strangers[0]}: --policy micro --prompts {PROMPTS})" if strangers else "")
        )
    if config.prompts is None:
        if strangers or not is_bundled(config.policy):
            stranger = next(iter(strangers), config.policy)
            raise InputError(f"--prompts is missing: with {stranger} name the prompts too, e.g. {PROMPTS}")
        config = replace(config, prompts=PROMPTS)
    if config.constitution is None:
        asks = [
            each.judge
            for one in (spec, *([by] if by else []))
            for each in one.leaves
            if each.judge is not None and each.constitution is None and judge_kind(each.judge).told
        ]
        if asks and not str(config.prompts).startswith(BUNDLED):
            raise InputError(
                f"--constitution is missing: {asks[0]} judges by principles, and the prompts are your own; name "
                "yours, e.g. constitutions/house.yaml"
            )
        config = replace(config, constitution=CONSTITUTION)
    return config


def _refuse_overlap(
    prompts: Sequence[Prompt], trained_on: Sequence[Pair], earlier: EarlierReport | None, config: AttackConfig
) -> None:
    """Raise InputError for prompts that the reward was trained on: what it says there it may know by heart.

    Prompts of which an earlier attack made pairs are no fault: the report lists them separately.
    """
    mined = frozenset() if earlier is None else earlier.mined
    others = [each for each in prompts if each.id not in mined]
    if not trained_on or not others:
        return
    known = [Prompt(messages=each.prompt, tools=each.tools) for each in trained_on]
    try:
        kept = len(pass_prompts(others, held_out=known)[0])
    except ThresholdError:
        kept = 0
    if kept < len(others):
        raise InputError(
            f"{config.prompts}: {len(others) - kept} of {len(prompts)} prompts ask one that {config.trained_on} asks, "
            "and the reward knows those by heart; name prompts that it was not trained on, such as those of your "
            "evaluation"
        )
