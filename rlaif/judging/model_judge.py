"""A language model as judge: puts templates to an engine. How its answers are read is each protocol's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rlaif.constitution import applies
from rlaif.engines.base import capabilities_of
from rlaif.errors import InputError, TemplateError
from rlaif.judging.ask import Asked, Labelling, Writing, ask_labels, ask_texts
from rlaif.judging.cot import ANSWER, CLAMP, read_verdict, read_votes
from rlaif.judging.labels import AB, RATINGS, YES_NO, CallReading, Labels, read_expected, read_share
from rlaif.judging.options import USUAL, JudgeOptions
from rlaif.judging.protocol import One, Two
from rlaif.judging.shown import shown_prompt, shown_sides
from rlaif.judging.yes_no import read_yes_no
from rlaif.records import Completion, Engine, Judgment, Principle, Prompt, Score, State
from rlaif.templates import Template, load_template

TOLD: Mapping[str, str] = {"compare-cot": "compare-cot-told"}
"""Templates that say in which form they want the answer, by those that the bundled models were trained on."""
AGAIN = 2
"""How often an unreadable text is asked for once more, unless somebody says otherwise."""
REASONED = "-cot"
"""Ends the name of the template that asks for reasoning before the same label."""
BEFORE_LABEL = f"\n{ANSWER}"
"""Stands between a reasoning and its label. The reasoning ends wherever it says `Answer:`: behind a verdict that is
written already the label's probabilities would say nothing."""


