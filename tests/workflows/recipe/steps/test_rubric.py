"""Rubrics in a recipe: written, checked against labels, refined, thinned, gated; what gave none is counted."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, RecipeError
from rlaif.exchange.judgments import read_judgments
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.rubrics import read_rubrics
from rlaif.records import State
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, SILENT, Write, judge_rows
from tests.workflows.tiny import make_tiny

FENCE = "```\n"
GOOD = "3: The response greets.\n-1: The response is silent."
HEAD = """\
name: rubrics
models: {{policy: "{policy}", judge: "{judge}"{roles}}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, prompts: 4}}
"""
PAIRS = "  - {step: judge, protocol: rubric}\n  - {step: pairs, then: none, critique: false}\n"


def criterion_rows() -> list[dict[str, Any]]:
    """A judge of criteria: the statement of greeting is true of who greets, the other one of who does not."""
    rows = []
    for text, said in ((GREETS, True), (SILENT, False)):
        for statement, about in (("The response greets.", True), ("The response is silent.", False)):
            p = 0.9 if said == about else 0.2
            rows.append(
                {
                    "contains": [f"Response:\n{FENCE}{text}", f"Statement: {statement}"],
                    "labels": {"yes": p, "no": 1 - p},
                }
            )
    return [*rows, {"contains": ["Is the statement true"], "labels": {"yes": 0.5, "no": 0.5}}]


class World:
    """A recipe over the world of two texts, with a judge that reads criteria and a writer of rubrics."""

    def __init__(self, place: Path, script: Write, policy: str, prompts: Path, constitution: Path) -> None:
        self.place, self.script = place, script
        self.named = {"policy": policy, "prompts": prompts, "constitution": constitution}

    def prepared(
        self,
        steps: str,
        writes: Sequence[str] = (GOOD,),
        *,
        judge: Sequence[Mapping[str, Any]] | None = None,
        shown: Sequence[Mapping[str, Any]] = (),
        out: str = "run",
        roles: str = "",
        **overrides: str,
    ) -> PreparedRecipe:
        rows = [*criterion_rows(), *judge_rows()] if judge is None else list(judge)
        wrote = list(shown) or [{"contains": ["true or false"], "texts": list(writes)}]
        refines = [{"contains": ["do not say which of the two"], "texts": [GOOD]}]
        name = self.script("judge-of-rubrics", [*refines, *wrote, *rows])
        path = self.place / "recipe.yaml"
        path.write_text(HEAD.format(judge=name, roles=roles, **self.named) + steps)
        named = {key.replace("__", "."): value for key, value in overrides.items()}
        return prepare_recipe(RunConfig(recipe=str(path), out=self.place / out, overrides=named))

    def play(self, steps: str, *writes: str, **further: Any) -> Finished:
        return run(self.prepared(steps, writes or (GOOD,), **further))


def values(done: Finished) -> list[float]:
    """The different numbers of a run's judgments."""
    read = read_judgments(done.run / "round-1/judgments.jsonl")
    return sorted({round(each.value, 9) for each in read if each.value is not None})


@pytest.fixture
def world(tmp_path: Path, script: Write, policy: str, prompts: Path, constitution: Path) -> World:
    return World(tmp_path, script, policy, prompts, constitution)


def test_a_written_rubric_decides_the_pairs_and_its_digest_goes_with_them(world: World) -> None:
    done = world.play("  - {step: rubric}\n" + PAIRS)
    rubrics = read_rubrics(done.run / "round-1/rubrics.jsonl")
    assert len(rubrics) == 4
    assert [(each.text, each.weight) for each in rubrics[0].criteria] == [
        ("The response greets.", 3.0),
        ("The response is silent.", -1.0),
    ]
    judged = values(done)
    # (3 x .9 - 1 x .2) / 4 and (3 x .2 - 1 x .9) / 4
    assert judged == pytest.approx([-0.075, 0.625])
    pairs = read_pairs(done.run / "round-1/pairs.jsonl")
    assert {each.chosen[-1].content for each in pairs} == {GREETS}
    assert all(each.provenance["rubrics"] == [rubrics[0].digest] for each in pairs)
    assert set(pairs[0].provenance["templates"]) >= {"criterion"}


@pytest.mark.parametrize("text", ["Sure! 3: It greets.\n", "", "I'm sorry, I cannot do that."])
def test_an_unreadable_rubric_is_no_rubric_and_stops_a_run_that_has_none(world: World, text: str) -> None:
    with pytest.raises(InputError, match=r"recipe\.yaml:8.*no prompt has a rubric .*4"):
        world.play("  - {step: rubric}\n" + PAIRS, text)


