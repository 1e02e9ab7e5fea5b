from __future__ import annotations

import pytest
import torch

from rlaif.engines.local import score as scoring
from rlaif.engines.local.shared_prefix import plan_shared
from rlaif.records import ScoreRequest
from tests.engines.conftest import OpenTiny
from tests.engines.tiny import KINDS, ODD_KINDS, TEMPLATES, WINDOW, plain_logprob, question

LABELS = ("yes", "Yes", " yes", "no", "not sure about bread", "")
RULES = ("never wait", "warn me", "warn me of the hot oven please", "", "hello hello hello")


def checklist(count: int = 3, start: int = 0) -> list[ScoreRequest]:
    """Several rules behind one long beginning, several beginnings."""
    shared = [
        f"Prompt: how do I bake bread {'and water ' * (5 * n)}. Response: {n} mix flour. Rule: "
        for n in range(start, start + count)
    ]
    return [question(text + rule, *LABELS) for text in shared for rule in RULES]


def expected(engine, request: ScoreRequest) -> list[float]:
    ids = engine.chat.prompt_ids([request.messages])[0] + engine.chat.text_ids([request.assistant_prefix])[0]
    return [
        plain_logprob(engine._scorer.model, ids, answer)
        for answer in engine.chat.text_ids(request.continuations)
    ]


def assert_plain(engine, requests: list[ScoreRequest]) -> None:
    found = {reply.request_id: reply for reply in engine.score(requests)}
    for request in requests:
        assert found[request.id].logprobs == pytest.approx(expected(engine, request), abs=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, *ODD_KINDS])
def test_scores_are_those_of_plain_transformers_for_every_make(tiny: OpenTiny, kind: str) -> None:
    assert_plain(tiny(kind), checklist())


