"""A plan says of each role what is not as usual, and nothing of one that is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rlaif.judging.lengths import THOUGHT
from rlaif.workflows.configs import GenerateConfig, RunConfig
from rlaif.workflows.dry_run.generate import plan
from rlaif.workflows.dry_run.role_words import role_words
from rlaif.workflows.models.defaults import choose_generate
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.recipe.graph import graph, graph_lines
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import Write, judge_rows

RECIPE = """\
name: two
models:
  policy: micro
  judge: micro
  thinker: {name: micro, think: true, max_thought_tokens: 20}
constitution: micro-default
prompts: {train: micro:train, held_out: micro:held-out}
rounds: 1
round:
  - {step: sample, n: 2}
  - {step: judge, protocol: checklist}
  - {step: pairs, judge: thinker}
"""


def test_options_are_words_and_a_thinking_judge_has_its_room() -> None:
    said = RoleOptions(think=True, sees="all", chat_template_kwargs={"a": True}).set_ones
    assert role_words(said) == (
        f"thinks before each label, at most {THOUGHT} tokens, chat_template_kwargs a=true, sees all"
    )
    assert role_words({}) == ""


def test_the_plan_of_generate_says_system_turn_budgets_and_roles(policy: str, script: Write) -> None:
    prompts = Path(policy.partition(":")[2]).with_name("prompts.jsonl")
    prompts.write_text('{"prompt": "I am Ben. What is 1 plus 2?"}\n')
    rules = prompts.with_name("rules.yaml")
    rules.write_text(
        "name: t\nversion: 1.0.0\ntitle: T\nprinciples:\n  - {id: a, text: The response is brief.}\n"
    )
    usual = choose_generate(
        GenerateConfig(
            policy=(policy,),
            judge=script("judge", judge_rows()),
            prompts=str(prompts),
            constitution=str(rules),
            out=prompts.with_name("run"),
        )
    )
    plain = plan(usual).text
    assert not any(word in plain for word in ("system turn", "thought", "thinks", "\njudge: "))
    told = replace(
        usual,
        system="good",
        max_thought_tokens=5,
        judge_options=RoleOptions(think=True, max_thought_tokens=7),
    )
    lines = plan(told).text.splitlines()
    assert "under the system turn good" in lines
    assert "judge: thinks before each label, at most 7 tokens" in lines
    assert any("behind a thought of at most 5" in each for each in lines)


def test_the_plan_of_a_recipe_names_a_steps_role_where_it_is_not_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "rec.yaml").write_text(RECIPE)
    prepared = prepare_recipe(RunConfig(recipe=str(tmp_path / "rec.yaml"), out=tmp_path / "run", limit=2))
    nodes = graph(prepared, {})
    lines = [each.strip() for each in graph_lines(prepared, nodes)]
    assert "judge micro (role thinker: thinks before each label, at most 20 tokens)" in lines
    assert "judge micro" in lines
    usual = next(each for each in nodes if each.step == "judge").as_dict()
    assert not {"roles", "options"} & set(usual)
