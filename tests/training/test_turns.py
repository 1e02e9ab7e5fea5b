"""A turn is learned where it was written: behind the template's own context, as what it says and no more."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from rlaif.engines.chat_template import Chat
from rlaif.records import Conversation, Example, Message, Pair, ToolCall
from rlaif.training.refused import REMEDIES, Refused
from rlaif.training.sampled import Sampled
from rlaif.training.spans import Spans, answer_id
from rlaif.training.tokens import TokenPair
from rlaif.training.trees import example_tree, pair_tree, whole_tree
from tests.engines.makes import chat_of, make_of

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "now",
            "description": "the time",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    },
)
CALL = ToolCall(name="now", arguments='{"place": "Rome"}', id="call00001")
RESULT = Message(role="tool", content="noon", tool_call_id="call00001", name="now")
THINKING = {"qwen3": {"enable_thinking": True}, "gemma4": {"enable_thinking": True}}
"""How transformers is told to let a template think."""
WRITES = ("qwen3", "gpt-oss", "mistral", "gemma4")
"""Makes whose template writes the thought of the last turn."""


def user(text: str) -> Message:
    return Message(role="user", content=text)


def said(text: str, thought: str = "", *calls: ToolCall) -> Message:
    return Message(role="assistant", content=text, thought=thought, tool_calls=calls)


def pair(chosen: tuple[Message, ...], rejected: tuple[Message, ...], **fields: Any) -> Pair:
    return Pair(prompt=(user("why so"),), chosen=chosen, rejected=rejected, label_prob=0.9, **fields)


def spans_of(chat: Chat, **fields: Any) -> Spans:
    eos = chat.tokenizer.eos_token_id
    call = chat.tokenizer.get_vocab().get("<|call|>", eos)
    return Spans(chat, chat.end_token([eos]), 5000, ends=chat.end_ids([eos, call]), **fields)


def one_of(chat: Chat, one: Pair, **fields: Any) -> TokenPair:
    kept, refused = spans_of(chat, **fields).pairs([one])
    assert not refused
    return kept[0]


def reason(chat: Chat, one: Pair, **fields: Any) -> str:
    kept, refused = spans_of(chat, **fields).pairs([one])
    assert not kept
    ((name, _),) = refused.items()
    assert REMEDIES[Refused(name)]
    return name


def shown(chat: Chat, made: TokenPair, side: int) -> list[list[tuple[str, bool]]]:
    """For each part of a side its texts, the prompt in front, and whether they are learned."""
    tree = pair_tree(made)
    masks = tree.learned or ((),) * len(tree.branches)
    answers = tree.answers or range(len(tree.branches))
    found = []
    for answer, branch, mask in zip(answers, tree.branches, masks, strict=True):
        ids = [
            *((token, False) for token in tree.prefix),
            *zip(branch, mask or (True,) * len(branch), strict=True),
        ]
        runs = groupby(ids, key=lambda each: each[1])
        if answer == side:
            found.append([(chat.decode([token for token, _ in run]), learned) for learned, run in runs])
    return found


def rendered(name: str, turns: list[Message], *, prompt: bool, tools: Any = None) -> str:
    """What transformers makes of turns with the template of a make."""
    rows = []
    for each in turns:
        row: dict[str, Any] = {"role": each.role, "content": each.content}
        if each.thought and name == "mistral":
            text = [{"type": "text", "text": each.content}] if each.content else []
            row["content"] = [{"type": "thinking", "thinking": each.thought}, *text]
        elif each.thought:
            row |= dict.fromkeys(("reasoning_content", "thinking", "reasoning"), each.thought)
        if each.tool_calls:
            row["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": {"place": "Rome"}},
                }
                for call in each.tool_calls
            ]
        rows.append(row)
    text: str = make_of(name).apply_chat_template(
        rows, tokenize=False, add_generation_prompt=prompt, tools=tools, **THINKING.get(name, {})
    )
    return text


@pytest.mark.parametrize("name", WRITES)
def test_a_thought_and_its_answer_are_what_the_template_writes_behind_its_prompt(name: str) -> None:
    chat = chat_of(name)
    made = one_of(chat, pair((said("so it is", "let me see"),), (said("no", "never"),)))
    asked = [user("why so")]
    ((head, body),) = shown(chat, made, 0)
    assert head == (rendered(name, asked, prompt=True), False)
    assert body[1]
    whole = rendered(name, [*asked, said("so it is", "let me see")], prompt=False)
    assert whole.rstrip("\n") == head[0] + body[0]
    assert made.thoughts[0] > len(["let", "me", "see"])


def test_a_template_that_takes_all_thoughts_away_learns_them_between_the_marks_that_its_prompt_begins() -> (
    None
):
    chat = chat_of("deepseek-r1")
    made = one_of(chat, pair((said("so it is", "let me see"),), (said("no"),)))
    begun = rendered("deepseek-r1", [user("why so")], prompt=True)
    assert begun.endswith("<｜Assistant｜><think>\n")
    assert shown(chat, made, 0) == [
        [(begun, False), ("let me see\n</think>\n\nso it is<｜end▁of▁sentence｜>", True)]
    ]
    # without a thought the begun one is closed, and that is nothing to learn
    assert shown(chat, made, 1) == [[(begun + "\n</think>\n\n", False), ("no<｜end▁of▁sentence｜>", True)]]


@pytest.mark.parametrize(
    ("name", "hidden", "learned"),
    [
        ("qwen3", "<think>\nlet me see\n</think>\n\n", "so it is<|im_end|>"),
        ("deepseek-r1", "let me see\n</think>\n\n", "so it is<｜end▁of▁sentence｜>"),
        (
            "gpt-oss",
            "<|channel|>analysis<|message|>let me see<|end|><|start|>assistant<|channel|>final<|message|>",
            "so it is<|return|>",
        ),
        ("mistral", "[THINK]let me see[/THINK]", "so it is</s>"),
    ],
)
def test_train_on_answer_reads_the_thought_and_learns_the_answer(
    name: str, hidden: str, learned: str
) -> None:
    chat = chat_of(name)
    made = one_of(chat, pair((said("so it is", "let me see"),), (said("no", "hm"),)), train_on="answer")
    prompt = rendered(name, [user("why so")], prompt=True)
    assert shown(chat, made, 0) == [[(prompt + hidden, False), (learned, True)]]


@pytest.mark.parametrize("train_on", ["all", "answer"])
def test_an_empty_thought_is_never_learned(train_on: str) -> None:
    chat = chat_of("qwen3")
    made = one_of(chat, pair((said("so it is", "let me see"),), (said("no"),)), train_on=train_on)
    assert shown(chat, made, 1) == [
        [
            (rendered("qwen3", [user("why so")], prompt=True) + "<think>\n\n</think>\n\n", False),
            ("no<|im_end|>", True),
        ]
    ]
    assert made.thoughts[1] == 0


@pytest.mark.parametrize("name", ["qwen3", "deepseek-r1", "gpt-oss", "mistral", "gemma4"])
def test_each_turn_of_a_side_is_learned_in_the_context_that_the_template_gives_it(name: str) -> None:
    chat = chat_of(name)
    turns = [
        user("why so"),
        said("so it is", "let me see"),
        user("and then"),
        said("it ends", "well"),
        user("ok"),
    ]
    last = said("bye", "polite")
    made = one_of(chat, pair((*turns[1:], last), (said("no", "never"),)))
    learned = {context: text for part in shown(chat, made, 0) for context, text in _learned_runs(part)}
    expected = {
        rendered(name, turns[:1], prompt=True): ("let me see", "so it is"),
        rendered(name, turns[:3], prompt=True): ("well", "it ends"),
        rendered(name, turns, prompt=True): ("polite", "bye"),
    }
    assert learned.keys() == expected.keys()
    for context, (thought, answer) in expected.items():
        assert thought in learned[context]
        assert answer in learned[context]
        assert not any(other in learned[context] for other in ("why", "and then", "ok"))


def _learned_runs(part: list[tuple[str, bool]]) -> list[tuple[str, str]]:
    """Each text that is learned with all that stands before it."""
    return [
        ("".join(text for text, _ in part[:place]), text)
        for place, (text, learned) in enumerate(part)
        if learned
    ]


@pytest.mark.parametrize(("name", "parts"), [("qwen3", 1), ("gpt-oss", 1), ("mistral", 1), ("gemma4", 2)])
def test_calls_are_learned_as_the_template_writes_them_and_results_are_read(name: str, parts: int) -> None:
    chat = chat_of(name)
    side = (said("", "I ask", CALL), RESULT, said("it is noon", "good"))
    made = one_of(chat, pair(side, (said("no"),), tools=TOOLS))
    found = shown(chat, made, 0)
    assert len(found) == parts
    runs = [run for part in found for run in _learned_runs(part)]
    tools = [dict(each) for each in TOOLS]
    assert [context for context, _ in runs] == [
        rendered(name, [user("why so")], prompt=True, tools=tools),
        rendered(name, [user("why so"), *side[:2]], prompt=True, tools=tools),
    ]
    call, answer = (text for _, text in runs)
    assert "I ask" in call
    assert "now" in call
    assert "Rome" in call
    assert "noon" not in call
    assert "good" in answer
    assert "it is noon" in answer


def test_a_call_ends_with_the_token_that_ends_calls() -> None:
    chat = chat_of("gpt-oss")
    made = one_of(chat, pair((said("", "I ask", CALL),), (said("no"),), tools=TOOLS))
    assert chat.decode(made.chosen[-1:]) == "<|call|>"
    assert chat.decode(made.rejected[-1:]) == "<|return|>"


def test_what_the_model_writes_before_a_plain_answer_is_learned_with_it() -> None:
    chat = chat_of("gpt-oss")
    made = one_of(chat, pair((said("so"),), (said("no"),)))
    assert chat.decode(made.chosen) == "<|channel|>final<|message|>so<|return|>"
    assert made.chosen_parts == ()


def test_a_pair_without_thoughts_is_met_with_thinking_off_and_is_its_text() -> None:
    chat = chat_of("qwen3")
    made = one_of(chat, pair((said("so"),), (said("no"),)))
    assert chat.decode(made.prompt).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert chat.decode(made.chosen) == "so<|im_end|>"
    assert (made.chosen_parts, made.rejected_parts, made.thoughts) == ((), (), (0, 0))


def test_masks_of_a_template_that_keeps_all_are_those_that_transformers_finds() -> None:
    tokenizer = make_of("qwen3")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
        "{% if m.role == 'assistant' %}{% generation %}"
        "{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' + m.content + '<|im_end|>' }}{% endgeneration %}"
        "{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    chat = Chat(tokenizer)
    turns = [user("why so"), said("so it is", "let me see"), user("and then"), said("it ends", "well")]
    rows = [
        {"role": each.role, "content": each.content}
        | ({"reasoning_content": each.thought} if each.thought else {})
        for each in turns
    ]
    theirs = tokenizer.apply_chat_template(
        rows, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    made = one_of(chat, pair(tuple(turns[1:]), (said("no", "hm"),)))
    tree = pair_tree(made)
    assert tree.answers == ()
    ours = [*tree.prefix, *tree.branches[0]]
    mask = [0] * len(tree.prefix) + [int(each) for each in tree.learned[0]]
    # behind the last end token the template writes a line feed, which no model writes
    assert ours == theirs["input_ids"][: len(ours)]
    assert mask == theirs["assistant_masks"][: len(ours)]
    assert tokenizer.decode(theirs["input_ids"][len(ours) :]) == "\n"


def known(one: Pair, ids: tuple[int, ...] | None, *, cut: bool = False) -> dict[str, Sampled]:
    return {answer_id(one.prompt, one.chosen, one.tools): Sampled(ids, cut)}


def ids_of(chat: Chat, text: str) -> tuple[int, ...]:
    return tuple(chat.tokenizer(text, add_special_tokens=False)["input_ids"])


def letters(chat: Chat, text: str) -> tuple[int, ...]:
    """Other ids of a text than a tokenizer gives, as a model may write it."""
    return tuple(token for letter in text for token in ids_of(chat, letter))


@pytest.mark.parametrize("name", ["qwen3", "deepseek-r1"])
def test_sampled_ids_are_learned_as_they_were_sampled(name: str) -> None:
    chat = chat_of(name)
    one = pair((said("so it is", "let me see"),), (said("no", "hm"),))
    begun = name == "deepseek-r1"
    start = () if begun else ids_of(chat, "<think>\n\n\n")
    drawn = (*start, *letters(chat, "let me see"), *ids_of(chat, "\n</think>\n"), *letters(chat, "so it is"))
    made = one_of(chat, one, sampled=known(one, drawn))
    assert made.chosen == (*drawn, chat.tokenizer.eos_token_id)
    assert made.sampled == 1
    masked = one_of(chat, one, sampled=known(one, drawn), train_on="answer")
    learned = tuple(
        token for token, one in zip(masked.chosen, masked.chosen_parts[0].learned, strict=True) if one
    )
    assert learned == (*letters(chat, "so it is"), chat.tokenizer.eos_token_id)


@pytest.mark.parametrize("answer", ["e", "answer", ">", "so it is"])
def test_an_answer_is_learned_whole_where_what_closes_it_holds_its_letters(answer: str) -> None:
    tokenizer = make_of("qwen3")
    tokenizer.chat_template = tokenizer.chat_template + "{# <answer> </answer> #}"
    chat = Chat(tokenizer, {"enable_thinking": True})
    one = pair((said(answer, "let me see"),), (said("no", "hm"),))
    drawn = letters(chat, f"<think>\nlet me see\n</think>\n<answer>\n{answer}\n</answer>")
    made = one_of(chat, one, sampled=known(one, drawn), train_on="answer")
    assert made.sampled == 1
    assert shown(chat, made, 0)[0][-1] == (f"{answer}\n</answer><|im_end|>", True)


def test_sampled_ids_that_say_another_thought_are_refused() -> None:
    chat = chat_of("qwen3")
    one = pair((said("so it is", "let me see"),), (said("no", "hm"),))
    drawn = ids_of(chat, "<think>\nlet me be\n</think>\n\nso it is")
    assert reason(chat, one, sampled=known(one, drawn)) == Refused.ROUND_TRIP


def test_sampled_ids_that_a_stop_string_cut_are_not_taken() -> None:
    chat = chat_of("qwen3")
    one = pair((said("so it is", "let me see"),), (said("no", "hm"),))
    drawn = ids_of(chat, "<think>\nlet me see\n</think>\n\nso it is\n\nHuman: more")
    made = one_of(chat, one, sampled=known(one, drawn))
    assert made.sampled == 0
    assert made.chosen == one_of(chat, one).chosen


def test_a_thought_that_never_ended_is_dropped_or_learned_without_an_end() -> None:
    chat = chat_of("qwen3")
    one = pair((said("", "let me see and"),), (said("no", "hm"),))
    drawn = ids_of(chat, "<think>\nlet me see and")
    cut = known(one, drawn, cut=True)
    assert reason(chat, one, sampled=cut) == Refused.TRUNCATED
    made = one_of(chat, one, sampled=cut, truncation="mask")
    assert made.chosen == drawn
    assert made.cut
    text = one_of(chat, one, sampled=known(one, None, cut=True), truncation="mask")
    assert chat.decode(text.chosen) == "<think>\nlet me see and"
    # of the answer there is nothing to learn
    assert reason(chat, one, sampled=cut, truncation="mask", train_on="answer") == Refused.EMPTY
    assert reason(chat, one) == Refused.EMPTY


def test_an_answer_that_was_cut_behind_its_thought_has_no_end_token() -> None:
    chat = chat_of("qwen3")
    one = pair((said("so it", "let me see"),), (said("no", "hm"),))
    made = one_of(chat, one, sampled=known(one, None, cut=True), truncation="mask")
    assert chat.decode(made.chosen) == "<think>\nlet me see\n</think>\n\nso it"


def test_a_model_without_marks_learns_no_thought_and_the_answer_only_where_that_is_asked_for() -> None:
    chat = chat_of("llama3")
    one = pair((said("so it is", "let me see"),), (said("no"),))
    assert reason(chat, one) == Refused.UNWRITTEN
    made = one_of(chat, one, train_on="answer")
    assert chat.decode(made.chosen) == "so it is<|eot|>"


def test_a_template_that_was_told_not_to_think_learns_no_thought() -> None:
    chat = chat_of("qwen3", enable_thinking=False)
    one = pair((said("so it is", "let me see"),), (said("no"),))
    assert reason(chat, one) == Refused.UNWRITTEN
    made = one_of(chat, one, train_on="answer")
    assert chat.decode(made.chosen) == "so it is<|im_end|>"


@pytest.mark.parametrize("where", ["thought", "call", "result"])
def test_control_tokens_that_somebody_spelled_are_letters_or_refused(where: str) -> None:
    chat, evil = chat_of("qwen3"), "a</think>b<|im_end|>"
    call = replace(CALL, arguments=f'{{"place": "{evil}"}}')
    side = {
        "thought": (said("so", evil),),
        "call": (said("", "", call),),
        "result": (said("", "", CALL), replace(RESULT, content=evil), said("so")),
    }[where]
    one = pair(side, (said("no"),), tools=TOOLS)
    if where != "result":
        assert reason(chat, one) == Refused.END_TOKEN
        return
    made = one_of(chat, one)
    end = chat.tokenizer.eos_token_id
    plain = one_of(chat, pair((side[0], RESULT, side[2]), (said("no"),), tools=TOOLS))
    count = [sum(part.ids.count(end) for part in each.chosen_parts) for each in (made, plain)]
    assert count[0] == count[1]


def test_a_long_side_is_dropped_whole_or_cut_where_there_is_no_more_room() -> None:
    chat = chat_of("qwen3")
    one = pair((said("so", "hm"), user("and"), said("it ends", "well")), (said("no", "hm"),))
    whole = pair_tree(one_of(chat, one))
    room = len(whole.prefix) + max(map(len, whole.branches))
    assert spans_of(chat).pairs([one])[0] == replace(spans_of(chat), max_length=room).pairs([one])[0]
    short = replace(spans_of(chat), max_length=room - 1)
    assert short.pairs([one]) == ([], {Refused.TOO_LONG: 1})
    ((made,), _) = replace(short, truncation="mask").pairs([one])
    assert made.cut
    assert pair_tree(made).branches[1] == whole.branches[1][:-1]


def test_a_reward_model_reads_the_last_answer_without_its_thought_behind_all_before_it() -> None:
    chat = chat_of("qwen3")
    turns = (said("so", "hm"), user("and"), said("it ends", "well"))
    made = one_of(chat, pair(turns, (said("no", "hm"),)), answers=True)
    tree = whole_tree(made)
    asked = [user("why so"), *turns[:2]]
    prompt = chat.prompt_text(Conversation(messages=tuple(asked)))
    assert chat.decode([*tree.prefix, *tree.branches[0]]) == prompt + "it ends<|im_end|>"
    assert pair_tree(made) == tree


def test_an_example_learns_as_many_of_its_last_turns_as_it_says() -> None:
    chat = chat_of("mistral")
    messages = (user("why so"), said("so", "hm"), user("and"), said("it ends", "well"))
    texts = []
    for learned in (1, 3):
        ((made,), refused) = spans_of(chat).examples([Example(messages=messages, learned=learned)])
        assert not refused
        tree = example_tree(made)
        (branch,), mask = tree.branches, (tree.learned or ((),))[0]
        kept = [token for place, token in enumerate(branch) if not mask or mask[place]]
        texts.append(chat.decode(kept))
    assert texts == [
        "[THINK]well[/THINK]it ends</s>",
        "[THINK]hm[/THINK]so</s>[THINK]well[/THINK]it ends</s>",
    ]


def test_sides_of_equal_last_turns_and_unlike_earlier_ones_are_two_sides() -> None:
    chat = chat_of("mistral")
    one = pair((said("so"), user("and"), said("bye")), (said("no"), user("and"), said("bye")))
    made = one_of(chat, one)
    assert [chat.decode(each) for each in (made.chosen, made.rejected)] == [
        "so</s>[INST]and[/INST]bye</s>",
        "no</s>[INST]and[/INST]bye</s>",
    ]


def test_sampled_thoughts_are_read_where_only_the_answer_is_learned_whatever_the_template_was_told() -> None:
    chat = chat_of("qwen3", enable_thinking=False)
    one = pair((said("so it is", "let me see"),), (said("no"),))
    drawn = ids_of(chat, "<think>\nlet me see\n</think>\n\nso it is")
    made = one_of(chat, one, sampled=known(one, drawn), train_on="answer")
    assert made.sampled == 1
    assert shown(chat, made, 0)[0][-1] == ("so it is<|im_end|>", True)


def weighing(turn: Message, weight: Any) -> Message:
    return replace(turn, extra={"weight": weight})


def test_a_turn_of_weight_0_is_read_and_not_learned() -> None:
    chat = chat_of("mistral")
    first, last = said("so", "hm"), said("bye")
    for weight, texts in ((0, ["bye</s>"]), (1, ["[THINK]hm[/THINK]so</s>", "bye</s>"])):
        one = pair((weighing(first, weight), user("and"), last), (said("no"),))
        [part] = shown(chat, one_of(chat, one), 0)
        assert [text for text, learned in part if learned] == texts
        assert "".join(text for text, _ in part).endswith("[THINK]hm[/THINK]so</s>[INST]and[/INST]bye</s>")


def test_what_follows_the_last_learned_turn_is_not_read() -> None:
    chat = chat_of("mistral")
    one = pair((said("so"), user("and"), weighing(said("bye"), 0)), (said("no"),))
    [part] = shown(chat, one_of(chat, one), 0)
    assert part[-1] == ("so</s>", True)


def test_a_reward_model_reads_a_last_answer_whatever_it_weighs() -> None:
    chat = chat_of("mistral")
    weighed = pair((weighing(said("so"), 0),), (weighing(said("no"), 0.5),))
    assert one_of(chat, weighed, answers=True) == one_of(
        chat, pair((said("so"),), (said("no"),)), answers=True
    )


def test_a_side_whose_turns_all_have_weight_0_is_refused() -> None:
    one = pair((weighing(said("so"), 0), user("and"), weighing(said("bye"), 0)), (said("no"),))
    assert reason(chat_of("mistral"), one) == Refused.UNLEARNED


@pytest.mark.parametrize("weight", [0.5, 2, -1, "1", True])
def test_another_weight_than_0_and_1_is_refused_by_name(weight: Any) -> None:
    spans = spans_of(chat_of("mistral"))
    messages = (user("why so"), weighing(said("so"), weight))
    later = Example(messages=(*messages, user("and"), said("bye")))
    kept, refused = spans.examples([Example(messages=messages), later])
    assert (len(kept), refused) == (1, {Refused.WEIGHT: 1})  # of the second it is no turn to be learned
    assert spans.reasons == {Refused.WEIGHT: f"why so: weight {weight!r}"}
