"""The `rlaif` command: the group and what is in it."""

from __future__ import annotations

import click

from rlaif.cli.attack import attack
from rlaif.cli.audit import audit
from rlaif.cli.chat import chat
from rlaif.cli.command import CommandGroup
from rlaif.cli.constitution import constitution
from rlaif.cli.environment import stray_variables
from rlaif.cli.evaluate import evaluate
from rlaif.cli.export import export
from rlaif.cli.generate import generate
from rlaif.cli.import_ import import_
from rlaif.cli.judge import judge
from rlaif.cli.lab import lab
from rlaif.cli.micro import micro
from rlaif.cli.output import warn
from rlaif.cli.plot import plot
from rlaif.cli.prices import prices
from rlaif.cli.project import completion, init, pack, report, status
from rlaif.cli.rbr import rbr
from rlaif.cli.review import review
from rlaif.cli.run import run
from rlaif.cli.serve_reward import serve_reward
from rlaif.cli.train import train
from rlaif.cli.view import view


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
    warn(stray_variables(cli))


for command in (
    init, generate, judge, audit, attack, review, view, train, evaluate, chat, run, serve_reward, import_, export,
    status, pack, report, plot, constitution, rbr, prices, micro, lab, completion,
):  # fmt: skip
    cli.add_command(command)
