"""`rlaif serve-reward`: a judge as an HTTP reward for other trainers."""

from __future__ import annotations

import json
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.generated import given, settings
from rlaif.cli.output import echo, say, warn
from rlaif.workflows.reward.serve.config import ServeRewardConfig


@click.command(
    "serve-reward",
    cls=Command,
    examples=(
        "rlaif serve-reward --judge micro --constitution micro-default --port 8088",
        "rlaif serve-reward --judge hf:models/judge --constitution house.yaml \\\n"
        "      --host 0.0.0.0 --port 8088 --token-env REWARD_TOKEN",
        "rlaif serve-reward --reward judge=micro --reward model=models/rm --constitution house.yaml --port 8088",
    ),
)
@settings(ServeRewardConfig)
@options.as_json
def serve_reward(as_json: bool, **chosen: Any) -> None:
    """Serve a judge as the reward of other trainers, over HTTP: OpenRLHF, verl, TRL, ms-swift.

    Each trainer has an address of its own (/openrlhf, /verl, /trl, /swift); /health says that the server answers. A row
    without a reward is null, never 0. Serves this machine only, unless --host comes with --token-env. SIGINT or SIGTERM
    ends it, once the requests under way are answered. Clients and examples: docs/serve-reward.md.
    """
    config = ServeRewardConfig(**given(ServeRewardConfig, chosen))
    from rlaif.workflows.generate.known_words import unread_of
    from rlaif.workflows.reward.serve.run import ServedReward, serve

    if config.judge is not None:
        warn(unread_of(config.judge, config.constitution))

    def said(served: ServedReward) -> None:
        told = served.as_dict()
        echo(json.dumps(told) if as_json else "\n".join([told["address"], *told["shapes"].values()]))

    counts = serve(config, said=said)
    say(f"stopped: {counts['requests']} requests, {counts['rows']} rows, {counts['failed']} without a reward")
