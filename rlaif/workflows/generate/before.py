"""What can be seen to go wrong before anything is paid: refused where no pair can come of it, else said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlaif.constitution import applies, load_principles
from rlaif.errors import InputError
from rlaif.records import Constitution, Prompt
from rlaif.runs.claim import refuse_foreign
from rlaif.runs.layout import is_run
from rlaif.workflows.configs import GenerateConfig, PairOptions
from rlaif.workflows.generate.run import prompts_of
from rlaif.workflows.models.defaults import is_bundled

FEW_TOKENS = 16
"""Tokens below which a limit cuts off nearly every answer."""
FEW_PROMPTS = 8
"""Prompts below which intervals and a training mean little."""


def look_before(config: GenerateConfig | PairOptions) -> list[str]:
    """What to say of a command before it asks anybody. Raises InputError where no pair can come of it."""
    refuse_place(config.out)
    constitution = load_principles(str(config.constitution))
    if not isinstance(config, GenerateConfig):
        return []
    _refuse_equal_draws(config)
    prompts = prompts_of(config)
    return [*_of_prompts(prompts, constitution), *_of_sampling(config)]


def refuse_place(out: Path) -> None:
    """Raise InputError for a directory inside another run, or RunError for one with somebody else's files."""
    refuse_foreign(out)
    if owner := next((each for each in out.absolute().parents if is_run(each)), None):
        raise InputError(f"--out {out}: lies inside the run {owner}; choose a directory beside it")


def _refuse_equal_draws(config: GenerateConfig) -> None:
    greedy = "--temperature 0" if config.temperature == 0 else "--top-k 1" if config.top_k == 1 else None
    if greedy is not None and len(config.policy) == 1:
        raise InputError(
            f"{greedy}: all {config.n} draws of a prompt would be the same text, of which no pair can be made; sample "
            "(--temperature 1), or name several policies"
        )


def _of_prompts(prompts: Sequence[Prompt], constitution: Constitution) -> list[str]:
    bare = [each for each in prompts if not any(applies(one, each) for one in constitution.principles)]
    if prompts and len(bare) == len(prompts):
        tags = sorted({tag for one in constitution.principles for tag in one.applies_to})
        raise InputError(
            f"{constitution.source or constitution.name}: no principle applies to any of {len(prompts)} prompts; they "
            f"apply to {', '.join(tags)}: tag the prompts (`tags`), or leave `applies_to` out"
        )
    said = (
        [f"no principle applies to {len(bare)} of {len(prompts)} prompts, which give no pair"] if bare else []
    )
    if len(prompts) < FEW_PROMPTS:
        said.append(
            f"{len(prompts)} prompt{'s are' if len(prompts) != 1 else ' is'} few: below {FEW_PROMPTS} neither an audit "
            "nor a training says much"
        )
    return said


def _of_sampling(config: GenerateConfig) -> list[str]:
    said = []
    if config.max_tokens < FEW_TOKENS:
        said.append(
            f"--max-tokens {config.max_tokens}: hardly an answer ends in so few tokens, and one that is cut off is "
            "truncated; 256 is usual"
        )
    if config.judge in config.policy and not is_bundled(str(config.judge)):
        said.append(
            f"the judge {config.judge} judges what it wrote itself, and may prefer it; `rlaif judge RUN --judge OTHER` "
            "compares"
        )
    if config.temperature == 0 and len(config.policy) < config.n:
        said.append(
            f"--temperature 0: each of {len(config.policy)} policies draws the same text again; --n "
            f"{len(config.policy)} is enough"
        )
    return said
