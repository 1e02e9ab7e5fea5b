"""`rlaif rbr`: rule-based rewards. Check rules, place answers in classes, fit weights, score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import CommandGroup
from rlaif.cli.ending import doubtful
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import COMPLETIONS as UNJUDGED
from rlaif.cli.next_step import command_line
from rlaif.cli.output import echo, emit, warn
from rlaif.review.tables import table
from rlaif.workflows.rbr.config import ClassifyConfig, RbrFitConfig, ScoreConfig

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
KINDS_SHOWN = 5
"""Kinds of prompts that the ending of a fit shows."""
ANSWERS = "ANSWERS.jsonl"
"""Stands for answers to place in classes."""


@click.group(
    cls=CommandGroup,
    examples=(
        "rlaif rbr example --out try",
        "rlaif rbr check safe-completion",
    ),
)
def rbr() -> None:
    """Rule-based rewards: propositions, ordered classes of answers, and weights fitted on top of a reward model."""


@rbr.command(
    examples=(
        "rlaif rbr check safe-completion",
        "rlaif rbr check safe-completion --json",
    ),
)
@click.argument("rules")
@options.as_json
def check(rules: str, as_json: bool) -> None:
    """Check that every possible answer is in exactly one class of RULES. Exit 3 with the cases that are not.

    RULES is a constitution with `behaviors`, or OpenAI's proposition_prompts.yaml.
    """
    from rlaif.workflows.rbr.load_rules import check as look

    kinds, slips = look(rules)
    rows = [[kind, len(each.asked), " > ".join(each.order)] for kind, each in kinds.items()]
    shown = {
        kind: {"order": list(each.order), "propositions": list(each.asked)} for kind, each in kinds.items()
    }
    text = "\n".join([table(["kind", "propositions", "classes"], rows), *slips])
    unmet = f"{len(slips)} cases are not in exactly one class" if slips else None
    then = None if unmet else command_line("rbr", "classify", ANSWERS, "--rules", rules)
    emit({"kinds": shown, "slips": slips}, text, as_json=as_json, unmet=unmet, then=then)


@rbr.command(
    examples=(
        "rlaif rbr classify gold/train.jsonl --rules proposition_prompts.yaml",
        "rlaif rbr classify answers.jsonl --rules safe-completion --judge hf:models/judge --out classes.jsonl",
    ),
)
@FILES
@settings(ClassifyConfig, leave=("files",))
@options.as_json
@options.show_prompt
def classify(as_json: bool, show_prompt: bool, **chosen: Any) -> None:
    """Place each answer of FILES in its class.

    A row with `propositions` states itself what is true of its answer; for any other row the judge is asked.
    """
    from rlaif.workflows.rbr.classify import classify as workflow
    from rlaif.workflows.rbr.classify import first_question

    config = ClassifyConfig(**given(ClassifyConfig, chosen))
    if show_prompt:
        echo(first_question(config))
        return
    with Display(quiet=as_json) as display:
        found = workflow(config, progress=display.report)
    rows = [[kind, name, count] for kind, names in found.counts.items() for name, count in names.items()]
    rows += [["", problem, count] for problem, count in found.unplaced.items()]
    result = {"rows": len(found.answers), "kinds": found.counts, "unplaced": found.unplaced}
    text = table(["kind", "class", "answers"], rows)
    if found.labelled["answers"]:
        text += "\n{same} of {answers} answers are in the class that their row names".format(**found.labelled)
    asked = ["--judge", config.judge] if config.judge else []
    then = command_line("rbr", "fit", *config.files, "--rules", config.rules, *asked, "--out", "weights.json")
    result |= {"labelled": found.labelled}
    emit(result, text, as_json=as_json, unmet=found.unmet, then=None if found.unmet else then)


@rbr.command(
    examples=(
        "rlaif rbr fit answers.jsonl --rules rules.yaml --judge gold: --base reward:models/rm --out weights.json",
        "rlaif rbr fit train.jsonl --features prop_probs/train.jsonl --rewards rewards/large/train.jsonl --out w.json",
    ),
)
@FILES
@settings(RbrFitConfig, leave=("files",))
@options.full
@options.as_json
def fit(full: bool, as_json: bool, **chosen: Any) -> None:
    """Fit the weights of the propositions to answers of known class in FILES, and write them to --out.

    An answer's class is its `class`, where the row has one; otherwise the judge decides it.
    """
    from rlaif.workflows.rbr.fit import fit_weights

    config = RbrFitConfig(**given(RbrFitConfig, chosen))
    with Display(quiet=as_json) as display:
        found = fit_weights(config, progress=display.report)
    warn(found.warnings if full or as_json else ())
    text = _fitted(found) if full else "\n".join(_fit_ending(found))
    then = command_line("rbr", "score", *config.files[:1], "--weights", found.out, "--out", "scored.jsonl")
    emit(
        found.as_dict(),
        f"{text}\n{found.out}",
        as_json=as_json,
        unmet=found.unmet,
        then=None if found.unmet else then,
    )


def _fit_ending(found: Any) -> list[str]:
    """Whether the rules bring held-out pairs in order, by kind; the weights are in the file, and in --full."""
    lines = ["held-out pairs in order, by"]
    rows = [[kind, *_in_order(each.held_out)] for kind, each in found.fitted.items()]
    lines += table(["kind", "pairs", "reward model", "rules", "both"], rows[:KINDS_SHOWN]).splitlines()
    lines += [f"and {len(rows) - KINDS_SHOWN} kinds more: --full"] if len(rows) > KINDS_SHOWN else []
    left_out = [f"{count} left out, {why}" for why, count in found.left_out.items() if count]
    return [*lines, *doubtful([*found.warnings, *left_out], most=3)]


def _fitted(found: Any) -> str:
    """All figures."""
    head = ["kind", "pairs", "reward model", "rules", "both"]
    rows = [[kind, *_in_order(each.held_out)] for kind, each in found.fitted.items()]
    weights = [
        [f"{kind}  {name}", weight]
        for kind, each in found.fitted.items()
        for name, weight in each.weights.items()
    ]
    apart = [
        [
            f"{kind}  {label}",
            own.answers,
            *(f"{by[label].mean:.2f} ± {by[label].deviation:.2f}" for by in spreads),
        ]
        for kind, each in found.fitted.items()
        for spreads in [(each.spread["reward model"], each.spread["both"])]
        for label, own in spreads[0].items()
    ]
    left_out = [f"left out, {why}: {count}" for why, count in found.left_out.items() if count]
    return "\n".join(
        [
            "held-out pairs in order, by",
            table(head, rows),
            "\nheld-out rewards, 0 being the mean answer of the best class to the same prompt",
            table(["class", "answers", "reward model", "both"], apart),
            "",
            table(["weight of", ""], weights),
            *left_out,
        ]
    )


def _in_order(found: Any) -> list[Any]:
    return [found.pairs, found.reward_model, found.rules, found.both]


@rbr.command(
    examples=(
        "rlaif rbr score answers.jsonl --weights weights.json --out scored.jsonl",
        "rlaif rbr score answers.jsonl --weights weights.json --judge hf:models/judge --out scored.jsonl",
    ),
)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@settings(ScoreConfig, leave=("source",))
@options.as_json
def score(as_json: bool, **chosen: Any) -> None:
    """Score each answer of SOURCE: reward model plus fitted rules. Writes JSONL to --out."""
    from rlaif.workflows.rbr.score import score as workflow

    config = ScoreConfig(**given(ScoreConfig, chosen))
    with Display(quiet=as_json) as display:
        found = workflow(config, progress=display.report)
    warn(found.warnings)
    lost = sum(each.reward is None for each in found.scored)
    result = {"out": str(config.out), "answers": len(found.scored), "without_reward": lost}
    text = f"{config.out}: {len(found.scored)} answers, {lost} without a reward"
    judged = command_line(
        "judge", UNJUDGED, "--judge", f"rbr:{config.weights}", "--out", Path("runs") / "by-rules"
    )
    emit(result, text, as_json=as_json, then=judged)


@rbr.command(
    examples=(
        "rlaif rbr example --out try",
        "rlaif rbr fit try/answers.jsonl --rules try/rules.yaml --judge gold: --base reward:try/reward-model \\\n"
        "      --out try/weights.json",
    ),
)
@options.out()
@options.option(
    "--prompts", type=click.IntRange(1, 200), default=60, show_default=True, help="Prompts per kind."
)
@options.option(
    "--each",
    type=click.IntRange(1, 50),
    default=2,
    show_default=True,
    help="Answers per class and prompt.",
)
@options.seed
@options.as_json
def example(out: Path, prompts: int, each: int, seed: int, as_json: bool) -> None:
    """Write material to try rule-based rewards with: rules over the microworld, answers of each class, biased pairs.

    The pairs are those of a labeller who always prefers the longer text.
    """
    from rlaif.microworld.rules_example import make

    made = make(out, prompts=prompts, each=each, seed=seed)
    lines = [str(made.rules), f"{made.answers}: {made.counts['answers']} answers"]
    lines.append(f"{made.pairs}: {made.counts['pairs']} pairs")
    result = {"rules": str(made.rules), "answers": str(made.answers), "pairs": str(made.pairs)}
    then = command_line("train", "reward", made.pairs, "--policy", "micro", "--out", out / "reward-model")
    emit(result | {"counts": dict(made.counts)}, "\n".join(lines), as_json=as_json, then=then)