class ModelJudge:
    """Asks `engine` with the templates of a folder, the shipped ones where it has none."""

    described: ClassVar[str] = "a model that reads and writes"

    def __init__(
        self,
        engine: Engine,
        templates: Path | None = None,
        *,
        in_writing: bool = False,
        options: JudgeOptions = USUAL,
    ) -> None:
        """`in_writing` asks for written verdicts where log-probabilities of labels would be read."""
        self.engine = engine
        self.folder = templates
        self.in_writing = in_writing
        self.options = options
        self._templates: dict[str, Template] = {}

    def with_engine(self, engine: Engine) -> ModelJudge:
        """The same judge asking another engine."""
        return ModelJudge(engine, self.folder, in_writing=self.in_writing, options=self.options)

    def with_templates(self, folder: Path) -> ModelJudge:
        """The same judge asking with the templates of another folder."""
        return ModelJudge(self.engine, folder, in_writing=self.in_writing, options=self.options)

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """The model's: a policy that judges itself has one fingerprint."""
        return self.engine.fingerprint

    def template(self, name: str) -> Template:
        """The text of this name that the judge is asked with: one that says more, for a model that can read that."""
        if name not in self._templates:
            self._templates[name] = self._chosen(name)
        return self._templates[name]

    def _chosen(self, name: str) -> Template:
        own = self.folder is not None and (self.folder / f"{name}.txt").is_file()
        if own or name not in TOLD:
            return load_template(name, self.folder)
        told = load_template(TOLD[name], self.folder)
        return told if capabilities_of(self.engine).reads(told.words) else load_template(name, self.folder)

    @property
    def reasons_first(self) -> bool:
        """Whether it is to think before a label, and only does so when a template asks for it."""
        if not self.options.think:
            return False
        told = self.options.marks_thoughts
        return not (capabilities_of(self.engine).marks_thoughts() if told is None else told)

    def before_label(self, name: str) -> str:
        """The template that asks for a label by the template `name`: one that asks for reasoning first, where it must.

        Raises InputError where there is none such, or the model does not know its words.
        """
        if not self.reasons_first:
            return name
        reasoned = f"{name}{REASONED}"
        remedy = "judge without thinking, or name a judge that marks its thoughts"
        try:
            found = self.template(reasoned)
        except TemplateError:
            raise InputError(
                f"{self.name}: marks no thoughts, and no template {reasoned}.txt asks it to reason before "
                f"the label of {name}.txt; write one, {remedy}"
            ) from None
        if not capabilities_of(self.engine).reads(found.words):
            raise InputError(
                f"{self.name}: marks no thoughts, and does not know all words of the template {reasoned}.txt, which "
                f"asks it to reason before a label; {remedy}"
            )
        return reasoned

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """P(yes) for each completion and each principle that applies."""
        if self.in_writing:
            return self.checklist_cot(items, principles, self.writing_verdicts(AGAIN))
        read = partial(read_share, YES_NO, "yes", State.SCORE)
        questions = self.one_by_one(self.before_label("checklist"), items, principles)
        return self.labelled("checklist", questions, YES_NO, read)

    def rate(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The expected rating from 1 to 5: protocol `score`."""
        questions = self.one_by_one(self.before_label("score"), items, principles)
        return self.labelled("score", questions, RATINGS, partial(read_expected, RATINGS))

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better) in both orders."""
        if self.in_writing:
            return self.compare_cot(items, principles, self.writing_verdicts(AGAIN))
        read = partial(read_share, AB, "A", State.PREFERENCE)
        questions = self.both_orders(self.before_label("compare"), items, principles)
        return self.labelled("compare", questions, AB, read)

    def compare_cot(
        self, items: Sequence[Two], principles: Sequence[Principle], how: Writing | None = None
    ) -> list[Judgment]:
        """As `compare`, with a verdict written after reasoning: the clipped share of votes of `how.samples` texts."""
        questions = self.both_orders("compare-cot", items, principles)
        return self.voted("compare-cot", questions, read_verdict, how or self.writing_verdicts())

    def checklist_cot(
        self, items: Sequence[One], principles: Sequence[Principle], how: Writing | None = None
    ) -> list[Judgment]:
        """As `checklist`, the yes or no written behind a reasoning: the share of `how.samples` texts."""
        questions = self.one_by_one("checklist-cot", items, principles)
        return self.voted("checklist-cot", questions, read_yes_no, how or self.writing_verdicts(), CLAMP)

    def labelled(
        self,
        protocol: str,
        questions: Iterator[Asked],
        labels: Labels,
        read: Callable[[Score], CallReading],
    ) -> list[Judgment]:
        """Ask for labels, behind a thought where the judge is to think first.

        Args:
            protocol: What the judgments say as their protocol.
            questions: What to ask, by the template that `before_label` names.
            labels: The labels and their spellings.
            read: Reads the log-probabilities of all spellings.

        Returns:
            One judgment a question, in their order.
        """
        return ask_labels(self.engine, protocol, questions, labels.continuations, read, self.labelling())

    def labelling(self) -> Labelling:
        """How it is asked for labels."""
        first = self.reasons_first
        return Labelling(
            thinking=self.options.thinking((ANSWER,) if first else ()) if self.options.think else None,
            prefix=BEFORE_LABEL if first else "",
            seed=self.options.seed,
            chat_template_kwargs=self.options.chat_template_kwargs,
            body=self.options.body,
        )

    def writing_verdicts(self, again: int = 0) -> Writing:
        """How a verdict is written in the place of a label."""
        return Writing(
            sampling=self.options.writing(self.options.lengths.verdict),
            again=again,
            chat_template_kwargs=self.options.chat_template_kwargs,
            body=self.options.body,
        )

    def voted(
        self,
        protocol: str,
        questions: Iterator[Asked],
        read: Callable[[str], CallReading],
        how: Writing,
        clamp: float | None = None,
    ) -> list[Judgment]:
        """Ask for written answers and take the mean of each question's texts.

        Args:
            protocol: What the judgments say as their protocol.
            questions: What to ask, as `one_by_one` and `both_orders` make them.
            read: Reads one text: a number with its state, or a state without one.
            how: How many texts per question, how they are drawn and how often they are asked for again.
            clamp: A mean is clipped to [clamp, 1 - clamp]. None: P(first is better) to [0.02, 0.98], as no reasoning
                is surer; a number of one completion not at all, as its scale is the protocol's.

        Returns:
            One judgment a question, in their order.
        """
        return [
            each.asked.judgment(protocol, self.fingerprint, each.calls, read_votes(each.readings, clamp))
            for each in ask_texts(self.engine, protocol, questions, read, how)
        ]

    def question(
        self, template: str, prompt: Prompt, texts: Sequence[str], principle: Principle | None, **further: str
    ) -> str:
        """The exact text of one question (`--show-prompt`). `further` are slots of this template alone."""
        slots = ["response"] if len(texts) == 1 else [f"response_{letter}" for letter in "abcdefgh"]
        responses = dict(zip(slots, texts, strict=False))
        rule = {} if principle is None else {"principle": principle.text}
        seen = shown_prompt(prompt, self.options.judge_sees)
        return self.template(template).render(prompt=seen, **rule, **responses, **further)

    def one_by_one(
        self, template: str, items: Sequence[One], principles: Sequence[Principle]
    ) -> Iterator[Asked]:
        """A question for each completion and each principle that applies."""
        for prompt, completion in items:
            for principle in principles:
                if applies(principle, prompt):
                    yield self.asked(template, prompt, [completion], principle)

    def both_orders(
        self, template: str, items: Sequence[Two], principles: Sequence[Principle], **further: str
    ) -> Iterator[Asked]:
        """A question for each order of two completions and each principle that applies."""
        # all principles of one order are neighbours: they share the long beginning, which is computed once
        for prompt, one, other in items:
            for pair in ([one, other], [other, one]):
                for principle in principles:
                    if applies(principle, prompt):
                        yield self.asked(template, prompt, pair, principle, **further)

    def asked(
        self,
        template: str,
        prompt: Prompt,
        completions: Sequence[Completion],
        principle: Principle | None,
        **further: str,
    ) -> Asked:
        """One question and what it is about."""
        seen = shown_sides(
            [each.turns for each in completions],
            self.options.judge_sees,
            open_thoughts=[each.open_thought for each in completions],
        )
        text = self.question(template, prompt, seen, principle, **further)
        about = None if principle is None else principle.id
        return Asked(text, prompt.id, tuple(each.id for each in completions), about)
