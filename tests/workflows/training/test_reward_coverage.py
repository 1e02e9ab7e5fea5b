"""RL prompts that a reward model has not learned from: counted and warned of before the first rollout, and recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.records import Message, Prompt
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.training.reward_coverage import (
    KEY,
    coverage_warnings,
    keep_prompts,
    record_coverage,
    reward_coverage,
)

LEARNED = [
    f"how do i wash a {thing} {place}" for thing in ("shirt", "cup", "car", "dog") for place in "abcdefgh"
]
OTHERS = [f"is it true that {number} is prime" for number in range(8)]


def asked(*texts: str) -> list[Prompt]:
    return [Prompt(messages=(Message(role="user", content=each),)) for each in texts]


@pytest.fixture
def scorer(tmp_path: Path) -> Path:
    """A reward model's directory, as far as its prompts are concerned."""
    folder = tmp_path / "rm"
    folder.mkdir()
    keep_prompts(folder, tmp_path / "base", [each.messages for each in asked(*LEARNED)])
    return folder


def test_prompts_unlike_the_learned_ones_are_counted_and_the_least_like_shown(scorer: Path) -> None:
    spec = reward_parts([{"model": str(scorer)}], "here")
    [found] = reward_coverage(spec, [*asked(*LEARNED[:10]), *asked(*OTHERS), *asked(*OTHERS)])
    assert (found.known, found.prompts, found.unlike) == (True, 18, 8)
    assert set(found.examples) <= set(OTHERS)
    assert len(found.examples) == 3
    [told] = coverage_warnings([found])
    assert "8 of 18 prompts (44%) are unlike those that it learned from" in told
    assert repr(found.examples[0]) in told
    assert "leave them out" in told


def test_prompts_of_the_learned_kind_are_no_warning(scorer: Path) -> None:
    [found] = reward_coverage(reward_parts([{"model": str(scorer)}], "here"), asked(*LEARNED))
    assert (found.unlike, coverage_warnings([found])) == (0, [])


def test_a_model_of_unknown_prompts_says_so(tmp_path: Path) -> None:
    for name in ("none", "broken"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken/learned_prompts.json").write_text('{"limit": "low"}')
    parts = [{"model": str(tmp_path / name)} for name in ("none", "broken", "missing")]
    found = reward_coverage(reward_parts(parts, "here"), asked(*OTHERS))
    assert [each.known for each in found] == [False] * 3
    assert all("are not known" in each for each in coverage_warnings(found))


def test_no_text_of_a_prompt_is_kept(scorer: Path) -> None:
    kept = (scorer / "learned_prompts.json").read_text()
    assert "wash" not in kept
    assert len(json.loads(kept)["words"]) == len(LEARNED)


def test_a_reward_model_is_found_by_the_name_that_a_recipe_has_for_it_and_below_fitted_rules(
    scorer: Path, tmp_path: Path
) -> None:
    by_role = reward_parts([{"model": "rm"}], "here")
    assert reward_coverage(by_role, asked(*OTHERS), {"rm": f"reward:{scorer}"})[0].known
    by_judge = reward_parts([{"judge": f"reward:{scorer}"}, {"judge": "micro"}], "here")
    assert [each.model for each in reward_coverage(by_judge, asked(*OTHERS))] == [str(scorer)]
    nobody = reward_parts([{"judge": "micro"}], "here")
    assert reward_coverage(nobody, asked(*OTHERS)) == []


def test_a_reward_model_that_goes_on_from_another_has_learned_from_the_others_prompts_too(
    scorer: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    later.mkdir()
    keep_prompts(later, scorer, [each.messages for each in asked(*OTHERS)])
    [found] = reward_coverage(reward_parts([{"model": str(later)}], "here"), asked(*LEARNED, *OTHERS))
    assert found.unlike == 0


def test_what_was_seen_stands_in_the_record_of_the_training_once(scorer: Path, tmp_path: Path) -> None:
    spec = reward_parts([{"model": str(scorer)}], "here")
    (tmp_path / "train.json").write_text("{}")
    record_coverage(tmp_path, reward_coverage(spec, asked(*OTHERS)))
    record_coverage(tmp_path, reward_coverage(spec, asked(*LEARNED)))
    [kept] = json.loads((tmp_path / "train.json").read_text())[KEY]
    assert (kept["unlike"], kept["share"]) == (8, 1.0)


def test_the_command_warns_before_it_opens_the_policy(
    scorer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "prompts.jsonl"
    rows.write_text("".join(json.dumps({"prompt": each}) + "\n" for each in OTHERS))
    words = [
        "--prompts",
        str(rows),
        "--policy",
        "micro",
        "--reward",
        f"model={scorer}",
        "--out",
        str(tmp_path / "rl"),
    ]
    assert main(["train", "rloo", *words]) != 0  # such a directory has no weights
    told = " ".join(capsys.readouterr().err.split())
    assert told.index("8 of 8 prompts (100%) are unlike") < told.index("error:")
