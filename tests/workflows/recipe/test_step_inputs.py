"""The key of a round's step holds what the step reads: another input is another step, and older results are asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlaif.constitution.writing import constitution_yaml
from rlaif.exchange.completions import write_completions
from rlaif.exchange.pairs import write_pairs
from rlaif.hashing import digest
from rlaif.records import Completion, Constitution, Message, Pair, Principle, PrincipleTest, Prompt
from rlaif.templates import template_digests
from rlaif.workflows.evaluation.policy_metrics import Measurement
from rlaif.workflows.models.role_options import NOTHING, RoleOptions
from rlaif.workflows.models.role_requests import RoleRequests
from rlaif.workflows.progress import silent
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.recipe import ModelRoles, RecipeStep
from rlaif.workflows.recipe.run import execute
from rlaif.workflows.recipe.step import RoundState, RunJob
from rlaif.workflows.recipe.step_cache import StepCache
from rlaif.workflows.recipe.step_inputs import since_columns, since_tests
from rlaif.workflows.recipe.steps import evaluate as evaluate_file
from rlaif.workflows.recipe.steps import train as train_file
from rlaif.workflows.recipe.steps.evaluate import EvaluateSettings
from rlaif.workflows.recipe.task import Task
from rlaif.workflows.recipe.train_step import TrainStep, train_step

RULES = Constitution(
    name="house", version="1.0.0", title="House", principles=(Principle(id="kind", text="Be kind."),)
)
TRIED = (PrincipleTest(prompt="p", better="b", worse="w"),)


def prompt(number: int, **meta: Any) -> Prompt:
    return Prompt(messages=(Message(role="user", content=f"question {number}"),), meta=meta)


def pair(number: int) -> Pair:
    said = [(Message(role="assistant", content=f"{side} {number}"),) for side in ("good", "bad")]
    return Pair(
        prompt=prompt(number).messages,
        chosen=said[0],
        rejected=said[1],
        label_prob=0.9,
        principles=({"id": "kind", "p": 0.9},),
    )


PAIRS = [pair(number) for number in range(4)]


def drawn(ids: int = 7, finish: str = "stop") -> list[tuple[Prompt, Completion]]:
    return [
        (
            prompt(number),
            Completion(
                prompt_id=prompt(number).id,
                text=f"good {number}",
                policy="m",
                token_ids=(ids,),
                finish=finish,  # type: ignore[arg-type]
            ),
        )
        for number in range(4)
    ]


def roles(policy: str) -> ModelRoles:
    return ModelRoles(policy=policy, judge=policy)


class Named:
    """Models that are known by their fingerprints, and asked alike in all roles."""

    in_writing = False
    role = NOTHING
    recorded = ()
    options = SimpleNamespace(prices=None)

    def __init__(self, fingerprint: Callable[[str], str]) -> None:
        self.fingerprint = fingerprint

    def acting(self, role: RoleOptions | None) -> Named:
        return self

    def requests(self, name: str) -> RoleRequests:
        return RoleRequests()


class Play:
    """Plays train steps of several runs of one project, and counts what is really trained."""

    def __init__(self, top: Path) -> None:
        self.top, self.jobs = top, []
        self.elsewhere: dict[str, Any] | None = None
        self.policy = top / "policy"
        self.policy.mkdir()
        (self.policy / "config.json").write_text("{}")

    def _result(self) -> Any:
        """What another process trained, where a test lets one."""
        return self.elsewhere

    def _train(self, job: Any, report: Any) -> Any:
        self.jobs.append(job)
        job.out.mkdir(parents=True)
        (job.out / "trained").write_text(json.dumps(sorted(each.id for each in job.pairs)))
        return SimpleNamespace(as_dict=lambda: {"counts": {}, "figures": {}, "steps": 1})

    def train(
        self,
        run: str,
        *,
        held_out: tuple[int, ...] = (),
        completions: list[tuple[Prompt, Completion]] | None = None,
        constitution: Constitution = RULES,
        step: TrainStep | None = None,
        pairs: list[Pair] | None = None,
        seed: int = 0,
        fingerprint: str = "m",
    ) -> list[str]:
        """Ids of the pairs that the model of this run was trained on."""
        folder = self.top / run
        (folder / "round-1").mkdir(parents=True, exist_ok=True)
        texts, pairs = completions or drawn(), PAIRS if pairs is None else pairs
        write_completions(folder / "round-1/completions.jsonl", texts)
        write_pairs(folder / "round-1/pairs.jsonl", pairs)
        (folder / "constitution.yaml").write_text(constitution_yaml(constitution))
        prompts = {
            "train": tuple(prompt(each) for each in range(4)),
            "held_out": (*(prompt(each) for each in held_out), prompt(99)),
        }
        recipe = SimpleNamespace(name="r", seed=seed, models=roles(str(self.policy)))
        drew = Artefact(name="", kind="completions", round=1, path="round-1/completions.jsonl")
        paired = Artefact(name="", kind="pairs", round=1, path="round-1/pairs.jsonl", parents=(drew,))
        task = Task(
            entry=RecipeStep(step="train", settings=step or train_step(reference="none"), key="train"),
            round=1,
            takes=(paired,),
            makes=Artefact(name="", kind="model", round=1, path="models/round-1"),
            models={"trains": str(self.policy)},
            stands={"judge": "j"},
        )
        prepared: Any = SimpleNamespace(
            recipe=recipe,
            prompts=prompts,
            tasks=(task,),
            constitution=constitution,
            config=SimpleNamespace(chat_template_kwargs={}, trust_remote_code=False),
        )
        background: Any = SimpleNamespace(result=self._result, begin=lambda *_: None, finish=lambda: None)
        job = RunJob(
            prepared=prepared,
            task=task,
            models=Named(lambda _: fingerprint),  # type: ignore[arg-type]
            run=folder,
            state=RoundState(number=1),
            cache=StepCache(folder, self.top / "shelf"),
            store=None,  # type: ignore[arg-type]
            run_id=run,
            report=silent,
            background=background,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train_file, "train", self._train)
            execute(train_file.STEP, job)
        if self.elsewhere is not None:
            return []
        trained: list[str] = json.loads((folder / "models/round-1/trained").read_text())
        return trained


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_equal_inputs_are_trained_once_in_a_project(play: Play) -> None:
    play.train("a")
    play.train("b")
    assert len(play.jobs) == 1


def test_a_run_that_holds_prompts_out_never_takes_a_model_trained_on_them(play: Play) -> None:
    assert play.train("a") == sorted(each.id for each in PAIRS)
    assert play.train("b", held_out=(0, 1)) == sorted(each.id for each in PAIRS[2:])
    assert play.train("c", held_out=(2, 3)) == sorted(each.id for each in PAIRS[:2])
    assert play.train("d", held_out=(0, 1)) == sorted(each.id for each in PAIRS[2:])
    assert len(play.jobs) == 3


def test_held_out_prompts_that_leave_nothing_out_change_nothing(play: Play) -> None:
    play.train("a")
    play.train("b", held_out=(77,))
    assert len(play.jobs) == 1


INPUTS: dict[str, dict[str, Any]] = {
    "held-out prompts": {"held_out": (1,)},
    "sampled ids": {"completions": drawn(ids=8)},
    "cut off or not": {"completions": drawn(finish="length")},
    "an option": {"step": train_step(reference="none", beta=0.3)},
    "pairs": {"pairs": PAIRS[:3]},
    "seed": {"seed": 1},
    "policy": {"fingerprint": "other"},
}


@pytest.mark.parametrize("name", INPUTS)
def test_each_input_that_a_training_reads_makes_another_step(play: Play, name: str) -> None:
    play.train("a")
    play.train("b", **INPUTS[name])
    assert len(play.jobs) == 2


def test_each_field_of_a_training_job_comes_from_an_input_of_its_key(play: Play) -> None:
    """A field added to what a training reads must be added to the inputs that are tried above, or named here."""
    from dataclasses import fields

    from rlaif.workflows.training.job import TrainJob

    tried = {"pairs", "gate", "sampled", "method", "options", "seed", "base"}
    keyed = {
        "reference_dir",
        "replay",
        "constitution",
        "chat_template_kwargs",
        "thought_marks",
        "trust_remote_code",
        "examples",
        "prompts",
        "reward",
        "alarm",
        "looked",
    }
    """By fingerprint, by digest, by digest where a judge is trained, (thrice) in the policy's, by their file's; what
    draws rollouts has its prompts' digest and its reward's fingerprint; an alarm by its own."""
    no_input = {"out", "card", "doubts", "store", "reviewed", "origins", "edited", "coverage"}
    """Places, and words for readers."""
    assert {each.name for each in fields(TrainJob)} == tried | keyed | no_input


def test_a_judge_is_trained_anew_where_a_principle_has_other_words(play: Play) -> None:
    step = train_step("judge", via="dpo", reference="none")
    other = replace(RULES, principles=(Principle(id="kind", text="Be very kind."),))
    for run, rules in (("a", RULES), ("b", RULES), ("c", other)):
        play.train(run, constitution=rules, step=step)
    assert len(play.jobs) == 2
    for run, rules in (("d", RULES), ("e", other)):  # of a policy the pairs say all
        play.train(run, constitution=rules)
    assert len(play.jobs) == 3


def as_written_before(run: Path, name: str, shelf: Path, outputs: list[str], without: set[str]) -> None:
    """Turn a step's note into what a version wrote that knew nothing of some inputs."""
    from rlaif.hashing import digest

    note = json.loads((run / f"steps/{name}.json").read_text())
    inputs = {key: value for key, value in note["inputs"].items() if key not in without}
    key = digest("step", 1, name.partition("/")[2], inputs)
    kept = {each: note[each] for each in ("templates", "facts", "outputs", "seconds")}
    (run / f"steps/{name}.json").write_text(json.dumps({"key": key, "inputs": inputs, **kept}))
    for each in shelf.glob("*.json"):
        each.unlink()
    pointer = {"run": str(run.resolve()), "name": name, "outputs": outputs}
    (shelf / f"{key.removeprefix('b2:')}.json").write_text(json.dumps(pointer))


