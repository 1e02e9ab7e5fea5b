"""Two answers and which is the better: arenas, benchmarks and tables of annotators under their many column names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.asked import asked, use_repeated
from rlaif.exchange.columns import is_empty, peek
from rlaif.exchange.format import Format, PairFormat, each_row
from rlaif.exchange.formats.trl import pair_of as trl_pair
from rlaif.exchange.rated import SAME_TEXT, policies
from rlaif.exchange.rows import Row
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import checked_prompt, prompt_turns, turns
from rlaif.records import Pair

DRAW = "neither answer is preferred"
FAILED = "it has no verdict"
ANSWERS = ("response", "output", "answer", "completion", "generation", "conversation", "summary", "text")
ENDINGS = (("_a", "_b"), ("_A", "_B"), ("_1", "_2"), ("1", "2"), ("_0", "_1"), ("A", "B"))
VERDICTS = (
    "preference",
    "winner",
    "label",
    "preferred",
    "better",
    "verdict",
    "choice",
    "vote",
    "overall_preference",
)
ONE_HOT = ("winner_model_a", "winner_model_b")
_TIES = ("tie", "ties", "draw", "both", "neither", "both_bad", "bothbad", "equal", "same", "a=b", "b=a", "c")
_SIGNS = re.compile(r"\[*([ab])(>>?|<<?)([ab])\]*")
_WORDS = re.compile(
    r"\[*(?:(?:model|response|output|answer|completion|assistant|option)[ _-]?)?([a-z0-9]|first|second)\]*"
)


def sides_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """The columns of the two answers."""
    return next(
        (
            (f"{answer}{one}", f"{answer}{other}")
            for answer in ANSWERS
            for one, other in ENDINGS
            if f"{answer}{one}" in row and f"{answer}{other}" in row
        ),
        None,
    )


def recognises(row: Mapping[str, Any]) -> bool:
    """Two answers and a verdict, or a column for each that may have won."""
    return sides_of(row) is not None and (_verdict(row) is not None or all(name in row for name in ONE_HOT))


def pair_of(row: Row) -> Pair | str:
    """The pair of the winner and the other; ties and missing verdicts make none. Raises PromptFileError."""
    values = fields.mapping(row)
    sides = sides_of(values)
    if sides is None or not recognises(values):
        raise PromptFileError(
            f"{row.where}: two answers (as `response_a`, `response_b`) and a verdict ({', '.join(VERDICTS[:4])} ...) "
            f"are needed; its columns are: {', '.join(map(str, values)) or 'none'}"
        )
    won = _winner(row, values, sides)
    models = [values.get(f"model_{letter}") for letter in "ab"]
    if isinstance(won, str):
        return won
    made = _made(row, values, sides, won)
    if isinstance(made, str):
        return made
    prompt, chosen, rejected = made.prompt, made.chosen, made.rejected
    use_repeated(values, row.where, prompt, (*prompt, *chosen), (*prompt, *rejected))
    return Pair(
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        label_prob=1.0,
        provenance=policies(models[won], models[1 - won]),
        tools=tools_of(values, row.where),
    )


def _made(row: Row, values: Mapping[str, Any], sides: tuple[str, str], won: int) -> Pair | str:
    texts = [_unpacked(values[name]) for name in sides]
    chosen, rejected = texts[won], texts[1 - won]
    if all(isinstance(each, list) and all(isinstance(turn, Mapping) for turn in each) for each in texts):
        return trl_pair(Row(row.where, {"chosen": chosen, "rejected": rejected}))
    question = _unpacked(peek(values, "prompt"))
    if isinstance(question, list) and all(isinstance(each, str) for each in question):
        values["prompt"]
        if not all(isinstance(each, list) and len(each) == len(question) for each in texts):
            raise PromptFileError(f"{row.where}: 'prompt' and its answers must be lists of one length")
        dialogues = [_dialogue(question, each) for each in (chosen, rejected)]
        return trl_pair(Row(row.where, dict(zip(("chosen", "rejected"), dialogues, strict=True))))
    else:
        given = asked(values, row.where).turns or prompt_turns(values.get("prompt"), row.where, "prompt")
        prompt = checked_prompt(given, row.where, "prompt")
    said = [
        turns(each, row.where, name, role="assistant")
        for each, name in zip((chosen, rejected), sides, strict=True)
    ]
    return SAME_TEXT if said[0] == said[1] else Pair(
        prompt=prompt, chosen=said[0], rejected=said[1], label_prob=1.0
    )  # fmt: skip


def _dialogue(asked: Sequence[str], answers: Sequence[Any]) -> list[dict[str, Any]]:
    """Questions and their answers in turn."""
    both = (("user", asked), ("assistant", answers))
    listed = [[{"role": role, "content": text} for text in texts] for role, texts in both]
    return [turn for one in zip(*listed, strict=True) for turn in one]


def _unpacked(value: Any) -> Any:
    """A list of texts or turns that a table holds as JSON."""
    if isinstance(value, str) and value.startswith(('["', "[{")):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, list) else value
    return value


def _verdict(row: Mapping[str, Any]) -> str | None:
    return next((each for each in VERDICTS if each in row), None)


def _winner(row: Row, values: Mapping[str, Any], sides: tuple[str, str]) -> int | str:
    """0 or 1; a text says why there is none."""
    column = _verdict(values)
    if column is None:
        flags = [_flag(values[name], row, name) for name in ONE_HOT]
        values.get("winner_tie")
        return DRAW if flags[0] == flags[1] else flags.index(True)
    value = values[column]
    if is_empty(value) or value == -1:
        return FAILED
    word = _word(value)
    if word in sides:
        return sides.index(word)
    word = word.lower()
    named = [_word(values.get(f"model_{letter}")).lower() for letter in "ab"]
    if word in named and named[0] != named[1]:
        return named.index(word)
    if word.partition(" ")[0].strip("()") in _TIES:
        return DRAW
    found = _of_sign(word) or _of_word(word, sides)
    if found is None:
        raise PromptFileError(
            f"{row.where}: {column!r} is {value!r:.80}; it must name one of {sides[0]!r} and {sides[1]!r}, or a tie"
        )
    return int(found)


def _of_sign(word: str) -> str | None:
    match = _SIGNS.fullmatch(word.replace(" ", ""))
    if match is None or match[1] == match[3]:
        return None
    better = match[1] if ">" in match[2] else match[3]
    return "01"["ab".index(better)]


def _of_word(word: str, sides: tuple[str, str]) -> str | None:
    """A letter, a place, or the number that the answers' columns end with."""
    match = _WORDS.fullmatch(word)
    if match is None:
        return None
    said = {"first": "a", "second": "b"}.get(match[1], match[1])
    ends = [name[-1].lower() for name in sides]
    if said in ends:
        return str(ends.index(said))
    return str("ab".index(said)) if said in ("a", "b") else None


def _word(value: Any) -> str:
    # a table has decimals where a column of numbers has a gap
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _flag(value: Any, row: Row, column: str) -> bool:
    word = _word(value).lower()
    if word not in ("0", "1", "true", "false"):
        raise PromptFileError(f"{row.where}: {column!r} is {value!r:.80}; it must be 0 or 1")
    return word in ("1", "true")


FORMAT = Format(
    name="two-answers",
    help="two answers and a verdict, as arenas, LLMBar, JudgeBench and many annotators' tables have them",
    pairs=PairFormat(
        shape="`prompt` (or `question` ...), `response_a`, `response_b` (or `output_1`, `conversation_a` ...), "
        "`winner`, `preference` or `label`",
        recognises=recognises,
        rank=48,
        read=each_row(pair_of),
    ),
)
