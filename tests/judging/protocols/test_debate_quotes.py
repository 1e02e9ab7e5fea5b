"""`debate-quotes`: what is quoted, what the judge sees, and that nothing is decided where nothing can be quoted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rlaif.judging import ModelJudge
from rlaif.judging.protocols import Asking, pairwise
from rlaif.judging.protocols.debate_quotes import Quoted, passages, quoted
from rlaif.records import Judgment, State
from tests.judging.builders import RuleEngine, completion, principle, prompt

GREET = principle("greet")
POLITE, RUDE = completion("It is 5. Hello. Bye."), completion("You fool. It is 5. Well.")


def oracle(text: str, _: tuple[str, ...]) -> Mapping[str, float]:
    """Greeting is good, an insult is bad."""

    def worth(part: str) -> float:
        return 0.5 + 0.4 * ("Hello" in part) - 0.4 * ("fool" in part)

    p = worth(text.split("Response:")[1])
    return {"yes": p, "no": 1 - p}


def debated(engine: RuleEngine) -> list[Judgment]:
    return pairwise("debate-quotes").ask(ModelJudge(engine), [(prompt(), POLITE, RUDE)], [GREET], Asking())


def test_an_advocate_quotes_the_best_of_its_own_answer_and_the_worst_of_the_other() -> None:
    assert quoted({"It is 5.": 0.5, "Hello.": 0.9, "Bye.": 0.4}) == Quoted("Hello.", "Bye.")


def test_quotes_are_pieces_of_the_text() -> None:
    text = "One. Two! Three?\nFour"
    assert passages(text) == ["One.", "Two!", "Three?", "Four"]
    assert passages(text, 2) == ["One. Two!", "Three? Four"]
    assert passages("") == [""]


def test_what_is_said_of_the_quotes_alone_decides_in_both_orders() -> None:
    engine = RuleEngine(oracle)
    found = debated(engine)
    assert not any("Response A:" in each for each in engine.asked)
    # .9 (Hello.) and .5 of the one, .5 and .1 (You fool.) of the other: the rest of the texts has no say
    p = 0.5 + ((0.9 + 0.5) - (0.5 + 0.1)) / 4
    assert [(each.completion_ids, each.value) for each in found] == [
        ((POLITE.id, RUDE.id), pytest.approx(p)),
        ((RUDE.id, POLITE.id), pytest.approx(1 - p)),
    ]
    assert {(each.protocol, each.state) for each in found} == {("debate-quotes", State.PREFERENCE)}


def test_equal_quotes_are_a_tie() -> None:
    found = pairwise("debate-quotes").ask(
        ModelJudge(RuleEngine(oracle)), [(prompt(), POLITE, completion("Hello. Well."))], [GREET], Asking()
    )
    assert [each.value for each in found] == [0.5, 0.5]


def test_where_no_passage_can_be_judged_nothing_is_decided() -> None:
    found = debated(RuleEngine(lambda *_: {"yes": 0.1, "no": 0.1}))
    assert [each.state for each in found] == [State.UNREADABLE, State.UNREADABLE]
    assert [each.value for each in found] == [None, None]