def before(play: Play, **how: Any) -> None:
    play.train("old", **how)
    lacking = {"sampled", "held_out", "constitution"}
    as_written_before(play.top / "old", "round-1/train", play.top / "shelf", ["models/round-1"], lacking)


def test_what_an_older_version_trained_on_the_same_is_used_again(play: Play) -> None:
    before(play)
    assert play.train("new") == sorted(each.id for each in PAIRS)
    assert play.train("newer") == sorted(each.id for each in PAIRS)
    assert play.train("old") == sorted(each.id for each in PAIRS)
    assert len(play.jobs) == 1


@pytest.mark.parametrize("name", ["held-out prompts", "sampled ids", "cut off or not"])
def test_what_an_older_version_trained_on_something_else_is_not(play: Play, name: str) -> None:
    before(play)
    play.train("new", **INPUTS[name])
    assert len(play.jobs) == 2


def test_an_older_model_with_prompts_held_out_is_not_that_of_a_run_without(play: Play) -> None:
    before(play, held_out=(0,))
    assert play.train("new") == sorted(each.id for each in PAIRS)
    assert len(play.jobs) == 2


def do(steps: StepCache, name: str, since: Any) -> Callable[[], int]:
    times = []

    def make() -> dict[str, Any]:
        times.append(1)
        (steps.run / name).parent.mkdir(parents=True, exist_ok=True)
        (steps.run / name).write_text("made")
        return {}

    steps.do("round-1/x", {}, [name], make, since)
    return lambda: len(times)


