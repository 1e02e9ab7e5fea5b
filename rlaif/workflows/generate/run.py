"""`generate` and `judge`: prompts or completions in, preference pairs with their whole provenance out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

from rlaif.atomic import write_text
from rlaif.constitution import edited_release, load_principles
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions, write_completions
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.pairs import pair_row, write_pairs
from rlaif.exchange.prompts import prompt_row
from rlaif.exchange.turns import turn_rows
from rlaif.feedback import PairPlan
from rlaif.feedback.pairing import NO_PAIRWISE, PAIRINGS, SAME, Pairing, pair_plan
from rlaif.feedback.system_turn import system_turn
from rlaif.hashing import digest
from rlaif.judging import PanelJudge
from rlaif.judging.dealt_judge import DealtJudge
from rlaif.judging.kinds import stated_of
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import Asking, stated
from rlaif.records import Completion, Constitution, Pair, Prompt, Sampling, is_plain
from rlaif.review.report import write_report
from rlaif.runs.claim import Run, claim, read_run
from rlaif.runs.identity import described_completions, described_constitution, described_prompts
from rlaif.runs.layout import COMPARISONS, COMPLETIONS, CONSTITUTION, HELD_BACK, JUDGMENTS, PAIRS
from rlaif.store import Store, find_store
from rlaif.templates import recorded_templates
from rlaif.workflows.configs import GenerateConfig, JudgeConfig, PairOptions
from rlaif.workflows.generate.asked_prompts import asked_prompts
from rlaif.workflows.generate.cut_off import cut_rejected, given_cut_off
from rlaif.workflows.generate.judge_step import (
    Drawn,
    asking_of,
    critic_in,
    idle,
    in_writing,
    make_preference_pairs,
    not_applied,
    principles_table,
    read_by_labels,
    refuse_critic,
    split,
)
from rlaif.workflows.generate.known_words import unread
from rlaif.workflows.generate.logprob_gap import LogprobGap, logprob_gaps, trainer_of
from rlaif.workflows.generate.principle_tests import misunderstood, own_tests, test_counts
from rlaif.workflows.generate.result import GenerateResult, too_few, unreadable_of
from rlaif.workflows.generate.rollouts import Draws, cut_words, draw, given
from rlaif.workflows.generate.show_prompt import questions
from rlaif.workflows.generate.unfit import held_back, held_sentence, unfit_principles, without
from rlaif.workflows.kept_progress import KeptProgress
from rlaif.workflows.models.early_refusal import refuse_early
from rlaif.workflows.models.failures import failed_calls, failed_judgments
from rlaif.workflows.models.gold import require_gold
from rlaif.workflows.models.judge_names import GOLD, is_control
from rlaif.workflows.models.made_by import label
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import sees_of, told_options
from rlaif.workflows.models.thinking_judge import refuse_unthinking
from rlaif.workflows.models.usage import usage
from rlaif.workflows.progress import Ready, Report, at_once, silent
from rlaif.workflows.report import beside_of
from rlaif.workflows.same_pairs import Twos, claimed_pairing, compared_in, compares

PairConfig: TypeAlias = GenerateConfig | JudgeConfig
"""What makes pairs."""


def generate(config: GenerateConfig, progress: Report = silent, ready: Ready = at_once) -> GenerateResult:
    """Sample, judge, pair, write. `config` has been through `choose_generate`."""
    prompts, constitution = prompts_of(config), load_principles(str(config.constitution))
    if config.judge == GOLD:
        require_gold(prompts, GOLD)
    refuse_critic(config.critic_options, str(config.judge), critique=config.critique)
    system = system_turn(config.system, constitution)
    kept = KeptProgress(config.out, progress)
    models = ModelPool(config, kept, config.seed, in_writing_of(config))
    policies = models.acting(config.policy_options)
    for policy in config.policy if config.trainer else ():
        trainer_of(policy, config.trainer)
    names = (*config.policy, str(config.judge))

    def describe() -> dict[str, Any]:
        return {
            **_described(config, models, constitution),
            "prompts": described_prompts(prompts),
            "policies": [
                {
                    "name": name,
                    "fingerprint": policies.fingerprint(name),
                    **told_options(config.policy_options),
                }
                for name in config.policy
            ],
            "n": config.n,
            "sampling": sampling_of(config).identity,
            **({"system": system.identity} if system is not None else {}),
        }

    refuse_early(config.out, models, names, describe, command="generate")
    policies.open(*config.policy)
    _open_judge(models, config)
    described = describe()
    ready()
    with _claimed(config, models, described, "generate") as (run, store):
        policies = models.acting(config.policy_options)
        draws = draw(policies, config.policy, prompts, config.n, sampling_of(config), config.seed, system)
        write_completions(run.dir / COMPLETIONS, draws.drawn)
        gaps = logprob_gaps(policies, config, draws.drawn, sampling_of(config), system)
        cut = cut_words(policies, config.policy, draws.completions, sampling_of(config), config.truncated)
        return _pairs(config, models, constitution, draws, run, store, gaps, cut)


def judge(config: JudgeConfig, progress: Report = silent, ready: Ready = at_once) -> GenerateResult:
    """Judge what is there. `config` has been through `choose_judge`."""
    drawn, constitution = completions_of(config), load_principles(str(config.constitution))
    if config.judge == GOLD:
        require_gold([prompt for prompt, _ in drawn], GOLD)
    refuse_critic(config.critic_options, str(config.judge), critique=config.critique)
    kept = KeptProgress(config.out, progress)
    models = ModelPool(config, kept, config.seed, in_writing_of(config))
    names = (str(config.judge),)

    def describe() -> dict[str, Any]:
        return {
            **_described(config, models, constitution),
            "completions": described_completions(drawn),
            "policies": _policies(config.source),
        }

    refuse_early(config.out, models, names, describe, command="judge")
    _open_judge(models, config)
    described = describe()
    ready()
    with _claimed(config, models, described, "judge") as (run, store):
        write_completions(run.dir / COMPLETIONS, drawn)
        cut = given_cut_off([each for _, each in drawn], config.truncated)
        return _pairs(config, models, constitution, given(drawn), run, store, cut=cut)


def first_question(config: PairConfig) -> str:
    """The exact text that the judge gets first, for `--show-prompt`."""
    constitution = load_principles(str(config.constitution))
    models = ModelPool(config, seed=config.seed, in_writing=in_writing_of(config))
    with Store.open(find_store(config.out, config.store)) as store:
        models.record(store, "")
        if isinstance(config, GenerateConfig):
            prompts = prompts_of(replace(config, limit=1))
            policies = models.acting(config.policy_options)
            system = system_turn(config.system, constitution)
            drawn: Drawn = draw(
                policies, config.policy[:1], prompts, config.n, sampling_of(config), config.seed, system
            ).drawn
        else:
            drawn = completions_of(replace(config, limit=1))
        texts = list({each.id: each for _, each in drawn}.values())
        names = [name for name in split(config.protocol) if name != NO_PAIRWISE]
        judge = models.acting(config.judge_options).judge(str(config.judge))
        return questions(judge, constitution, drawn[0][0], texts, names)


def _open_judge(models: ModelPool, config: PairOptions) -> None:
    """Open the judge, and let it say whether it can be asked as it is to be, and as the critic is."""
    judges = models.acting(config.judge_options)
    judges.open(str(config.judge))
    refuse_unthinking(
        judges, str(config.judge), (each for each in split(config.protocol) if each != NO_PAIRWISE)
    )
    if config.critic_options is not None:
        models.acting(config.critic_options.over(judges.role)).open(str(config.judge))


@contextmanager
def _claimed(
    config: PairOptions, models: ModelPool, described: Mapping[str, Any], command: str
) -> Iterator[tuple[Run, Store]]:
    # the store is opened once the directory is ours: a refused command leaves nothing behind
    with claim(config.out, described, command=command) as run, Store.open(store_of(config)) as store:
        models.record(store, run.id)
        yield run, store
        models.close()


def store_of(config: PairOptions) -> Path:
    return find_store(config.out, config.store)


def _pairs(
    config: PairConfig,
    models: ModelPool,
    constitution: Constitution,
    draws: Draws,
    run: Run,
    store: Store,
    drift: Sequence[LogprobGap] = (),
    cut: Sequence[str] = (),
) -> GenerateResult:
    with recorded_templates() as templates:
        made = _made(config, models, constitution, draws, run, store)
        made = replace(made, drift=drift, cut=cut, warnings=[*cut, *made.warnings])
    if made.unmet and cut:
        made = replace(made, unmet=f"{made.unmet}. {' '.join(cut)}")
    summary = made.as_dict()
    del summary["run"]
    run.finish(summary, templates=templates)
    write_report(run.dir, read_run(run.dir), beside=beside_of(run.dir, config.store))
    return made


def _made(
    config: PairConfig, models: ModelPool, constitution: Constitution, draws: Draws, run: Run, store: Store
) -> GenerateResult:
    judges, drawn = models.acting(config.judge_options), draws.drawn
    judge = judges.judge(str(config.judge))
    critic = critic_in(judges, judge, config.critic_options) if config.critique else None
    write_text(run.dir / CONSTITUTION, constitution_yaml(constitution))
    first, then = split(config.protocol)
    asking = asked_by(config)
    own = asking if first == config.protocol else None
    cut = config.truncated == "reject"
    judgments = judge_pointwise(judge, constitution, drawn, first, own, truncated=cut)
    write_judgments(run.dir / JUDGMENTS, judgments)
    paired = make_preference_pairs(
        judge, constitution, drawn, judgments, pairing_of(config, then), critic, draws.failed
    )
    write_judgments(run.dir / COMPARISONS, paired.comparisons)
    # before the principles' own tests are put to it
    dealt = judge.dealt if isinstance(judge, DealtJudge) else None
    # a control is no judge of sentences: what it makes of them says nothing
    tests = {} if is_control(str(config.judge)) else own_tests(judge, constitution, (first, then), asking)
    unfit = unfit_principles(principles_table(paired.funnel), test_counts(tests))
    pairs, held = held_back(paired.pairs, () if config.accept_unfit else unfit)
    funnel = without(paired.funnel, len(held))
    if held:
        write_pairs(run.dir / HELD_BACK, held)
    write_pairs(run.dir / PAIRS, pairs)
    _keep(store, run.id, drawn, pairs)
    votes = judge.disagreement.as_dict() if isinstance(judge, PanelJudge) else None
    failed = failed_judgments([*judgments, *paired.comparisons])
    made = GenerateResult(
        run=run.dir,
        constitution=label(constitution),
        pairs=pairs,
        counts=funnel,
        tests=tests,
        unread=unreadable_of(judgments),
        calls=models.calls,
        costs=usage(models, store, [*judgments, *paired.comparisons]),
        panel=votes,
        dealt=dealt,
        warnings=[
            *draws.warnings,
            *edited_release(constitution),
            *unread(str(config.judge), constitution),
            *held_sentence(len(held), unfit),
            *cut_rejected(pairs),
            *failed,
            *not_applied(funnel),
            *idle(funnel),
            # what is held back names them
            *([] if held else misunderstood(tests)),
        ],
        failures=failed_calls(models.recorded),
        unmet=None,
    )
    return replace(made, unmet=too_few(made, config.min_pair_share, failed))


def _keep(store: Store, run_id: str, drawn: Drawn, pairs: Sequence[Pair]) -> None:
    store.put_prompts({prompt.id: prompt_row(prompt) for prompt, _ in drawn})
    rows = [(each.id, each.prompt_id, each.policy, each.draw, _kept(each)) for _, each in drawn]
    store.put_completions(rows)
    store.put_pairs(run_id, [pair_row(pair) for pair in pairs])


def _kept(completion: Completion) -> dict[str, Any]:
    """Its text, and its turns where they are more than that."""
    if is_plain(completion.turns):
        return {"text": completion.text}
    return {"text": completion.text, "turns": turn_rows(completion.turns)}


def _described(config: PairConfig, models: ModelPool, constitution: Constitution) -> dict[str, Any]:
    name, judges = str(config.judge), models.acting(config.judge_options)
    return {
        "constitution": {**described_constitution(constitution), "source": str(config.constitution)},
        "judge": {
            "name": name,
            "fingerprint": judges.fingerprint(name),
            **stated_of(name),
            **told_options(config.judge_options),
        },
        **({"critic": told} if (told := told_options(config.critic_options)) else {}),
        "protocol": config.protocol,
        **({"protocols": own} if (own := stated([config.protocol])) else {}),
        "asking": asdict(asked_by(config)),
        "pairing": pairing_name(config),
        "inconsistent": config.inconsistent,
        "critique": config.critique,
        "seed": config.seed,
        **({"accept_unfit": True} if config.accept_unfit else {}),
        **({"truncated": config.truncated} if config.truncated != "drop" else {}),
        **(
            {"compared": digest("compared", sorted(map(sorted, among)))}
            if (among := among_of(config))
            else {}
        ),
    }


def pairing_of(config: PairConfig, then: str) -> PairPlan:
    asking = asked_by(config) if then == config.protocol else None
    given = {
        "pairing": pairing_name(config),
        "inconsistent": config.inconsistent,
        "truncated": config.truncated,
    }
    return pair_plan(
        given,
        then=then,
        asking=asking,
        seed=config.seed,
        among=among_of(config),
        judge_sees=sees_of(config.judge_options),
    )


def pairing_name(config: PairConfig) -> Pairing:
    """The pairing that is named; else as a run was begun, or the completions that the run compared which is judged."""
    if config.pairing is not None:
        return config.pairing
    begun = claimed_pairing(config.out)
    found = next((each for each in (*PAIRINGS, SAME) if each == begun), None)
    judged = isinstance(config, JudgeConfig) and config.source.is_dir() and compares(config.source)
    return found or (SAME if judged else PairPlan().pairing)


def among_of(config: PairConfig) -> Twos:
    """The two completions that are compared because the run that is judged again compared them.

    Raises InputError where it compared none.
    """
    if not isinstance(config, JudgeConfig) or pairing_name(config) != SAME:
        return frozenset()
    found = compared_in(config.source) if config.source.is_dir() else frozenset()
    if not found:
        raise InputError(
            f"--pairing same: {config.source} records no comparisons and no pairs; take another pairing"
        )
    return found


def asked_by(config: PairOptions) -> Asking:
    """How the protocol of a command asks. Raises InputError for a protocol that is not known, or cannot do it."""
    return asking_of(
        config.protocol,
        str(config.judge),
        seed=config.seed,
        samples=config.samples,
        again=config.ask_again,
    )


def in_writing_of(config: PairOptions) -> bool:
    """Whether verdicts are written. A run that was judged otherwise before goes on as it began: its calls are paid."""
    return in_writing(config.protocol) and not read_by_labels(config.out / JUDGMENTS)


def prompts_of(config: GenerateConfig) -> list[Prompt]:
    return asked_prompts(
        str(config.prompts), column=config.column, limit=config.limit, from_turn=config.from_turn
    )


def sampling_of(config: GenerateConfig) -> Sampling:
    return Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        min_p=config.min_p,
        max_tokens=config.max_tokens,
        max_thought_tokens=config.max_thought_tokens,
    )


def completions_of(config: JudgeConfig) -> list[tuple[Prompt, Completion]]:
    source = config.source
    if source.is_dir():
        read_run(source)
        source = source / COMPLETIONS
        if not source.is_file():
            raise InputError(
                f"{source}: is not there; name a run of `generate`, finished or at least sampled"
            )
    drawn = read_completions(source)
    if config.limit is None:
        return drawn
    kept = list(dict.fromkeys(prompt.id for prompt, _ in drawn))[: config.limit]
    return [(prompt, each) for prompt, each in drawn if prompt.id in set(kept)]


def _policies(source: Path) -> list[Any]:
    return list(read_run(source)["config"].get("policies") or []) if source.is_dir() else []
