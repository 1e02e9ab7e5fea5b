"""What thinking before a label is worth: one judge, three ways of asking, on questions with something to think about.

    python benchmarks/think_then_label_accuracy.py                  # the bundled judge, tables on stdout
    python benchmarks/think_then_label_accuracy.py --judge hf:DIR --count 40 --json

Two texts of the judge's own to a scene of the microworld, and a rule that exactly one of them follows, which the
program knows. `plain` are rules of one attribute, `sums` are about the right sum, `composed` join two attributes (both,
but not, if, if not) or deny one. Each question is put in both orders; the label is the mean. `compare` reads the label
at once, `compare-cot` writes reasoning and verdict and takes votes, `think` writes a thought and reads the label behind
it. The samples of `compare-cot` are as many as cost the tokens of `think`; a further row takes four times as many.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from rlaif.auditing.calibration import Forecast, brier, calibration_error
from rlaif.engines.base import BaseEngine, capabilities_of
from rlaif.engines.open import open_engine
from rlaif.judging import JudgeOptions, Lengths, ModelJudge
from rlaif.judging.ask import Asked
from rlaif.judging.cot import read_verdict
from rlaif.judging.labels import AB, read_share
from rlaif.judging.protocols import Asking
from rlaif.microworld.attributes import ATTRIBUTES
from rlaif.microworld.bench import Bench, BenchComparison, own_samples, pairs_of, questions_of, rule_maker
from rlaif.microworld.sentences import Form
from rlaif.records import (
    Completion,
    Engine,
    GenerateRequest,
    Generation,
    Judgment,
    Message,
    Principle,
    Prompt,
    Score,
    ScoreRequest,
    State,
)

COMPOSED: tuple[Form, ...] = ("negative", "both", "but-not", "if", "if-not")
FURTHER = 4
"""Times the equal number of samples, in a further row."""
SEED = 0


@dataclass(frozen=True)
class Row:
    """One way of asking, on one set of questions."""

    questions: str
    way: str
    count: int
    read: float
    """Share of the questions that could be read in both orders."""
    accuracy: float | None
    """Of those read, label probabilities of one half being wrong."""
    calibration_error: float | None
    brier: float | None
    calls: int
    tokens: int
    """Sent and written."""
    written: int
    calls_a_second: float


class Counted(BaseEngine):
    """An engine that counts what it is asked."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name, self.fingerprint = engine.name, engine.fingerprint
        self.calls = self.sent = self.written = 0

    def marks_thoughts(self) -> bool:
        return capabilities_of(self.engine).marks_thoughts()

    def reads(self, text: str) -> bool:
        return capabilities_of(self.engine).reads(text)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in self.engine.generate(requests):
            yield self._count(each)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in self.engine.score(requests):
            yield self._count(each)

    def _count(self, reply: Any) -> Any:
        self.calls += 1
        self.sent += reply.usage.prompt_tokens
        self.written += reply.usage.completion_tokens
        return reply