def test_prompts_without_a_rubric_are_counted_and_judged_by_nothing(world: World, tmp_path: Path) -> None:
    whole = world.play("  - {step: rubric}\n" + PAIRS, out="whole")
    first = (whole.run / "round-1/rubrics.jsonl").read_text().splitlines()[0]
    (tmp_path / "one.jsonl").write_text(first + "\n")
    done = world.play(f"  - {{step: rubric, source: {tmp_path / 'one.jsonl'}}}\n" + PAIRS)
    assert len(read_pairs(done.run / "round-1/pairs.jsonl")) == 1
    warned = done.rounds[1]["warnings"]
    assert any("3 prompts have no rubric" in each for each in warned)
    assert any("3 of 4 prompts have no rubric: their completions were not judged" in each for each in warned)


def test_the_constitution_gives_the_principles_that_apply(world: World) -> None:
    steps = "  - {step: rubric, source: constitution}\n" + PAIRS
    done = world.play(steps)
    (rubric, *_) = read_rubrics(done.run / "round-1/rubrics.jsonl")
    assert [(each.id, each.source) for each in rubric.criteria] == [
        ("greet", "tiny 1.0.0"),
        ("brief", "tiny 1.0.0"),
    ]


def test_a_rubric_of_a_pair_is_kept_only_where_its_judge_gives_the_label_back(world: World) -> None:
    before = "  - {step: judge, as: first}\n  - {step: pairs, as: labels, critique: false}\n"
    wrong = "3: The response is silent.\n-1: The response greets."
    steps = before + "  - {step: rubric, source: pairs}\n"
    done = world.play(steps, out="kept")
    assert len(read_rubrics(done.run / "round-1/rubrics.jsonl")) == 4
    with pytest.raises(InputError, match=r"no prompt has a rubric \(another label: 4\)"):
        world.play(steps, wrong, out="lost")
    with pytest.raises(InputError, match=r"does not distinguish: 4"):
        world.play(steps, "3: It is a nice day.", out="same")
    unchecked = world.play(steps.replace("pairs}", "pairs, check: false}"), wrong, out="unchecked")
    assert len(read_rubrics(unchecked.run / "round-1/rubrics.jsonl")) == 4


def test_a_rubric_that_does_not_tell_the_best_two_apart_is_refined(world: World) -> None:
    steps = "  - {step: rubric, source: completions, refine: 2}\n" + PAIRS
    vague = "2: It is a nice day."
    done = world.play(steps, vague)
    rubrics = read_rubrics(done.run / "round-1/rubrics.jsonl")
    assert {each.criteria[0].text for each in rubrics} == {"The response greets."}
    assert all(each.parent for each in rubrics)
    sharp = world.play(steps, out="sharp")
    assert not any(each.parent for each in read_rubrics(sharp.run / "round-1/rubrics.jsonl"))


def test_completions_and_references_are_shown_to_the_writer(world: World, prompts: Path) -> None:
    rows = [json.loads(line) | {"reference": "Hello, it is so."} for line in prompts.read_text().splitlines()]
    prompts.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    wrote = [
        {"contains": ["A good response:", "Hello, it is so."], "texts": [GOOD]},
        {"contains": ["Responses:", f"Response 1:\n{GREETS}", f"Response 2:\n{SILENT}"], "texts": [GOOD]},
    ]
    for source in ("prompts", "completions"):
        steps = f"  - {{step: rubric, source: {source}}}\n" + PAIRS
        done = run(world.prepared(steps, judge=[*criterion_rows()], shown=wrote, out=source))
        assert len(read_rubrics(done.run / "round-1/rubrics.jsonl")) == 4


def test_thinned_rubrics_are_new_versions_that_the_judge_is_asked_by(world: World) -> None:
    three = GOOD + "\n2: It is a nice day."
    steps = (
        "  - {step: rubric}\n  - {step: judge, protocol: rubric, as: first}\n"
        "  - {step: thin-rubrics, spread: 0.05}\n" + PAIRS
    )
    done = world.play(steps, three)
    before = {each.digest for each in read_rubrics(done.run / "round-1/rubrics.jsonl")}
    thin = read_rubrics(done.run / "round-1/thinned.jsonl")
    assert {len(each.criteria) for each in thin} == {2}
    assert {each.parent for each in thin} == before
    judged = read_judgments(done.run / "round-1/judgments.jsonl")
    assert {each.rubric for each in judged} == {each.digest for each in thin}


