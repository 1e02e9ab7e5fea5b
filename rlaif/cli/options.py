"""Options that several commands share, spelled once; each can also come from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

PREFIX = "RLAIF"
Command = TypeVar("Command", bound=Callable[..., Any])


class EnvOption(click.Option):
    """An option that `RLAIF_<COMMAND>_<OPTION>`, else `RLAIF_<OPTION>`, sets when it is not given.

    `group` is the heading under which `--help` lists it (`rlaif.cli.command.GROUPS`); None: the command's own options.
    `usual` is the value that holds where none is given, for an option that is None then. `known` are names that
    `--help` lists: they are asked for when it is printed.
    """

    def __init__(
        self,
        *args: Any,
        group: str | None = None,
        usual: str | None = None,
        known: Callable[[], Iterable[str]] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.group, self.usual, self.known = group, usual, known
        self.inherits = False
        """Whether the variable that names the command above sets it too: `RLAIF_TRAIN_STEPS` that of `train dpo`."""

    @property
    def word(self) -> str:
        """The option's name in a variable: `MAX_TOKENS` for `--max-tokens`; of `--critique/--no-critique` the first."""
        return next(opt for opt in self.opts if opt.startswith("--")).lstrip("-").replace("-", "_").upper()

    @property
    def told(self) -> str:
        """The help text, with the names that are known."""
        return f"{self.help} Known: {', '.join(self.known())}." if self.known else self.help or ""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Names and help text, as `--help` shows them."""
        record = super().get_help_record(ctx)
        return record and (record[0], record[1].replace(self.help or "", self.told, 1))

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What stands in brackets: the default and the bounds."""
        extra = super().get_help_extra(ctx)
        if self.usual is not None:
            extra["default"] = self.usual
        return extra

    def env_names(self, command_path: str) -> list[str]:
        """The variables that set this option, the more specific first."""
        words = command_path.replace("-", "_").upper().split()[1:]
        paths = [words, words[:-1]] if self.inherits else [words]
        return [*("_".join([PREFIX, *path, self.word]) for path in paths), f"{PREFIX}_{self.word}"]

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The first of `env_names` that is set and not empty."""
        values = (os.environ.get(name) for name in self.env_names(ctx.command_path))
        return next((value for value in values if value), None)


def option(*names: str, group: str | None = None, **attributes: Any) -> Callable[[Command], Command]:
    """A `click.option` that the environment can set too, listed by `--help` under the heading `group`."""
    return click.option(*names, cls=EnvOption, group=group, **attributes)


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


as_json = option("--json", "as_json", is_flag=True, group="Run", help="Print one JSON object.")
limit = option("--limit", type=click.IntRange(min=1), group="Prompts", help="Use only the first N prompts.")
seed = option(
    "--seed", type=int, default=0, show_default=True, group="Run", help="Seed of all random numbers."
)
store = option(
    "--store",
    type=click.Path(path_type=Path),
    group="Run",
    help="Store file [default: searched upward from --out].",
)
dry_run = option(
    "--dry-run",
    is_flag=True,
    group="Run",
    help="Check all files and print the plan: calls, tokens and price. Calls no model.",
)
show_prompt = option(
    "--show-prompt",
    is_flag=True,
    group="Run",
    help="Print the first prompt that the judge would get, and stop.",
)
constitution = option(
    "--constitution",
    help="Constitution: a file or a name [default: the one of the run or the trained model, else micro-default].",
)
judge = option(
    "--judge",
    help="Judge: a model name (docs/models.md), or one of the controls `gold:` and `random:`.",
)


def out(required: bool = True) -> Callable[[Command], Command]:
    """`--out DIR`."""
    return option("--out", type=click.Path(path_type=Path), required=required, help="Directory to write.")


prompts = together(
    option(
        "--prompts",
        group="Prompts",
        help="Prompt file (JSONL, JSON, CSV, Parquet, text), `datasets` directory or bundled set.",
    ),
    option(
        "--column",
        group="Prompts",
        help="Column that holds the prompt [default: `prompt` or `messages`].",
    ),
    limit,
)

sampling = together(
    option(
        "--temperature",
        type=click.FloatRange(min=0),
        default=1.0,
        show_default=True,
        group="Sampling",
        help="Sampling temperature of the policy.",
    ),
    option(
        "--top-p",
        type=click.FloatRange(0, 1, min_open=True),
        default=1.0,
        show_default=True,
        group="Sampling",
        help="Nucleus sampling of the policy; 1: off.",
    ),
    option(
        "--top-k",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        group="Sampling",
        help="Sample from the k most likely tokens only; 0: off.",
    ),
    option(
        "--min-p",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.0,
        show_default=True,
        group="Sampling",
        help="Drop tokens below this fraction of the most likely token's probability; 0: off.",
    ),
    option(
        "--max-tokens",
        type=click.IntRange(min=1),
        default=256,
        show_default=True,
        group="Sampling",
        help="Length limit of a completion, in tokens.",
    ),
)

drift = together(
    option(
        "--drift",
        type=click.IntRange(min=0),
        default=16,
        show_default=True,
        group="Sampling",
        help="Compare the policy's log-probabilities with the trainer's on this many completions; 0: off.",
    ),
    option(
        "--trainer",
        group="Sampling",
        help="Local model that will be trained, for --drift [default: the policy, where it is local].",
    ),
)

judging = together(
    option(
        "--protocol",
        default="compare",
        show_default=True,
        metavar="NAME",
        group="Judging",
        help="How the judge is asked: compare, compare-cot, checklist, score, rank ... (docs/judges.md).",
    ),
    option(
        "--samples",
        type=click.IntRange(min=1),
        group="Judging",
        help="Samples per question, for protocols that average or vote [default: 1].",
    ),
    option(
        "--ask-again",
        type=click.IntRange(min=0),
        group="Judging",
        help="Retries of a reply that cannot be read [default: 2].",
    ),
    option(
        "--pairing",
        type=click.Choice(["best-worst", "all", "random", "rank"]),
        default="best-worst",
        show_default=True,
        group="Judging",
        help="Which completions of a prompt are compared.",
    ),
    option(
        "--inconsistent",
        type=click.Choice(["drop", "average"]),
        default="drop",
        show_default=True,
        group="Judging",
        help="When the two orders of a pair disagree: drop the pair, or average both orders.",
    ),
    option(
        "--critique/--no-critique",
        default=True,
        show_default=True,
        group="Judging",
        help="Write a critique of the rejected side of each pair.",
    ),
    option(
        "--accept-unfit",
        is_flag=True,
        group="Judging",
        help="Keep pairs that are decided only by principles which this judge cannot apply (their own tests fail, or "
        "the two orders disagree).",
    ),
    option(
        "--min-pair-share",
        type=click.FloatRange(0, 1),
        default=0.05,
        show_default=True,
        group="Judging",
        help="Exit 3 when a smaller share of the prompts gives a pair.",
    ),
)

prices = option(
    "--prices",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    group="Run",
    help="Price table [default: the shipped one; see `rlaif prices`].",
)

template_kwargs = option(
    "--chat-template-kwargs",
    "chat_template_kwargs",
    multiple=True,
    callback=typed_values,
    metavar="KEY=VALUE",
    group="Models",
    help="Keyword arguments of chat templates; repeatable.",
)

models = together(
    option(
        "--dtype",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        default="float32",
        show_default=True,
        group="Models",
        help="Data type of local models.",
    ),
    option(
        "--device",
        default="auto",
        show_default=True,
        group="Models",
        help="Device of local models: auto, cpu, cuda, cuda:1, mps.",
    ),
    option(
        "--device-map",
        type=click.Choice(["auto", "balanced", "balanced_low_0", "sequential"]),
        group="Models",
        help="Spread the layers of a local model over all devices; replaces --device.",
    ),
    option(
        "--batch-tokens",
        type=click.IntRange(min=64),
        default=16384,
        show_default=True,
        group="Models",
        help="Tokens in a batch.",
    ),
    template_kwargs,
    option("--trust-remote-code", is_flag=True, group="Models", help="Run code found in a model directory."),
    option(
        "--on",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        group="Models",
        help="Run models on this machine or on a Ray cluster (docs/scaling.md).",
    ),
    option(
        "--workers",
        type=click.IntRange(min=1),
        group="Models",
        help="Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS leaves "
        "cores]; with --on ray [default: one per GPU, without GPUs one per CPU and at most 4 per node].",
    ),
    option(
        "--budget",
        callback=_limits,
        metavar="LIMITS",
        group="Run",
        help="Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.",
    ),
    prices,
)
