"""Real preferences: a reward model from scratch on hh-rlhf harmless, beside a bag of words and "shorter wins".

    python benchmarks/experiments/hh_harmless.py hh_rlhf/harmless-base/test.jsonl.gz

Five folds over the pairs whose dialogues part in their last answer, no prompt in two folds. The reward model is a small
Llama of random weights with a tokenizer of its own, both made of the training folds alone; it reads the last question
and the answer, and `rlaif.training` trains it. The bag of words is logistic regression on differences of log counts.
The intervals are 95 % bootstraps over prompts.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from results import Results, options

from rlaif.auditing.calibration import Forecast, calibration_error
from rlaif.auditing.intervals import SHARE, Limits, mean_interval
from rlaif.engines.open import open_engine
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.hashing import derived_seed, digest
from rlaif.records import Message, Pair, ScoreRequest, is_plain

FOLDS = 5
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
WORD = re.compile(r"[a-z']+|[0-9]|[?!.,\"]")
SEEN_IN, PENALTY = 5, 30.0
"""A word counts when at least so many training answers have it; strength of the pull to zero."""


def main() -> None:
    """Train and compare; print the figures."""
    parser = options(__doc__)
    parser.add_argument("data", type=Path)
    for name, value in (("vocabulary", 2048), ("hidden", 64), ("layers", 1), ("epochs", 4)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, fraction in (("learning-rate", 1e-3), ("weight-decay", 0.1)):
        parser.add_argument(f"--{name}", type=float, default=fraction)
    parser.add_argument("--folds", type=int, default=FOLDS, help="fewer only to try it out")
    chosen = parser.parse_args()
    imported = read_preferences(chosen.data, format="hh-rlhf")
    answered = one_answer(imported.pairs)
    pairs = [_short(pair) for pair in answered]
    fold_of = [derived_seed("fold", _prompt_id(pair)) % FOLDS for pair in answered]
    setting = {
        name: getattr(chosen, name)
        for name in ("vocabulary", "hidden", "layers", "epochs", "learning_rate", "weight_decay")
    }
    results = Results(
        "hh_harmless", {"pairs": len(pairs), "data": chosen.data.name, **setting}, chosen.results
    )
    for fold in range(chosen.folds):
        train = [pair for pair, own in zip(pairs, fold_of, strict=True) if own != fold]
        held = [place for place, own in enumerate(fold_of) if own == fold]
        test = [pairs[place] for place in held]
        clusters = [_prompt_id(answered[place])[-8:] for place in held]
        results.row({"fold": fold}, lambda: _compared(train, test, clusters, chosen, fold))  # noqa: B023
    results.save(**_figures(list(results.rows.values())))
    for name, value in _figures(list(results.rows.values())).items():
        print(name, value)


def one_answer(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs whose sides are one answer each: the models here read one question and one answer."""
    return [pair for pair in pairs if is_plain(pair.chosen) and is_plain(pair.rejected)]


def _compared(
    train: Sequence[Pair], test: Sequence[Pair], clusters: list[str], chosen: argparse.Namespace, fold: int
) -> dict[str, Any]:
    folder = chosen.work / f"hh-{fold}"
    reward = _rewards(train, test, folder, chosen)
    shutil.rmtree(folder)
    words = _bag_of_words(train, test)
    lengths = [(len(pair.rejected[0].content) - len(pair.chosen[0].content)) for pair in test]
    rounded: dict[str, Sequence[float]] = {"reward model": reward, "bag of words": words, "shorter": lengths}
    return {
        "pairs": len(test),
        "accuracy": float(np.mean([_right(each) for each in reward])),
        "clusters": clusters,
        **{name: [round(float(each), 4) for each in values] for name, values in rounded.items()},
    }


