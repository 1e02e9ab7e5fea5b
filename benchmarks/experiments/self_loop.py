"""The loop that the self-rewarding experiments share: the policy judges itself, and one thing is different."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

HEAD = """\
name: {name}
models: {{policy: micro, judge: previous}}
constitution: micro-default
prompts: {{train: micro:train, held_out: micro:held-out}}
rounds: {rounds}
round:
  - {{step: sample, n: 4, temperature: 1.0, prompts: {prompts}, as: now}}
"""
JUDGED = """\
  - {step: judge, protocol: checklist, as: rated}
"""
PAIRS = """\
  - {step: pairs, pairing: best-worst, then: none, critique: false}
"""
DPO = """\
  - {{step: train, method: dpo, loss: soft, beta: 0.2, reference: previous, replay: {{judge: {replay}}},
     learning_rate: {rate}, steps: {steps}, batch_size: 16}}
"""
SFT = """\
  - {{step: train, method: sft, steps: {steps}, batch_size: 16, learning_rate: {rate}}}
"""
ANCHORED = """\
  - {{step: sample, model: initial, n: 4, temperature: 1.0, prompts: {prompts}, as: first}}
  - {{step: judge, protocol: checklist, of: first, as: rated-first}}
  - {{step: pairs, source: anchored, of: [rated, rated-first], then: none}}
"""
CREAM = """\
  - {step: judge, protocol: checklist, judge: earlier, of: now, as: rated-before}
  - {step: pairs, source: consistent, by: judge, of: [rated, rated-before], then: none}
"""
TAIL = """\
  - {{step: evaluate, on: held_out, gold: true, prompts: {held_out}}}
"""
VARIANTS = {
    "vanilla": HEAD + "{judged}{pairs}" + DPO + TAIL,
    "positives": HEAD + "{judged}{pairs}" + SFT + TAIL,
    "anchored": HEAD + "{judged}" + ANCHORED + DPO + TAIL,
    "cream": HEAD + "{judged}{cream}" + DPO + TAIL,
}


def recipe(variant: str, chosen: Namespace) -> str:
    """The text of a variant's recipe."""
    return VARIANTS[variant].format(
        name=variant,
        rounds=chosen.rounds,
        prompts=chosen.prompts,
        held_out=chosen.held_out,
        steps=chosen.steps,
        rate=chosen.rate,
        replay=chosen.replay,
        judged=JUDGED,
        pairs=PAIRS,
        cream=CREAM,
    )


def sized(parser: ArgumentParser, **usual: int) -> Namespace:
    """The sizes of the loop from the command line; `usual` are those that an experiment has of its own."""
    sizes = {"prompts": 96, "rounds": 3, "steps": 24, "held_out": 64, "first": 3, "seeds": 3}
    for name, value in (sizes | usual).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--replay", type=float, default=0.2)
    return parser.parse_args()


def setting(chosen: Namespace) -> dict[str, float]:
    """What the rows belong to."""
    return {
        name: getattr(chosen, name) for name in ("prompts", "rounds", "steps", "held_out", "rate", "replay")
    }
