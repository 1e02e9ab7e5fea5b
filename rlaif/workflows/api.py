"""The commands as functions: keyword arguments in, a result out. `import rlaif` offers them.

The arguments stand here in full, so that editors, `help()` and type checkers show them. Each function has exactly the
fields of its configuration, with the same defaults and help; a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from rlaif.engines.function import TextFunction
from rlaif.errors import InputError
from rlaif.judging import Judge, JudgeKind
from rlaif.judging.function_judge import PairFunction, RewardFunction
from rlaif.judging.rewards import NamedReward
from rlaif.libraries.quiet import quiet
from rlaif.records import Engine
from rlaif.register import engine_name_of, judge_name_of
from rlaif.settings import Option, options
from rlaif.store import Store, find_store
from rlaif.workflows import configs
from rlaif.workflows.audit import run as auditing
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.run import Audited
from rlaif.workflows.evaluation import run as evaluation
from rlaif.workflows.evaluation.result import Evaluation
from rlaif.workflows.generate import run as generation
from rlaif.workflows.generate.result import GenerateResult
from rlaif.workflows.judge_eval import run as checking
from rlaif.workflows.judge_eval.config import CheckConfig
from rlaif.workflows.judge_eval.result import JudgeCheckResult
from rlaif.workflows.models.defaults import choose_evaluate, choose_generate, choose_judge
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions, role_options
from rlaif.workflows.recipe import prepare as recipes
from rlaif.workflows.recipe import run as loop
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.reward import run as rewarding
from rlaif.workflows.reward.reward_option import reward_value
from rlaif.workflows.reward.run import JudgeRewardConfig, OpenReward
from rlaif.workflows.training import run as training
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.methods import DEFAULT, METHODS
from rlaif.workflows.training.online import (
    OnlineTrained,
    online_train_config,
    settle_online,
    train_on_rollouts,
)
from rlaif.workflows.training.run import Trained

Config = TypeVar("Config")
Job = TypeVar("Job")
Result = TypeVar("Result")
Model: TypeAlias = str | Path | TextFunction | Engine
"""A model: its name, its directory, a function that writes, or an open engine."""
Judging: TypeAlias = str | Path | PairFunction | RewardFunction | Judge | NamedReward | JudgeKind
"""A judge: its name, a function that compares or gives a number, or an open judge."""


def generate(
    *,
    out: Path | str,
    constitution: Path | str | None = None,
    prompts: Path | str | None = None,
    from_turn: str | None = None,
    policy: Model | Sequence[Model] = (),
    policy_options: RoleOptions | Mapping[str, Any] | None = None,
    judge: Judging | None = None,
    judge_options: RoleOptions | Mapping[str, Any] | None = None,
    critic_options: RoleOptions | Mapping[str, Any] | None = None,
    n: int = 6,
    protocol: str = "compare",
    samples: int | None = None,
    ask_again: int | None = None,
    pairing: Literal["best-worst", "all", "random", "rank"] = "best-worst",
    inconsistent: Literal["drop", "average"] = "drop",
    truncated: Literal["drop", "reject"] = "drop",
    critique: bool = True,
    accept_unfit: bool = False,
    min_pair_share: float = 0.05,
    limit: int | None = None,
    seed: int = 0,
    column: str | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    max_tokens: int = 256,
    max_thought_tokens: int | None = None,
    system: str | None = None,
    drift: int = 16,
    trainer: Model | None = None,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None,
    batch_tokens: int = 16384,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    on: Literal["local", "ray"] = "local",
    workers: int | None = None,
    budget: Mapping[str, float] | None = None,
    prices: Path | str | None = None,
) -> GenerateResult:
    """Sample completions, judge them by a constitution, and write preference pairs.

    Name no policy, judge or prompts to use the bundled microworld. A run that was interrupted goes on where it
    stopped; a finished one is read.

    Args:
        out: Directory to write.
        constitution: Constitution: a file or a name [default: the one of the run or the trained model, else
            micro-default].
        prompts: Prompts: a file (JSONL, JSON, CSV, Parquet, text), a `datasets` directory or a bundled set.
        from_turn: Draw the assistant's turn K of each conversation, `last`, or `each` of them [default: the turn
            after the whole prompt].
        policy: Policy: a model's name (docs/models.md); several (repeatable) share each prompt's completions.
        policy_options: Options of the policy: thinking, template, budgets, dtype (docs/models.md).
        judge: Judge: the name of a model or of another judge (docs/models.md, docs/judges.md).
        judge_options: Options of the judge: thinking, template, budgets, dtype (docs/models.md).
        critic_options: Options of the critic: thinking, template, budgets, dtype (docs/models.md) [default: as
            the judge, but for the length of its answers].
        n: Completions per prompt.
        protocol: How the judge is asked (docs/judges.md). A pointwise protocol also chooses which completions
            are paired.
        samples: Samples per question, for protocols that average or vote [default: 1].
        ask_again: Retries of a reply that cannot be read [default: 2].
        pairing: Which completions of a prompt are compared.
        inconsistent: When the two orders of a pair disagree: drop the pair, or average both orders.
        truncated: A completion that ran out of `max_tokens`: drop makes no pair of it; reject lets it be a
            rejected side, never a chosen one.
        critique: Write a critique of the rejected side of each pair.
        accept_unfit: Keep pairs that are decided only by principles which this judge cannot apply (their own
            tests fail, or the two orders disagree).
        min_pair_share: Exit 3 (in Python: `unmet`) when a smaller share of the prompts gives a pair.
        limit: Use only the first N prompts.
        seed: Seed of all random numbers.
        column: Column that holds the prompt [default: `prompt` or `messages`].
        temperature: Sampling temperature of the policy.
        top_p: Nucleus sampling of the policy; 1: off.
        top_k: Sample from the k most likely tokens only; 0: off.
        min_p: Drop tokens below this fraction of the most likely token's probability; 0: off.
        max_tokens: Length limit of an answer, in tokens; of thought and answer together without a limit of the
            thought.
        max_thought_tokens: Length limit of the thought before an answer, in tokens: then it is ended [default: no
            limit of its own].
        system: System turn under which is drawn: constitution (its principles), good, bad, a file or a text; it is
            no part of the prompts that are kept [default: none].
        drift: Compare the policy's log-probabilities with the trainer's on this many completions; 0: off.
        trainer: Local model that will be trained, for `drift` [default: the policy, where it is local].
        dtype: Data type of local models.
        device: Device of local models: auto, cpu, cuda, cuda:1, mps.
        device_map: Spread the layers of a local model over all devices, in place of `device`.
        batch_tokens: Tokens in a batch of a local model.
        chat_template_kwargs: Keyword arguments of chat templates; repeatable.
        trust_remote_code: Run code found in a model directory.
        store: Store file [default: searched upward from `out`].
        on: Run models on this machine or on a Ray cluster (docs/scaling.md).
        workers: Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS
            leaves cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per
            node].
        budget: Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.
        prices: Price table [default: the shipped one; see `rlaif prices`].

    Returns:
        The pairs, the counts on the way from prompts to pairs, and what was spent.

    Raises:
        InputError: A name, file or argument is wrong, or `out` holds another run.
        EngineError: A model could not be run; call again to resume.
        BudgetError: `budget` is spent; call again with a larger one to resume.

    Example:
        >>> made = rlaif.generate(out="runs/r1", limit=8, n=2)
        >>> made.funnel["prompts"], made.funnel["completions"]
        (8, 16)
        >>> len(made.pairs) == made.funnel["kept"]
        True
    """
    return _called(configs.GenerateConfig, choose_generate, generation.generate, locals())


def judge(
    *,
    source: Path | str,
    judge: Judging | None = None,
    judge_options: RoleOptions | Mapping[str, Any] | None = None,
    critic_options: RoleOptions | Mapping[str, Any] | None = None,
    out: Path | str,
    constitution: Path | str | None = None,
    protocol: str = "compare",
    samples: int | None = None,
    ask_again: int | None = None,
    pairing: Literal["same", "best-worst", "all", "random", "rank"] | None = None,
    inconsistent: Literal["drop", "average"] = "drop",
    truncated: Literal["drop", "reject"] = "drop",
    critique: bool = True,
    accept_unfit: bool = False,
    min_pair_share: float = 0.05,
    limit: int | None = None,
    seed: int = 0,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None,
    batch_tokens: int = 16384,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    on: Literal["local", "ray"] = "local",
    workers: int | None = None,
    budget: Mapping[str, float] | None = None,
    prices: Path | str | None = None,
) -> GenerateResult:
    """Judge completions that exist already, and write preference pairs.

    Args:
        source: Completions to judge: a run, or a file of completions.
        judge: Judge: the name of a model or of another judge (docs/models.md, docs/judges.md).
        judge_options: Options of the judge: thinking, template, budgets, dtype (docs/models.md).
        critic_options: Options of the critic: thinking, template, budgets, dtype (docs/models.md) [default: as
            the judge, but for the length of its answers].
        out: Directory to write.
        constitution: Constitution: a file or a name [default: the one of the run or the trained model, else
            micro-default].
        protocol: How the judge is asked (docs/judges.md). A pointwise protocol also chooses which completions
            are paired.
        samples: Samples per question, for protocols that average or vote [default: 1].
        ask_again: Retries of a reply that cannot be read [default: 2].
        pairing: Which completions of a prompt are compared; `same`: those that a judged run compared, so that
            `rlaif audit compare` finds both [default: same for a judged run, else best-worst].
        inconsistent: When the two orders of a pair disagree: drop the pair, or average both orders.
        truncated: A completion that ran out of `max_tokens`: drop makes no pair of it; reject lets it be a
            rejected side, never a chosen one.
        critique: Write a critique of the rejected side of each pair.
        accept_unfit: Keep pairs that are decided only by principles which this judge cannot apply (their own
            tests fail, or the two orders disagree).
        min_pair_share: Exit 3 (in Python: `unmet`) when a smaller share of the prompts gives a pair.
        limit: Use only the first N prompts.
        seed: Seed of all random numbers.
        dtype: Data type of local models.
        device: Device of local models: auto, cpu, cuda, cuda:1, mps.
        device_map: Spread the layers of a local model over all devices, in place of `device`.
        batch_tokens: Tokens in a batch of a local model.
        chat_template_kwargs: Keyword arguments of chat templates; repeatable.
        trust_remote_code: Run code found in a model directory.
        store: Store file [default: searched upward from `out`].
        on: Run models on this machine or on a Ray cluster (docs/scaling.md).
        workers: Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS
            leaves cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per
            node].
        budget: Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.
        prices: Price table [default: the shipped one; see `rlaif prices`].

    Returns:
        The pairs, the counts on the way to them, and what was spent.

    Raises:
        InputError: A name, file or argument is wrong, or `out` holds another run.
        EngineError: A model could not be run; call again to resume.
        BudgetError: `budget` is spent; call again with a larger one to resume.

    Example:
        >>> again = rlaif.judge(source="runs/r1", judge="gold:", out="runs/gold")
        >>> again.calls["new"]  # gold asks no model
        0
    """
    return _called(configs.JudgeConfig, choose_judge, generation.judge, locals())


def train(
    *,
    source: Path | str | None = None,
    prompts: Path | str | None = None,
    reward: Any = None,
    out: Path | str | None = None,
    method: str = DEFAULT,
    policy: Model | None = None,
    reference: Model | None = None,
    loss: str | None = None,
    beta: float | None = None,
    loss_options: Mapping[str, float] | None = None,
    labels: Literal["soft", "hard"] | None = None,
    wpo: bool | None = None,
    desirable_weight: float | None = None,
    undesirable_weight: float | None = None,
    teacher: str | None = None,
    ema_rate: float | None = None,
    form: Literal["full", "top-k", "sampled", "jensen-shannon"] | None = None,
    direction: Literal["reverse", "forward"] | None = None,
    top_k: int | None = None,
    alpha: float | None = None,
    max_ratio: float | None = None,
    margin: float | None = None,
    centering: float | None = None,
    heads: str | Sequence[str] | None = None,
    learn: Literal["chosen", "revisions", "good-bad"] | None = None,
    via: Literal["sft", "dpo"] | None = None,
    held_out_pairs: float | None = None,
    stop: Mapping[str, float] | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    nll: float | None = None,
    train_on: Literal["all", "answer"] | None = None,
    replay: Mapping[str, float] | None = None,
    replay_from: Path | str | None = None,
    lora: bool | int | None = None,
    max_unreadable: float = 0.05,
    gate: Literal["filter", "refuse", "off"] = "filter",
    gate_limit: Mapping[str, float] | None = None,
    reviewed: Literal["ignore", "drop", "turn"] = "ignore",
    edited: bool = False,
    alarm: str | Mapping[str, Any] | None = None,
    loop: Mapping[str, Any] | None = None,
    held_out: Path | str | None = None,
    seed: int = 0,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    thought_marks: Sequence[str] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    **further: Any,
) -> Trained | OnlineTrained:
    """Train a policy, a reward model or a judge on preference pairs; or a policy on its own answers and a reward.

    An argument that is None takes the method's own default. A training that was interrupted goes on from its last
    checkpoint and gives the weights that it would have given.

    Args:
        source: Pairs to learn from: a run, or a file of pairs. Methods that draw rollouts take none.
        prompts: Of a method that draws rollouts (`grpo`, `rloo`, `ppo` ...): prompts that the policy answers.
        reward: Of such a method, what is rewarded: `judge=micro`, a YAML file, a part as a recipe has it, a function of
            prompt and completion, a list of these, or an open reward with `score` and `fingerprint`.
        out: Directory of the model; None: `models/METHOD` in the run.
        method: What is trained, and how: the policy by `dpo`, `sft` or `grpo`, a `reward` model, or the `judge`.
        policy: Model to train; None: the one that wrote the run's completions, or that judged them.
        reference: Reference policy of DPO: `init`, `previous`, a model directory or `none`.
        loss: Preference loss, or a mix such as `soft+0.1*nll`.
        beta: Strength of the pull towards the reference.
        loss_options: Further numbers of the loss, by name.
        labels: Learn from label probabilities (`soft`) or from the better side alone (`hard`).
        wpo: Weight each pair by how likely the policy is to write it (WPO).
        desirable_weight: How much liked answers count (thumbs); None: together as much as all disliked ones.
        undesirable_weight: How much disliked answers count (thumbs).
        teacher: Who teaches (distill): `base`, `live`, `ema` or a model directory.
        ema_rate: Share of the newest weights in the teacher `ema`; None: 0.05.
        form: What a student is compared with its teacher by: `full`, `top-k`, `sampled`, `jensen-shannon`.
        direction: KL(student || teacher), `reverse`, or `forward`; of `full` and `top-k`.
        top_k: How many of the student's likeliest tokens `top-k` compares; None: 100.
        alpha: The teacher's share of the mixture of `jensen-shannon`; None: 0.5.
        max_ratio: What pi / pi_old counts at most in `sampled`; None: 2.
        margin: Margin of the reward model's loss for each unit of the score gap.
        centering: Weight of the term that keeps the reward model's mean at zero.
        heads: Heads of the reward model, one a principle; None: one of the whole answer.
        learn: What SFT learns: the chosen side, revisions, or both sides named good and bad.
        via: How a judge learns: by `sft` or `dpo`.
        held_out_pairs: Share of the pairs to hold out for the accuracy of a reward model or judge.
        stop: Thresholds of metrics that end the training early.
        learning_rate: Peak learning rate.
        steps: Optimizer steps.
        epochs: Passes over the pairs, in place of `steps`.
        batch_size: Pairs a step.
        nll: Weight of the chosen side's negative log-likelihood.
        train_on: Learn thoughts and answers (`all`), or answers alone (`answer`).
        replay: Examples to mix in, a share of the batch for each kind.
        replay_from: File of those examples; None: the bundled models' own.
        lora: Rank of a LoRA adapter; None: train all weights.
        max_unreadable: Largest share of unreadable judgments to train on.
        gate: What becomes of pairs that teach nothing or teach wrong.
        gate_limit: Limits of that gate, by name.
        reviewed: What becomes of pairs that people decided against in `rlaif review`.
        edited: The pairs were changed by hand after their run was finished, on purpose.
        alarm: warn, stop or back when the reward is being exploited, or a mapping that says what is looked at too; see
            docs/overoptimisation.md.
        loop: Options of the training loop, by name; see docs/training-loop.md.
        held_out: Prompts of a later evaluation: none of them is trained on.
        seed: All random numbers derive from it.
        chat_template_kwargs: Arguments passed on to chat templates, as when the completions were drawn.
        thought_marks: What the model writes before and behind its thought, where its template does not tell; None: as
            its run was told.
        trust_remote_code: Run code found in a model directory.
        store: Store that holds people's decisions; None: found upward from the run.
        further: Options of a method that draws rollouts (`n`, `variant`, `constitution` ...; docs/rl.md), or of another
            package.

    Returns:
        Where the model lies, its final metrics, and how many pairs were used.

    Raises:
        InputError: A name, file or argument is wrong, or is not used by this method.
        ThresholdError: Too many judgments behind the pairs are unreadable.

    Example:
        >>> trained = rlaif.train(source="runs/r1", out="models/r1", steps=2)
        >>> trained.out.name, trained.outcome.steps
        ('r1', 2)
    """
    given = {name: value for name, value in locals().items() if name not in ("method", "further")}
    with quiet():
        if METHODS.get(method).reward_of is not None:
            return _train_on_rollouts(method, given, further)
        return _train_on_source(method, given, further)


def _train_on_source(method: str, given: Mapping[str, Any], further: Mapping[str, Any]) -> Trained:
    """Train on pairs or examples that are there."""
    named = dict(given)
    for name in ("prompts", "reward"):
        if named.pop(name) is not None:
            raise InputError(
                f"{name} is of methods that draw rollouts, and {method} learns from a source; leave it out"
            )
    if (source := named.pop("source")) is None:
        raise InputError(
            f"source is missing: {method} learns from a run, or from a file of pairs or examples"
        )
    return training.train(training.settle(train_config(source, method=method, **named, **further)))


def _train_on_rollouts(method: str, given: Mapping[str, Any], further: Mapping[str, Any]) -> OnlineTrained:
    """Train on rollouts, what was given alone being said: the defaults of other methods are no options of this one."""
    usual = {name: each.default for name, each in signature(train).parameters.items()}
    named = {name: value for name, value in given.items() if value is not None and value != usual[name]}
    if "source" in named:
        raise InputError(
            f"source is of methods that learn from pairs or examples, and {method} draws rollouts: give prompts"
        )
    for name in ("prompts", "policy", "out"):
        if name not in named:
            raise InputError(f"{name} is missing: {method} learns from prompts=, reward=, policy= and out=")
    reward = named.pop("reward", None)
    is_open = hasattr(reward, "score") and hasattr(reward, "fingerprint")
    if reward is not None and not is_open:
        named["reward"] = reward_value(reward)
    for name in ("prompts", "policy", "held_out"):
        named |= {name: str(named[name])} if name in named else {}
    config = online_train_config(method, **named, **further)
    return train_on_rollouts(config, settle_online(config, reward if is_open else None))


def evaluate(
    *,
    policy: Model | None = None,
    against: Model | Sequence[Model] = (),
    judge: Judging | None = None,
    policy_options: RoleOptions | Mapping[str, Any] | None = None,
    against_options: RoleOptions | Mapping[str, Any] | None = None,
    judge_options: RoleOptions | Mapping[str, Any] | None = None,
    prompts: Path | str | None = None,
    constitution: Path | str | None = None,
    gold: bool = False,
    behaviours: bool = False,
    sets: Sequence[str] = (),
    kl: bool = False,
    out: Path | str | None = None,
    column: str | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    max_tokens: int = 256,
    max_thought_tokens: int | None = None,
    system: str | None = None,
    against_system: str | None = None,
    limit: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None,
    batch_tokens: int = 16384,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    on: Literal["local", "ray"] = "local",
    workers: int | None = None,
    budget: Mapping[str, float] | None = None,
    prices: Path | str | None = None,
) -> Evaluation:
    """Compare a policy with other models by a judge, and by gold where the prompts name one.

    Each pair of answers is judged in both orders; intervals are over prompts, by bootstrap.

    Args:
        policy: The model to evaluate (docs/models.md).
        against: A model to compare it with; repeatable.
        judge: Judge: the name of a model or of another judge (docs/models.md, docs/judges.md).
        policy_options: Options of the policy: thinking, template, budgets, dtype (docs/models.md).
        against_options: Options of the models to compare with: thinking, template, budgets, dtype
            (docs/models.md).
        judge_options: Options of the judge: thinking, template, budgets, dtype (docs/models.md).
        prompts: Held-out prompts: a file (JSONL, JSON, CSV, Parquet, text), a `datasets` directory or a
            bundled set.
        constitution: Constitution: a file or a name [default: the one of the run or the trained model, else
            micro-default].
        gold: Also grade answers by gold, where the prompt rows name one.
        behaviours: Ask the judge for sycophancy, flattery, made-up facts, doubt and over-refusal, where no gold
            says it.
        sets: Sets to measure each model on: sums, harms, look-alikes, corrects, doubts, flatters (parts of the
            prompts), gsm8k=FILE, xstest=FILE, lm-eval=FILE.yaml (docs/evaluation.md).
        kl: Also the policy's KL from each model that it is compared with, in nats per answer.
        out: Also write texts, judgments and figures as a run, into this directory.
        column: Column that holds the prompt [default: `prompt` or `messages`].
        temperature: Sampling temperature of all models; 0: greedy.
        top_p: Nucleus sampling; 1: off.
        top_k: Sample from the k most likely tokens only; 0: off.
        min_p: Drop tokens below this fraction of the most likely token's probability; 0: off.
        max_tokens: Length limit of an answer, in tokens; of thought and answer together without a limit of the
            thought.
        max_thought_tokens: Length limit of the thought before an answer, in tokens: then it is ended [default: no
            limit of its own].
        system: System turn under which is drawn: constitution (its principles), good, bad, a file or a text; it is
            no part of the prompts that are kept [default: none].
        against_system: The same for the models to compare with: `none` against `--system constitution` measures one
            model with and without its task prompt [default: as `system`].
        limit: Use only the first N prompts.
        resamples: Bootstrap resamples for the intervals.
        seed: Seed of all random numbers.
        dtype: Data type of local models.
        device: Device of local models: auto, cpu, cuda, cuda:1, mps.
        device_map: Spread the layers of a local model over all devices, in place of `device`.
        batch_tokens: Tokens in a batch of a local model.
        chat_template_kwargs: Keyword arguments of chat templates; repeatable.
        trust_remote_code: Run code found in a model directory.
        store: Store file [default: searched upward from `out`].
        on: Run models on this machine or on a Ray cluster (docs/scaling.md).
        workers: Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS
            leaves cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per
            node].
        budget: Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.
        prices: Price table [default: the shipped one; see `rlaif prices`].

    Returns:
        A win rate for each other model and gold for each model, with 95 % intervals.

    Raises:
        InputError: A name, file or argument is wrong, or there is nothing to measure.
        EngineError: A model could not be run; call again to resume.
        BudgetError: `budget` is spent; call again with a larger one to resume.

    Example:
        >>> found = rlaif.evaluate(policy="micro", against="micro:base", judge="micro", limit=4)
        >>> found.prompts, found.win_rates[0].against
        (4, 'micro:base')
    """
    return _called(configs.EvaluateConfig, choose_evaluate, evaluation.evaluate, locals())


def judge_check(
    *,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None,
    batch_tokens: int = 16384,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    on: Literal["local", "ray"] = "local",
    workers: int | None = None,
    budget: Mapping[str, float] | None = None,
    prices: Path | str | None = None,
    source: Path | str | None = None,
    judge: Judging | None = None,
    judge_options: RoleOptions | Mapping[str, Any] | None = None,
    constitution: Path | str | None = None,
    protocol: str | None = None,
    format: str | None = None,
    limit: int | None = None,
    retest: int = 20,
    attacks: Sequence[str] = (),
    attacked: int = 10,
    plot: Path | str | None = None,
    html: Path | str | None = None,
    out: Path | str | None = None,
    seed: int = 0,
    thresholds: Mapping[str, float] | None = None,
    ignore_flags: bool = False,
) -> JudgeCheckResult:
    """Measure a judge on labelled answers: accuracy, order consistency, position bias, calibration, attacks.

    A verdict that cannot be read counts as wrong and is also counted by itself.

    Args:
        dtype: Data type of local models.
        device: Device of local models: auto, cpu, cuda, cuda:1, mps.
        device_map: Spread the layers of a local model over all devices, in place of `device`.
        batch_tokens: Tokens in a batch of a local model.
        chat_template_kwargs: Keyword arguments of chat templates; repeatable.
        trust_remote_code: Run code found in a model directory.
        store: Store file [default: searched upward from `out`].
        on: Run models on this machine or on a Ray cluster (docs/scaling.md).
        workers: Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS
            leaves cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per
            node].
        budget: Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.
        prices: Price table [default: the shipped one; see `rlaif prices`].
        source: Gold set; None: the constitution's own tests, or what `replay:` records.
        judge: Judge: the name of a model or of another judge, or replay:FILE for recorded verdicts [default:
            micro].
        judge_options: Options of the judge: thinking, template, budgets, dtype (docs/models.md).
        constitution: Constitution: a file or a name [default: the question of the gold set].
        protocol: How the judge is asked [default: compare; for single answers, checklist or reward].
        format: Format of GOLD, where its columns do not tell it.
        limit: Use only the first N prompts.
        retest: Pairs judged a second time, bypassing the store, for test-retest agreement.
        attacks: Apply only this family of attacks; repeatable.
        attacked: Number of pairs to attack.
        plot: Write a calibration plot (.svg, .png or .pdf).
        html: Write the HTML report of the check.
        out: Also keep the check as a run in this directory, for `report`, `plot` and `view`.
        seed: Seed of all random numbers.
        thresholds: Limits of figures, by name.
        ignore_flags: Do not exit 3 when a flag fires.

    Returns:
        Every figure with its interval, flags, and in `unmet` the limits that are not met.

    Raises:
        InputError: A name, file or argument is wrong, or there is nothing to measure.
        EngineError: The judge could not be run; call again to resume.
        BudgetError: `budget` is spent; call again with a larger one to resume.

    Example:
        >>> checked = rlaif.judge_check(judge="micro", limit=4, retest=0)
        >>> checked.part.count
        4
    """
    return _called(CheckConfig, _unchanged, checking.check, locals())


def run(
    *,
    recipe: Path | str,
    out: Path | str,
    overrides: Mapping[str, str] | None = None,
    policy: Model | None = None,
    judge: Judging | None = None,
    policy_options: RoleOptions | Mapping[str, Any] | None = None,
    judge_options: RoleOptions | Mapping[str, Any] | None = None,
    frozen_judge: bool = False,
    quick: bool = False,
    constitution: Path | str | None = None,
    limit: int | None = None,
    seed: int | None = None,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None,
    batch_tokens: int = 16384,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    on: Literal["local", "ray"] = "local",
    workers: int | None = None,
    budget: Mapping[str, float] | None = None,
    prices: Path | str | None = None,
) -> Finished:
    """Run a recipe, or resume it; a finished run is read.

    Args:
        recipe: Recipe: a file, or the name of a shipped one.
        out: Directory to write.
        overrides: Override keys of the recipe (docs/recipes.md), such as `rounds=1`; repeatable.
        policy: Starting policy [default: the recipe's].
        judge: Judge: a name, or `previous`, the newest policy [default: the recipe's].
        policy_options: Options of the policy: thinking, template, budgets, dtype (docs/models.md), over the recipe's.
        judge_options: Options of the judge: thinking, template, budgets, dtype (docs/models.md), over the recipe's.
        frozen_judge: Let the starting policy judge every round.
        quick: The recipe's quick form: as small as its key `quick` says, before --set.
        constitution: Constitution: a file or a name [default: the recipe's].
        limit: Use only the first N prompts of each set.
        seed: Seed of all random numbers [default: the recipe's].
        dtype: Data type of local models.
        device: Device of local models: auto, cpu, cuda, cuda:1, mps.
        device_map: Spread the layers of a local model over all devices, in place of `device`.
        batch_tokens: Tokens in a batch of a local model.
        chat_template_kwargs: Keyword arguments of chat templates; repeatable.
        trust_remote_code: Run code found in a model directory.
        store: Store file [default: searched upward from `out`].
        on: Run models on this machine or on a Ray cluster (docs/scaling.md).
        workers: Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS
            leaves cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per
            node].
        budget: Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.
        prices: Price table [default: the shipped one; see `rlaif prices`].

    Returns:
        A row of figures for each round, the report, and what was spent.

    Raises:
        InputError: A name, file or argument is wrong, or `out` holds another run.
        RecipeError: The recipe cannot be used; the message names its line.
        EngineError: A model could not be run; call again to resume.
        BudgetError: `budget` is spent; call again with a larger one to resume.

    Example:
        >>> done = rlaif.run(recipe="self-rewarding", out="runs/loop", quick=True, limit=24)
        >>> [row["round"] for row in done.rounds]
        [0, 1]
    """
    return _called(configs.RunConfig, recipes.prepare_recipe, loop.run, locals())


def audit(
    *,
    run: Path | str,
    round: int | None = None,
    training: Path | str | None = None,
    evaluation: Path | str | None = None,
    again: Path | str | None = None,
    truth: Path | str | None = None,
    thresholds: Mapping[str, float] | None = None,
    allowed: Sequence[str] = (),
    strict: bool = False,
    edited: bool = False,
    seed: int = 0,
    store: Path | str | None = None,
) -> Audited:
    """Look for what is wrong with the feedback of a run: bias, failures, drift, leaks.

    Reads the run alone and asks no model. Intervals are over prompts.

    Args:
        run: Directory of the run.
        round: Round of a loop [default: the newest].
        training: Training prompts: report which of them no feedback prompt resembles.
        evaluation: Evaluation prompts: report which of them occur in this run.
        again: A run in which the same judge judged the same completions again, for test-retest agreement.
        truth: A run in which a stronger judge judged the same completions: what it says counts as true before a
            training, where prompts name no gold.
        thresholds: Exit 3 (in Python: `unmet`) when a figure is beyond its limit. On the command line
            FIGURE<=X or FIGURE>=X, repeatable; in Python `{'FIGURE': x}`, with `-FIGURE` for a limit below
            which it may not be.
        allowed: Do not fail on this fault; repeatable.
        strict: Exit 3 (in Python: `unmet`) when any fault is found.
        edited: The pairs were changed by hand after their run was finished, on purpose: shown, and no fault.
        seed: Seed of all random numbers.
        store: Store file, which holds people's decisions [default: searched upward from the run].

    Returns:
        The figures with intervals, the faults found, and prompts to collect next.

    Raises:
        InputError: `run` is no run, or a figure or fault is not known.

    Example:
        >>> audited = rlaif.audit(run="runs/r1")
        >>> audited.audit.counts["prompts"]
        8
    """
    return _called(AuditConfig, _unchanged, auditing.audit, locals())


def reward(
    *,
    judge: Judging | None = None,
    reward: Any = None,
    constitution: Path | str,
    judge_options: RoleOptions | Mapping[str, Any] | None = None,
    protocol: str | None = None,
    samples: int | None = None,
    ask_again: int | None = None,
    seed: int = 0,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None,
    batch_tokens: int = 16384,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
    store: Path | str | None = None,
    on: Literal["local", "ray"] = "local",
    workers: int | None = None,
    budget: Mapping[str, float] | None = None,
    prices: Path | str | None = None,
) -> OpenReward:
    """Open a judge as a reward: one number a completion, None where there is none.

    What is returned is a context manager, a function of texts or conversations as TRL's trainers take one, and a
    `Reward` of our own records. Calls are kept in the store: the same completion is asked about once.

    Args:
        judge: Judge: a model name, rules:FILE, reward:DIR, or one that was registered.
        reward: What is rewarded: judge=NAME,protocol=checklist, model=DIR,weight=0.5 ... (repeatable), or a YAML
            file.
        constitution: Constitution, a file or a name.
        judge_options: Options of the judge: thinking, template, budgets, dtype (docs/models.md).
        protocol: Pointwise protocol; None: `checklist`, or `reward` for a judge that has rewards of its own.
        samples: Texts a question, for protocols that take a vote of several; None: one.
        ask_again: How often to repeat a question whose answer is unreadable; None: twice.
        seed: Seed of what is drawn.
        dtype: Data type of local models.
        device: Device of local models: auto, cpu, cuda, cuda:1, mps.
        device_map: Spread the layers of a local model over all devices, in place of `device`.
        batch_tokens: Tokens in a batch of a local model.
        chat_template_kwargs: Keyword arguments of chat templates; repeatable.
        trust_remote_code: Run code found in a model directory.
        store: Store file [default: searched upward from `out`].
        on: Run models on this machine or on a Ray cluster (docs/scaling.md).
        workers: Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS
            leaves cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per
            node].
        budget: Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.
        prices: Price table [default: the shipped one; see `rlaif prices`].

    Returns:
        The open reward; leave its `with` block, or call `close`, to let the judge go.

    Raises:
        InputError: A name or file is wrong, or the protocol gives no number to a single completion.

    Example:
        >>> with rlaif.reward(judge="micro", constitution="micro-default") as score:
        ...     [kind, curt] = score(["Hi."] * 2, ["Hello. How can I help?", "You fool."])
        >>> kind > curt
        True
    """
    return _called(JudgeRewardConfig, _unchanged, rewarding.reward, locals())


def open_judge(
    judge: Judging,
    *,
    store: Path | str | None = None,
    seed: int = 0,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    device: str = "auto",
    chat_template_kwargs: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
) -> Judge:
    """Open a judge by its name, to ask it yourself: `checklist` and `compare` give judgments.

    Args:
        judge: Judge: a model name, the control `random:`, or a function.
        store: Store of calls; None: found upward from the working directory. It stays open with the judge.
        seed: All random numbers derive from it.
        dtype: Number format of local models: float32, bfloat16 or float16.
        device: Device of local models: auto, cpu, cuda, cuda:1 or mps.
        chat_template_kwargs: Arguments passed on to chat templates.
        trust_remote_code: Run code that a model directory brings along.

    Returns:
        The judge.

    Raises:
        InputError: The name is none of a judge, or its model cannot be opened.

    Example:
        >>> judge = rlaif.open_judge("random:1")
        >>> prompt = rlaif.Prompt(messages=(rlaif.Message(role="user", content="Hi."),))
        >>> answer = rlaif.Completion(prompt_id=prompt.id, text="Hello.", policy="me")
        >>> [said] = judge.checklist([(prompt, answer)], [rlaif.Principle(id="brief", text="The response is brief.")])
        >>> said.state, 0 <= said.value <= 1
        (<State.SCORE: 'score'>, True)
    """
    opening = configs.ModelOptions(
        dtype=dtype,
        device=device,
        chat_template_kwargs=chat_template_kwargs or {},
        trust_remote_code=trust_remote_code,
    )
    name = judge_name_of(judge)
    with quiet():
        models = ModelPool(opening, seed=seed)
        models.open(name)
        models.record(Store.open(find_store(Path.cwd() / "judge", store)), "")
        return models.judge(name)


def _called(
    config: Callable[..., Config],
    settle: Callable[[Config], Job],
    workflow: Callable[[Job], Result],
    given: Mapping[str, Any],
) -> Result:
    """Run a workflow on a configuration made of a function's arguments."""
    hints = get_type_hints(config)
    parts = {each.name: each for each in options(config)} if isinstance(config, type) else {}
    named = {
        name: _of_role(parts[name], value)
        if name in parts and parts[name].parts
        else _as_field(hints[name], _named(name, value))
        for name, value in given.items()
        # a mapping that was not given is the configuration's own default
        if value is not None or NoneType in get_args(hints[name])
    }
    for name, value in named.items():
        # types are no guard at run time, and an unknown word must not pass for the default
        if (known := _words(hints[name])) and value is not None and value not in known:
            raise InputError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
    with quiet():
        return workflow(settle(config(**named)))


_NAMERS: Mapping[str, Callable[[Any], str]] = {
    "judge": judge_name_of,
    "policy": engine_name_of,
    "against": engine_name_of,
}
"""Arguments in which a function or an open thing may stand for a name."""


def _named(argument: str, value: Any) -> Any:
    """The names of functions and open things that were passed in the place of names."""
    if value is None or argument not in _NAMERS:
        return value
    several = value if isinstance(value, list | tuple) else (value,)
    names = tuple(map(_NAMERS[argument], several))
    if len(set(names)) < len({id(each) if callable(each) else each for each in several}):
        raise InputError(
            f"{argument}: two functions are called {names[0]}; give them names: @rlaif.register.engine(name=...)"
        )
    return names if isinstance(value, list | tuple) else names[0]


def _words(hint: Any) -> tuple[str, ...]:
    """The words of a `Literal`, optional or not; none for any other type."""
    return next((get_args(each) for each in (hint, *get_args(hint)) if get_origin(each) is Literal), ())


def _as_field(hint: Any, value: Any) -> Any:
    """An argument as its field takes it: text for a path, a path for text, one name where several may stand."""
    kinds = (hint, *get_args(hint))
    if any(get_origin(each) is tuple for each in kinds):
        several = (value,) if isinstance(value, str | Path) else value
        return None if several is None else tuple(map(str, several))
    if isinstance(value, str) and Path in kinds:
        return Path(value)
    return str(value) if isinstance(value, Path) and str in kinds else value


def _of_role(option: Option, given: Any) -> RoleOptions | None:
    """The options of a role, which may be given as a mapping."""
    return None if given is None else role_options(given, option.name, without=option.setting.without)


def _unchanged(config: Config) -> Config:
    return config
