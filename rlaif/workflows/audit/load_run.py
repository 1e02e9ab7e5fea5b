"""Read the files of a run as the columns of an audit, joined by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.auditing.evidence import Evidence, PairLabels, Prompts, Texts
from rlaif.auditing.turn_texts import answer_of
from rlaif.constitution import load_constitution
from rlaif.engines.kinds import ENGINES
from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.counted_texts import asked_text, thought_text
from rlaif.exchange.pairs import read_pairs
from rlaif.records import Completion, Constitution, Pair, Prompt, completion_of
from rlaif.runs.claim import read_run
from rlaif.runs.described import no_pairs
from rlaif.runs.layout import CONSTITUTION, PairSources, newest_pairs, pair_files, run_of_pairs, sources_of
from rlaif.runs.record_files import FUNNEL_SCHEMA, judge_of, read_record
from rlaif.workflows.audit.judgment_columns import IdPlaces, read_pairwise, read_pointwise
from rlaif.workflows.audit.recompute_labels import decided
from rlaif.workflows.models.gold import grade, has_gold, share_met

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

MAX_GOLD = 20_000
"""Completions that gold is asked about: a program may be slow, and no figure needs more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditSource:
    """The content of a run directory, or of one round."""

    run: Path
    """The run that it lies in: of a recipe, not the folder of the round."""
    files: PairSources
    facts: Mapping[str, Any]
    """Its `run.json`."""
    constitution: Constitution | None
    prompts: Sequence[Prompt]
    completions: Sequence[Completion]
    """In the order of `evidence.texts`, which has their ids."""
    pairs: Sequence[Pair]
    evidence: Evidence


def read_source(run: Path, number: int | None = None) -> AuditSource:
    """Read a run, of a recipe the newest round or round `number`. Raises InputError or RunError.

    `run` may also be a round's folder, or a file of pairs in it.
    """
    whole = run_of_pairs(run) or run
    facts = read_run(whole)
    if not pair_files(whole):
        raise InputError(no_pairs(whole, str(facts.get("command")), str(facts["status"])))
    return read_pair_sources(whole, sources_of(newest_pairs(run, number)))


def read_pair_sources(run: Path, files: PairSources) -> AuditSource:
    """Read a file of pairs of a run, with all that it comes from. Raises InputError or RunError."""
    facts, pairs, constitution = read_run(run), read_pairs(files.pairs), constitution_of(run)
    drawn = _drawn(files.completions, pairs)
    if not drawn:
        raise InputError(f"{files.folder}: holds no completions and no pairs; there is nothing to audit")
    prompts = list({prompt.id: prompt for prompt, _ in drawn.values()}.values())
    completions = {name: each for name, (_, each) in drawn.items()}
    evidence = _evidence(files, facts, constitution, prompts, completions, pairs)
    return AuditSource(
        run=run,
        files=files,
        facts=facts,
        constitution=constitution,
        prompts=prompts,
        completions=list(completions.values()),
        pairs=pairs,
        evidence=evidence,
    )


def constitution_of(run: Path) -> Constitution | None:
    """The constitution that a run keeps, or None."""
    path = run / CONSTITUTION
    return load_constitution(path) if path.is_file() else None


def _drawn(file: Path, pairs: Sequence[Pair]) -> dict[str, tuple[Prompt, Completion]]:
    """The completions of a run by their ids; of one that has pairs only, those of its pairs."""
    found: dict[str, tuple[Prompt, Completion]] = {}
    if file.is_file():
        for prompt, each in read_completions(file):
            found.setdefault(each.id, (prompt, each))
    for pair in pairs:
        prompt = Prompt(messages=pair.prompt, tools=pair.tools)
        # by the ids that the pair has: a turn may hold more than a completion of its own does
        for name, said in zip(pair.completion_ids, (pair.chosen, pair.rejected), strict=True):
            if name not in found:
                found[name] = (prompt, completion_of(prompt.id, said, policy="given", finish="stop"))
    return found


def _evidence(
    files: PairSources,
    facts: Mapping[str, Any],
    constitution: Constitution | None,
    prompts: Sequence[Prompt],
    drawn: Mapping[str, Completion],
    pairs: Sequence[Pair],
) -> Evidence:
    import numpy as np

    principles = constitution.principles if constitution is not None else ()
    ids, completions = list(drawn), list(drawn.values())
    places = IdPlaces(ids, [each.id for each in principles])
    pointwise = read_pointwise(files.judgments, places)
    said = read_pairwise(files.comparisons, places)
    known = {each.id: each for each in principles}
    names = list(places.principle)
    chosen, rejected = _sides(pairs, places)
    policies = list(dict.fromkeys(each.policy for each in completions))
    return Evidence(
        prompts=Prompts(
            ids=[each.id for each in prompts],
            texts=[asked_text(each.messages) for each in prompts],
            tags=[each.tags for each in prompts],
        ),
        texts=_texts(ids, completions, prompts, policies),
        pointwise=pointwise,
        pairwise=said,
        labels=_labels(
            pairs,
            chosen,
            rejected,
            _as_labelled(
                pairs, decided(constitution, prompts, drawn, names, (chosen, rejected), pointwise, said)
            ),
        ),
        principles=names,
        principle_texts=[each.text for each in principles],
        weights=np.asarray([known[each].weight if each in known else 1.0 for each in names]),
        policies=policies,
        own=np.asarray([_own(facts, pairs, each) for each in policies], dtype=bool),
        funnel=_funnel(files.funnel, facts),
        gold=_gold(constitution, prompts, completions),
    )


