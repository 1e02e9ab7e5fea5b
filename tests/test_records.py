"""What makes two nouns the same noun, and what a judgment may not be."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.hashing import digest
from rlaif.records import (
    Completion,
    Judgment,
    Message,
    NoPair,
    Pair,
    Prompt,
    Sampling,
    State,
    ToolCall,
    completion_id,
    repeated_call,
    side_id,
)


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def said(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=text),)


PROMPT = Prompt(messages=user("Why?"))
COMPLETION = Completion(prompt_id=PROMPT.id, text="Because.", policy="b2:00")
PAIR = Pair(prompt=user("Why?"), chosen=said("Because."), rejected=said("No."), label_prob=0.9)


def test_ids_are_pinned() -> None:
    # stores, pairs files and review decisions join by these
    assert PROMPT.id == "b2:cf245b2c39a5b61e029d65d257e1e1bc"
    assert COMPLETION.id == "b2:a86c4fde55dddebe6cc5efc3741baa66"
    assert PAIR.id == "b2:11bf7769063dc96b29cee4e212bf3968"


def test_a_prompt_is_its_turns() -> None:
    assert replace(PROMPT, tags=("x",), gold="micro", meta={"n": 1}).id == PROMPT.id
    assert replace(PROMPT, messages=(*user("Hi"), *user("Why?"))).id != PROMPT.id
    assert replace(PROMPT, messages=said("Why?")).id != PROMPT.id


def test_a_completion_is_its_prompt_and_text() -> None:
    assert replace(COMPLETION, draw=3, policy="b2:01", finish="length").id == COMPLETION.id
    assert replace(COMPLETION, text="Because").id != COMPLETION.id
    assert replace(COMPLETION, prompt_id="b2:02").id != COMPLETION.id


def test_a_pair_is_its_texts_whoever_won() -> None:
    swapped = replace(PAIR, chosen=PAIR.rejected, rejected=PAIR.chosen, label_prob=0.1, round=2)
    assert swapped.id == PAIR.id
    assert replace(PAIR, rejected=said("No")).id != PAIR.id
    assert replace(PAIR, prompt=user("Why")).id != PAIR.id


FULL = dict(
    score_gap=-1.0,
    chosen_score=1.0,
    rejected_score=2.0,
    principles=({"id": "kind", "p": 0.25}, {"id": "brief", "p": None}),
    provenance={"policy": ["a", "b"], "seed": 1},
    critique="Of No.",
    revision_of="b2:03",
)


def test_a_label_below_one_half_is_the_same_said_of_the_other_side() -> None:
    one = replace(PAIR, label_prob=0.2, **FULL)
    assert (one.chosen, one.rejected, one.label_prob) == (PAIR.rejected, PAIR.chosen, 0.8)
    assert (one.score_gap, one.chosen_score, one.rejected_score) == (1.0, 2.0, 1.0)
    assert one.principles == ({"id": "kind", "p": 0.75}, {"id": "brief", "p": None})
    assert one.provenance == {"policy": ["b", "a"], "seed": 1}
    assert (one.critique, one.revision_of) == (None, None)
    assert one.id == PAIR.id


def test_a_swapped_pair_is_as_sure_of_the_other_side() -> None:
    one = replace(PAIR, **FULL)
    other = one.swapped()
    assert (other.chosen, other.rejected, other.label_prob) == (one.rejected, one.chosen, one.label_prob)
    assert (other.score_gap, other.chosen_score, other.rejected_score) == (1.0, 2.0, 1.0)
    assert [each["p"] for each in other.principles] == [0.75, None]
    assert other.provenance["policy"] == ["b", "a"]
    assert (other.critique, other.revision_of, other.id) == (None, None, one.id)
    assert other.swapped() == replace(one, critique=None, revision_of=None)


PROBABILITY = st.integers(0, 1000).map(lambda each: each / 1000)
SCORE = st.none() | st.floats(-9, 9, allow_nan=False)
PRINCIPLE = st.fixed_dictionaries({"id": st.sampled_from(["kind", "brief"]), "p": st.none() | PROBABILITY})
PAIRS = st.builds(
    Pair,
    prompt=st.text(min_size=1).map(user),
    chosen=st.text().map(said),
    rejected=st.text().map(said),
    label_prob=PROBABILITY,
    score_gap=SCORE,
    chosen_score=SCORE,
    rejected_score=SCORE,
    principles=st.lists(PRINCIPLE, max_size=3).map(tuple),
    order_consistent=st.booleans(),
    round=st.integers(0, 9),
    provenance=st.fixed_dictionaries({"policy": st.lists(st.text(), max_size=3), "seed": st.integers()}),
)


@given(PAIRS)
def test_swapped_twice_is_the_same(pair: Pair) -> None:
    assert pair.swapped().swapped() == pair


@given(PAIRS)
def test_all_that_is_said_of_a_side_goes_with_it(pair: Pair) -> None:
    other = pair.swapped()
    assert (other.chosen, other.rejected) == (pair.rejected, pair.chosen)
    assert (other.chosen_score, other.rejected_score) == (pair.rejected_score, pair.chosen_score)
    assert other.completion_ids == pair.completion_ids[::-1]
    assert (other.score_gap or 0) == -(pair.score_gap or 0)
    for one, two in zip(pair.principles, other.principles, strict=True):
        assert (one["p"] is None and two["p"] is None) or one["p"] + two["p"] == pytest.approx(1)
    models = pair.provenance["policy"]
    assert other.provenance == {**pair.provenance, "policy": models[::-1] if len(models) == 2 else models}
    assert (other.id, other.prompt, other.label_prob) == (pair.id, pair.prompt, pair.label_prob)


def test_a_pair_names_its_completions_as_they_name_themselves() -> None:
    other = Completion(prompt_id=PROMPT.id, text="No.", policy="b2:01")
    assert PAIR.completion_ids == (COMPLETION.id, other.id)
    assert completion_id(PROMPT.id, "No.") == other.id


def test_a_swap_forgets_no_field_of_a_side() -> None:
    # a new field must be said to be of a side, or of the pair
    kept = {"prompt", "tools", "label_prob", "weight", "order_consistent", "round"}
    assert {each.name for each in fields(Pair)} - kept == set(PAIR._exchanged())


@pytest.mark.parametrize("label", [-0.1, 1.1, float("nan")])
def test_a_label_is_a_probability(label: float) -> None:
    with pytest.raises(ValueError, match="label_prob"):
        replace(PAIR, label_prob=label)


CARRIES = {State.PREFERENCE, State.SCORE}


@pytest.mark.parametrize("state", list(State))
def test_a_number_belongs_to_exactly_the_states_that_carry_one(state: State) -> None:
    def judgment(value: float | None) -> Judgment:
        return Judgment(
            protocol="compare",
            judge="b2:00",
            prompt_id=PROMPT.id,
            completion_ids=("b2:01", "b2:02"),
            principle_id="kind",
            state=state,
            value=value,
        )

    assert judgment(0.5 if state in CARRIES else None).state == state
    with pytest.raises(ValueError, match="a judgment in state"):
        judgment(None if state in CARRIES else 0.5)


def test_every_failure_of_a_judgment_is_a_reason_for_no_pair() -> None:
    assert {str(each) for each in State} - {str(each) for each in CARRIES} <= {str(each) for each in NoPair}


def test_nouns_do_not_change() -> None:
    for noun in (PROMPT, COMPLETION, PAIR):
        with pytest.raises(FrozenInstanceError):
            setattr(noun, fields(noun)[0].name, None)


ASK = Message(role="user", content="What is 2 + 2?")
CALL = ToolCall(name="add", arguments='{"a": 2, "b": 2}', id="c1")
SIDE = (
    Message(role="assistant", content="", tool_calls=(CALL,)),
    Message(role="tool", content="4", tool_call_id="c1", name="add"),
    Message(role="assistant", content="It is 4."),
)
OTHER = (Message(role="assistant", content="It is 4."),)


def test_a_pair_of_single_plain_turns_keeps_its_id() -> None:
    pair = Pair(prompt=(ASK,), chosen=OTHER, rejected=(replace(OTHER[0], content="5"),), label_prob=0.9)
    assert pair.id == digest("pair", [["user", "What is 2 + 2?"]], ["5", "It is 4."])


def test_two_dialogues_that_end_alike_are_two() -> None:
    one = Pair(prompt=(ASK,), chosen=SIDE, rejected=OTHER, label_prob=0.9)
    two = Pair(
        prompt=(ASK,),
        chosen=(SIDE[0], replace(SIDE[1], content="5"), SIDE[2]),
        rejected=OTHER,
        label_prob=0.9,
    )
    assert one.id != two.id
    assert one.id == one.swapped().id
    assert one.completion_ids[0] != two.completion_ids[0]


@pytest.mark.parametrize(
    "change",
    [{"thought": "Hm."}, {"tool_calls": (CALL,)}, {"name": "Ann"}, {"tool_call_id": "c2"}],
    ids=lambda each: next(iter(each)),
)
def test_what_a_model_sees_of_a_turn_is_part_of_the_prompts_id(change: dict[str, object]) -> None:
    plain = Prompt(messages=(ASK,))
    assert Prompt(messages=(replace(ASK, **change),)).id != plain.id  # type: ignore[arg-type]
    assert Prompt(messages=(replace(ASK, extra={"at": 3}),)).id == plain.id


def test_tools_are_part_of_a_prompts_id() -> None:
    tool = {"type": "function", "function": {"name": "add"}}
    assert Prompt(messages=(ASK,), tools=(tool,)).id != Prompt(messages=(ASK,)).id


def test_a_completion_has_the_id_of_its_side() -> None:
    prompt = Prompt(messages=(ASK,))
    plain = Completion(prompt_id=prompt.id, text="4", policy="p")
    thinks = replace(plain, thought="2 and 2")
    last = replace(plain, text="It is 4.", lead=SIDE[:2])
    assert plain.id == completion_id(prompt.id, "4") == side_id(prompt.id, plain.turns)
    assert len({plain.id, thinks.id, last.id}) == 3
    pair = Pair(prompt=(ASK,), chosen=last.turns, rejected=thinks.turns, label_prob=0.9)
    assert pair.completion_ids == (last.id, thinks.id)


def test_sampling_says_a_budget_for_thoughts_only_where_there_is_one() -> None:
    assert "max_thought_tokens" not in Sampling().identity
    assert Sampling(max_thought_tokens=8).identity["max_thought_tokens"] == 8


def test_two_calls_of_one_id_in_one_turn_are_told() -> None:
    other = replace(CALL, id="c2")
    none = replace(CALL, id=None)
    assert repeated_call((CALL, other, none, none)) is None
    assert repeated_call((CALL, other, CALL)) == "c1"