def test_a_gate_accepts_by_the_rubric_and_another_number_gives_the_direction(world: World) -> None:
    steps = (
        "  - {step: rubric}\n  - {step: judge, protocol: rubric, as: by-rubric}\n"
        "  - {step: rubric, as: other, source: constitution}\n"
        "  - {step: judge, protocol: rubric, as: by-other}\n"
        "  - {step: gate, of: [by-rubric, by-other], at_least: 0.5}\n"
        "  - {step: pairs, then: none, critique: false}\n"
    )
    done = world.play(steps)
    gated = read_judgments(done.run / "round-1/gated.jsonl")
    rows = [row for each in gated for row in each.criteria if row["id"] == "gate"]
    assert sorted({row["p"] for row in rows}) == [0.0, 1.0]
    pairs = read_pairs(done.run / "round-1/pairs.jsonl")
    assert {each.chosen[-1].content for each in pairs} == {GREETS}
    assert [each.label_prob for each in pairs] == pytest.approx([0.98] * 4)


def test_the_pairs_of_the_largest_item_gap_are_kept(world: World) -> None:
    done = world.play("  - {step: rubric}\n" + PAIRS + "  - {step: item-gap, keep: 0.5}\n")
    assert len(read_pairs(done.run / "round-1/pairs.jsonl")) == 4
    assert len(read_pairs(done.run / "round-1/pairs-by-gap.jsonl")) == 2


def test_a_failed_criterion_leaves_the_judgment_over_the_others(world: World) -> None:
    rows = [
        {"contains": ["Statement: The response is silent."], "labels": {"yes": 0.001, "no": 0.001}},
        *criterion_rows(),
    ]
    done = run(world.prepared("  - {step: rubric}\n" + PAIRS, judge=rows))
    judged = read_judgments(done.run / "round-1/judgments.jsonl")
    assert values(done) == pytest.approx([0.2, 0.9])
    assert {each.criteria[1]["state"] for each in judged} == {State.UNREADABLE.value}


def test_the_dry_run_counts_the_writer_and_every_criterion(world: World) -> None:
    found = plan(world.prepared("  - {step: rubric, criteria: 5}\n" + PAIRS))
    calls = {each.name: each.calls for each in found.graph}
    assert calls["round-1/rubric"] == 4
    # of each prompt four draws that may all differ, five criteria each
    assert calls["round-1/judge"] == 4 * 4 * 5


