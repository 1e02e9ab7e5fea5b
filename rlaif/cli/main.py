"""The `rlaif` command: the group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Sequence

import click

from rlaif.cli.audit import audit
from rlaif.cli.command import CommandGroup
from rlaif.cli.constitution import constitution
from rlaif.cli.evaluate import evaluate
from rlaif.cli.export import export
from rlaif.cli.generate import generate
from rlaif.cli.import_ import import_
from rlaif.cli.interrupts import INTERRUPTED, interruptible, leave
from rlaif.cli.judge import judge
from rlaif.cli.micro import micro
from rlaif.cli.output import escape_strange_letters
from rlaif.cli.prices import prices
from rlaif.cli.project import completion, init, pack, report, status
from rlaif.cli.rbr import rbr
from rlaif.cli.review import review
from rlaif.cli.run import run
from rlaif.cli.train import train
from rlaif.errors import InputError, RlaifError
from rlaif.libraries.quiet import quiet, settle_environment
from rlaif.secrets import cleaned, hide_environment, hide_in_tracebacks

OURS_TO_EXPLAIN = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    examples=(
        "rlaif init my-project && cd my-project",
        "rlaif generate --constitution constitutions/house.yaml --out runs/r1",
        "rlaif train runs/r1 --out models/r1",
        "rlaif evaluate --policy models/r1 --against micro --judge micro --prompts micro:held-out --gold",
        "rlaif run self-rewarding --out runs/loop",
    ),
)
@click.version_option(package_name="rlaif", message="%(prog)s %(version)s")
def cli() -> None:
    """Train a language model to follow a written constitution, with a model as the judge.

    Name none of policy, judge and prompts, and the bundled microworld is used, offline.

    Set any option by an environment variable: RLAIF_<COMMAND>_<OPTION> or RLAIF_<OPTION>.

    Exit codes: 0 done; 1 stopped on the way, the same command resumes; 2 bad input or usage; 3 a threshold is not met;
    130 interrupted.
    """


for command in (
    init, generate, judge, audit, review, train, evaluate, run, import_, export, status, pack, report, constitution,
    rbr, prices, micro, completion,
):  # fmt: skip
    cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    hide_environment()
    if argv is None:  # the whole process is ours, not a part of somebody's program
        settle_environment()
        hide_in_tracebacks()
        escape_strange_letters()
    with interruptible(), quiet():
        code = _run(argv)
        if argv is None and code == INTERRUPTED:
            leave()
        return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        outcome = cli.main(
            args=None if argv is None else list(argv), prog_name="rlaif", standalone_mode=False
        )
        sys.stdout.flush()
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(cleaned(said.getvalue()), err=True, nl=False)  # it repeats what was typed
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; what is finished is kept, the same command goes on", err=True)
        return INTERRUPTED
    except RlaifError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        click.echo(f"error: {error.filename}: {error.strerror}", err=True)
        return InputError.exit_code if error.errno in OURS_TO_EXPLAIN else RlaifError.exit_code
    return outcome if isinstance(outcome, int) else 0
