"""Token spans are exact: prompt ids as at generation, answer ids of the answer, one end token, or a counted refusal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.chat_template import Chat
from rlaif.records import Message, Pair
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.models import open_causal
from rlaif.training.refused import REMEDIES, Refused
from rlaif.training.sampled import Sampled
from rlaif.training.spans import Spans, answer_id

from .builders import TEMPLATES, example, make_tokenizer, pair
from .conftest import MakeDirectory

TEMPLATE_NAMES = [*TEMPLATES, None]


def spans_of(template: str | None, *, max_length: int = 1000, tokenizer: Any = None) -> Spans:
    chat = Chat(tokenizer or make_tokenizer(template))
    return Spans(chat, chat.end_token([2]), max_length)


def only(spans: Spans, one: Pair) -> Any:
    kept, refused = spans.pairs([one])
    assert not refused
    return kept[0]


def reason(spans: Spans, one: Pair) -> str:
    kept, refused = spans.pairs([one])
    assert not kept
    ((name, count),) = refused.items()
    assert count == 1
    return name


@pytest.mark.parametrize("template", TEMPLATE_NAMES)
@pytest.mark.parametrize(
    "prompt", ["bake bread", "ends with a space ", " begins with one", "two\n\nlines\n", "ünï 🙂"]
)
@pytest.mark.parametrize(
    "answer", ["mix flour", " mix", "mix ", "\n", "yes\n\n", "ça 🙂", "<think>no</think>yes"]
)
def test_ids_decode_to_exactly_what_the_model_meets_and_writes(
    template: str | None, prompt: str, answer: str
) -> None:
    spans = spans_of(template)
    made = only(spans, pair(prompt, answer, "other words"))
    decode = spans.chat.decode
    assert decode(made.prompt) == spans.chat.prompt_text([Message(role="user", content=prompt)])
    assert decode(made.chosen[:-1]) == answer
    assert decode([*made.prompt, *made.chosen]) == decode(made.prompt) + answer + decode([spans.end_id])


@pytest.mark.parametrize("template", TEMPLATE_NAMES)
def test_every_answer_has_exactly_one_end_token_and_it_is_last(template: str | None) -> None:
    spans = spans_of(template)
    made = only(spans, pair("bake", "one two", "no"))
    for ids in (made.chosen, made.rejected):
        assert [place for place, token in enumerate(ids) if token == spans.end_id] == [len(ids) - 1]


def test_end_token_is_the_templates_own_even_when_the_tokenizer_names_another() -> None:
    tokenizer = make_tokenizer("chatml")
    tokenizer.eos_token = "<|pad|>"
    chat = Chat(tokenizer)
    assert tokenizer.convert_ids_to_tokens(chat.end_token([2])) == "<|im_end|>"


def test_a_thinking_template_is_met_as_at_generation() -> None:
    spans = spans_of("thinking")
    made = only(spans, pair("bake", "yes", "no"))
    assert spans.chat.decode(made.prompt).endswith("<think>\n\n</think>\n\n")
    assert "<think>" not in spans.chat.decode(made.chosen)


def test_a_default_system_turn_comes_once() -> None:
    spans = spans_of("default-system")
    assert spans.chat.decode(only(spans, pair("bake", "yes", "no")).prompt).count("You help.") == 1


def test_special_tokens_that_somebody_asked_about_are_letters() -> None:
    spans = spans_of("chatml")
    made = only(spans, pair("say <|im_end|>", "yes", "no"))
    assert made.chosen.count(spans.end_id) == 1
    assert made.prompt.count(spans.end_id) == 1


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("evil", ["yes <|im_end|> more", "yes<|im_end|>", "<|im_start|>yes", "a <|turn|> b"])
def test_answers_that_spell_a_control_token_are_refused(evil: str, special: bool) -> None:
    tokenizer = make_tokenizer("chatml")
    tokenizer.add_tokens(["<|turn|>"], special_tokens=special)
    spans = spans_of("chatml", tokenizer=tokenizer)
    assert reason(spans, pair("bake", evil, "no")) == Refused.END_TOKEN
    assert reason(spans, pair("bake", "no", evil)) == Refused.END_TOKEN
    assert spans.examples([example("bake", evil)]) == ([], {Refused.END_TOKEN: 1})


@pytest.mark.parametrize(
    "mark", ["<|eot_id|>", "</s>", "<end_of_turn>", "<|endoftext|>\n", "<｜end▁of▁sentence｜>"]
)
def test_answers_rendered_for_another_model_are_refused(mark: str) -> None:
    spans = spans_of("chatml")
    assert reason(spans, pair("bake", f"yes{mark}", f"no{mark}")) == Refused.END_TOKEN
    assert only(spans, pair("bake", f"write {mark.strip()} at the end", "<s>no</s>"))


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>user\nbake<|im_end|>\n<|im_start|>assistant\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nbake<|eot_id|>",
        "You help.\nbake<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<s>[INST] bake [/INST]",
        "<bos><start_of_turn>user\nbake<end_of_turn>\n<start_of_turn>model\n",
        "<|user|>\nbake<|end|>\n<|assistant|>\n",
        "<｜begin▁of▁sentence｜><｜User｜>bake<｜Assistant｜><think>\n",
        "<|my_turn|>bake",
    ],
)
def test_prompts_that_a_template_wrote_already_are_refused(prompt: str) -> None:
    tokenizer = make_tokenizer("chatml")
    tokenizer.add_tokens(["<|my_turn|>"])
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_start|>", "<|my_turn|>")
    spans = spans_of("chatml", tokenizer=tokenizer)
    assert reason(spans, pair(prompt, "yes", "no")) == Refused.RENDERED
    assert spans.examples([example(prompt, "yes")]) == ([], {Refused.RENDERED: 1})


@pytest.mark.parametrize(
    "prompt",
    ["what is <|im_end|>", "say <|im_start|> twice", "use [INST] and <s>", "mark: </s>", "a < b |> c"],
)
def test_prompts_that_ask_about_a_mark_are_trained_on(prompt: str) -> None:
    assert only(spans_of("chatml"), pair(prompt, "yes", "no"))


def test_the_templates_end_token_is_found_where_it_has_no_name() -> None:
    tokenizer = make_tokenizer("chatml")
    tokenizer.add_tokens(["<|turn_ends|>"], special_tokens=True)
    tokenizer.add_tokens(["<|turn_is_over|>"])
    for end in ("<|turn_ends|>", "<|turn_is_over|>"):
        chat = Chat(tokenizer)
        tokenizer.chat_template = TEMPLATES["chatml"].replace("<|im_end|>", end)
        assert tokenizer.convert_tokens_to_ids(end) not in tokenizer.all_special_ids
        assert tokenizer.convert_ids_to_tokens(chat.end_token([0])) == end
        assert tokenizer.convert_tokens_to_ids(end) in chat.end_ids([0])


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [("", "no", Refused.EMPTY), ("no", "", Refused.EMPTY), ("same", "same", Refused.SAME)],
)
def test_pairs_with_nothing_to_learn_are_refused(chosen: str, rejected: str, expected: Refused) -> None:
    assert reason(spans_of("chatml"), pair("bake", chosen, rejected)) == expected


def test_a_side_must_end_with_the_assistants_turn() -> None:
    turns = (Message(role="assistant", content="a"), Message(role="user", content="b"))
    odd = Pair(
        prompt=(Message(role="user", content="x"),),
        chosen=turns,
        rejected=(Message(role="assistant", content="c"),),
        label_prob=0.9,
    )
    assert reason(spans_of("chatml"), odd) == Refused.TURNS


def test_too_long_pairs_are_dropped_whole_and_counted() -> None:
    spans = spans_of("chatml")
    made = only(spans, pair("bake", "yes", "no thank you"))
    fits = len(made.prompt) + max(len(made.chosen), len(made.rejected))
    assert only(spans_of("chatml", max_length=fits), pair("bake", "yes", "no thank you"))
    assert (
        reason(spans_of("chatml", max_length=fits - 1), pair("bake", "yes", "no thank you"))
        == Refused.TOO_LONG
    )


def test_a_tokenizer_that_changes_the_text_is_refused() -> None:
    from tokenizers import normalizers

    tokenizer = make_tokenizer("chatml")
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    spans = spans_of("chatml", tokenizer=tokenizer)
    assert reason(spans, pair("bake", "Yes", "no")) == Refused.ROUND_TRIP
    assert only(spans, pair("bake", "yes", "no"))


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Refused)


def test_an_unknown_word_is_a_failed_round_trip() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    whole = Tokenizer(
        models.WordLevel({"<unk>": 0, "yes": 1, "<end>": 2, "no": 3, " ": 4}, unk_token="<unk>")
    )
    whole.pre_tokenizer = pre_tokenizers.Split(" ", behavior="isolated")
    whole.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, eos_token="<end>", unk_token="<unk>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}<end>{% endfor %}"
    spans = spans_of(None, tokenizer=tokenizer)
    assert reason(spans, pair("yes", "yes bread", "no")) == Refused.ROUND_TRIP
    assert only(spans, pair("yes", "yes no", "no"))


def test_the_order_and_the_labels_of_the_kept_pairs_stay() -> None:
    given = [
        pair("a", "yes", "no", label_prob=0.6),
        pair("b", "", "no"),
        pair("c", "no", "yes", label_prob=0.7, weight=3.0),
    ]
    kept, refused = spans_of("chatml").pairs(given)
    assert [(each.id, each.label_prob, each.weight) for each in kept] == [
        (given[0].id, 0.6, 1.0),
        (given[2].id, 0.7, 3.0),
    ]
    assert refused == {Refused.EMPTY: 1}


def test_only_the_last_turn_of_an_example_is_learned() -> None:
    spans = spans_of("chatml")
    kept, refused = spans.examples([example("is it warm", "yes"), example("x", "")])
    assert spans.chat.decode(kept[0].answer) == "yes<|im_end|>"
    assert (
        spans.chat.decode(kept[0].prompt) == "<|im_start|>user\nis it warm<|im_end|>\n<|im_start|>assistant\n"
    )
    assert refused == {Refused.EMPTY: 1}


def test_the_longest_row_is_what_the_model_has_room_for(model_dir: MakeDirectory) -> None:
    assert open_causal(model_dir(), DPOConfig()).room == 256
    assert open_causal(model_dir(), DPOConfig(max_length=40)).room == 40


def test_a_model_without_any_end_token_is_refused(tmp_path: Path) -> None:
    from rlaif.errors import ModelError

    tokenizer = make_tokenizer(None)
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="end token"):
        Chat(tokenizer).end_token([])


def drawn(one: Pair, ids: tuple[int, ...] | None, *, cut: bool = False) -> dict[str, Sampled]:
    return {answer_id(one.prompt, one.chosen): Sampled(ids, cut)}


def test_an_answer_that_was_sampled_keeps_its_ids_where_its_text_alone_has_others() -> None:
    spans, one = spans_of("chatml"), pair("bake", "mix flour", "no")
    usual = only(spans, one).chosen[:-1]
    letters = tuple(token for letter in "mix flour" for token in spans.chat.text_ids([letter])[0])
    assert letters != usual
    assert spans.chat.decode(letters) == "mix flour"
    made = only(replace(spans, sampled=drawn(one, letters)), one)
    assert made.chosen == (*letters, spans.end_id)
    assert made.sampled == 1
    assert not made.cut


def test_sampled_ids_that_are_not_the_text_are_refused_unless_a_stop_string_cut_it() -> None:
    spans, one = spans_of("chatml"), pair("bake", "mix flour", "no")
    other = tuple(spans.chat.text_ids(["water"])[0])
    assert reason(replace(spans, sampled=drawn(one, other)), one) == Refused.ROUND_TRIP
    longer = tuple(spans.chat.text_ids(["mix flour\n\nHuman:"])[0])
    made = only(replace(spans, sampled=drawn(one, longer)), one)
    assert made.chosen == only(spans, one).chosen
    assert made.sampled == 0
    ended = (*spans.chat.text_ids(["mix flour"])[0], spans.end_id)
    with_end = pair("bake", spans.chat.decode(ended), "no")
    assert reason(replace(spans, sampled=drawn(with_end, ended)), with_end) == Refused.END_TOKEN


def test_an_answer_that_was_cut_off_is_dropped_or_has_no_end_token() -> None:
    spans, one = spans_of("chatml"), pair("bake", "mix flour", "no")
    cut = replace(spans, sampled=drawn(one, None, cut=True))
    assert reason(cut, one) == Refused.TRUNCATED
    made = only(replace(cut, truncation="mask"), one)
    assert spans.end_id not in made.chosen
    assert made.chosen == only(spans, one).chosen[:-1]
    assert made.rejected[-1] == spans.end_id
    assert made.cut


@pytest.mark.parametrize("truncation", ["drop", "mask"])
@pytest.mark.parametrize("known", [False, True])
def test_of_a_pair_that_rejects_a_cut_answer_no_side_ends(truncation: str, known: bool) -> None:
    one = replace(pair("bake", "mix flour", "no thank you"), truncated="rejected")
    spans = replace(spans_of("chatml"), truncation=truncation)
    whole = only(spans, replace(one, truncated=""))
    ids = tuple(spans.chat.text_ids(["no thank you"])[0])
    if known:
        sampled = {answer_id(one.prompt, one.rejected): Sampled(ids, cut=True)}
        spans = replace(spans, sampled=sampled)
    made = only(spans, one)
    assert made.chosen == whole.chosen[:-1]
    # of a text whose tokens nobody knows the last one is the piece of a word
    assert made.rejected == (ids if known else ids[:-1])
    assert made.cut
    turned = only(spans, one.swapped())
    assert (turned.chosen, turned.rejected) == (made.rejected, made.chosen)


def test_what_is_too_long_is_cut_without_an_end_token_where_that_is_asked_for() -> None:
    one = pair("bake", "yes", "no thank you and water")
    whole = only(spans_of("chatml"), one)
    room = len(whole.prompt) + len(whole.rejected) - 2
    made = only(replace(spans_of("chatml", max_length=room), truncation="mask"), one)
    assert made.chosen == whole.chosen
    assert made.rejected == whole.rejected[:-2]
    assert made.cut
    # not one token of an answer is left: nothing to learn
    none = replace(spans_of("chatml", max_length=len(whole.prompt)), truncation="mask")
    assert reason(none, one) == Refused.TOO_LONG


def test_sides_that_differ_only_where_they_are_cut_are_refused() -> None:
    one = pair("bake", "yes yes yes good", "yes yes yes bad")
    whole = only(spans_of("chatml"), one)
    room = len(whole.prompt) + 1
    assert reason(replace(spans_of("chatml", max_length=room), truncation="mask"), one) == Refused.SAME


def test_a_prompt_that_the_template_refuses_is_counted_and_named() -> None:
    tokenizer = make_tokenizer(next(iter(TEMPLATES)))
    check = "{% if messages | length > 1 %}{{ raise_exception('one turn only') }}{% endif %}"
    tokenizer.chat_template = check + tokenizer.chat_template
    spans = spans_of(None, tokenizer=tokenizer)
    good = pair("bake", "yes", "no")
    bad = replace(good, prompt=(*good.prompt, *good.chosen, *good.prompt))
    kept, refused = spans.pairs([good, bad])
    assert [each.id for each in kept] == [good.id]
    assert refused == {Refused.TEMPLATE: 1}
    assert spans.reasons[Refused.TEMPLATE] == f"pair {bad.id}: one turn only"
    assert "template" in REMEDIES[Refused.TEMPLATE]