def test_a_rubric_step_is_made_again_where_its_file_changed(world: World, tmp_path: Path) -> None:
    whole = world.play("  - {step: rubric}\n" + PAIRS, out="whole")
    file = tmp_path / "own.jsonl"
    rows = [json.loads(line) for line in (whole.run / "round-1/rubrics.jsonl").read_text().splitlines()]
    for weight in (3, 2):
        for row in rows:
            row["criteria"][0]["weight"] = weight
            row.pop("digest", None)
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        done = world.play(f"  - {{step: rubric, source: {file}}}\n" + PAIRS, out=f"run-{weight}")
        read = read_rubrics(done.run / "round-1/rubrics.jsonl")
        assert {each.criteria[0].weight for each in read} == {float(weight)}


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{step: rubric, source: none.jsonl}", r"none\.jsonl: no such file"),
        (
            "{step: rubric, source: constitution, criteria: 3}",
            "criteria says nothing of `source: constitution`",
        ),
        ("{step: rubric, source: constitution, writer: judge}", "writer says nothing"),
        ("{step: rubric, refine: 1}", "refine says nothing of `source: prompts`"),
        ("{step: rubric, candidates: 2}", "candidates says nothing"),
        ("{step: rubric, source: completions, check: false}", "check says nothing"),
        ("{step: rubric, protocol: checklist}", "asks no rubrics"),
        ("{step: judge, protocol: rubric}", "needs a step 'rubric' before it"),
        ("{step: rubric, source: pairs}", "needs a step 'pairs' before it"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line_before_any_call(
    world: World, step: str, problem: str
) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.yaml:8") as told:
        world.prepared(f"  - {step}\n")
    assert re.search(problem, str(told.value))


def test_weights_that_sum_to_nothing_are_refused_before_any_call(world: World, tmp_path: Path) -> None:
    row = {"prompt": "x", "criteria": [{"text": "a", "weight": 0}]}
    (tmp_path / "zero.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(
        RecipeError, match=r"recipe\.yaml:8: .*zero\.jsonl:1: the weights of its criteria sum to 0"
    ):
        world.prepared(f"  - {{step: rubric, source: {tmp_path / 'zero.jsonl'}}}\n" + PAIRS)


def test_a_file_of_rubrics_of_other_prompts_is_refused_before_any_call(world: World, tmp_path: Path) -> None:
    row = {"prompt": "nobody asks that", "criteria": [{"text": "a"}]}
    (tmp_path / "other.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:8: source: \S+ has a rubric of none of \d+ prompts"):
        world.prepared(f"  - {{step: rubric, source: {tmp_path / 'other.jsonl'}}}\n" + PAIRS)


def test_rubrics_by_which_a_completion_can_only_lose_are_told(world: World) -> None:
    done = world.play("  - {step: rubric}\n" + PAIRS, "-1: The response is silent.")
    assert any("no criterion of a weight above 0" in each for each in done.rounds[1]["warnings"])


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("  - {step: thin-rubrics}\n", "leaves nothing out"),
        ("  - {step: judge, as: plain}\n  - {step: thin-rubrics, spread: 0.1}\n", "'plain' asks none"),
        ("  - {step: judge}\n  - {step: pairs, critique: false}\n  - {step: item-gap}\n", "asks no rubrics"),
        ("  - {step: judge, as: a, protocol: rubric}\n  - {step: gate, of: a}\n", "it has 1"),
        (
            "  - {step: judge, as: a}\n  - {step: judge, as: b, protocol: rubric}\n  - {step: gate, of: [a, b]}\n",
            "asks no rubrics",
        ),
        (
            "  - {step: judge, as: a}\n  - {step: judge, as: b, protocol: rubric}\n  - {step: gate, of: [b, a]}\n",
            "judges each principle",
        ),
    ],
)
def test_steps_that_need_judgments_by_rubrics_say_so(world: World, steps: str, problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        world.prepared("  - {step: rubric, source: constitution}\n" + steps)


class RubricServer(BaseHTTPRequestHandler):
    """Writes rubrics and lists of yes and no; knows no log-probabilities."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if any(name in body for name in ("logprobs", "top_logprobs")):
            self.answer(400, {"error": {"message": "'logprobs' is not supported with this model."}})
            return
        text = answer_to(body["messages"][-1]["content"])
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        used = {"prompt_tokens": 3, "completion_tokens": 2}
        self.answer(200, {"model": body["model"], "choices": [choice], "usage": used})

    def answer(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quietly."""


def answer_to(question: str) -> str:
    greets = f"Response:\n{FENCE}{GREETS}" in question
    if question.startswith("What must"):
        return GOOD
    if question.startswith("Which of the statements"):
        return "1: yes\n2: no" if greets else "1: no\n2: yes"
    statement = question.rpartition("Statement: ")[2]
    return f"It was read.\nAnswer: {'yes' if greets == (statement == 'The response greets.') else 'no'}"


@pytest.fixture
def server() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), RubricServer)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"openai:http://127.0.0.1:{served.server_port}/v1?wait=0.001&tries=2#m"
    served.shutdown()


def test_a_server_without_log_probabilities_writes_rubrics_and_judges_by_them(
    world: World, server: str
) -> None:
    steps = "  - {step: rubric, source: completions, candidates: 2}\n" + PAIRS.replace(
        "rubric}", "rubric-list}"
    )
    prepared = world.prepared(steps, models__judge=server)
    done = run(prepared)
    assert values(done) == pytest.approx([-0.25, 0.75])
    pairs = read_pairs(done.run / "round-1/pairs.jsonl")
    assert {each.chosen[-1].content for each in pairs} == {GREETS}


@pytest.mark.parametrize("make", ["qwen3", "gemma2"])
def test_models_of_other_makes_judge_by_rubrics_and_what_they_cannot_write_is_no_rubric(
    world: World, tmp_path: Path, make: str
) -> None:
    name = f"hf:{make_tiny(tmp_path / make, kind=make)}"
    whole = world.play("  - {step: rubric}\n" + PAIRS, out="whole")
    file = whole.run / "round-1/rubrics.jsonl"
    steps = f"  - {{step: rubric, source: {file}}}\n  - {{step: judge, protocol: rubric}}\n"
    done = run(world.prepared(steps, models__judge=name))
    judged = read_judgments(done.run / "round-1/judgments.jsonl")
    assert len(judged) == 8
    assert all(each.state in (State.SCORE, State.UNREADABLE) and len(each.criteria) == 2 for each in judged)
    with pytest.raises(InputError, match=r"no prompt has a rubric \((unreadable|truncated): 4\)"):
        run(world.prepared("  - {step: rubric, max_tokens: 16}\n", models__judge=name, out="babble"))


def test_the_bundled_model_cannot_write_rubrics_and_says_so_before_it_is_asked(world: World) -> None:
    for steps in ("  - {step: rubric}\n", "  - {step: rubric, source: completions}\n"):
        with pytest.raises(
            InputError, match=r"step .rubric.: micro does not know the words .*constitution` or a file"
        ):
            run(world.prepared(steps, models__judge="micro", out=str(len(steps))))
