from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.engines.local import generate as decode
from rlaif.engines.local.engine import HfEngine
from rlaif.engines.local.generate import Decoder, Draw
from rlaif.engines.local.sampling import choose, knobs_of
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.libraries.transformers import cache_argument
from rlaif.records import Sampling
from tests.engines.conftest import OpenTiny
from tests.engines.tiny import (
    KINDS,
    ODD_KINDS,
    TEMPLATES,
    draw,
    make_model,
    make_tokenizer,
    plain_logprob,
    question,
    write_model,
)

RAGGED = ("mix", "thank you " * 9, "bread and water " * 4)
TEXTS = ("how do I bake bread", "wait", "mix flour and water, then wait. Hello, thank you", "yes or no")


def tried(engine: HfEngine) -> HfEngine:
    """One whose cache has been tried, which takes passes of its own."""
    assert engine._decoder.mixes
    return engine


def requests(**how) -> list:
    return [draw(text, number, **how) for text in TEXTS for number in range(4)]


@pytest.mark.parametrize("kind", [*KINDS, *ODD_KINDS])
def test_a_text_does_not_depend_on_what_else_is_drawn(tiny: OpenTiny, kind: str) -> None:
    engine, asked = tiny(kind), requests(max_tokens=24)
    together = {reply.request_id: reply for reply in engine.generate(asked)}
    reversed_ = {reply.request_id: reply for reply in engine.generate(asked[::-1])}
    for each in asked[::4]:
        alone = next(engine.generate([each]))
        assert together[each.id].token_ids == alone.token_ids == reversed_[each.id].token_ids
        assert together[each.id].finish == alone.finish
        assert together[each.id].logprob == pytest.approx(alone.logprob, abs=1e-3)


@pytest.mark.parametrize("kind", [*KINDS, *ODD_KINDS])
def test_the_kept_logprob_is_that_of_plain_transformers(tiny: OpenTiny, kind: str) -> None:
    engine, asked = tiny(kind), requests(max_tokens=24, temperature=0.7)
    for request, reply in zip(asked, engine.generate(asked), strict=True):
        ids = engine.chat.prompt_ids([request.messages])[0]
        written = [*reply.token_ids, *([2] if reply.finish == "stop" else [])]
        assert reply.logprob == pytest.approx(plain_logprob(engine._scorer.model, ids, written), abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_text_is_what_transformers_generates(tiny: OpenTiny, kind: str) -> None:
    engine, asked = tiny(kind), [draw(text, temperature=0.0, max_tokens=20) for text in TEXTS]
    for request, reply in zip(asked, engine.generate(asked), strict=True):
        ids = torch.tensor([engine.chat.prompt_ids([request.messages])[0]])
        whole = engine._scorer.model.generate(
            ids, max_new_tokens=20, do_sample=False, eos_token_id=2, pad_token_id=0
        )
        assert list(reply.token_ids) == [each for each in whole[0, ids.shape[1] :].tolist() if each != 2]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_kind_of_template_generates(tiny: OpenTiny, template: str) -> None:
    replies = list(tiny("llama", template).generate(requests()))
    assert all(reply.error is None and len(reply.token_ids) <= 12 for reply in replies)
    assert all(reply.usage.prompt_tokens > 0 for reply in replies)


def test_draws_of_one_prompt_differ_and_seeds_repeat(tiny: OpenTiny) -> None:
    engine = tiny()
    once, again = list(engine.generate(requests())), list(engine.generate(requests()))
    assert once == again
    assert len({reply.text for reply in once}) == len(once)


def test_the_seed_alone_makes_the_difference(tiny: OpenTiny) -> None:
    engine = tiny()
    one, other = draw("bread", 1, name="x"), draw("bread", 1, name="y")
    assert next(engine.generate([one])).token_ids == next(engine.generate([other])).token_ids


def test_an_end_token_ends_the_text_and_is_not_part_of_it(tiny: OpenTiny) -> None:
    engine = tiny()
    replies = list(engine.generate([draw("bread", number, max_tokens=200) for number in range(20)]))
    stopped = [reply for reply in replies if reply.finish == "stop"]
    assert stopped
    assert all(2 not in reply.token_ids and "<|end|>" not in reply.text for reply in stopped)
    assert all(len(reply.token_ids) == 200 for reply in replies if reply.finish == "length")


def test_a_stop_text_cuts_the_text_before_it(tiny: OpenTiny) -> None:
    engine = tiny()
    whole = next(engine.generate([draw("bread", 3, max_tokens=30)]))
    stop = whole.text[6:8]
    cut = next(engine.generate([draw("bread", 3, max_tokens=30, stop=(stop,))]))
    assert cut.finish == "stop"
    assert cut.text == whole.text[: whole.text.index(stop)]


def test_each_draw_has_its_own_settings(tiny: OpenTiny) -> None:
    engine = tiny()
    asked = [
        draw("bread", 0, name="greedy", temperature=0.0, max_tokens=9),
        draw("bread", 0, name="warm", temperature=1.5, max_tokens=17),
        draw("bread", 0, name="nucleus", top_p=0.3, max_tokens=5),
    ]
    together = list(engine.generate(asked))
    assert [reply.token_ids for reply in together] == [
        next(engine.generate([each])).token_ids for each in asked
    ]


def test_a_prompt_that_leaves_no_room_has_failed(tiny: OpenTiny) -> None:
    long, short = draw("bread " * 600), draw("bread")
    replies = {reply.request_id: reply for reply in tiny().generate([long, short])}
    assert "do not fit" in str(replies[long.id].error)
    assert replies[short.id].error is None


def test_text_ends_where_the_context_ends(tiny: OpenTiny) -> None:
    engine = tiny()
    reply = next(engine.generate([draw("bread", 5, max_tokens=10_000)]))
    prompt = len(engine.chat.prompt_ids([draw("bread").messages])[0])
    assert reply.error is None
    assert prompt + len(reply.token_ids) <= engine.context


def test_a_model_that_returns_nan_has_failed(tiny: OpenTiny) -> None:
    engine = tiny()

    def broken(module, args, out):
        return out * float("nan")

    handle = engine._scorer.model.get_output_embeddings().register_forward_hook(broken)
    replies = list(engine.generate(requests()))
    handle.remove()
    assert all(reply.error and reply.logprob is None for reply in replies)


def test_a_prompt_is_computed_once_for_all_its_draws(tiny: OpenTiny) -> None:
    engine, rows = tried(tiny()), []
    handle = engine._scorer.model.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    list(engine.generate([draw("bread", number) for number in range(8)]))
    handle.remove()
    assert rows[0][0] == 1
    assert rows[1] == (8, 1)


def test_finished_rows_leave_the_batch(tiny: OpenTiny) -> None:
    engine, rows = tried(tiny()), []
    handle = engine._scorer.model.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(kwargs["input_ids"].shape[0]), with_kwargs=True
    )
    list(engine.generate([draw("bread", number, max_tokens=4 + 4 * number) for number in range(8)]))
    handle.remove()
    assert rows[-1] == 1


