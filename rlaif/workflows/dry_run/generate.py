"""What `generate` and `judge` would do, and what it would cost: `--dry-run`."""

from __future__ import annotations

from typing import Any

from rlaif.constitution import load_principles
from rlaif.engines.kinds import judges_in_writing
from rlaif.feedback.pairing import NO_PAIRWISE
from rlaif.feedback.system_turn import NONE, system_turn
from rlaif.judging.pointwise import judge_pointwise
from rlaif.records import Constitution, Sampling
from rlaif.store import find_store
from rlaif.workflows.configs import GenerateConfig, JudgeConfig
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.engine import TO_COME
from rlaif.workflows.dry_run.pair_bounds import PlannedPairs
from rlaif.workflows.dry_run.role_words import role_words
from rlaif.workflows.generate.cut_off import given_cut_off, often_cut_off
from rlaif.workflows.generate.judge_step import Drawn, split, written_form
from rlaif.workflows.generate.principle_tests import own_tests
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.generate.run import (
    asked_by,
    completions_of,
    in_writing_of,
    pairing_name,
    pairing_of,
    prompts_of,
    sampling_of,
    store_of,
)
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.models.made_by import label
from rlaif.workflows.models.role_options import NOTHING, RoleOptions


def sampling_line(sampling: Sampling) -> str:
    """How is sampled, in words; what is switched off is left out."""
    thought = sampling.max_thought_tokens
    most = f"at most {sampling.max_tokens} tokens"
    most += "" if thought is None else f" behind a thought of at most {thought}"
    parts = [f"temperature {sampling.temperature}", most]
    parts += [f"top_p {sampling.top_p}"] if sampling.top_p < 1 else []
    parts += [f"{name} {value}" for name in ("top_k", "min_p") if (value := getattr(sampling, name))]
    return ", ".join(parts)


def plan(config: GenerateConfig | JudgeConfig) -> planning.DryRunPlan:
    """What would be done, for `--dry-run`. Opens no model."""
    constitution = load_principles(str(config.constitution))
    lines = [label(constitution)]
    if isinstance(config, GenerateConfig):
        prompts = prompts_of(config)
        lines.append(f"{len(prompts)} prompts of {config.prompts}, {config.n} completions each")
        lines.append(
            f"policy {', '.join(config.policy)} at {sampling_line(sampling_of(config))}, seed {config.seed}"
        )
        if config.from_turn is not None:
            lines.append(f"drawn from turn {config.from_turn} of each conversation")
        if config.system not in (None, NONE):
            lines.append(f"under the system turn {config.system}")
        lines += role_lines("policy", config.policy_options)
    else:
        drawn = completions_of(config)
        lines.append(f"{len(drawn)} completions of {config.source}")
    asked_by(config)
    first, then = split(config.protocol)
    if judges_in_writing(str(config.judge), in_writing_of(config)):
        first, then = written_form(first), written_form(then)
    decides = "by that" if then == NO_PAIRWISE else f"{then} in both orders"
    lines.append(f"judge {config.judge}: {first} on each completion, {pairing_name(config)}, then {decides}")
    lines += [*role_lines("judge", config.judge_options), *role_lines("critic", config.critic_options)]
    lines.append(f"into {config.out}; calls in {find_store(config.out, config.store)}")
    cost, cut = _forecast(config, constitution)
    return planning.DryRunPlan([*lines, *cut], cost)


def role_lines(role: str, options: RoleOptions | None) -> list[str]:
    """What is said of a role: one line, or none."""
    said = (options or NOTHING).set_ones
    return [f"{role}: {role_words(said)}"] if said else []


def forecast(config: GenerateConfig | JudgeConfig) -> dict[str, Any]:
    """Calls, tokens and cost of a command, by model, for `--dry-run`."""
    return _forecast(config, load_principles(str(config.constitution)))[0]


def _forecast(
    config: GenerateConfig | JudgeConfig, constitution: Constitution
) -> tuple[dict[str, Any], list[str]]:
    """What would be asked, and what is known already of draws that were cut off."""
    models = PlannedModels(config, seed=config.seed, in_writing=in_writing_of(config))
    with planning.planning(models, store_of(config), config.out):
        if isinstance(config, GenerateConfig):
            prompts, sampling = prompts_of(config), sampling_of(config)
            policies, system = models.acting(config.policy_options), system_turn(config.system, constitution)
            drawn: Drawn = draw(
                policies, config.policy, prompts, config.n, sampling, config.seed, system
            ).drawn
        else:
            drawn = completions_of(config)
        judges = models.acting(config.judge_options)
        judges.refuse_role(str(config.judge))
        judge = judges.judge(str(config.judge))
        first, then = split(config.protocol)
        asking = asked_by(config)
        judgments = judge_pointwise(
            judge,
            constitution,
            drawn,
            first,
            asking if first == config.protocol else None,
            truncated=config.truncated == "reject",
        )
        how = pairing_of(config, then)
        pairs = PlannedPairs(
            judges, str(config.judge), constitution, how, config.critique, config.critic_options
        )
        pairs.play(drawn, judgments)
        if not is_control(str(config.judge)):
            own_tests(judge, constitution, (first, then), asking)
        return planning.estimate(models), _known_cut(config, drawn)


def _known_cut(config: GenerateConfig | JudgeConfig, drawn: Drawn) -> list[str]:
    """What is known of draws that were cut off: of those that are in the store, or were given."""
    known = [each for _, each in drawn if TO_COME not in each.text and not each.open_thought]
    if isinstance(config, GenerateConfig):
        return often_cut_off(", ".join(config.policy), known, sampling_of(config), config.truncated)
    return given_cut_off(known, config.truncated)
