"""The gap between who samples and who is trained, measured and kept with the run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from rlaif.engines.local.engine import Traced
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.records import Message
from rlaif.runs.claim import read_run
from rlaif.workflows.generate.logprob_gap import trainer_of
from rlaif.workflows.generate.run import generate
from tests.workflows.conftest import Configured
from tests.workflows.tiny import CHATML, make_tiny

SOME = {"max_tokens": 20, "critique": False, "min_pair_share": 0.0}


def test_a_policy_in_its_trainers_own_format_does_not_drift(configured: Configured, mini: Path) -> None:
    made = generate(configured(policy=(str(mini),), drift=8, **SOME))
    (drift,) = read_run(made.run)["summary"]["drift"]
    assert (drift["policy"], drift["trainer"], drift["completions"]) == (str(mini), str(mini), 8)
    assert 0 <= drift["per_token"] <= drift["mean_abs"] <= drift["max_abs"] < 1e-4
    assert drift["tokens"] > 8
    assert "sampler-trainer drift" in made.summary


def test_a_coarser_number_format_drifts(configured: Configured, mini: Path) -> None:
    made = generate(configured(policy=(str(mini),), dtype="bfloat16", **SOME))
    assert 1e-4 < made.drift[0].max_abs < 5.0  # type: ignore[operator]


def test_another_trainer_is_far_away(configured: Configured, mini: Path, tmp_path: Path) -> None:
    other = make_tiny(tmp_path / "other", seed=5)
    made = generate(configured(policy=(str(mini),), trainer=str(other), **SOME))
    assert made.drift[0].mean_abs > 1.0  # type: ignore[operator]


def thinker(folder: Path, closing: str = "\\n</think>\\n\\n") -> Path:
    """A random model whose template begins a thought for it, and writes `closing` behind those that it is shown."""
    shown = "{% if m['reasoning_content'] %}<think>\\n{{ m['reasoning_content'] }}" + closing + "{% endif %}"
    template = CHATML.replace("{{ m['content'] }}", shown + "{{ m['content'] }}")
    return make_tiny(
        folder, template=template.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
    )


BOUNDED = SOME | {"max_thought_tokens": 6}


def test_tokens_that_closed_a_bounded_thought_are_no_drift(configured: Configured, tmp_path: Path) -> None:
    model = str(thinker(tmp_path / "thinker"))
    made = generate(configured(policy=(model,), **BOUNDED))
    drift = made.drift[0]
    assert drift.completions == 16
    assert drift.max_abs < 1e-4  # type: ignore[operator]
    # six of the thought, at most twenty of the answer and an end token: what was forced does not count
    assert 16 * 6 < drift.tokens <= 16 * 27


def test_a_trainer_whose_template_closes_thoughts_otherwise_leaves_the_same_tokens_out(
    configured: Configured, tmp_path: Path
) -> None:
    policy, trainer = thinker(tmp_path / "one"), thinker(tmp_path / "two", closing="\\n</think>\\n")
    (drift,) = generate(configured(policy=(str(policy),), trainer=str(trainer), **BOUNDED)).drift
    assert drift.max_abs < 1e-4  # type: ignore[operator]


def test_what_cannot_be_measured_says_why(configured: Configured, mini: Path) -> None:
    untold = generate(configured("one"))
    assert untold.drift[0].mean_abs is None
    assert "--trainer" in str(untold.drift[0].why)
    silent = generate(configured("two", trainer=str(mini)))
    assert "tells no log-probabilities" in str(silent.drift[0].why)
    assert "not measured" in silent.summary
    json.dumps(silent.as_dict())


def test_nothing_is_measured_where_nothing_is_wanted(configured: Configured, mini: Path) -> None:
    assert generate(configured(policy=(str(mini),), drift=0, **SOME)).drift == []


def test_a_trainer_without_weights_is_refused_before_anything_is_written(
    configured: Configured, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no weights here"):
        generate(configured(trainer="openai:http://127.0.0.1:1/v1#m@1"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("policy", "trainer", "found"),
    [
        ("micro", None, "micro"),
        ("micro:weak", None, "micro:weak"),
        ("hf:some/model", None, "some/model"),
        ("vllm:some/model", None, "some/model"),
        ("openai:http://a/v1#m@1", None, None),
        ("openai:http://a/v1#m@1", "hf:some/model", "some/model"),
    ],
)
def test_a_local_policy_is_its_own_trainer(policy: str, trainer: str | None, found: str | None) -> None:
    assert trainer_of(policy, trainer) == found


def test_a_retraced_text_counts_its_end_token(mini: Path) -> None:
    """Against a plain forward pass in float64."""
    engine = open_engine(str(mini))
    messages = (Message(role="user", content="I am Ben. What is 3 plus 2?"),)
    ids = engine.chat.text_ids(["Hello."])[0]  # type: ignore[attr-defined]
    prompt = engine.chat.prompt_ids([messages])[0]  # type: ignore[attr-defined]
    found = engine.retrace([Traced(messages, ids, True), Traced(messages, ids, False)])  # type: ignore[attr-defined]

    from rlaif.engines.local.load import load_model

    model = load_model(mini).double()
    (end,) = engine._decoder.end_ids  # type: ignore[attr-defined]
    whole = [*prompt, *ids, end]
    table = model(torch.tensor([whole])).logits[0].log_softmax(-1)
    each = [float(table[place - 1, whole[place]].detach()) for place in range(len(prompt), len(whole))]
    assert found == pytest.approx([math.fsum(each), math.fsum(each[:-1])], abs=1e-4)
