"""`rlaif train`: a command for each train method, made of its settings; `rlaif train RUN` is the one of dpo."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import doubtful
from rlaif.cli.generated import settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import after_training
from rlaif.cli.output import emit, say, warn
from rlaif.cli.parent import Parent
from rlaif.cli.planned import plan_first
from rlaif.review.numbers import calls, money, tokens
from rlaif.review.tables import table
from rlaif.review.training_charts import first_and_last

if TYPE_CHECKING:
    from rlaif.workflows.training.job import TrainJob
    from rlaif.workflows.training.method import Method
    from rlaif.workflows.training.online import OnlineTrained
    from rlaif.workflows.training.run import Trained

FIGURES: Mapping[str, str] = {
    "loss": "loss",
    "reward": "reward",
    "rewards/margins": "margin",
    "rewards/accuracies": "accuracy",
    "accuracy": "accuracy",
    "kl": "KL",
    "completions/mean_length": "tokens of an answer",
    "entropy": "entropy",
    "nll": "negative log-likelihood",
    "grad_norm": "gradient norm",
}
"""Figures that say how a training went, by TRL's names: those that it has, in this order."""
MOST_FIGURES = 6
FLAGS = {"loss_options": "--loss-option"}
"""Options that are spelled otherwise than their setting."""


