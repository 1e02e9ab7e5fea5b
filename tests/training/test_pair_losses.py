"""Every preference loss by hand arithmetic, by finite differences in float64, and by what its name promises."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import RecipeError
from rlaif.training import losses, pair_losses
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.loss_names import ALIASES, LOSSES, Weighted, parse_mix
from rlaif.training.losses import PairLogps, PairTerms
from rlaif.training.pair_losses import PAIR_LOSSES, mixed
from rlaif.training.pair_terms import Scored, length_shift, pair_terms
from rlaif.training.tokens import TokenPair

LOG2 = math.log(2)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def s(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def ls(value: float) -> float:
    return math.log(s(value))


def made(p: float = 1.0, gap: float = 2.0, zero_point: float = 0.0) -> PairTerms:
    """log pi = -3, -8; log ref = -4, -6: rho = 1, -2, h = 3; 2 and 4 tokens; the first two tokens carry -3, -5."""
    return PairTerms(
        policy=PairLogps(double(-3.0), double(-8.0)),
        reference=PairLogps(double(-4.0), double(-6.0)),
        lengths=PairLogps(double(2.0), double(4.0)),
        policy_head=PairLogps(double(-3.0), double(-5.0)),
        reference_head=PairLogps(double(-4.0), double(-2.0)),
        label_B=double(p),
        score_gap_B=double(gap),
        zero_point=double(zero_point)[0],
    )


P_W, P_L = math.exp(-1.5), math.exp(-2.0)
ODDS = math.log(P_W / (1 - P_W)) - math.log(P_L / (1 - P_L))
HAND = [
    # beta 1/2: beta h = 3/2, beta rho = 1/2 and -1
    ("soft", 1.0, {}, -ls(1.5)),
    ("soft", 0.75, {}, -0.75 * ls(1.5) - 0.25 * ls(-1.5)),
    ("sigmoid", 0.75, {}, -ls(1.5)),
    ("cdpo", 1.0, {"label_smoothing": 0.1}, -0.9 * ls(1.5) - 0.1 * ls(-1.5)),
    # target 0.9 * 0.75 + 0.1 * 0.25 = 0.7
    ("cdpo", 0.75, {"label_smoothing": 0.1}, -0.7 * ls(1.5) - 0.3 * ls(-1.5)),
    ("robust", 1.0, {"label_smoothing": 0.1}, (-0.9 * ls(1.5) + 0.1 * ls(-1.5)) / 0.8),
    # 1/2 - -2/4 = 1, and 1 / (2 * 0.5) = 1
    ("ipo", 1.0, {}, 0.0),
    ("ipo", 0.75, {}, 0.25),
    ("hinge", 1.0, {}, 0.0),
    ("hinge", 0.75, {}, 0.25 * 2.5),
    ("sigmoid_norm", 1.0, {}, -ls(0.5)),
    # heads: (-3 - -4) - (-5 - -2) = 4; the tail of the rejected has -3 - -4 = 1, so whole 3 = 4 - 1
    ("ld", 1.0, {"ld_alpha": 0.0}, -ls(2.0)),
    ("ld", 1.0, {"ld_alpha": 0.5}, -ls(1.75)),
    ("ld", 1.0, {"ld_alpha": 1.0}, -ls(1.5)),
    # the winner is 2 tokens shorter: 3/2 - 2/10
    ("rdpo", 1.0, {"length_alpha": 0.1}, -ls(1.3)),
    # 1/2 (-3/2 - -8/4) = 1/4
    ("simpo", 1.0, {"gamma": 0.1}, -ls(0.15)),
    ("simpo", 0.75, {"gamma": 0.1}, -0.75 * ls(0.15) - 0.25 * ls(-0.35)),
    ("orpo", 1.0, {}, 1.5 - 0.5 * ls(ODDS)),
    ("orpo", 0.75, {}, 1.5 + 0.5 * (-0.75 * ls(ODDS) - 0.25 * ls(-ODDS))),
    ("kto", 1.0, {"desirable_weight": 1.0, "undesirable_weight": 2.0}, ((1 - s(0.5)) + 2 * (1 - s(1.0))) / 2),
    # score_gap 2
    ("odpo", 1.0, {"offset": 1.5}, -ls(1.5 - 1.5 * LOG2)),
    # the chosen has not fallen; the rejected, taken for the better one, has by 2: -3 - 5 * 2
    ("dpop", 1.0, {"dpop_lambda": 5.0}, -ls(1.5)),
    ("dpop", 0.75, {"dpop_lambda": 5.0}, -0.75 * ls(1.5) - 0.25 * ls(-6.5)),
    ("apo_zero", 1.0, {}, 1 - s(0.5) + s(-1.0)),
    ("apo_down", 1.0, {}, s(0.5) + 1 - s(1.5)),
    # aim (1 - 1/2) / (1/2) = 1
    ("sppo", 1.0, {}, 0.0 + 1.0),
    ("sppo", 0.75, {}, 0.25 + 2.25),
    (
        "exo_pair",
        0.9,
        {"label_smoothing": 0.0},
        s(1.5) * (ls(1.5) - math.log(0.9)) + s(-1.5) * (ls(-1.5) - math.log(0.1)),
    ),
    ("nca_pair", 1.0, {}, -ls(0.5) - 0.5 * ls(-0.5) - 0.5 * ls(1.0)),
    ("bco_pair", 1.0, {}, -ls(0.5) - ls(1.0)),
    ("discopop", 1.0, {"discopop_tau": 0.5}, s(3.0) * math.exp(-1.5) - (1 - s(3.0)) * ls(1.5)),
    ("nll", 1.0, {}, 1.5),
]


@pytest.mark.parametrize(("name", "p", "options", "value"), HAND)
def test_a_loss_by_hand(name: str, p: float, options: dict[str, float], value: float) -> None:
    assert PAIR_LOSSES[name](made(p), 0.5, options).item() == pytest.approx(value, abs=1e-12)


def test_the_kto_loss_by_hand_with_a_zero_point() -> None:
    # z = 1/2 * 0.4 = 0.2
    loss = PAIR_LOSSES["kto"](made(zero_point=0.4), 0.5, LOSSES["kto"].options)
    assert loss.item() == pytest.approx(((1 - s(0.3)) + (1 - s(1.2))) / 2)


def test_every_named_loss_has_its_function_and_its_row_of_arithmetic() -> None:
    assert LOSSES.keys() == PAIR_LOSSES.keys() == {name for name, *_ in HAND}
    assert set(ALIASES.values()) <= LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_gradients_agree_with_finite_differences(name: str, p: float) -> None:
    generator = torch.Generator().manual_seed(len(name))
    drawn = [-torch.rand(4, dtype=torch.float64, generator=generator) * 9 - 1 for _ in range(8)]
    inputs = [each.requires_grad_() for each in (drawn[0], drawn[1], drawn[0] / 2, drawn[1] / 2)]
    inputs = [each.detach().requires_grad_() for each in inputs]
    lengths = PairLogps(double(1, 2, 3, 4), double(4, 3, 3, 1))

    def loss(
        chosen: torch.Tensor, rejected: torch.Tensor, one: torch.Tensor, two: torch.Tensor
    ) -> torch.Tensor:
        terms = PairTerms(
            PairLogps(chosen, rejected), PairLogps(drawn[4], drawn[5]), lengths, PairLogps(one, two),
            PairLogps(drawn[6], drawn[7]), torch.full_like(chosen, p), torch.full_like(chosen, 1.7), double(0.3)[0],
        )  # fmt: skip
        return PAIR_LOSSES[name](terms, 0.3, LOSSES[name].options)

    assert torch.autograd.gradcheck(loss, inputs)


SYMMETRIC = sorted(name for name, facts in LOSSES.items() if facts.label and name not in ("orpo",))


@pytest.mark.parametrize("name", SYMMETRIC)
@given(p=st.floats(0.05, 0.95), numbers=st.lists(st.floats(-30, -0.5), min_size=8, max_size=8))
def test_a_swapped_pair_with_the_other_label_has_the_same_loss(
    name: str, p: float, numbers: list[float]
) -> None:
    sides = [PairLogps(double(numbers[place]), double(numbers[place + 1])) for place in (0, 2, 4, 6)]
    terms = PairTerms(
        sides[0], sides[1], PairLogps(double(3.0), double(5.0)), sides[2], sides[3],
        double(p), double(1.0), double(0.1)[0],
    )  # fmt: skip
    options = LOSSES[name].options
    one, other = (PAIR_LOSSES[name](each, 0.2, options) for each in (terms, terms.swapped()))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(name for name, facts in LOSSES.items() if facts.label))
def test_a_loss_that_reads_labels_changes_with_them(name: str) -> None:
    options = LOSSES[name].options
    values = {PAIR_LOSSES[name](made(p), 0.4, options).item() for p in (0.6, 0.8, 0.95)}
    assert len(values) == 3


@pytest.mark.parametrize("name", sorted(name for name, facts in LOSSES.items() if not facts.label))
def test_a_loss_that_reads_no_labels_does_not_change_with_them(name: str) -> None:
    options = LOSSES[name].options
    assert len({PAIR_LOSSES[name](made(p), 0.4, options).item() for p in (0.6, 0.8, 0.95)}) == 1


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_reads_the_options_it_says_and_the_reference_if_it_says_so(name: str) -> None:
    facts = LOSSES[name]
    source = ast.parse(Path(pair_losses.__file__).read_text(encoding="utf-8"))
    function = next(node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == name)
    keys = {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)} - {None}
    smoothed = {"label_smoothing"} if "_smoothed" in ast.unparse(function) else set()
    assert (
        set(facts.options) == {key for key in keys if isinstance(key, str) and key.isidentifier()} | smoothed
    )
    moved = made(0.8)._replace(
        reference=PairLogps(double(-1.0), double(-9.0)), reference_head=PairLogps(double(-1.0), double(-4.0))
    )
    values = [PAIR_LOSSES[name](each, 0.4, facts.options).item() for each in (made(0.8), moved)]
    assert (values[0] != values[1]) == facts.reference


def test_a_longer_winner_pulls_less_under_rdpo() -> None:
    def pull(chosen: float, rejected: float) -> float:
        policy = double(-3.0).requires_grad_()
        terms = made()._replace(
            policy=PairLogps(policy, double(-8.0)), lengths=PairLogps(double(chosen), double(rejected))
        )
        pair_losses.rdpo(terms, 0.1, {"length_alpha": 0.05}).sum().backward()
        return abs(policy.grad.item())  # type: ignore[union-attr]

    assert pull(20, 5) < pull(10, 10) < pull(5, 20)


def test_soft_losses_stop_where_the_margin_is_the_log_odds() -> None:
    for name in ("soft", "exo_pair"):
        policy = double(math.log(0.8 / 0.2) / 0.5).requires_grad_()
        zero = PairLogps(double(0.0), double(0.0))
        terms = made(0.8)._replace(policy=PairLogps(policy, double(0.0)), reference=zero)
        PAIR_LOSSES[name](terms, 0.5, LOSSES[name].options).sum().backward()
        assert abs(policy.grad.item()) < 1e-12  # type: ignore[union-attr]


def test_orpo_survives_an_answer_that_is_certain() -> None:
    terms = made()._replace(policy=PairLogps(torch.zeros(1, requires_grad=True), torch.tensor([-80.0])))
    terms = terms._replace(label_B=torch.ones(1), lengths=PairLogps(torch.ones(1), torch.ones(1)))
    assert torch.isfinite(pair_losses.orpo(terms, 0.1, {})).all()


def test_a_mix_is_the_weighted_sum() -> None:
    terms = made(0.75)
    whole = mixed(parse_mix("soft:0.8, nll:0.2"), terms, 0.5, {})
    expected = 0.8 * PAIR_LOSSES["soft"](terms, 0.5, {}) + 0.2 * PAIR_LOSSES["nll"](terms, 0.5, {})
    torch.testing.assert_close(whole, expected)
    assert parse_mix("hard") == (Weighted("sigmoid", 1.0),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sigmiod", "Known: soft"),
        ("", "none of ours"),
        ("soft:x", "number above 0"),
        ("soft:-1", "number above 0"),
        ("soft:inf", "number above 0"),
        ("soft:1,soft:2", "twice"),
        ("hard,sigmoid", "twice"),
        ("aot", "whole batches"),
        ("aot_pair", "whole batches"),
        ("wpo", "--wpo"),
        ("rpo", "nll:0.2"),
    ],
)
def test_a_mix_that_cannot_be_is_refused_with_a_remedy(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_mix(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "ipo", "loss_options": {"gamma": 1.0}}, "must not hold 'gamma'"),
        ({"loss": "simpo", "loss_options": {"gamma": -1.0}}, "0 or above"),
        ({"loss": "cdpo", "loss_options": {"label_smoothing": 0.5}}, "below 0.5"),
        ({"loss": "nll", "beta": 0.1}, "has none"),
        ({"loss": "soft", "labels": "hard"}, "sigmoid"),
        ({"loss": "nll", "wpo": True}, "imitation"),
        ({"loss": "kto", "batch_size": 1}, "2 or more"),
        ({"stop": {"accuracy": 1.0}}, "must name figures"),
        ({"stop": {"calibration": 0.1}}, "nothing would be measured"),
        ({"held_out": 1.0}, "below 1"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        DPOConfig(**given)  # type: ignore[arg-type]


def test_beta_is_what_is_usual_with_the_loss_unless_given() -> None:
    assert DPOConfig().strength == 0.1
    assert DPOConfig(loss="simpo").strength == 2.0
    assert DPOConfig(loss="nll:1,sigmoid_norm:1").strength == 5.0
    assert DPOConfig(loss="simpo", beta=3.0).strength == 3.0


def test_terms_of_tokens_by_hand() -> None:
    # pair 0: 1 and 3 tokens, pair 1: 2 and 2
    logp_N = double(-1, -2, -4, -8, -16, -32, -64, -128)
    branch_N = torch.tensor([0, 1, 1, 1, 2, 2, 3, 3])
    pairs = [
        TokenPair("a", (1,), (2,), (3, 4, 5), 0.9, 1.0, score_gap=0.5),
        TokenPair("b", (1,), (2, 3), (4, 5), 0.9, 1.0),
    ]
    terms = pair_terms(Scored(logp_N, logp_N / 2, branch_N), pairs, double(0.9, 0.9))
    assert terms.policy.chosen_B.tolist() == [-1, -48]
    assert terms.policy.rejected_B.tolist() == [-14, -192]
    assert terms.reference.rejected_B.tolist() == [-7, -96]
    assert terms.lengths.rejected_B.tolist() == [3, 2]
    assert terms.policy_head.rejected_B.tolist() == [-2, -192]
    assert terms.policy_head.chosen_B.tolist() == [-1, -48]
    assert terms.score_gap_B.tolist() == [0.5, 0.0]


def test_length_shift_by_hand() -> None:
    # h = 3, the chosen is 2 tokens shorter: (sigmoid(3) - 1/2) * -2 of 3 tokens
    shift, mean = length_shift(made())
    assert shift.item() == pytest.approx((s(3.0) - 0.5) * -2)
    assert mean.item() == 3.0


def test_wpo_weights_by_hand() -> None:
    # a fair coin: log pi = log 1/2, sum of squares 1/2: likeness 1 whatever the length; a sure wrong token: far below
    logp = double(math.log(0.5), math.log(0.5), math.log(0.1))
    collision = double(math.log(0.5), math.log(0.5), math.log(0.81 + 0.01))
    found = losses.on_policy_weights(logp, collision, torch.tensor([0, 0, 1]), 2)
    assert found.tolist() == pytest.approx([1.0, 0.1 / 0.82])
    assert not found.requires_grad
