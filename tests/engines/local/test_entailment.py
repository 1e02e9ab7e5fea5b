"""Classifiers of entailment of another make, against plain transformers: which label is read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.local.entailment import EntailmentEngine, entailment_label
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from tests.engines.tiny import draw, make_tokenizer, question

NLI = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}


def write(folder: Path, labels: dict[int, str] | None = None) -> Path:
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    own = labels or NLI
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, initializer_range=0.3, pad_token_id=0, num_labels=len(own), id2label=own,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> EntailmentEngine:
    opened = open_engine(f"nli:{write(tmp_path_factory.mktemp('nli'))}", device="cpu")
    assert isinstance(opened, EntailmentEngine)
    return opened


@torch.inference_mode()
def plain(engine: Any, source: str, answer: str) -> float:
    """As the cards of such classifiers say."""
    row = engine.tokenizer(source, answer, return_tensors="pt")
    return float(torch.log_softmax(engine.model(**row).logits, dim=-1)[0, 2])


def test_an_answer_gets_the_log_probability_of_the_label_entailment(engine: EntailmentEngine) -> None:
    answers = ("mix flour and water", "wait", "Hello, thank you; please warn me of the hot oven")
    requests = [question("how do I bake bread", *answers), question("wait", *answers[:1])]
    for request, reply in zip(requests, engine.score(requests), strict=True):
        wanted = [plain(engine, request.messages[0].content, answer) for answer in request.continuations]
        assert reply.logprobs == pytest.approx(wanted, abs=1e-5)
        assert all(each < 0 for each in reply.logprobs)


def test_two_texts_that_do_not_fit_have_failed_and_are_not_cut(engine: EntailmentEngine) -> None:
    replies = list(engine.score([question("x", "bread " * 300), question("x", "bread")]))
    assert "do not fit" in str(replies[0].error)
    assert replies[1].error is None


def test_a_classifier_of_entailment_writes_nothing(engine: EntailmentEngine) -> None:
    with pytest.raises(ModelError, match="writes no text"):
        list(engine.generate([draw("x")]))


@pytest.mark.parametrize("labels", [{0: "LABEL_0", 1: "LABEL_1"}, {0: "positive", 1: "negative"}])
def test_labels_that_name_no_entailment_are_refused_by_name(tmp_path: Path, labels: dict[int, str]) -> None:
    with pytest.raises(ModelError, match=f"its labels are '{labels[0]}', '{labels[1]}'.*id2label"):
        open_engine(f"nli:{write(tmp_path, labels)}", device="cpu")


@pytest.mark.parametrize(
    ("labels", "place"),
    [({0: "entailment", 1: "not_entailment"}, 0), ({0: "c", 1: "Entail"}, 1), ({0: "no", 1: "ENTAILED "}, 1)],
)
def test_the_label_is_found_by_its_name_and_not_by_its_place(labels: dict[int, str], place: int) -> None:
    assert entailment_label("nli:x", labels) == place
