"""The step `portray`: with the constitution in view it is the good side, without it the bad one; both of one prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rlaif.constitution import load_principles
from rlaif.engines.local.engine import HfEngine
from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.records import GenerateRequest, Generation
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: portray, n: 2, prompts: 4, max_tokens: 24}}
  - {{step: pairs, source: sides}}
"""


def test_several_greedy_answers_of_a_side_are_refused_with_the_line(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    text = RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts)
    path.write_text(text.replace("n: 2", "n: 2, temperature: 0"))
    with pytest.raises(
        RecipeError, match=r"recipe\.yaml:7: at temperature 0 all 2 completions of a side are one text"
    ):
        prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "out"))


def test_both_sides_are_kept_with_the_prompt_as_it_was(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts))
    done = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "out")))
    drawn = read_completions(done.run / "round-1/portray.jsonl")
    sides = Counter(said.origin.side for _, said in drawn if said.origin is not None)
    assert sides == {"good": 8, "bad": 8}
    assert all(each.role != "system" for prompt, _ in drawn for each in prompt.messages)
    assert len({(prompt.id, said.draw) for prompt, said in drawn}) == len(drawn)


def prefilled(
    tmp_path: Path, policy: str | Path, judge: str, prompts: Path, constitution: Path, how: str
) -> RunConfig:
    path = tmp_path / "recipe.yaml"
    text = RECIPE.format(policy=policy, judge=judge, constitution=constitution, prompts=prompts)
    path.write_text(text.replace("max_tokens: 24", f"max_tokens: 24, prefill: {how}"))
    return RunConfig(recipe=str(path), out=tmp_path / "out")


def test_the_teachers_answer_goes_on_behind_a_text_that_names_its_traits_and_that_is_dropped(
    tmp_path: Path,
    mini: Path,
    judge: str,
    prompts: Path,
    constitution: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[GenerateRequest] = []
    own = HfEngine.generate

    def listen(engine: HfEngine, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        every = list(requests)
        asked.extend(every)
        return own(engine, every)

    monkeypatch.setattr(HfEngine, "generate", listen)
    config = prefilled(tmp_path, mini, judge, prompts, constitution, "answer")
    done = run(prepare_recipe(config))
    rule = load_principles(str(constitution)).principles[0].text
    begun = [each for each in asked if each.assistant_prefix]
    assert len(begun) == 8
    assert all(rule in each.assistant_prefix and not each.begins_thought for each in begun)
    assert all(each.messages[0].role == "system" for each in begun)
    drawn = read_completions(done.run / "round-1/portray.jsonl")
    good = [said for _, said in drawn if said.origin is not None and said.origin.side == "good"]
    assert all(rule not in said.text and said.token_ids is None for said in good)
    asked.clear()
    assert run(prepare_recipe(config)).calls["new"] == 0
    assert asked == []


@pytest.mark.parametrize(
    ("policy", "how", "why"),
    [
        ("mini", "thought", r"no marks of this model's thoughts are known.*or let the answer itself begin"),
        ("script", "answer", r"goes on with no answer that is begun for it; set prefill to none"),
        ("openai:http://h/v1#m@1", "thought", r"say \?continues=1 in its name"),
    ],
)
def test_a_teacher_for_whom_nothing_can_be_begun_is_refused_with_the_line_before_any_call(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path, policy: str, how: str, why: str
) -> None:
    named = {"mini": str(mini), "script": judge}.get(policy, policy)
    with pytest.raises(RecipeError, match=rf"recipe\.yaml:7: .*{why}"):
        prepare_recipe(prefilled(tmp_path, f'"{named}"', judge, prompts, constitution, how))
