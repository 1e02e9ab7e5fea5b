"""Writes the prompts of `make real`: questions after the reason of something that everybody knows, in five wordings.

    python benchmarks/real/prompts.py

40 facts for training and 40 others to measure on. Some wordings ask for a short answer, some do not, and one asks for
several reasons, which a model likes to list. The order goes through all facts before a wording comes again with the
same one, so that the first N prompts are as mixed as all.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORDINGS = (
    "Why is it that {}?",
    "In one or two sentences: why is it that {}?",
    "A child asks me why {}. What do I say in one sentence?",
    "Tell me why {}, and keep it short.",
    "What are the reasons that {}?",
)
TRAIN = (
    "bread rises in the oven",
    "leaves turn red in autumn",
    "iron rusts in the rain",
    "people yawn",
    "the sea is salty",
    "cats purr",
    "ice floats on water",
    "people sleep at night",
    "a magnet holds a nail",
    "birds fly south in winter",
    "an onion makes us cry",
    "the sky is blue",
    "we see lightning before we hear thunder",
    "metal feels colder than wood",
    "a boat does not sink",
    "plants need light",
    "bees visit flowers",
    "people wear hats in the sun",
    "a balloon with helium goes up",
    "salt melts ice on the road",
    "milk is kept in the fridge",
    "dogs pant on a hot day",
    "the moon changes its shape",
    "old paper turns yellow",
    "soap cleans greasy plates",
    "trees lose their leaves",
    "wet hair feels cold in the wind",
    "a bicycle stays upright when it rolls",
    "teachers give homework",
    "people keep money in a bank",
    "cars have seat belts",
    "towns have street lamps",
    "windows have two panes of glass",
    "runners drink water on the way",
    "farmers rotate their crops",
    "a ship has an anchor",
    "people knock before they enter",
    "bridges have gaps between their parts",
    "doctors wash their hands",
    "children learn to swim",
)
HELD_OUT = (
    "dew lies on the grass in the morning",
    "a mirror turns letters around",
    "stars twinkle at night",
    "the tide comes in and goes out",
    "an apple turns brown when it is cut",
    "fish can breathe under water",
    "a candle goes out under a glass",
    "owls hunt at night",
    "spiders build webs",
    "hot air rises",
    "a rainbow follows the rain",
    "our fingers wrinkle in the bath",
    "popcorn pops",
    "deserts are cold at night",
    "a clock needs a battery",
    "mosquito bites itch",
    "camels have humps",
    "we feel dizzy when we spin",
    "the grass is green",
    "snow is white",
    "bread gets stale",
    "coffee keeps people awake",
    "a tunnel echoes",
    "shoes have laces",
    "people shake hands",
    "a stop sign is red",
    "roofs are sloped",
    "letters need a stamp",
    "planes have wings",
    "pans have handles of wood",
    "libraries are quiet",
    "cyclists wear helmets",
    "people lock their doors",
    "cooks taste their soup",
    "gardeners pull out weeds",
    "a referee has a whistle",
    "people brush their teeth twice a day",
    "houses have smoke alarms",
    "trains run on rails",
    "people say thank you",
)


def rows(name: str, facts: tuple[str, ...]) -> list[dict[str, str]]:
    """The prompts of a set, in the order of its file."""
    return [
        {
            "id": f"{name}-{turn * len(facts) + place:03}",
            "prompt": WORDINGS[(place + turn) % len(WORDINGS)].format(fact),
        }
        for turn in range(len(WORDINGS))
        for place, fact in enumerate(facts)
    ]


def text(name: str, facts: tuple[str, ...]) -> str:
    """A set as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows(name, facts))


SETS = {"train": TRAIN, "held-out": HELD_OUT}

if __name__ == "__main__":
    for name, facts in SETS.items():
        (HERE / f"{name}.jsonl").write_text(text(name, facts), encoding="utf-8")