def material(bench: Bench, prompts: int, count: int) -> dict[str, list[BenchComparison]]:
    """The three sets of questions, `count` in each at most, drawn from those about all attributes."""
    scenes, answers = own_samples(bench, prompts)
    rng = bench.rng("think")
    sets: dict[str, list[BenchComparison]] = {"plain": [], "sums": [], "composed": []}
    for each in ATTRIBUTES:
        found = pairs_of(scenes, answers, each.id, count, rng)
        if each.id == "right-sum":
            for form in ("positive", "negative"):
                sets["sums"] += questions_of(found, each.id, rng, rule_maker(each.id, form, False, rng))
            continue
        few = found[: max(2, count // 8)]
        sets["plain"] += questions_of(few, each.id, rng, rule_maker(each.id, "positive", False, rng))
        for form in COMPOSED:
            sets["composed"] += questions_of(few[:2], each.id, rng, rule_maker(each.id, form, False, rng))
    return {name: rng.sample(found, min(count, len(found))) for name, found in sets.items()}


def asked(judge: ModelJudge, template: str, questions: Sequence[BenchComparison]) -> Iterator[Asked]:
    """Both orders of each question."""
    for number, each in enumerate(questions):
        prompt = Prompt(messages=(Message(role="user", content=each.scene.text),))
        one, other = (_said(prompt, text) for text in (each.first, each.second))
        rule = Principle(id=str(number), text=each.rule)
        for pair in ([one, other], [other, one]):
            yield judge.asked(template, prompt, pair, rule)


def _said(prompt: Prompt, text: str) -> Completion:
    return Completion(prompt_id=prompt.id, text=text, policy="")


def at_once(judge: ModelJudge, questions: Sequence[BenchComparison]) -> list[Judgment]:
    """The label behind nothing, or behind a thought, as the judge's options say."""
    read = partial(read_share, AB, "A", State.PREFERENCE)
    return judge.labelled("compare", asked(judge, judge.before_label("compare"), questions), AB, read)


def voted(samples: int, judge: ModelJudge, questions: Sequence[BenchComparison]) -> list[Judgment]:
    """Verdicts behind reasoning."""
    how = Asking(seed=SEED, samples=samples, again=0).writing(options=judge.options)
    return judge.voted("compare-cot", asked(judge, "compare-cot", questions), read_verdict, how)


def measured(
    name: str,
    way: str,
    ask: Callable[[ModelJudge, Sequence[BenchComparison]], list[Judgment]],
    judge: ModelJudge,
    questions: Sequence[BenchComparison],
) -> Row:
    """Ask all questions one way."""
    counted = Counted(judge.engine)
    start = time.perf_counter()
    said = ask(judge.with_engine(counted), questions)
    took = time.perf_counter() - start
    forecasts = []
    for each, there, back in zip(questions, said[::2], said[1::2], strict=True):
        if there.value is not None and back.value is not None:
            p = (there.value + 1 - back.value) / 2
            forecasts.append(Forecast(p if each.first_better else 1 - p, 1.0))
    right = [each.p > 0.5 for each in forecasts]
    # told of either side, so that a label is held against both truths
    both = [*forecasts, *(Forecast(1 - each.p, 0.0) for each in forecasts)]
    return Row(
        questions=name,
        way=way,
        count=len(questions),
        read=len(forecasts) / len(questions),
        accuracy=sum(right) / len(right) if right else None,
        calibration_error=calibration_error(both),
        brier=brier(both),
        calls=counted.calls,
        tokens=counted.sent + counted.written,
        written=counted.written,
        calls_a_second=counted.calls / took,
    )


def rows(engine: Engine, prompts: int, count: int, options: JudgeOptions) -> Iterator[Row]:
    """All ways on all sets."""
    thinker, plain = (ModelJudge(engine, options=replace(options, think=think)) for think in (True, False))
    for name, questions in material(Bench(engine, SEED), prompts, count).items():
        yield measured(name, "compare", at_once, plain, questions)
        yield (think := measured(name, "think", at_once, thinker, questions))
        one = measured(name, "compare-cot", partial(voted, 1), plain, questions)
        equal = max(1, round(think.tokens / one.tokens))
        if equal > 1:
            one = measured(name, f"compare-cot x{equal}", partial(voted, equal), plain, questions)
        yield one
        yield measured(
            name, f"compare-cot x{FURTHER * equal}", partial(voted, FURTHER * equal), plain, questions
        )


HEAD = (
    f"{'questions':<10}{'way':<16}{'count':>6}{'read':>6}{'accuracy':>10}{'ECE':>7}{'Brier':>7}"
    f"{'tokens a question':>19}{'written':>9}{'calls/s':>9}"
)


def line(row: Row) -> str:
    """For people; tokens are those of one order of a question, all its samples together."""
    numbers = [row.accuracy, row.calibration_error, row.brier]
    shown = [" -" if number is None else f"{number:.3f}" for number in numbers]
    asked_of = 2 * row.count
    return (
        f"{row.questions:<10}{row.way:<16}{row.count:>6}{row.read:>6.2f}{shown[0]:>10}{shown[1]:>7}{shown[2]:>7}"
        f"{row.tokens / asked_of:>19.1f}{row.written / asked_of:>9.1f}{row.calls_a_second:>9.1f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", default="micro", help="a local model (default: micro)")
    parser.add_argument("--prompts", type=int, default=60, help="scenes that texts are drawn to")
    parser.add_argument("--count", type=int, default=80, help="questions a set, at most")
    parser.add_argument("--max-tokens", type=int, default=96, help="of a thought, and of a written verdict")
    parser.add_argument("--temperature", type=float, default=0.0, help="of the thought")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    engine = open_engine(args.judge)
    lengths = Lengths().judge(max_tokens=args.max_tokens)
    options = JudgeOptions(temperature=args.temperature, lengths=lengths, seed=SEED)
    found = rows(engine, args.prompts, args.count, options)
    if args.json:
        print(json.dumps({"rows": [asdict(each) for each in found]}))
        return
    print(HEAD)
    for each in found:
        print(line(each), flush=True)


if __name__ == "__main__":
    main()