LOGITS = st.lists(st.floats(-8, 8, width=32), min_size=5, max_size=5)


@given(LOGITS, st.floats(0.05, 1.0), st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_a_nucleus_holds_the_fewest_likeliest_tokens(logits: list[float], top_p: float, place: float) -> None:
    row = torch.tensor([logits])
    knobs = knobs_of([Sampling(top_p=top_p)], torch.device("cpu"))
    token, _ = choose(row, knobs, torch.tensor([place], dtype=torch.float64))
    probs = row[0].double().softmax(-1)
    # what is as likely up to float32 may come in either order
    likelier = probs[probs > probs[token] + 1e-7].sum()
    assert likelier < top_p or token == probs.argmax()


def test_tokens_come_as_often_as_the_distribution_says() -> None:
    logits = torch.tensor([[0.0, 1.0, -1.0, 2.0]]).expand(20_000, 4)
    knobs = knobs_of([Sampling()] * 20_000, torch.device("cpu"))
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tokens, _ = choose(logits, knobs, uniform)
    shares = torch.bincount(tokens, minlength=4) / 20_000
    assert torch.allclose(shares, logits[0].softmax(-1), atol=0.012)


def test_an_impossible_token_is_never_drawn() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, float("-inf")]]).expand(3, 3)
    knobs = knobs_of([Sampling()] * 3, torch.device("cpu"))
    tokens, _ = choose(logits, knobs, torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64))
    assert tokens.tolist() == [1, 1, 1]


def test_any_end_token_ends_a_text(tiny: OpenTiny) -> None:
    model = tiny()._scorer.model
    all_ends = Decoder(model, frozenset(range(model.config.vocab_size)), lambda ids: "")
    drawn = all_ends.draw([Draw((1, 2, 3), Sampling(), seed, 5) for seed in range(4)])
    assert [(each.ids, each.finish) for each in drawn] == [([], "stop")] * 4


