"""`rlaif run`: run a recipe in rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlaif.auditing.turn_texts import shown_text
from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import doubtful, side, within
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import command_line
from rlaif.cli.output import WIDTH, echo, emit, say, warn
from rlaif.cli.planned import plan_first
from rlaif.cli.registered import Known
from rlaif.review.tables import table
from rlaif.review.verdict import principle_lines, principle_tables, size_line
from rlaif.runs.layout import is_run
from rlaif.workflows.configs import RunConfig

if TYPE_CHECKING:
    from rlaif.workflows.recipe.finished import Finished
    from rlaif.workflows.recipe.pace import RunStanding
    from rlaif.workflows.recipe.prepared import PreparedRecipe


class RecipeCommand(Command):
    """`rlaif run`: called with nothing it lists the recipes, as `ls` would."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """List the recipes where nothing but `--json` is said; name them where none of them is."""
        from rlaif.workflows.recipe.recipes import recipe_lines, recipe_titles

        as_json = args == ["--json"]
        if (as_json or not args) and not ctx.resilient_parsing:
            said = ["recipes, each run by `rlaif run NAME --out DIRECTORY`:", *recipe_lines()]
            emit({"recipes": recipe_titles()}, "\n".join(said), as_json=as_json)
            ctx.exit()
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as wrong:
            if wrong.param is None or wrong.param.name != "recipe":
                raise
            there = "\n".join(recipe_lines())
            raise click.UsageError(f"name a recipe: a file, or one of\n{there}", ctx) from None


def _names() -> list[str]:
    from rlaif.workflows.recipe.recipes import recipe_names

    return recipe_names()


@click.command(
    cls=RecipeCommand,
    examples=(
        "rlaif run",
        "rlaif run pipelines/self-rewarding.yaml --out runs/loop",
        "rlaif run self-rewarding --judge gold: --out runs/upper-bound",
        "rlaif run self-rewarding --set rounds=1 --out runs/one --dry-run",
    ),
)
@click.argument("recipe", type=Known(_names))
@settings(RunConfig, leave=("recipe",), flags={"overrides": "--set"})
@options.option(
    "--full", is_flag=True, help="At the end show every table, samples side by side, and the cost by model."
)
@options.as_json
@options.dry_run
@options.show_prompt
def run(as_json: bool, dry_run: bool, show_prompt: bool, full: bool, **chosen: Any) -> None:
    """Run RECIPE (a file, or the name of a shipped one) round by round, and print the table of rounds.

    Without RECIPE the names of the shipped ones are listed.
    The same command resumes an interrupted run. A step whose inputs did not change is not repeated.
    """
    from rlaif.workflows.generate.before import refuse_place
    from rlaif.workflows.generate.known_words import unread
    from rlaif.workflows.recipe.prepare import prepare_recipe
    from rlaif.workflows.recipe.recipe import PREVIOUS

    refuse_place(chosen["out"])
    prepared = prepare_recipe(RunConfig(**given(RunConfig, chosen)))
    models = prepared.recipe.models
    warn(prepared.warnings, WIDTH)
    warn(unread(models.policy if models.judge == PREVIOUS else models.judge, prepared.constitution))
    if dry_run:
        from rlaif.workflows.dry_run.recipe import plan

        planned = plan(prepared)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    if not show_prompt and not as_json:
        # before anything heavy is loaded: whoever waits is to know for what
        say("\n".join(opening(prepared)))
    from rlaif.workflows.recipe import run as loop

    if show_prompt:
        echo(loop.first_question(prepared))
        return

    def forecast() -> Mapping[str, int]:
        from rlaif.workflows.dry_run.recipe import plan

        counted = plan_first(lambda: plan(prepared), prepared.config.out, quiet=as_json)
        return {} if counted is None else counted.calls

    with Display(quiet=as_json) as display:
        try:
            done = loop.run(prepared, display.report, display, forecast)
        except KeyboardInterrupt:
            if display.standing is not None:
                say(kept(prepared.config.out, display.standing))
            raise
    if full or as_json:
        warn((each for each in done.warnings if each not in prepared.warnings), WIDTH)
    then = command_line("audit" if done.has_pairs else "report", prepared.config.out)
    emit(done.as_dict(), _ending(done, full), as_json=as_json, unmet=done.unmet, then=then)


def _ending(done: Finished, full: bool) -> str:
    """Whether it helped, in which principles, what is doubtful, what it cost, where it lies; `full`: every table."""
    lines = within(f"did it help? {done.answer}", 3)
    lines += [line for one in principle_lines(done.helped) for line in within(one, 2)]
    lines += [size] if (size := size_line(done.helped)) else []
    if full:
        return "\n\n".join(["\n".join(lines), *_tables(done), f"cost: {done.spent}\npage: {done.report}"])
    shown = len(done.samples)
    more = f" (with {shown} samples side by side; also with --full)" if shown else ""
    lines += [*doubtful(done.warnings), f"cost: {done.spent}", f"page: {done.report}{more}"]
    return "\n".join(lines)


def _tables(done: Finished) -> Iterator[str]:
    """Every table of the rounds and of the principles, the samples side by side, and the cost by model."""
    from rlaif.review.rounds import tables

    for title, head, rows in tables(done.rounds, done.further):
        yield f"{title}\n{table(head, rows)}"
    for title, head, rows in principle_tables(done.helped):
        yield f"{title}\n{table(head, rows)}"
    for each in done.samples:
        sides = [
            ("prompt", shown_text(each.prompt)),
            ("before", each.before.text),
            ("after", each.after.text),
        ]
        yield "\n".join([each.title, *(line for name, text in sides for line in side(name, text))])
    if done.costs_by_model:
        yield done.costs_by_model


def opening(prepared: PreparedRecipe) -> list[str]:
    """Say what is about to run: the first words on the screen."""
    recipe, out = prepared.recipe, prepared.config.out
    rounds = f"{recipe.rounds} round{'s' if recipe.rounds != 1 else ''}"
    judge = "the newest policy" if recipe.models.judge == "previous" else recipe.models.judge
    verb = "going on with" if is_run(out) else "running"
    prompts = ", ".join(f"{len(held):,} {name.replace('_', '-')}" for name, held in prepared.prompts.items())
    return [
        f"{verb} {recipe.name}: {rounds} from {recipe.models.policy}, judged by {judge}, into {out}",
        f"constitution {prepared.constitution.name} {prepared.constitution.version}, "
        f"{len(prepared.constitution.principles)} principles; prompts: {prompts}",
        "loading models ...",
    ]


def kept(out: Path, standing: RunStanding) -> str:
    """Say what an interrupted run keeps."""
    return (
        f"interrupted in round {standing.round} of {standing.of}, {standing.step}: finished steps are kept in {out},\n"
        "finished calls in the store"
    )