def test_columns_beside_the_question_are_part_of_a_sampling(tmp_path: Path) -> None:
    made = []
    for run, columns in (
        ("none", {}),
        ("a", {"source": "x"}),
        ("b", {"source": "x"}),
        ("c", {"source": "y"}),
    ):
        steps = StepCache(tmp_path / run, tmp_path / "shelf")
        made.append(do(steps, "out", since_columns([prompt(1, **columns)]))())
    assert made == [1, 1, 0, 1]
    assert since_columns([prompt(1)]).inputs == {}


def test_tests_of_a_principle_are_part_of_a_pairs_step_and_of_no_digest(tmp_path: Path) -> None:
    tried = replace(RULES, principles=(replace(RULES.principles[0], tests=TRIED),))
    assert tried.digest == RULES.digest
    made = []
    for run, rules in (("a", tried), ("b", tried), ("c", RULES)):
        steps = StepCache(tmp_path / run, tmp_path / "shelf")
        made.append(do(steps, "out", since_tests(rules, "micro"))())
    assert made == [1, 0, 1]
    assert since_tests(tried, "gold:").inputs == {}
    # turns before the prompt are read too, and a test without them has the digest of earlier versions
    before = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello"))
    talk = replace(tried.principles[0], tests=tuple(replace(each, before=before) for each in TRIED))
    held = {"kind": [{"prompt": "p", "better": "b", "worse": "w", "near_miss": False}]}
    assert (
        since_tests(replace(tried, principles=(talk,)), "micro").inputs != since_tests(tried, "micro").inputs
    )
    assert since_tests(tried, "micro").inputs == {"tests": digest("tests", held)}


