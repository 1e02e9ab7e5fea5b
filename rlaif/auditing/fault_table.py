"""What can be wrong with AI feedback: by which figure it shows, what to say, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One way in which feedback goes wrong."""

    name: str
    figure: str
    """Its figure; one that ends with `:` stands for all that begin so."""
    side: Literal["above", "below", "off"]
    limit: float
    says: str
    """What is wrong: `{it}` is what follows the colon, `{value}` the figure."""
    remedy: str
    fair: float = 0.0
    """For `off`: the value that is right; the limit is the distance from it."""
    share: bool = True
    """Whether the figure counts hits among trials."""
    turn: float | None = None
    """Below it something else is wrong, which `mirror` says."""
    mirror: tuple[str, str] = ("", "")
    """As `says` and `remedy`."""

    def sentences(self, it: str, value: float) -> tuple[str, str]:
        """What is wrong at this figure, and what to do."""
        below = self.turn is not None and value < self.turn
        says, remedy = self.mirror if below else (self.says, self.remedy)
        return says.format(it=it, value=value, other=1 - value), remedy.format(it=it)


def _hidden(criterion: str, fault: str, more: str, less: str, remedy: str, against: str = "") -> FaultKind:
    says = "the judge prefers {} (effect {{value:+.2f}}), and no principle asks for it"
    return FaultKind(
        name=fault,
        figure=f"effect:{criterion}",
        side="off",
        limit=0.1,
        says=says.format(more),
        remedy=remedy,
        turn=0.0,
        mirror=(says.format(less), against or remedy),
    )