def _rewards(
    train: Sequence[Pair], test: Sequence[Pair], folder: Path, chosen: argparse.Namespace
) -> list[float]:
    from rlaif.training import RewardConfig, train_reward

    if folder.exists():
        shutil.rmtree(folder)
    base = _random_model(folder / "base", [pair for pair in train], chosen)
    config = RewardConfig(
        epochs=chosen.epochs,
        batch_size=32,
        learning_rate=chosen.learning_rate,
        weight_decay=chosen.weight_decay,
        loss="sigmoid",
        centering=0.01,
        save_dtype="float32",
        checkpoint_every=0,
    )
    made = train_reward(config, train, base=base, out=folder / "reward", progress=lambda *_: None)
    engine = open_engine(f"reward:{made.out}")
    requests = [
        ScoreRequest(
            id=str(place),
            messages=pair.prompt,
            continuations=(pair.chosen[0].content, pair.rejected[0].content),
        )
        for place, pair in enumerate(test)
    ]
    found = {int(each.request_id): each.logprobs for each in engine.score(requests)}
    return [found[place][0] - found[place][1] for place in range(len(test))]


def _random_model(folder: Path, pairs: Sequence[Pair], chosen: argparse.Namespace) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=chosen.vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (turn.content for pair in pairs for turn in (*pair.prompt, *pair.chosen, *pair.rejected))
    whole.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, pad_token=SPECIAL[0], eos_token=SPECIAL[1])
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=chosen.hidden,
        intermediate_size=2 * chosen.hidden,
        num_hidden_layers=chosen.layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _bag_of_words(train: Sequence[Pair], test: Sequence[Pair]) -> list[float]:
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    seen = Counter(
        word for pair in train for side in (pair.chosen, pair.rejected) for word in set(_words(side))
    )
    column = {word: place for place, word in enumerate(sorted(w for w, n in seen.items() if n >= SEEN_IN))}

    def matrix(pairs: Sequence[Pair]) -> Any:
        cells: list[tuple[float, int, int]] = []
        for row, pair in enumerate(pairs):
            for sign, side in ((1.0, pair.chosen), (-1.0, pair.rejected)):
                counts = Counter(word for word in _words(side) if word in column)
                cells += [(sign * float(np.log1p(n)), row, column[word]) for word, n in counts.items()]
        values, rows, columns = zip(*cells, strict=True)
        return csr_matrix((values, (rows, columns)), shape=(len(pairs), len(column)))

    inputs = matrix(train)

    def loss(weights: Any) -> Any:
        margin = inputs @ weights
        slope = -(inputs.T @ (1 / (1 + np.exp(margin))))
        return np.logaddexp(0, -margin).sum() + PENALTY / 2 * weights @ weights, slope + PENALTY * weights

    fitted = minimize(loss, np.zeros(len(column)), jac=True, method="L-BFGS-B")
    return list(matrix(test) @ fitted.x)


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    clusters = [cluster for row in rows for cluster in row["clusters"]]
    right = {
        name: [_right(each) for row in rows for each in row[name]]
        for name in ("reward model", "bag of words", "shorter")
    }
    found: dict[str, Any] = {}
    for name, values in right.items():
        found[name] = _interval(clusters, values)
    for name in ("reward model", "bag of words"):
        differences = [one - other for one, other in zip(right[name], right["shorter"], strict=True)]
        found[f"{name} - shorter"] = _interval(clusters, differences, (-1.0, 1.0))
    margins = [each for row in rows for each in row["reward model"]]
    # which side is called the first is arbitrary: both are asked
    both = [Forecast(p, truth) for each in margins for p, truth in ((_p(each), 1.0), (1 - _p(each), 0.0))]
    found["reward model ECE"] = round(calibration_error(both) or 0.0, 4)
    return found


def _interval(clusters: Sequence[str], values: Sequence[float], limits: Limits = SHARE) -> list[float]:
    found = mean_interval(list(zip(clusters, values, strict=True)), limits=limits)
    assert found is not None
    return [round(each, 4) for each in found]


def _p(margin: float) -> float:
    return float(1 / (1 + np.exp(-margin)))


def _right(margin: float) -> float:
    return 0.5 if margin == 0 else float(margin > 0)


def _words(side: Sequence[Message]) -> list[str]:
    return WORD.findall(side[0].content.lower())


def _short(pair: Pair) -> Pair:
    return replace(pair, prompt=pair.prompt[-1:])


def _prompt_id(pair: Pair) -> str:
    return digest("prompt", [[each.role, each.content] for each in pair.prompt])


if __name__ == "__main__":
    main()