def test_templates_that_another_process_rendered_stand_in_the_note_of_the_step(play: Play) -> None:
    digests = template_digests(["compare"])
    play.elsewhere = {"counts": {}, "figures": {}, "steps": 1, "templates": digests}
    play.train("a")
    note = json.loads((play.top / "a/steps/round-1/train.json").read_text())
    assert note["templates"] == digests


def measuring(top: Path, run: str, *, gold: bool = True, judge: str = "j", **columns: str) -> RunJob:
    """A measuring of one prompt, which gold grades and which has these columns beside its question."""
    asked = replace(prompt(1, **columns), gold="micro")
    entry = RecipeStep(step="evaluate", settings=EvaluateSettings(gold=gold), key="evaluate")
    task = Task(
        entry=entry,
        round=1,
        takes=(Artefact(name="held_out", kind="prompts"),),
        makes=None,
        models={"model": "p", "judge": judge},
        initial={"model": "p", "judge": judge},
        stands={"initial": "p", "previous": "p"},
    )
    prepared: Any = SimpleNamespace(
        recipe=SimpleNamespace(seed=0, models=roles("m")),
        prompts={"held_out": (asked,)},
        constitution=RULES,
        tasks=(task,),
    )
    models: Any = Named(lambda name: name)
    return RunJob(
        prepared=prepared,
        task=task,
        models=models,
        run=top / run,
        state=RoundState(number=1),
        cache=StepCache(top / run, top / "shelf"),
        store=None,  # type: ignore[arg-type]
        run_id=run,
        report=silent,
        background=None,  # type: ignore[arg-type]
    )


class Measure:
    """Measures for several runs of one project, and counts what is really measured."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.top, self.times = top, 0
        monkeypatch.setattr(evaluate_file, "measure", self._measure)

    def _measure(self, *_: Any) -> Measurement:
        self.times += 1
        return Measurement({"gold_mean": 0.5}, [])

    def __call__(self, run: str, **how: Any) -> int:
        execute(evaluate_file.STEP, measuring(self.top, run, **how))
        return self.times


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    return Measure(tmp_path, monkeypatch)


def test_columns_that_gold_may_read_are_part_of_a_measuring(measure: Measure) -> None:
    runs = [("a", {"answer": "5"}), ("b", {"answer": "5"}), ("c", {"answer": "6"}), ("d", {})]
    assert [measure(run, **columns) for run, columns in runs] == [1, 1, 2, 3]


def test_where_nothing_reads_columns_they_make_no_other_measuring(measure: Measure) -> None:
    assert measure("a", gold=False, answer="5") == measure("b", gold=False, answer="6") == 1
    assert measure("c", gold=False, judge="gold:", answer="5") == 2
    assert measure("d", gold=False, judge="gold:", answer="6") == 3


@pytest.mark.parametrize("whole", [{}, {"whole": True}])
def test_a_measuring_of_an_older_version_is_used_where_no_column_is_read(
    measure: Measure, whole: dict[str, Any]
) -> None:
    """The version before this one wrote `whole: true` into notes, and did not know of columns."""
    assert measure("old") == 1
    note = measure.top / "old/steps/round-1/evaluate.json"
    held = {name: value for name, value in json.loads(note.read_text()).items() if name != "whole"}
    note.write_text(json.dumps(held | whole))
    assert measure("new") == 1
    assert measure("with", answer="5") == 2