def test_any_of_the_models_own_ends_ends_a_text(tmp_path: Path) -> None:
    directory = write_model(tmp_path)
    config = json.loads((directory / "generation_config.json").read_text())
    (directory / "generation_config.json").write_text(
        json.dumps({**config, "eos_token_id": list(range(40, 300))})
    )
    engine = open_engine(str(directory), device="cpu")
    replies = list(engine.generate(requests(max_tokens=60)))
    assert all(reply.finish == "stop" and not set(reply.token_ids) & set(range(40, 300)) for reply in replies)


def test_a_vocabulary_larger_than_the_tokenizers_is_no_trouble(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    make_model("llama", len(tokenizer) + 300).save_pretrained(tmp_path)
    engine = open_engine(str(tmp_path), device="cpu")
    replies = list(engine.generate(requests(max_tokens=30)))
    assert all(reply.error is None for reply in replies)
    assert any(token >= len(tokenizer) for reply in replies for token in reply.token_ids)


def test_a_tokenizer_without_pad_token_is_no_trouble(tmp_path: Path) -> None:
    directory = write_model(tmp_path)
    path = directory / "tokenizer_config.json"
    settings_ = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in settings_.items() if key != "pad_token"}))
    engine = open_engine(str(directory), device="cpu")
    assert engine.chat.tokenizer.pad_token is None
    asked = requests()
    alone = [next(engine.generate([each])).token_ids for each in asked]
    assert [reply.token_ids for reply in engine.generate(asked)] == alone


def test_where_a_wave_is_cut_changes_no_text(tiny: OpenTiny) -> None:
    engine, asked = tiny("qwen3"), requests(max_tokens=20)
    whole = [reply.token_ids for reply in engine.generate(asked)]
    halves = [reply.token_ids for part in (asked[:7], asked[7:]) for reply in engine.generate(part)]
    assert whole == halves


@given(st.permutations(range(16)), st.integers(1, 16), st.sampled_from([120, 400, 16384]))
@settings(max_examples=12, deadline=None)
def test_neither_company_nor_order_nor_room_changes_a_text(
    tiny: OpenTiny, order: list[int], count: int, batch_tokens: int
) -> None:
    engine, asked = tiny("qwen2"), requests(max_tokens=30)
    whole = {reply.request_id: reply.text for reply in engine.generate(asked)}
    small = HfEngine(
        "tiny", engine._scorer.model, engine.chat, fingerprint=engine.fingerprint, batch_tokens=batch_tokens
    )
    some = [asked[place] for place in order[:count]]
    found = {reply.request_id: reply.text for reply in small.generate(some)}
    assert found == {each.id: whole[each.id] for each in some}


@pytest.mark.parametrize("kind", [*KINDS, *ODD_KINDS])
def test_texts_stay_when_rows_are_refilled(tiny: OpenTiny, kind: str) -> None:
    engine = tiny(kind)
    asked = [
        draw(text, number, max_tokens=3 + 7 * number) for number in range(5) for text in (*TEXTS, *RAGGED)
    ]
    wanted = {each.id: next(engine.generate([each])).token_ids for each in asked}
    small = HfEngine("tiny", engine._scorer.model, engine.chat, fingerprint="", batch_tokens=90)
    assert {reply.request_id: reply.token_ids for reply in small.generate(asked)} == wanted


def test_waiting_prompts_take_the_place_of_finished_rows(tiny: OpenTiny) -> None:
    engine, steps = tiny(), []
    small = tried(HfEngine("tiny", engine._scorer.model, engine.chat, fingerprint="", batch_tokens=150))
    asked = [draw("bread" + " x" * (number % 3), number, max_tokens=24) for number in range(40)]
    name = cache_argument(engine._scorer.model)
    handle = engine._scorer.model.register_forward_pre_hook(
        lambda _, args, kwargs: steps.append((kwargs["input_ids"].shape, kwargs[name].get_seq_length())),
        with_kwargs=True,
    )
    replies = list(small.generate(asked))
    handle.remove()
    rows = [shape[0] for shape, _ in steps if shape[1] == 1]
    # four tokens of cache for each of a pass, one column for the step itself
    assert all(shape[0] * (held + 1) <= 4 * 150 for shape, held in steps if shape[1] == 1)
    drawn = sum(len(reply.token_ids) + (reply.finish == "stop") for reply in replies)
    # the first token of each text comes with its prompt; three rows in four write, on average
    assert max(rows) > 4
    assert (drawn - 40) / sum(rows) > 0.75


