"""The data gate: which rows it finds, which slopes it measures, and when it stops training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.errors import InputError, ThresholdError
from rlaif.records import ASKED_OF, Example, Message, Pair, Prompt, prompt_name
from rlaif.training.gate import (
    DEFECTS,
    LIMITS,
    MEANINGS,
    Gate,
    boilerplate,
    closer,
    find_defects,
    length_slope,
    pass_examples,
    pass_gate,
)


def turned(given: Pair) -> Pair:
    return replace(given, chosen=given.rejected, rejected=given.chosen)


def pair(asked: str = "How?", chosen: str = "So it is.", rejected: str = "No.", **more: Any) -> Pair:
    def said(text: str) -> tuple[Message, ...]:
        return (Message(role="assistant", content=text),)

    prompt = (Message(role="user", content=asked),)
    return Pair(prompt=prompt, chosen=said(chosen), rejected=said(rejected), **{"label_prob": 0.9, **more})


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


LONG = "Please tell me in a few words how I should bake a loaf of bread today"


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ([pair()], [None]),
        ([pair(chosen="No.")], ["same"]),
        ([pair(rejected=" \n")], ["empty"]),
        ([pair(), pair()], [None, "duplicate"]),
        ([pair(), pair(label_prob=0.7)], [None, "duplicate"]),
        ([pair(), pair(chosen="No.", rejected="So it is.")], ["contradiction", "contradiction"]),
        ([pair(), pair(label_prob=0.1)], ["contradiction", "contradiction"]),
        ([pair(), pair(asked="Why?")], [None, None]),
        ([pair(), pair(rejected="Never.")], [None, None]),
    ],
)
def test_a_row_has_the_first_defect_that_fits(pairs: list[Pair], wanted: list[str | None]) -> None:
    assert find_defects(pairs) == wanted


def test_a_cut_side_is_known_by_the_pairs_id() -> None:
    assert find_defects([pair(), pair("Why?")], cut={pair().id}) == ["truncated", None]


@pytest.mark.parametrize(
    ("held_out", "leaks"),
    [
        (LONG, True),
        (f"  {LONG.upper()}!", True),
        (f"Hello. {LONG} and what I need for it", True),
        ("How do I bake bread?", False),
        (" ".join(LONG.split()[:12]), False),  # twelve words in a row are shared by chance
    ],
)
def test_a_prompt_leaks_by_its_words(held_out: str, leaks: bool) -> None:
    found = find_defects([pair(LONG)], held_out=[prompt(held_out)])
    assert found == ["leaked" if leaks else None]


def test_filter_leaves_out_and_counts() -> None:
    pairs = [pair(), pair(), pair("Why?", chosen="No."), pair("When?")]
    kept, report = pass_gate(pairs, Gate())
    assert kept == [pairs[0], pairs[3]]
    assert report.left_out == {"same": 1, "duplicate": 1}
    assert (report.given, report.kept) == (4, 2)
    assert report.figures["duplicate"] == 0.25


def test_a_clean_set_passes_in_every_mode_whole_and_in_order() -> None:
    pairs = [pair(f"Q{n}?", *(("a", "bb") if n % 2 else ("bb", "a"))) for n in range(6)]
    for mode in ("filter", "refuse", "off"):
        kept, report = pass_gate(pairs, Gate(mode=mode))
        assert kept == pairs
        assert report.left_out == {}
        assert report.over == ()


def test_refuse_names_figure_limit_and_option() -> None:
    with pytest.raises(ThresholdError) as caught:
        pass_gate([pair(), pair(chosen="No.")], Gate(mode="refuse"))
    said = str(caught.value)
    assert "same: 0.5 of the pairs have two equal sides, limit 0" in said
    assert "--gate-limit same=0.51" in said
    assert "--gate filter" in said


def test_a_given_limit_stops_a_filter_too_and_a_higher_one_lets_a_refusal_through() -> None:
    pairs = [pair(), pair(chosen="No."), pair("Why?", chosen="N", rejected="Longer.")]
    with pytest.raises(ThresholdError, match=r"same: 0.33"):
        pass_gate(pairs, Gate(limits={"same": 0.1}))
    kept, report = pass_gate(pairs, Gate(mode="refuse", limits={"same": 0.4}))
    assert kept == pairs
    assert report.left_out == {}


def test_a_slope_over_its_usual_limit_is_said_where_it_does_not_stop() -> None:
    pairs = [pair(f"Q{n}?", chosen="a longer answer") for n in range(4)]
    _, report = pass_gate(pairs, Gate())
    told = "length: 1 of the chosen answers are the {} ones and 0 the {} ones; 1 is the difference, limit 0.5"
    assert report.over == (told.format("longer", "shorter"),)
    mirrored = [turned(each) for each in pairs]
    assert pass_gate(mirrored, Gate())[1].over == (told.format("shorter", "longer"),)
    with pytest.raises(ThresholdError, match=r"1 of the chosen answers are the shorter ones.*length=1$"):
        pass_gate(mirrored, Gate(limits={"length": 0.9}))
    with pytest.raises(ThresholdError, match="length: 1"):
        pass_gate(pairs, Gate(limits={"length": 0.9}))


def test_failures_of_the_judge_are_a_slope() -> None:
    with pytest.raises(ThresholdError, match=r"failures: 0.2 of the judgments failed, limit 0.05"):
        pass_gate([pair()], Gate(mode="refuse", limits={"length": 1.0}), failures=0.2)
    assert pass_gate([pair()], Gate(), failures=0.01)[1].figures["failures"] == 0.01


def test_nothing_left_is_a_threshold() -> None:
    with pytest.raises(ThresholdError, match=r"none of 2 pairs is left by the data gate \(2 same\)"):
        pass_gate([pair(chosen="No."), pair("Why?", chosen="No.")], Gate())


def test_a_pair_with_a_cut_side_says_nothing_of_length() -> None:
    pairs = [pair(chosen="ab", rejected="a"), pair(chosen="a", rejected="abc", truncated="rejected")]
    assert length_slope(pairs) == 1.0


def test_length_slope_by_hand() -> None:
    # two longer, one shorter, one equal: (2 - 1) / 4
    pairs = [pair(chosen="xxx", rejected="x"), pair(chosen="xx", rejected="x")]
    pairs += [pair(chosen="x", rejected="xx"), pair(chosen="x", rejected="y")]
    assert length_slope(pairs) == 0.25
    assert length_slope([]) == 0.0
    assert length_slope([turned(each) for each in pairs]) == -0.25


def test_the_shares_that_are_said_are_those_of_the_pairs() -> None:
    """Of 100 pairs 85 choose the shorter side: that is what is said, and not a correlation."""
    pairs = [pair(f"Q{n}?", chosen="a longer one" if n < 15 else "a", rejected="bb bb") for n in range(100)]
    (said,) = pass_gate(pairs, Gate())[1].over
    assert "0.85 of the chosen answers are the shorter ones and 0.15 the longer ones" in said
    assert "0.7 is the difference, limit 0.5" in said


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It is 5. I hope this helps!", "i hope this helps"),
        ("I hope this helps!", ""),
        ("", ""),
        ("It is 3.5 metres", ""),
        ("One. Two.\n\nLet me know.", "let me know"),
    ],
)
def test_a_closer_is_the_last_of_several_sentences(text: str, wanted: str) -> None:
    assert closer(text) == wanted


def test_boilerplate_counts_different_answers() -> None:
    closed = [pair(f"Q{n}?", chosen=f"Fact {n}. I hope this helps.") for n in range(3)]
    assert boilerplate([*closed, pair("Z?", chosen="Only this.")]) == 0.75
    assert boilerplate([closed[0], pair("Y?", chosen="Only this.")]) == 0.0


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"mode": "strict"}, "one of filter, refuse, off"),
        ({"limits": {"lenght": 0.1}}, "no such figure; known: same"),
        ({"limits": {"same": 2.0}}, "between 0 and 1"),
        ({"limits": {"same": float("nan")}}, "between 0 and 1"),
        ({"mode": "off", "limits": {"same": 0.1}}, "looks at nothing"),
    ],
)
def test_a_wrong_gate_is_refused(given_: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Gate(**given_)


def test_every_figure_has_a_limit_and_a_meaning() -> None:
    assert list(LIMITS) == list(MEANINGS)
    assert set(DEFECTS) <= set(LIMITS)


words = st.sampled_from(["", " ", "a", "b", "a b", "c d e"])
rows = st.lists(
    st.builds(pair, asked=st.sampled_from(["Q?", "R?"]), chosen=words, rejected=words),
    min_size=1,
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(rows)
def test_what_a_filter_lets_through_has_no_defect(pairs: list[Pair]) -> None:
    try:
        kept, report = pass_gate(pairs, Gate())
    except ThresholdError:
        assert None not in find_defects(pairs)
        return
    assert find_defects(kept) == [None] * len(kept)
    assert len(kept) + sum(report.left_out.values()) == len(pairs)
    assert pass_gate(kept, Gate())[0] == kept


def said(*texts: str) -> tuple[Message, ...]:
    roles: tuple[Any, ...] = ("assistant", "user")
    return tuple(Message(role=roles[place % 2], content=each) for place, each in enumerate(texts))


def test_a_pair_of_several_turns_is_joined_by_all_of_them() -> None:
    ends = ("And?", "Yes. I hope this helps.")
    alike = [replace(pair(f"Q{n}?"), chosen=said(f"First {n}.", *ends)) for n in range(3)]
    others = [pair(f"O{n}?", chosen=f"Other. Number {n}.") for n in range(3)]
    assert boilerplate([*alike, *others]) == 0.5
    called = replace(alike[0], chosen=(*alike[0].chosen[:1], *said(""), *said("Done. I hope this helps.")))
    assert boilerplate([alike[0], called]) == 1.0


def test_dialogues_that_end_alike_do_not_leak_each_other() -> None:
    last = Message(role="user", content="Go on.")
    tea, milk = ((*prompt(text).messages, *said("Well."), last) for text in ("About tea.", "About milk."))
    pairs = [replace(pair(), prompt=each) for each in (tea, milk)]
    assert find_defects(pairs, held_out=[Prompt(messages=milk)]) == [None, "leaked"]
    assert find_defects(pairs, held_out=[prompt("Go on!")]) == ["leaked", "leaked"]


def example(*texts: str, learned: int = 1, kind: str = "answer") -> Example:
    """Turns of user and assistant by turns."""
    roles = ("user", "assistant")
    turns = tuple(Message(role=roles[n % 2], content=text) for n, text in enumerate(texts))  # type: ignore[arg-type]
    return Example(messages=turns, learned=learned, kind=kind)


QUESTION = "Which response follows the rule better?\n\nPrompt:\n```\n{}\n```\nResponse A:\n```\nYes.\n```"


@pytest.mark.parametrize(
    ("learned", "leaks"),
    [
        (example("How do I bake bread?", "So."), True),
        (example("how do I BAKE bread", "So."), True),
        (example("Hello.", "Hi.", "How do I bake bread?", "So."), True),
        (example("How do I bake bread?", "So.", "And a cake?", "So too."), True),
        (
            example("Hello.", "Hi.", "How do I bake bread?", "So.", learned=3),
            True,
        ),  # a dialogue that is learned whole
        (example("<|good|>\nHow do I bake bread?", "So."), True),  # a condition stands before it
        (
            example(QUESTION.format("How do I bake bread?"), "A", kind="judge"),
            True,
        ),  # a judge's question quotes it
        (example(f"I ask you: {LONG}", "So."), True),
        (example("How do I bake a cake?", "So."), False),
        (example("What do people ask?", "How do I bake bread?"), False),  # it is written, not asked
        (example("Do you know how do I bake bread?", "So."), False),
    ],
)
def test_an_example_leaks_where_a_user_asks_a_held_out_prompt(learned: Example, leaks: bool) -> None:
    held_out = [prompt("How do I bake bread?"), prompt(LONG)]
    fine = example("Why?", "So.")
    kept, report = pass_examples([fine, learned], Gate(), held_out=held_out)
    assert kept == [fine, *([] if leaks else [learned])]
    assert report.left_out == ({"leaked": 1} if leaks else {})
    assert (report.rows, report.given, report.kept) == ("examples", 2, len(kept))
    assert report.figures == {"leaked": 0.5 if leaks else 0.0}


def test_without_held_out_prompts_every_example_passes() -> None:
    given = [example("Why?", "So."), example("", "So."), example("Why?", "So.")]
    assert pass_examples(given, Gate())[0] == given


def test_examples_that_leak_stop_a_refusal_or_are_let_through_by_a_limit() -> None:
    given, held_out = [example("Why?", "So."), example("How?", "So.")], [prompt("Why?")]
    said = r"stops training on these 2 examples: in 0\.5 .* limit 0.*--gate-limit leaked=0\.51"
    with pytest.raises(ThresholdError, match=said):
        pass_examples(given, Gate(mode="refuse"), held_out=held_out)
    kept, report = pass_examples(given, Gate(mode="refuse", limits={"leaked": 0.5}), held_out=held_out)
    assert kept == given
    assert report.left_out == {}
    with pytest.raises(ThresholdError, match=r"limit 0\.4"):
        pass_examples(given, Gate(limits={"leaked": 0.4}), held_out=held_out)
    assert pass_examples(given, Gate(mode="off"), held_out=held_out)[0] == given
    with pytest.raises(ThresholdError, match="none of 1 examples is left"):
        pass_examples(given[:1], Gate(), held_out=held_out)
    with pytest.raises(InputError, match="--gate-limit length: is about pairs, and these are examples"):
        pass_examples(given, Gate(limits={"length": 0.5}))


def test_a_judges_pair_leaks_by_the_prompt_that_it_was_asked_about() -> None:
    asked = prompt_name(prompt("How do I bake bread?").messages)
    question = pair("Is it brief?", "yes", "no", provenance={ASKED_OF: asked})
    other = pair("Is it brief?", "yes", "no", provenance={ASKED_OF: prompt_name(prompt("Why?").messages)})
    assert find_defects([question], [prompt("How do I bake bread?")]) == ["leaked"]
    assert find_defects([other], [prompt("How do I bake bread?")]) == [None]