@pytest.mark.parametrize("row_tokens", [1, 60])
@pytest.mark.parametrize("kind", [*KINDS, "gpt2"])
def test_scores_behind_a_kept_prefix_are_those_of_plain_transformers(
    tiny: OpenTiny, kind: str, row_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefixes several times as long as the sliding window, computed in pieces; several of them, uneven suffixes."""
    monkeypatch.setattr(scoring, "PREFIX_COLUMNS", 11)
    engine = tiny(kind)
    requests = checklist(start=3)
    asked = engine._questions(requests)
    plan = plan_shared(asked, row_tokens)
    assert plan.stems
    assert all(len(stem.prefix) > 2 * WINDOW for stem in plan.stems)
    with torch.inference_mode():
        found = engine._scorer._run(asked, shared=True, row_tokens=row_tokens)
    for request, logprobs in zip(requests, found, strict=True):
        assert logprobs == pytest.approx(expected(engine, request), abs=1e-4)


def test_a_prefix_longer_than_a_row_is_computed_once_for_all_its_suffixes(tiny: OpenTiny) -> None:
    engine, shapes = tiny("gpt2"), []
    scorer = scoring.PromptScorer(engine._scorer.model, 16384, row_tokens=64)
    assert scorer.can_share
    requests = [question("bread and water " * 20 + f"Rule: {number} wait", "yes") for number in range(40)]
    asked = engine._questions(requests)
    ids = [each.prompt for each in asked]
    shared = next(place for place, column in enumerate(zip(*ids, strict=False)) if len(set(column)) > 1)
    handle = engine._scorer.model.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    scorer.score(asked)
    handle.remove()
    answers = sum(len(answer) - 1 for each in asked for answer in each.answers)
    assert sum(shapes) == shared + sum(len(each) - shared for each in ids) + answers
    assert max(shapes[1:]) <= 64


def test_a_soft_cap_is_computed_by_eager_attention(tiny: OpenTiny) -> None:
    assert tiny("gemma2")._scorer.model.config._attn_implementation == "eager"


def test_a_model_that_shares_nothing_says_so(tiny: OpenTiny, caplog: pytest.LogCaptureFixture) -> None:
    scorer = scoring.PromptScorer(tiny("lfm2")._scorer.model, 1024)
    assert not scorer.can_share
    assert "Lfm2ForCausalLM: shares no prefixes" in caplog.text


@pytest.mark.parametrize("template", TEMPLATES)
def test_scores_are_those_of_plain_transformers_for_every_kind_of_template(
    tiny: OpenTiny, template: str
) -> None:
    requests = [question(f"Rule: {rule}", *LABELS, system="wait for me") for rule in RULES]
    assert_plain(tiny("qwen3", template), requests)


@pytest.mark.parametrize("kind", KINDS)
def test_models_that_only_attend_share_prefixes(tiny: OpenTiny, kind: str) -> None:
    assert tiny(kind)._scorer.can_share


@pytest.mark.parametrize("kind", ["lfm2", "bloom", "gptneo"])
def test_a_model_with_a_state_or_positions_or_windows_of_its_own_shares_nothing(
    tiny: OpenTiny, kind: str
) -> None:
    assert not tiny(kind)._scorer.can_share


def test_a_model_that_ignores_the_mask_is_found_out(tiny: OpenTiny, caplog: pytest.LogCaptureFixture) -> None:
    class Deaf:
        """A model that drops the mask it is handed, as some do without a word."""

        def __init__(self, model) -> None:
            self.model = model

        def __getattr__(self, name):
            return getattr(self.model, name)

        def __call__(self, *, attention_mask=None, **kwargs):
            kept = attention_mask if attention_mask is not None and attention_mask.ndim == 2 else None
            return self.model(attention_mask=kept, **kwargs)

    scorer = scoring.PromptScorer(Deaf(tiny("llama")._scorer.model), 1024)
    assert not scorer.can_share
    assert "figures would differ by" in caplog.text


def test_an_assistant_prefix_stands_before_the_answer(tiny: OpenTiny) -> None:
    requests = [question(f"Rule: {rule}", " A", " B", prefix="It is warm. Answer:") for rule in RULES]
    assert_plain(tiny(), requests)


@pytest.mark.parametrize("batch_tokens", [1, 300, 100_000])
def test_the_size_of_batches_changes_nothing(tiny: OpenTiny, batch_tokens: int) -> None:
    engine = tiny("gemma3")
    requests = checklist()
    asked = engine._questions(requests)
    plain = engine._scorer.score(asked)
    small = scoring.PromptScorer(engine._scorer.model, batch_tokens).score(asked)
    assert torch.tensor(plain).allclose(torch.tensor(small), atol=1e-4)


def test_order_and_company_of_questions_change_nothing(tiny: OpenTiny) -> None:
    engine = tiny()
    requests = checklist()
    alone = {each.id: next(engine.score([each])).logprobs for each in requests}
    for order in (requests, requests[::-1], requests[::3] + requests[1::3] + requests[2::3]):
        for reply in engine.score(order):
            assert reply.logprobs == pytest.approx(alone[reply.request_id], abs=1e-4)


def test_logits_are_computed_where_answers_are_read_and_nowhere_else(tiny: OpenTiny) -> None:
    engine, seen = tiny(), []
    head = engine._scorer.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _, args, out: seen.append(out.shape[-2]))
    list(engine.score([question("Rule: wait", "a", "b", "c"), question("Rule: wait for", "a", "b", "c")]))
    handle.remove()
    assert seen == [2]


def test_what_does_not_fit_has_failed_and_takes_nobody_with_it(tiny: OpenTiny) -> None:
    long, short = question("bread " * 600), question("bread")
    replies = {reply.request_id: reply for reply in tiny().score([long, short])}
    assert replies[long.id].logprobs == ()
    assert "do not fit into the model's context of 512" in str(replies[long.id].error)
    assert replies[short.id].error is None


def test_a_stream_is_taken_piece_by_piece(tiny: OpenTiny) -> None:
    taken = []

    def endless():
        number = 0
        while True:
            taken.append(number)
            yield question(f"Rule: {number}")
            number += 1

    assert next(tiny().score(endless())).request_id == "Rule: 0"
    assert len(taken) < 1000
