"""KTO of single answers: the loss by hand arithmetic and by the model itself, the zero point, and what is learned."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.errors import RecipeError, ThresholdError
from rlaif.records import Example
from rlaif.training import ThumbsConfig, train_thumbs
from rlaif.training.models import open_causal
from rlaif.training.packing import Tree, pack
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans
from rlaif.training.thumbs import DOWN, UP, Thumbs, kto_losses

from .builders import example
from .conftest import MakeDirectory

EXAMPLES = [
    example("a", "mix flour and water", kind=UP),
    example("b", "no", kind=DOWN),
    example("c", "yes yes", kind=DOWN),
    example("d", "then wait", kind=UP),
    example("e", "never", kind=DOWN),
]


@pytest.mark.parametrize(
    ("rho", "z", "up", "beta", "loss"),
    [
        (0.0, 0.0, True, 0.1, 0.5),
        (0.0, 0.0, False, 0.1, 0.5),
        # 1 - sigmoid(.5 * (3 - 1)) and 1 - sigmoid(.5 * (1 - 3))
        (3.0, 1.0, True, 0.5, 1 - 1 / (1 + math.exp(-1))),
        (3.0, 1.0, False, 0.5, 1 - 1 / (1 + math.exp(1))),
    ],
)
def test_the_loss_of_one_answer_is_that_of_the_paper(
    rho: float, z: float, up: bool, beta: float, loss: float
) -> None:
    found = kto_losses(torch.tensor([rho], dtype=torch.float64), torch.tensor(z), torch.tensor([up]), beta)
    assert float(found) == pytest.approx(loss, rel=1e-6)


def objective(folder: Path, config: ThumbsConfig, examples: list[Example]) -> tuple[Thumbs, BranchScorer]:
    opened = open_causal(folder, config)
    tokens = Spans(opened.chat, opened.end_id, opened.room).examples(examples)[0]
    return Thumbs(config, tokens, room=opened.room), BranchScorer(opened.model, 0)


def summed(scorer: BranchScorer, tree: Tree) -> float:
    """The log-probability of a tree's answer, by the model's own loss."""
    row = torch.tensor([[*tree.prefix, *tree.branches[0]]])
    labels = torch.tensor([[*[-100] * len(tree.prefix), *tree.branches[0]]])
    with torch.no_grad():
        return -float(scorer.model(input_ids=row, labels=labels).loss) * len(tree.branches[0])


def read_by(scorer: BranchScorer, shift: float = 0.0):  # type: ignore[no-untyped-def]
    """A reader whose log-probabilities are `shift` a token away."""

    def read(trees):  # type: ignore[no-untyped-def]
        found = []
        for tree in trees:
            with torch.no_grad():
                batch = pack([tree], packed=False, pad_id=0, with_last=False)
                found.append(scorer(batch).logp_N + shift)
        return found

    return read


def test_a_step_is_the_weighted_mean_over_answers_with_the_zero_point_of_mismatched_ones(
    model_dir: MakeDirectory,
) -> None:
    config = ThumbsConfig(steps=1, batch_size=5, beta=0.3)
    made, scorer = objective(model_dir(), config, EXAMPLES)
    shift = 0.2
    made.hold_to(read_by(scorer, -shift))
    made.read = read_by(scorer)
    trees, others = made.trees(0), made.mismatched(0)
    assert [each.prefix for each in others] == [each.prefix for each in trees]
    assert [each.branches for each in others] == [each.branches for each in (*trees[1:], trees[0])]
    batch = pack(trees, packed=True, pad_id=0, with_last=False)
    part = made.part(0, range(5), batch, scorer(batch))
    # each token is `shift` likelier than under the reference: rho is the length times that
    rho = [shift * len(each.branches[0]) for each in trees]
    zero = sum(shift * len(each.branches[0]) for each in others) / 5
    rows = made.order.rows(0)
    wanted = 0.0
    for row, own in zip(rows, rho, strict=True):
        up = EXAMPLES[row].kind == UP
        margin = 0.3 * (own - zero) * (1 if up else -1)
        # two liked and three disliked: liked ones count 1.5 times
        wanted += (1.5 if up else 1.0) * (1 - 1 / (1 + math.exp(-margin))) / 5
    assert made.desirable == pytest.approx(1.5)
    assert float(part.loss.detach()) == pytest.approx(wanted, rel=1e-4)
    assert float(part.figures["kto/drift"]) == pytest.approx(zero, rel=1e-4)
    assert summed(scorer, trees[0]) == pytest.approx(float(read_by(scorer)([trees[0]])[0].sum()), rel=1e-4)


def test_the_zero_point_is_never_below_zero(model_dir: MakeDirectory) -> None:
    made, scorer = objective(model_dir(), ThumbsConfig(steps=1, batch_size=5), EXAMPLES)
    made.hold_to(read_by(scorer, 0.5))
    made.read = read_by(scorer)
    assert float(made.zero_point(0)) == 0.0


def test_liked_answers_become_likelier_and_disliked_ones_less_likely(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = ThumbsConfig(steps=25, batch_size=5, learning_rate=2e-3, schedule="constant")
    train_thumbs(config, EXAMPLES, policy=model_dir(), reference="previous", out=tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["loss"] == pytest.approx((1.5 * 2 + 3) * 0.5 / 5, rel=1e-4)
    assert lines[-1]["logratios/up"] > 1 > -1 > lines[-1]["logratios/down"]
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_one_thumb_alone_and_examples_without_a_thumb_are_refused(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    def train(examples: list[Example]) -> None:
        train_thumbs(
            ThumbsConfig(steps=1), examples, policy=model_dir(), reference="previous", out=tmp_path / "x"
        )

    with pytest.raises(ThresholdError, match="none of 2 examples is a thumb-down"):
        train([each for each in EXAMPLES if each.kind == UP])
    with pytest.raises(ThresholdError, match="there is 'best'"):
        train([*EXAMPLES, replace(EXAMPLES[0], kind="best")])
    with pytest.raises(RecipeError, match="batch_size"):
        ThumbsConfig(batch_size=1)
