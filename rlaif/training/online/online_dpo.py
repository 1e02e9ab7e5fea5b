"""Online DPO: the best and the worst rollout of each prompt are a pair, of the policy as it is (2402.04792)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.nn.functional import logsigmoid

from rlaif.training.configs.online import OnlineDPOConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.loop import StepPart
from rlaif.training.online.objective import (
    Experience,
    LearnedGroup,
    OnlineObjective,
    OnlineParts,
    by_place,
    joined,
    kl_figure,
    places_of,
    sums_of,
)
from rlaif.training.online.rewarded import RewardedRollouts
from rlaif.training.packing import Batch, Tree


@dataclass(slots=True)
class PairedRollouts(Experience):
    """The pairs of a step: of each row the better rollout first."""

    reference: Mapping[int, Tensor] = field(default_factory=dict)


class OnlineDPO(OnlineObjective[PairedRollouts]):
    """-log sigmoid(beta (log-ratio of the better - that of the worse)), mean over the prompts that give a pair."""

    config: OnlineDPOConfig

    def __init__(self, config: OnlineDPOConfig, parts: OnlineParts) -> None:
        super().__init__(config, parts)

    def prepared(self, step: int, found: RewardedRollouts) -> PairedRollouts:
        """A pair of each prompt whose rewards differ."""
        rows = pairs_of(found)
        assert self.parts.reference is not None
        read = self.parts.read([row.tree for row in rows], self.parts.reference.read)
        return PairedRollouts(
            step=step,
            found=found,
            rows=rows,
            reference=by_place(rows, [each.logps for each in read]),
            figures={"pairs": float(len(rows))},
        )

    def learned(
        self,
        held: PairedRollouts,
        update: int,
        mine: Sequence[LearnedGroup],
        rows: Sequence[LearnedGroup],
        batch: Batch,
        out: TokenLogprobs,
    ) -> StepPart:
        """A pass's share of the mean over the update's pairs."""
        reference_N = joined(held.reference, places_of(mine), out.logp_N)
        ratio_P2 = sums_of(out.logp_N - reference_N, batch).view(-1, 2)
        margin_P = self.config.beta * (ratio_P2[:, 0] - ratio_P2[:, 1])
        loss = -logsigmoid(margin_P).sum() / len(rows)
        logp_P2 = sums_of(out.logp_N, batch).detach().view(-1, 2)
        total = sum(len(branch) for row in rows for branch in row.tree.branches)
        figures = {
            "rewards/margins": margin_P.detach().sum() / len(rows),
            "rewards/accuracies": (margin_P > 0).float().sum() / len(rows),
            "logps/chosen": logp_P2[:, 0].sum() / len(rows),
            "logps/rejected": logp_P2[:, 1].sum() / len(rows),
            "kl": kl_figure(out.logp_N, reference_N, 2 * len(rows)),
        }
        if out.entropy_N is not None:
            figures["entropy"] = out.entropy_N.sum() / total
        return StepPart(loss, figures)


def pairs_of(found: RewardedRollouts) -> list[LearnedGroup]:
    """Of each prompt its best and its worst rollout, in this order; nothing of one whose rewards are all the same."""
    rows, start = [], 0
    for asked, group in zip(found.prompts, found.groups, strict=True):
        own_S = found.reward_S[start : start + len(group)]
        read = (~own_S.isnan()).nonzero()[:, 0]
        if len(read):
            best, worst = int(read[own_S[read].argmax()]), int(read[own_S[read].argmin()])
            if bool(own_S[best] > own_S[worst]):
                tree = Tree(asked.ids, (group[best].ids, group[worst].ids))
                rows.append(LearnedGroup(tree, (start + best, start + worst)))
        start += len(group)
    return rows