def test_a_cache_that_does_not_carry_a_text_on_is_refused() -> None:
    class Forgets:
        """A model whose cache loses what was in front, as one that keeps its state inside itself does to it."""

        def __init__(self, model) -> None:
            self.model = model
            self.cache = cache_argument(model)

        def __getattr__(self, name):
            return getattr(self.model, name)

        def __call__(self, *, attention_mask=None, **kwargs):
            given = kwargs.get(self.cache)
            if given is not None and given.get_seq_length():
                del kwargs[self.cache]
                attention_mask = attention_mask[:, -kwargs["input_ids"].shape[1] :]
            return self.model(attention_mask=attention_mask, **kwargs)

    forgets = Decoder(Forgets(make_model("llama", 418)), frozenset([2]), lambda ids: "")
    with pytest.raises(ModelError, match="does not give its own figures again"):
        forgets.draw([Draw((1, 2, 3), Sampling(), 0, 5)])


def test_a_model_that_is_not_told_of_padding_is_given_none() -> None:
    class Deaf:
        """A model that drops the mask it is handed."""

        def __init__(self, model) -> None:
            self.model = model

        def __getattr__(self, name):
            return getattr(self.model, name)

        def __call__(self, *, attention_mask=None, **kwargs):
            return self.model(**kwargs)

    model = make_model("llama", 418)
    draws = [Draw(tuple(range(3, 5 + length)), Sampling(), length, 12) for length in (2, 7, 4, 7)]
    deaf, whole = (Decoder(each, frozenset([2]), lambda ids: "") for each in (Deaf(model), model))
    assert whole.mixes
    assert not deaf.mixes
    assert [each.ids for each in deaf.draw(draws)] == [each.ids for each in whole.draw(draws)]


def test_a_long_prompt_is_computed_in_pieces(tiny: OpenTiny, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, asked = tiny("gemma3"), [draw("bread and water " * 8, number) for number in range(3)]
    whole = [reply.token_ids for reply in engine.generate(asked)]
    monkeypatch.setattr(decode, "PREFILL_COLUMNS", 7)
    assert [reply.token_ids for reply in engine.generate([*asked, *requests()])][:3] == whole


def test_a_stop_text_is_found_across_tokens_however_long_the_text(tiny: OpenTiny) -> None:
    engine = tiny()
    whole = next(engine.generate([draw("bread", 3, max_tokens=120)]))
    stop = whole.text[-60:-40]
    cut = next(engine.generate([draw("bread", 3, max_tokens=120, stop=("never there", stop))]))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert len(cut.token_ids) < len(whole.token_ids)


def test_sampling_is_the_distribution_of_transformers() -> None:
    """Top-k, top-p and min-p together: every token that can be drawn, as often as its warpers let it be."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(12, generator=torch.Generator().manual_seed(3)) * 1.5
    for temperature, top_k, top_p, min_p in [(0.7, 5, 0.8, 0.0), (1.3, 0, 0.7, 0.2), (1.0, 4, 1.0, 0.3)]:
        scores = TemperatureLogitsWarper(temperature)(None, logits[None])
        scores = TopKLogitsWarper(top_k)(None, scores) if top_k else scores
        scores = TopPLogitsWarper(top_p)(None, scores) if top_p < 1 else scores
        scores = MinPLogitsWarper(min_p)(None, scores) if min_p else scores
        how = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        count = 4000
        grid = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        tokens, _ = choose(logits.expand(count, 12), knobs_of([how] * count, torch.device("cpu")), grid)
        shares = torch.bincount(tokens, minlength=12) / count
        assert torch.allclose(shares, scores[0].softmax(-1), atol=1 / count)


def refusing(tmp_path: Path) -> HfEngine:
    folder = write_model(tmp_path / "m")
    template = (folder / "chat_template.jinja").read_text()
    check = "{% if messages | length > 1 %}{{ raise_exception('one turn only') }}{% endif %}"
    (folder / "chat_template.jinja").write_text(check + template)
    engine = open_engine(f"hf:{folder}", device="cpu")
    assert isinstance(engine, HfEngine)
    return engine


def test_a_conversation_that_the_template_refuses_fails_alone(tmp_path: Path) -> None:
    engine = refusing(tmp_path)
    twice = (*draw("one").messages, *draw("two").messages)
    draws = [draw("bake"), replace(draw("bake", 1), id="twice", messages=twice), draw("bake", 2)]
    texts = list(engine.generate(draws))
    assert [each.error is None for each in texts] == [True, False, True]
    assert "one turn only" in str(texts[1].error)
    assert [each.text for each in texts[::2]] == [each.text for each in engine.generate(draws[::2])]
    asked = [question("bake"), replace(question("bake"), id="twice", messages=twice)]
    scores = list(engine.score(asked))
    assert scores[0].error is None
    assert "one turn only" in str(scores[1].error)
    assert not engine.takes(twice)
