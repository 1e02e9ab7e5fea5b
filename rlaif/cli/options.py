"""Options that several commands share, spelled once; each can also come from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

PREFIX = "RLAIF"
Command = TypeVar("Command", bound=Callable[..., Any])


class EnvOption(click.Option):
    """An option that `RLAIF_<COMMAND>_<OPTION>`, else `RLAIF_<OPTION>`, sets when it is not given."""

    @property
    def word(self) -> str:
        """`--max-tokens` is `MAX_TOKENS`; a pair like `--critique/--no-critique` goes by its first name."""
        return next(opt for opt in self.opts if opt.startswith("--")).lstrip("-").replace("-", "_").upper()

    def env_names(self, command_path: str) -> list[str]:
        """The variables that set this option, the more specific first."""
        command = "_".join(command_path.split()[1:]).replace("-", "_").upper()
        return [f"{PREFIX}_{command}_{self.word}", f"{PREFIX}_{self.word}"]

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The first of `env_names` that is set and not empty."""
        values = (os.environ.get(name) for name in self.env_names(ctx.command_path))
        return next((value for value in values if value), None)


def option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """A `click.option` that the environment can set too."""
    return click.option(*names, cls=EnvOption, **attributes)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, shown in the order given."""

    def decorate(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


def key_values(_: click.Context, parameter: click.Parameter, items: Sequence[str]) -> dict[str, str]:
    """`key=value` options as a mapping; anything without `=` is a usage error."""
    wrong = [item for item in items if "=" not in item]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not key=value", param=parameter)
    return {key.strip(): value.strip() for key, _, value in (item.partition("=") for item in items)}


def typed_values(context: click.Context, parameter: click.Parameter, items: Sequence[str]) -> dict[str, Any]:
    """`key=value` options whose values are read as in YAML: `false` is no text."""
    from rlaif.documents import parse_value

    return {key: parse_value(value) for key, value in key_values(context, parameter, items).items()}


def _limits(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, float]:
    """`calls=100,minutes=5` as limits."""
    from rlaif.costs import read_budget

    return {} if text is None else read_budget(text)


as_json = option("--json", "as_json", is_flag=True, help="Print one JSON object.")
limit = option("--limit", type=click.IntRange(min=1), help="Use only the first N prompts.")
seed = option("--seed", type=int, default=0, show_default=True, help="All random numbers derive from it.")
store = option(
    "--store", type=click.Path(path_type=Path), help="The store file [default: found upward from --out]."
)
dry_run = option(
    "--dry-run",
    is_flag=True,
    help="Check all files; say what would be done, and how many calls and tokens for what price. Asks no model.",
)
show_prompt = option(
    "--show-prompt", is_flag=True, help="Print the exact text the judge gets first, and stop."
)
constitution = option(
    "--constitution",
    help="Constitution: a file or a name [default: what the run or the trained model was made by, else micro-default].",
)
judge = option("--judge", help="Judge: a model name, or the controls `gold:` and `random:`.")


def out(required: bool = True) -> Callable[[Command], Command]:
    """`--out DIR`."""
    return option(
        "--out", type=click.Path(path_type=Path), required=required, help="Directory to write into."
    )


prompts = together(
    option(
        "--prompts",
        help="Prompt file (JSONL, JSON, CSV, Parquet, text), `datasets` directory or bundled set.",
    ),
    option("--column", help="The column that holds the prompt, when it is not `prompt` or `messages`."),
    limit,
)

sampling = together(
    option(
        "--temperature", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Of the policy."
    ),
    option(
        "--top-p",
        type=click.FloatRange(0, 1, min_open=True),
        default=1.0,
        show_default=True,
        help="Of the policy.",
    ),
    option(
        "--top-k",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Of the policy: draw among so many of the likeliest tokens; 0: among all.",
    ),
    option(
        "--min-p",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.0,
        show_default=True,
        help="Of the policy: draw no token below this share of the likeliest one's probability.",
    ),
    option(
        "--max-tokens",
        type=click.IntRange(min=1),
        default=256,
        show_default=True,
        help="Length limit of a completion.",
    ),
)

drift = together(
    option(
        "--drift",
        type=click.IntRange(min=0),
        default=16,
        show_default=True,
        help="Completions on which the policy's log-probabilities are compared with the trainer's; 0: none.",
    ),
    option(
        "--trainer",
        help="The local model that would be trained [default: the policy, where it is local].",
    ),
)

judging = together(
    option(
        "--protocol",
        default="compare",
        show_default=True,
        metavar="NAME",
        help="How the judge is asked: compare, compare-cot, checklist, score, rank ... (docs/judges.md).",
    ),
    option(
        "--samples",
        type=click.IntRange(min=1),
        help="Texts a question, for protocols that take a vote of several [default: 1].",
    ),
    option(
        "--ask-again",
        type=click.IntRange(min=0),
        help="How often an unreadable text is asked for once more [default: 2].",
    ),
    option(
        "--pairing",
        type=click.Choice(["best-worst", "all", "random", "rank"]),
        default="best-worst",
        show_default=True,
        help="Which completions of a prompt are compared.",
    ),
    option(
        "--inconsistent",
        type=click.Choice(["drop", "average"]),
        default="drop",
        show_default=True,
        help="A pair whose two orders disagree: none, or the mean of both.",
    ),
    option(
        "--critique/--no-critique",
        default=True,
        show_default=True,
        help="Critique the rejected side of each pair.",
    ),
    option(
        "--accept-unfit",
        is_flag=True,
        help="Keep pairs that only such principles decide as this judge cannot apply: they fail their own tests, or "
        "the order of the two answers turns them.",
    ),
    option(
        "--min-pair-share",
        type=click.FloatRange(0, 1),
        default=0.05,
        show_default=True,
        help="Exit 3 when fewer prompts than this share give a pair.",
    ),
)

prices = option(
    "--prices",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Table of prices a million tokens [default: the shipped one; see `rlaif prices`].",
)

template_kwargs = option(
    "--chat-template-kwargs",
    "chat_template_kwargs",
    multiple=True,
    callback=typed_values,
    metavar="KEY=VALUE",
    help="Passed to chat templates; repeatable.",
)

models = together(
    option(
        "--dtype",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        default="float32",
        show_default=True,
        help="Of local models.",
    ),
    option(
        "--device", default="auto", show_default=True, help="Of local models: auto, cpu, cuda, cuda:1, mps."
    ),
    option(
        "--device-map",
        type=click.Choice(["auto", "balanced", "balanced_low_0", "sequential"]),
        help="Spread a local model's layers over all devices, instead of --device.",
    ),
    option(
        "--batch-tokens",
        type=click.IntRange(min=64),
        default=16384,
        show_default=True,
        help="Tokens in one batch.",
    ),
    template_kwargs,
    option("--trust-remote-code", is_flag=True, help="Run code that a model directory brings along."),
    option(
        "--on",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where models run: on this machine, or on a Ray cluster (docs/scaling.md).",
    ),
    option(
        "--workers",
        type=click.IntRange(min=1),
        help="Processes that hold a local model [default: 1; for small models on CPUs as many as OMP_NUM_THREADS "
        "leaves cores for, at most 4]; with --on ray those of the cluster [default: one a GPU; without GPUs one "
        "a CPU, at most 4 a node].",
    ),
    option(
        "--budget",
        callback=_limits,
        metavar="LIMITS",
        help="What this command may spend: calls=N,tokens=N,money=N,minutes=N; then exit 1, resumable.",
    ),
    prices,
)