def _as_labelled(pairs: Sequence[Pair], found: Floats) -> Floats:
    """The labels of the recorded judgments, clamped where the run clamped its own (`clamp` of the step `pairs`)."""
    import numpy as np

    most = np.asarray([_clamp_of(each) for each in pairs])
    clamped: Floats = np.clip(found, 1 - most, most)
    return clamped


def _clamp_of(pair: Pair) -> float:
    how = pair.provenance.get("labels")
    most = how.get("clamp") if isinstance(how, Mapping) else None
    return float(most) if isinstance(most, int | float) else 1.0


def _texts(
    ids: Sequence[str], completions: Sequence[Completion], prompts: Sequence[Prompt], policies: Sequence[str]
) -> Texts:
    import numpy as np

    prompt_of = {each.id: place for place, each in enumerate(prompts)}
    thoughts = [thought_text(each.turns) if each.lead else each.thought for each in completions]
    never = [each.open_thought for each in completions]
    texts = [answer_of(each) for each in completions]
    calls = [not text and _calls(each) for text, each in zip(texts, completions, strict=True)]
    think = any(thoughts) or any(never)
    return Texts(
        ids=ids,
        texts=texts,
        prompt=np.asarray([prompt_of[each.prompt_id] for each in completions], dtype=np.int64),
        policy=np.asarray([policies.index(each.policy) for each in completions], dtype=np.int64),
        truncated=np.asarray([each.finish == "length" for each in completions]),
        thoughts=thoughts if think else (),
        open_thoughts=never if think else (),
        calls_alone=calls if any(calls) else (),
    )


def _calls(completion: Completion) -> bool:
    return any(each.tool_calls for each in completion.turns)


def _sides(pairs: Sequence[Pair], places: IdPlaces) -> tuple[Ints, Ints]:
    """(pairs,) places of the chosen and of the rejected completions."""
    import numpy as np

    found = np.empty((2, len(pairs)), dtype=np.int64)
    for number, pair in enumerate(pairs):
        found[:, number] = [places.completion[name] for name in pair.completion_ids]
    return found[0], found[1]


def _labels(pairs: Sequence[Pair], chosen: Ints, rejected: Ints, decided: Floats) -> PairLabels:
    import numpy as np

    def scores(side: str) -> Floats:
        found = [getattr(each, side) for each in pairs]
        return np.asarray([float("nan") if each is None else each for each in found], dtype=float)

    return PairLabels(
        ids=[each.id for each in pairs],
        chosen=chosen,
        rejected=rejected,
        probability=np.asarray([each.label_prob for each in pairs], dtype=float),
        chosen_score=scores("chosen_score"),
        rejected_score=scores("rejected_score"),
        decided=decided,
        round=np.asarray([each.round for each in pairs], dtype=np.int64),
    )


def _own(facts: Mapping[str, Any], pairs: Sequence[Pair], policy: str) -> bool:
    """Whether the judge has the weights of this policy, or comes from its family."""
    config = facts.get("config", {})
    judge = judge_of(facts)
    judges = {str(judge.get("fingerprint"))} | {str(each.provenance.get("judge")) for each in pairs}
    if policy in judges:
        return True
    names = {
        str(each.get("fingerprint")): str(each.get("name"))
        for each in config.get("policies", ())
        if isinstance(each, dict)
    }
    return policy in names and _family(names[policy]) == _family(str(judge.get("name")))


def _family(name: str) -> str:
    """`hf:Qwen/Qwen3-0.6B` and `openai:http://host/v1#Qwen3-30B` are both `qwen`; `house:small` is of `house`."""
    kind, _, rest = name.partition(":")
    whole = (rest if kind in ENGINES.names() else kind).rpartition("#")[2]
    # one at the beginning belongs to the name
    last = whole.lstrip("@").partition("@")[0].rstrip("/").rpartition("/")[2]
    letters = "".join(each if each.isalpha() else " " for each in last).split()
    return letters[0].lower() if letters else last


def _funnel(file: Path, facts: Mapping[str, Any]) -> Mapping[str, int]:
    if file.is_file():
        found: dict[str, int] = read_record(file, FUNNEL_SCHEMA)
        return found
    summary = facts.get("summary") or {}
    return dict(summary.get("funnel") or {})


def _gold(
    constitution: Constitution | None, prompts: Sequence[Prompt], completions: Sequence[Completion]
) -> Floats | None:
    import numpy as np

    if constitution is None or not has_gold(prompts):
        return None
    by_id = {each.id: each for each in prompts}
    found = np.full(len(completions), np.nan)
    for place, each in enumerate(completions[:MAX_GOLD]):
        share = share_met(grade(by_id[each.prompt_id], each, constitution))
        found[place] = np.nan if share is None else share
    return found
