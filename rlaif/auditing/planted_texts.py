"""Texts for planted runs: words at random, and signs on the surface at known rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from rlaif.auditing.evidence import Floats

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
SIGNS: Mapping[str, tuple[float, str]] = {
    "lists": (0.3, "\n- {0}\n- {1}\n- {2}"),
    "bold": (0.3, "\n**{0} {1}** {2}."),
    "headers": (0.3, "\n# {0} {1}\n{2}."),
    "exclaims": (0.3, " {0} {1} {2}!"),
    "confident": (0.3, " It is certainly {0} {1} {2}."),
    "flatters": (0.3, " What a great question {0} {1} {2}."),
    "word": (0.3, " Zumbat {0} {1} {2}."),
}
"""Each sign, how many texts bear it, and how it looks."""
CLOSERS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlantedText:
    """Texts, and of each what can be seen of it, on a common scale."""

    texts: Sequence[str]
    criteria: Mapping[str, Floats]


def lexicon(count: int) -> list[str]:
    """Words of two or three syllables, all different."""
    found = []
    for first in _CONSONANTS:
        for vowel in _VOWELS:
            for second in _CONSONANTS:
                found.append(first + vowel + second + "o")
                if len(found) == count:
                    return found
    return found


WORDS = lexicon(400)


def write_prompts(random: np.random.Generator, count: int, again: float) -> list[str]:
    """`count` prompts, of which a share `again` says nearly what another says."""
    texts: list[str] = []
    for _ in range(count):
        if texts and random.random() < again:
            # case and marks do not make it another one
            texts.append(texts[int(random.integers(len(texts)))].upper() + "?!")
        else:
            texts.append("how do i " + " ".join(WORDS[each] for each in random.integers(0, len(WORDS), 12)))
    return texts


def write_texts(random: np.random.Generator, count: int, draws: int, planted: Any) -> PlantedText:
    """Texts whose signs are independent of each other. `boilerplate` and `alike` of `planted` are shares."""
    import numpy as np

    sizes = random.integers(2, 12, count)
    bears = {name: random.random(count) < rate for name, (rate, _) in SIGNS.items()}
    closers = [" ".join(WORDS[each] for each in random.integers(0, len(WORDS), 5)) for _ in range(CLOSERS)]
    texts: list[str] = []
    for place in range(count):
        if place % draws and random.random() < planted["alike"]:
            texts.append(texts[place - 1])
            for held in bears.values():
                held[place] = held[place - 1]
            sizes[place] = sizes[place - 1]
            continue
        picked = iter(random.integers(0, len(WORDS), 6 * int(sizes[place]) + 40))
        text = " ".join(
            " ".join(WORDS[next(picked)] for _ in range(6)).capitalize() + "." for _ in range(sizes[place])
        )
        for name, (_, shown) in SIGNS.items():
            if bears[name][place]:
                text += shown.format(*(WORDS[next(picked)] for _ in range(3)))
        same = random.random() < planted["boilerplate"]
        closer = "let me know if there is more" if same else closers[int(random.integers(CLOSERS))]
        texts.append(f"{text} {closer.capitalize()}.")
    criteria = {name: held.astype(float) for name, held in bears.items()}
    length = np.asarray([len(text.split()) for text in texts], dtype=float)
    criteria["length"] = (length - length.mean()) / length.std()
    return PlantedText(texts=texts, criteria=criteria)