class SourcePath(click.Path):
    """A file or a directory that is there, or a split of one: `DIR#train`."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """The path as it was written, where what stands before `#` is a directory."""
        folder, mark, _ = os.fspath(value).partition("#")
        return Path(value) if mark and os.path.isdir(folder) else super().convert(value, param, ctx)


class MethodCommand(Command):
    """Trains by one method; an option of another method, or of another trainer, is answered with what to write."""

    @property
    def method(self) -> str:
        """The name of the method."""
        return str(self.name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, or say what to write instead of an option that is not known here."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as problem:
            if hint := self._instead(problem.option_name.lstrip("-")):
                raise click.UsageError(hint, ctx) from None
            raise

    def _instead(self, word: str) -> str | None:
        from rlaif.trl_names import renamed
        from rlaif.workflows.training.read_options import users_of

        if hint := renamed(word):
            return hint
        users = users_of(word.replace("-", "_"))
        return (
            f"--{word} is not used by method {self.method}, but by {', '.join(users)}; leave it out"
            if users
            else None
        )


class TrainCommand(MethodCommand, Parent):
    """Trains by the method that the first word or `--method` names, else by the default one.

    A run directory with the name of a method is written `./name`. What methods there are is asked when it is needed:
    other packages may add some, and no other command should wait for them.
    """

    _own: list[click.Parameter]
    _params: list[click.Parameter] | None

    @property
    def method(self) -> str:
        """The default method."""
        from rlaif.workflows.training.methods import DEFAULT

        return DEFAULT

    @property
    def commands(self) -> dict[str, click.Command]:
        """A command for each method, by name."""
        from rlaif.workflows.training.methods import METHODS

        return {name: _command(method) for name, method in METHODS.all().items()}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a method, or None."""
        from rlaif.workflows.training.methods import METHODS

        return _command(METHODS.get(cmd_name)) if cmd_name in METHODS.names() else None

    @property
    def params(self) -> list[click.Parameter]:
        """Its own options, and those of the default method."""
        from rlaif.workflows.training.methods import METHODS

        if self._params is None:
            first, *rest = _command(METHODS.get(self.method)).params
            assert isinstance(first, click.Argument)
            self._params = [_source(_methods_or_files), *self._own, *rest]
        return self._params

    @params.setter
    def params(self, own: list[click.Parameter]) -> None:
        self._own, self._params = own, None

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the method that is meant."""
        from rlaif.workflows.training.methods import METHODS

        named, rest = _named(args)
        if named is not None and named != self.method and not (args and args[0] in METHODS.names()):
            METHODS.get(named)  # says which there are
            args = [named, *rest]
        words = list(args)  # the parser empties the list
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as problem:
            if hint := _misplaced(problem, words, METHODS.names()):
                raise click.UsageError(hint, problem.ctx) from None
            raise

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how the first word is read."""
        formatter.write_usage(ctx.command_path, "[METHOD] SOURCE [OPTIONS]")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the methods; their options are on their own pages."""
        with formatter.section("Methods"):
            formatter.write_dl([(name, each.help or "") for name, each in self.commands.items()])
        with formatter.section("Options"):
            records = (each.get_help_record(ctx) for each in [*self._own, self.get_help_option(ctx)] if each)
            formatter.write_dl([record for record in records if record is not None])


@click.command(
    cls=TrainCommand,
    examples=(
        "rlaif train runs/r1 --out models/r1",
        "rlaif train reward runs/r1 --out models/r1-reward",
    ),
)
@options.option(
    "--method",
    metavar="NAME",
    help="The method, where the first word does not name it. A run of that name is written ./NAME. [default: dpo]",
)
def train(method: str | None, **chosen: Any) -> None:
    """Train on the pairs of a run, or of a pairs file.

    Without METHOD: dpo. `rlaif train METHOD --help` shows the options of a method. A model that brings its own code
    needs --trust-remote-code, whatever the method.
    """
    from rlaif.workflows.training.methods import DEFAULT

    _train(method or DEFAULT, chosen)


def _misplaced(problem: click.UsageError, words: Sequence[str], methods: Sequence[str]) -> str | None:
    """What to say where a word seems to be a method that is misspelled, or stands behind the run; else None."""
    if isinstance(problem, click.MissingParameter):
        return None
    if isinstance(problem, click.BadParameter):
        if problem.param is None or problem.param.name != "source":
            return None
        word = next((each for each in words if not each.startswith("-")), "")
        if word in methods:  # the method is right, and it is the file that is not there
            return None
        near = difflib.get_close_matches(word, methods, n=1)
        return (
            f"{word!r} is no method (did you mean {near[0]!r}?), and no such file is there" if near else None
        )
    behind = next((each for each in words[1:] if each in methods), None)
    if isinstance(problem, click.NoSuchOption) or behind is None or "extra argument" not in problem.message:
        return None
    run = next(each for each in words if each != behind)
    return f"the method comes first: rlaif train {behind} {run}"


def _named(args: list[str]) -> tuple[str | None, list[str]]:
    """The method that `--method` or the environment names, and the words without it."""
    words, end = list(args), args.index("--") if "--" in args else len(args)
    for place, word in enumerate(words[:end]):
        if word == "--method" and place + 1 < end:
            return words[place + 1], words[:place] + words[place + 2 :]
        if word.startswith("--method="):
            return word.partition("=")[2], words[:place] + words[place + 1 :]
    [method] = (each for each in train._own if each.name == "method")
    assert isinstance(method, options.EnvOption)
    known = (os.environ.get(name) for name in method.env_names("rlaif train"))
    return next((each for each in known if each), None), words


def _command(method: Method) -> click.Command:
    """The command of a method: SOURCE, the method's own options and those that all have.

    A method that draws rollouts has no SOURCE: it takes prompts and a reward.
    """
    from rlaif.workflows.training.config import TrainConfig
    from rlaif.workflows.training.online import OnlineTrainConfig
    from rlaif.workflows.training.options import GROUPS

    online = method.reward_of is not None

    def call(**chosen: Any) -> None:
        (_train_on_rollouts if online else _train)(method.name, chosen)

    decorated = options.together(
        settings(method.options, flags=FLAGS, group=GROUPS[1], negated=True),
        settings(OnlineTrainConfig if online else TrainConfig, negated=True),
        options.full,
        options.as_json,
        options.dry_run,
    )(call)
    made = click.command(
        method.name, cls=MethodCommand, help=method.help, examples=[each for each in method.examples if each]
    )(decorated)
    order = {name: place for place, name in enumerate(GROUPS)}
    made.params.sort(key=lambda each: order.get(getattr(each, "group", None) or "", len(GROUPS)))
    for each in made.params:
        if isinstance(each, options.EnvOption):
            each.inherits = True
    if not online:
        made.params.insert(0, _source())
    return made


def _source(
    complete: Callable[[click.Context, click.Parameter, str], list[CompletionItem | str]] | None = None,
) -> click.Argument:
    return click.Argument(
        ["source"],
        type=SourcePath(path_type=Path, exists=True),
        shell_complete=complete,
    )


def _methods_or_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem | str]:
    """The methods that begin so, and whatever files the shell finds."""
    from rlaif.workflows.training.methods import METHODS

    methods = (
        CompletionItem(name, help=each.help)
        for name, each in METHODS.all().items()
        if name.startswith(incomplete)
    )
    return [*methods, CompletionItem(incomplete, type="file")]


def _train(method: str, chosen: Mapping[str, Any]) -> None:
    from rlaif.workflows.dry_run.cost import DryRunPlan
    from rlaif.workflows.training.alarm.open import alarm_cost
    from rlaif.workflows.training.config import train_config
    from rlaif.workflows.training.plan import plan_as_dict, plan_steps, plan_training
    from rlaif.workflows.training.run import settle
    from rlaif.workflows.training.run import train as workflow

    given = dict(chosen)
    as_json, dry_run, full = given.pop("as_json"), given.pop("dry_run"), given.pop("full")
    job = settle(train_config(given.pop("source"), method=method, **given))
    plan = plan_steps(job)
    warn([*(job.gate.over if job.gate else ()), *job.doubts, *(plan.warnings if plan else ())])
    if dry_run:
        looks = alarm_cost(job)
        text = (
            plan_training(job) if looks is None else DryRunPlan(plan_training(job).splitlines(), looks).text
        )
        emit({**plan_as_dict(job), **(looks or {})}, text, as_json=as_json)
        return
    if plan is not None and not as_json:
        say(f"{job.method}: {plan.line}; into {job.out}")
    with Display(quiet=as_json) as display:
        trained = workflow(job, progress=display.report)
    _show(trained, job, trained.outcome.notes, full=full, as_json=as_json)


def _show(
    trained: Trained | OnlineTrained, job: TrainJob, notes: Sequence[str], *, full: bool, as_json: bool
) -> None:
    """Print what a training came to: its figures at the first step and at the last, or with `full` every one."""
    warn(notes if full or as_json else ())
    if full:
        rows = [[name, value] for name, value in trained.figures.items()]
        text = f"{table(['figure', 'value'], rows)}\n\n{trained.summary}"
    else:
        moved = first_and_last(Path(trained.out), tuple(FIGURES))[:MOST_FIGURES]
        steps = trained.outcome.steps
        head = [f"{job.method}, {steps:,} step{'' if steps == 1 else 's'}", "first", "last"]
        rows = [[FIGURES[name], first, last] for name, first, last in moved]
        lines = table(head, rows).splitlines() if rows else [head[0]]
        lines += doubtful(notes, most=2)
        if (costs := trained.as_dict().get("costs")) and calls(costs):
            lines.append(f"cost: {calls(costs):,} calls, {tokens(costs):,} tokens, {money(costs)}")
        text = "\n".join([*lines, f"model: {trained.out}"])
    emit(trained.as_dict(), text, as_json=as_json, then=after_training(job))


def _train_on_rollouts(method: str, chosen: Mapping[str, Any]) -> None:
    from rlaif.workflows.training.online import (
        online_train_config,
        plan_online,
        settle_online,
        train_on_rollouts,
    )
    from rlaif.workflows.training.plan import plan_steps

    given = dict(chosen)
    as_json, dry_run, full = given.pop("as_json"), given.pop("dry_run"), given.pop("full")
    config = online_train_config(method, **given)
    job = settle_online(config)
    if dry_run:
        planned = plan_online(config, job)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    if (plan := plan_steps(job)) is not None and not as_json:
        say(f"{job.method}: {plan.line}; into {job.out}")
        for each in job.coverage:
            if not each.is_warning:
                say(each.words)
    with Display(quiet=as_json) as display:

        def ready() -> None:
            plan_first(lambda: plan_online(config, job), quiet=as_json)

        trained = train_on_rollouts(config, job, display.report, ready)
    _show(trained, job, trained.notes, full=full, as_json=as_json)
