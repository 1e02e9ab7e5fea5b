"""How propositions of imported rules are asked: by their file's own text, where it has one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from rlaif.errors import ConstitutionError, InputError
from rlaif.judging.ask import Asked
from rlaif.judging.labels import YES_NO, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.shown import shown, shown_prompt
from rlaif.records import Constitution, Judgment, Principle, Prompt, State
from rlaif.templates import Template, load_template

KEY = "prompt_template"
"""Of a constitution's `origin`: what `rlaif constitution import` keeps of OpenAI's rules."""
REASON_FIRST = "reason-first"
"""The template of what is added where a judge is to reason before its yes or no: the file's text cannot know of it."""
# the file's own fence around the response; ours takes its place, which no response can close
_FENCED = re.compile(r"```\n([^\n{}]*)\{response\}([^\n{}]*)\n```")
_SLOTS = frozenset({"prompt", "question", "response"})


def asker(judge: Judge, rules: Constitution) -> Judge:
    """`judge`, asking questions as the rules' own template says; others are asked as any checklist."""
    text = rules.origin.get(KEY)
    if text is None or not isinstance(judge, ModelJudge):
        return judge
    return QuestionJudge(judge, str(text), rules.source)


def question(judge: Judge, prompt: Prompt, text: str, principle: Principle) -> str:
    """The exact text that `judge` is asked. Raises InputError where it is asked nothing in words."""
    if isinstance(judge, QuestionJudge):
        return judge.question(prompt, text, principle)
    if isinstance(judge, ModelJudge):
        return judge.question(judge.before_label("checklist"), prompt, [text], principle)
    raise InputError(f"{judge.name}: is no model and is shown no text")


class QuestionJudge:
    """Asks `checklist` with a template of the slots `{question}` and `{response}`, the conversation before it."""

    def __init__(self, judge: ModelJudge, text: str, source: str) -> None:
        for slot in ("{question}", "{response}"):
            if text.count(slot) != 1:
                raise ConstitutionError(
                    f"{source}: {KEY} must have {slot} once; it has it {text.count(slot)} times"
                )
        fence = _FENCED.search(text)
        self.judge = judge
        self.around = fence.groups() if fence else ("", "")
        body = text.replace(fence.group() if fence else "{response}", "{{fenced:response}}")
        body = body.replace("{question}", "{{question}}")
        if judge.reasons_first:
            body = f"{body}\n{load_template(REASON_FIRST).text}"
        self.template = Template(name="imported-question", text="Conversation:\n{{fenced:prompt}}\n\n" + body)
        if strange := sorted(self.template.slots - _SLOTS):
            raise ConstitutionError(
                f"{source}: {KEY} holds {{{{{strange[0]}}}}}, which reads as a slot; remove it"
            )

    @property
    def name(self) -> str:
        """Name of the model that answers."""
        return self.judge.name

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the model that answers."""
        return self.judge.fingerprint

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """P(yes) of each question about each answer."""
        questions = (
            Asked(
                self.question(prompt, shown(said, self.judge.options.judge_sees), each),
                prompt.id,
                (said.id,),
                each.id,
            )
            for prompt, said in items
            for each in principles
        )
        read = partial(read_share, YES_NO, "yes", State.SCORE)
        return self.judge.labelled("checklist", questions, YES_NO, read)

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """Refused: raises InputError, for these are questions about one answer."""
        raise InputError(
            f"{self.name}: imported questions are about one response and compare none; use `rlaif rbr`"
        )

    def question(self, prompt: Prompt, text: str, principle: Principle) -> str:
        """Return the exact text that asks whether `principle` (a proposition) is true of the completion `text`."""
        head, tail = self.around
        seen = shown_prompt(prompt, self.judge.options.judge_sees)
        return self.template.render(prompt=seen, question=principle.text, response=f"{head}{text}{tail}")
