"""A language model as judge. Each protocol is a template, a set of labels and a way to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rlaif.constitution import applies
from rlaif.hashing import derived_seed
from rlaif.judging.ask import Asked, ask_labels, ask_texts, prompt_slot
from rlaif.judging.cot import CLAMP, COT_SAMPLING, read_votes
from rlaif.judging.labels import AB, RATINGS, YES_NO, Labels, Reading, read_expected, read_share
from rlaif.judging.protocol import One, Two
from rlaif.records import Completion, Engine, Judgment, Principle, Prompt, Sampling, Score, State
from rlaif.templates import Template, load_template


class ModelJudge:
    """Asks `engine` with the templates of a folder, the shipped ones where it has none."""

    def __init__(self, engine: Engine, templates: Path | None = None) -> None:
        self.engine = engine
        self.folder = templates
        self._templates: dict[str, Template] = {}

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """The model's: a policy that judges itself has one fingerprint."""
        return self.engine.fingerprint

    def template(self, protocol: str) -> Template:
        """The text that a protocol is asked with."""
        if protocol not in self._templates:
            self._templates[protocol] = load_template(protocol, self.folder)
        return self._templates[protocol]

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """P(yes) for each completion and each principle that applies."""
        return self._alone(
            "checklist", YES_NO, partial(read_share, YES_NO, "yes", State.SCORE), items, principles
        )

    def rate(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The expected rating from 1 to 5: protocol `score`."""
        return self._alone("score", RATINGS, partial(read_expected, RATINGS), items, principles)

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better) in both orders."""
        read = partial(read_share, AB, "A", State.PREFERENCE)
        questions = self._both_orders("compare", items, principles)
        return ask_labels(self.engine, "compare", questions, AB.continuations, read)

    def compare_cot(
        self,
        items: Sequence[Two],
        principles: Sequence[Principle],
        *,
        samples: int = 1,
        clamp: float = CLAMP,
        sampling: Sampling = COT_SAMPLING,
        seed: int = 0,
    ) -> list[Judgment]:
        """As `compare`, the verdict written behind a reasoning: the share of `samples` texts, kept off 0 and 1."""
        questions = self._both_orders("compare-cot", items, principles)

        def seeds(each: Asked) -> list[int]:
            return [derived_seed(seed, "compare-cot", each.id, draw) for draw in range(samples)]

        return [
            each.judgment("compare-cot", self.fingerprint, keys, read_votes(replies, clamp))
            for each, keys, replies in ask_texts(self.engine, questions, sampling, seeds)
        ]

    def question(self, protocol: str, prompt: Prompt, texts: Sequence[str], principle: Principle) -> str:
        """The exact text of one question (`--show-prompt`)."""
        slots = ["response"] if len(texts) == 1 else [f"response_{letter}" for letter in "abcdefgh"]
        responses = dict(zip(slots, texts, strict=False))
        values = {"prompt": prompt_slot(prompt), "principle": principle.text, **responses}
        return self.template(protocol).render(**values)

    def _alone(
        self,
        protocol: str,
        labels: Labels,
        read: Callable[[Score], Reading],
        items: Sequence[One],
        principles: Sequence[Principle],
    ) -> list[Judgment]:
        questions = (
            self._asked(protocol, prompt, [completion], principle)
            for prompt, completion in items
            for principle in principles
            if applies(principle, prompt)
        )
        return ask_labels(self.engine, protocol, questions, labels.continuations, read)

    def _both_orders(
        self, protocol: str, items: Sequence[Two], principles: Sequence[Principle]
    ) -> Iterator[Asked]:
        # all principles of one order are neighbours: they share the long beginning, which is computed once
        for prompt, one, other in items:
            for pair in ([one, other], [other, one]):
                for principle in principles:
                    if applies(principle, prompt):
                        yield self._asked(protocol, prompt, pair, principle)

    def _asked(
        self, protocol: str, prompt: Prompt, completions: Sequence[Completion], principle: Principle
    ) -> Asked:
        text = self.question(protocol, prompt, [each.text for each in completions], principle)
        return Asked(text, prompt.id, tuple(each.id for each in completions), principle.id)
