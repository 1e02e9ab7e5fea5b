"""The marks between which models write their thoughts, and how a text is split by them. Pure: no model, no tokenizer.

A thought stands in front of the answer. Marks behind the first word of an answer are text: an answer may speak of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class ThoughtMarks:
    """What stands before and behind a thought. Blanks between marks and texts belong to neither."""

    start: str
    end: str
    closing: str = ""
    """All that a model writes from the end of its thought to its answer, blanks included; empty: `default_closing`."""
    answer_starts: tuple[str, ...] = ()
    """What may open the answer; it is no part of it."""
    answer_end: str = ""
    """What closes an answer that was opened so."""

    @property
    def written_closing(self) -> str:
        """What ends a thought that is cut off, up to where the answer begins."""
        return self.closing or f"\n{self.end}\n\n"


_TAGS = ("</", "[/")
_CLOSING_TAG = re.compile(r"([<\[])/(\S+)")


class Split(NamedTuple):
    """A text as thought and answer; `open` where the thought never ended, so that there is no answer."""

    thought: str
    answer: str
    open: bool = False


HARMONY = ThoughtMarks(
    "<|channel|>analysis<|message|>",
    "<|end|>",
    closing="<|end|><|start|>assistant<|channel|>final<|message|>",
    answer_starts=("<|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>"),
)
THINK = ThoughtMarks("<think>", "</think>")
MARKS: Mapping[str, ThoughtMarks] = {
    "Qwen3, QwQ, DeepSeek-R1 and V3.1, GLM-4.5, Nemotron, MiMo, MiniMax-M2, Phi-4-reasoning, Olmo 3": THINK,
    "Hunyuan-A13B": ThoughtMarks(
        "<think>",
        "</think>",
        closing="\n</think>\n<answer>\n",
        answer_starts=("<answer>",),
        answer_end="</answer>",
    ),
    "ERNIE 4.5 Thinking": ThoughtMarks(
        "<think>",
        "</think>",
        closing="\n</think>\n\n<response>\n",
        answer_starts=("<response>",),
        answer_end="</response>",
    ),
    "Hunyuan 3": ThoughtMarks("<think:opensource>", "</think:opensource>"),
    "MiniMax-M3": ThoughtMarks("<mm:think>", "</mm:think>"),
    "Seed-OSS": ThoughtMarks("<seed:think>", "</seed:think>", closing="</seed:think>"),
    "Magistral, Mistral Small 4": ThoughtMarks("[THINK]", "[/THINK]", closing="[/THINK]"),
    "gpt-oss": HARMONY,
    "Gemma 4": ThoughtMarks("<|channel>thought", "<channel|>", closing="\n<channel|>"),
    "Command A Reasoning": ThoughtMarks(
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        closing="<|END_THINKING|><|START_RESPONSE|>",
        answer_starts=("<|START_RESPONSE|>",),
        answer_end="<|END_RESPONSE|>",
    ),
    "Kimi-VL-Thinking, Kimi-Dev": ThoughtMarks("◁think▷", "◁/think▷"),
    "Kimi K3": ThoughtMarks(
        "<|open|>think<|sep|>",
        "<|close|>think<|sep|>",
        closing="<|close|>think<|sep|><|open|>response<|sep|>",
        answer_starts=("<|open|>response<|sep|>",),
        answer_end="<|close|>response<|sep|>",
    ),
    "Apertus": ThoughtMarks("<|inner_prefix|>", "<|inner_suffix|>", closing="<|inner_suffix|>"),
    "Sky-T1, OpenThinker": ThoughtMarks(
        "<|begin_of_thought|>",
        "<|end_of_thought|>",
        closing="\n<|end_of_thought|>\n\n<|begin_of_solution|>\n",
        answer_starts=("<|begin_of_solution|>",),
        answer_end="<|end_of_solution|>",
    ),
    "Granite 3.2": ThoughtMarks("Here is my thought process:", "Here is my response:"),
    "EXAONE Deep": ThoughtMarks("<thought>", "</thought>"),
    "prompts that ask for <thinking>": ThoughtMarks("<thinking>", "</thinking>"),
    "prompts that ask for <reasoning>": ThoughtMarks("<reasoning>", "</reasoning>"),
}
"""By the models that write them. Those that tell more stand behind the plain ones with the same marks."""


def split(text: str, marks: ThoughtMarks, *, begun: bool | None = None) -> Split:
    """A text as thought and answer, without marks and the blanks beside them.

    `begun` says whether the prompt has already written the start mark, as some chat templates do, so that the text
    only closes the thought; None: it is not known, and a text that closes what it did not open is taken to. Thoughts
    that follow each other are one, with a blank line between. A text without a thought comes back as it is.
    """
    thoughts: list[str] = []
    rest = text
    if begun or (begun is None and _only_closes(text, marks)):
        body = rest.lstrip().removeprefix(marks.start)
        thought, found, rest = body.partition(marks.end)
        thoughts.append(_without_half(thought, marks))
        if not found:
            return Split(_joined(thoughts), "", True)
    while (inner := rest.lstrip()).startswith(marks.start):
        thought, found, rest = inner.removeprefix(marks.start).partition(marks.end)
        thoughts.append(_without_half(thought, marks))
        if not found:
            return Split(_joined(thoughts), "", True)
        rest = _next_block(rest, marks)
    answer = _opened(rest, marks)
    if answer is None:
        answer = rest.lstrip() if thoughts else rest
    return Split(_joined(thoughts), answer)


def marks_of(text: str) -> ThoughtMarks | None:
    """The marks with which a text of an unknown model begins, or the `</think>` that it only closes; None: none."""
    rows = list(MARKS.values())
    begins = [each for each in rows if text.lstrip().startswith(each.start)]
    if not begins and text.lstrip().startswith(HARMONY.answer_starts):
        return HARMONY
    if not begins and _only_closes(text, THINK):
        begins = [each for each in rows if (each.start, each.end) == (THINK.start, THINK.end)]
    if not begins:
        return None
    told = [each for each in begins if each.answer_starts and split(text, each) != split(text, begins[0])]
    return told[0] if told else begins[0]


def split_unknown(text: str) -> Split:
    """As `split`, for a text whose model is not known: the table says which marks it begins with."""
    marks = marks_of(text)
    return Split("", text) if marks is None else split(text, marks)


def found_marks(template: str, tail: str, tokens: Set[str]) -> ThoughtMarks | None:
    """The marks of the table that a model's files tell of; None where they tell of none.

    `template` is the text of its chat template, `tail` what that writes up to the assistant's turn, `tokens` are the
    tokens that its tokenizer knows by name.
    """
    rows = list(MARKS.values())
    begun = [each for each in rows if tail.rstrip().endswith(each.start)]
    written = [each for each in rows if each.start in template and each.end in template]
    # to take a thought away from earlier turns, its end is all that a template has to know
    closed = [each for each in rows if each.end.startswith(_TAGS) and each.end in template]
    named = [each for each in rows if {each.start, each.end} <= tokens]
    found = begun or written or closed or named
    if not found:
        return None
    alike = [each for each in found if (each.start, each.end) == (found[0].start, found[0].end)]
    return next(
        (each for each in alike[::-1] if any(map(template.__contains__, each.answer_starts))), alike[0]
    )


def tag_marks(start: str, closing: str) -> ThoughtMarks | None:
    """Marks of no table: what a template writes before a thought, and from there to the answer; None: no marks.

    Where the template's prompt has written the start already, it is what its end closes.
    """
    end = closing.strip()
    opened = start.strip() or (_CLOSING_TAG.sub(r"\1\2", end) if _CLOSING_TAG.fullmatch(end) else "")
    return ThoughtMarks(opened, end, closing=closing) if opened and end else None


def _only_closes(text: str, marks: ThoughtMarks) -> bool:
    head, closed, _ = text.partition(marks.end)
    return bool(closed) and marks.start not in head and not text.lstrip().startswith(marks.answer_starts)


def _next_block(rest: str, marks: ThoughtMarks) -> str:
    """What stands behind a thought, without the head of a further turn of thought as harmony's channels write it."""
    head = marks.answer_starts[0] if marks.answer_starts else ""
    lead = head.removesuffix(marks.answer_starts[-1]) if head else ""
    further = rest.lstrip()
    return further.removeprefix(lead) if lead and further.startswith(lead + marks.start) else rest


def _opened(rest: str, marks: ThoughtMarks) -> str | None:
    """The answer without what opens and closes it; None where nothing opens it."""
    inner = rest.lstrip()
    start = next((each for each in marks.answer_starts if inner.startswith(each)), None)
    if start is None:
        return None
    answer = inner.removeprefix(start)
    if marks.answer_end:
        answer = answer.strip().removesuffix(marks.answer_end).rstrip()
    return answer.lstrip()


def _without_half(thought: str, marks: ThoughtMarks) -> str:
    """A thought without the first half of its end mark, in which its room ended: what closed it is written behind."""
    text = thought.rstrip()
    if marks.end[:1].isalnum():  # a mark in words: its beginning may be what was meant
        return text
    halves = (marks.end[:length] for length in range(len(marks.end) - 1, 1, -1))
    return text.removesuffix(next((each for each in halves if text.endswith(each)), ""))


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(filter(None, (each.strip() for each in thoughts)))