PLACE = "keep both orders and drop pairs whose orders disagree; try another protocol or judge"
REWORD = "reword it in terms of what an answer shows, and test it (`rlaif constitution test`)"
PAD = "judge pairs of matched length, say in the principle what length is right, or train with a loss that knows length"
FORMAT = "strip formatting before judging, or write a principle that says when it is wanted"
FAULTS: Sequence[FaultKind] = (
    FaultKind(
        name="position",
        figure="first_slot",
        side="off",
        limit=0.05,
        fair=0.5,
        says="position bias: the answer shown first wins {value:.0%} of the verdicts",
        remedy=PLACE,
        turn=0.5,
        mirror=(
            "position bias: the answer shown second wins {other:.0%} of the verdicts",
            PLACE,
        ),
    ),
    FaultKind(
        name="inconsistent",
        figure="order_disagreement",
        side="above",
        limit=0.25,
        says="the two orders of a comparison prefer different answers in {value:.0%} of the comparisons",
        remedy="few labels remain, and weak ones: use a stronger judge, or shorter, more concrete principles",
    ),
    FaultKind(
        name="unsteady-principle",
        figure="order_disagreement:",
        side="above",
        limit=0.45,
        says="principle {it!r}: its two orders disagree in {value:.0%} of the comparisons, as random verdicts would",
        remedy="reword it, give it tests (`rlaif constitution test`), or take it out",
    ),
    FaultKind(
        name="cycles",
        figure="cyclic",
        side="above",
        limit=0.1,
        says="{value:.0%} of the triples of answers have circular preferences (random verdicts: 25 %)",
        remedy="do not train on a ranking of this judge; use pairs with large margins only",
    ),
    FaultKind(
        name="unreadable",
        figure="unreadable:",
        side="above",
        limit=0.05,
        says="{value:.0%} of the judgments ({it}) cannot be read",
        remedy="look at raw answers (`rlaif audit show PAIR`); give more tokens, or another protocol",
    ),
    FaultKind(
        name="refusing",
        figure="refused:",
        side="above",
        limit=0.01,
        says="the judge refuses {value:.1%} of the judgments ({it})",
        remedy="labels are missing where answers are harmful: use a judge that judges such answers",
    ),
    FaultKind(
        name="truncated",
        figure="truncated",
        side="above",
        limit=0.05,
        says="{value:.0%} of the completions were cut off",
        remedy="raise --max-tokens: a truncated answer loses for its missing end, not for its content",
    ),
    FaultKind(
        name="shifted-rows",
        figure="shifted",
        side="above",
        limit=0.6,
        says="pointwise scores fit the answers of neighbouring rows better ({value:.0%}): rows are shifted",
        remedy="join judgments by id, not by row; find where a row was dropped ({it})",
    ),
    FaultKind(
        name="inverted-scores",
        figure="looks_agree",
        side="below",
        limit=0.75,
        says="answers with the higher score win only {value:.0%} of their comparisons: the two hardly agree",
        remedy="read some judgments of both kinds (`rlaif audit show PAIR`): are scores misread, are verdicts random?",
        turn=0.5,
        mirror=(
            "answers with the higher score win only {value:.0%} of their comparisons: scores are inverted or misread",
            "read some judgments of both kinds (`rlaif audit show PAIR`): is the scale inverted, is 10 read as 1?",
        ),
    ),
    FaultKind(
        name="scores-oppose-labels",
        figure="scores_opposed",
        side="above",
        limit=0.05,
        says="in {value:.0%} of the pairs the chosen side has the lower score",
        remedy="labels contradict scores: find out which of them is misread before you train on either",
    ),
    FaultKind(
        name="flipped-labels",
        figure="label_contradicts",
        side="above",
        limit=0.005,
        says="{value:.1%} of the labels contradict the judgments that are recorded for them",
        remedy="the pairs were changed after judging: make them again from the store (`rlaif judge RUN`)",
    ),
    FaultKind(
        name="grades-the-prompt",
        figure="prompt_decides",
        side="above",
        limit=0.6,
        says="answers to one prompt are graded alike (kappa {value:.2f}): the judge grades the prompt, not the answer",
        share=False,
        remedy="check that the template shows the answer (`--show-prompt`); `judge check` swaps answers across prompts",
    ),
    FaultKind(
        name="ignored-principle",
        figure="looks_agree:",
        side="below",
        limit=0.75,
        says="principle {it!r} is hardly applied: the answer that follows it more wins {value:.0%} of comparisons",
        remedy=REWORD,
        turn=0.5,
        mirror=(
            "principle {it!r} is applied in reverse: the answer that follows it more wins {value:.0%} of comparisons",
            REWORD,
        ),
    ),
    _hidden("length", "length", "longer answers", "shorter answers", PAD),
    _hidden("lists", "hidden-lists", "lists", "answers without lists", FORMAT),
    _hidden("bold", "hidden-bold", "bold print", "answers without bold print", FORMAT),
    _hidden("headers", "hidden-headings", "headings", "answers without headings", FORMAT),
    _hidden(
        "exclaims", "hidden-exclamation", "exclamation marks", "answers without exclamation marks", FORMAT
    ),
    _hidden(
        "confident",
        "confident-tone",
        "a confident tone",
        "a doubtful tone",
        "add a principle about doubt, with tests on both sides",
    ),
    _hidden(
        "flatters",
        "sycophancy",
        "flattery and agreement",
        "answers without flattery and agreement",
        "add a principle against flattery, with tests",
        "say in a principle which praise and agreement are right, with tests on both sides",
    ),
    _hidden(
        "refuses",
        "hidden-refusals",
        "refusals",
        "answers that do not decline",
        "say in a principle when an answer is to be declined",
    ),
    _hidden(
        "own",
        "self-preference",
        "its own model's answers",
        "other models' answers to its own",
        "judge with another family of models",
    ),
    FaultKind(
        name="hidden-word",
        figure="effect:word",
        side="off",
        limit=0.15,
        says="the judge prefers answers with the word {it} (effect {value:+.2f}), and no principle asks for it",
        remedy="read pairs that differ in it: is the word a sign of something you want, or will only it be learned?",
        turn=0.0,
        mirror=(
            "the judge prefers answers without the word {it} (effect {value:+.2f}), and no principle asks for it",
            "read pairs that differ in it: is the word a sign of something unwanted, or will only it be avoided?",
        ),
    ),
    FaultKind(
        name="duplicate-prompts",
        figure="near_duplicate_prompts",
        side="above",
        limit=0.05,
        says="{value:.0%} of the prompts nearly duplicate another one",
        remedy="remove duplicates: they count several times in every figure and in training",
    ),
    FaultKind(
        name="contaminated",
        figure="contaminated",
        side="above",
        limit=0.01,
        says="{value:.0%} of the prompts are also in the evaluation set",
        remedy="take them out of training: otherwise no result on that set is valid",
    ),
    FaultKind(
        name="uncovered-training",
        figure="training_uncovered",
        side="above",
        limit=0.2,
        says="{value:.0%} of the training prompts have no similar feedback prompt",
        remedy="collect feedback on prompts like the listed ones, or train on other prompts",
    ),
    FaultKind(
        name="boilerplate",
        figure="same_closer",
        side="above",
        limit=0.5,
        says="{value:.0%} of the completions end with the same sentence",
        remedy="strip it, or forbid it in a principle: the policy learns it word by word",
    ),
    FaultKind(
        name="low-diversity",
        figure="alike",
        side="above",
        limit=0.6,
        says="completions of one prompt are nearly the same (similarity {value:.2f})",
        share=False,
        remedy="raise the temperature or mix policies: equal answers give no preference",
    ),
    FaultKind(
        name="people-disagree",
        figure="people_agree",
        side="below",
        limit=0.7,
        says="reviewers prefer the chosen side in only {value:.0%} of the pairs that they decided",
        remedy="read the pairs on which they differ (`rlaif review RUN`); correct the principle or change the judge",
    ),
    FaultKind(
        name="gold-disagrees",
        figure="gold_agree",
        side="below",
        limit=0.75,
        says="gold agrees with only {value:.0%} of the labels",
        remedy="find out on which principle the judge fails: `rlaif judge check`",
    ),
    FaultKind(
        name="overconfident",
        figure="overconfident",
        side="above",
        limit=0.1,
        says="label probabilities exceed label accuracy by {value:.2f}, by reviewers' votes",
        share=False,
        remedy="set `decide.temperature` to what `rlaif judge check` fits",
    ),
    FaultKind(
        name="rationale-contradicts",
        figure="rationale_contradicts",
        side="above",
        limit=0.05,
        says="{value:.0%} of the verdicts contradict the judge's own rationale",
        remedy="read raw answers (`rlaif audit show PAIR`): are verdicts misread, or does it decide first?",
    ),
    FaultKind(
        name="thought-contradicts",
        figure="thought_contradicts",
        side="above",
        limit=0.05,
        says="{value:.0%} of the labels contradict the judge's own thought before them",
        remedy="read them (`rlaif audit show PAIR --thoughts`): are labels misread, or decided whatever it thought?",
    ),
    FaultKind(
        name="open-thoughts",
        figure="open_thought",
        side="above",
        limit=0.05,
        says="{value:.0%} of the thoughts never end, and no answer follows",
        remedy="raise the policy's --max-thought-tokens, or --max-tokens where thought and answer share one room",
    ),
    FaultKind(
        name="not-repeatable",
        figure="retest_differs",
        side="above",
        limit=0.1,
        says="asked again, the judge gives another verdict in {value:.0%} of the questions",
        remedy="judge at temperature 0, or take several samples and use their majority",
    ),
)
