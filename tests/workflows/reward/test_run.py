"""`rlaif.reward`: the judge that makes pairs gives another trainer its rewards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import EngineError, InputError, PromptFileError
from rlaif.workflows.reward.run import JudgeRewardConfig, OpenReward, reward
from tests.ports import closed_port

RULES = """\
rules:
  - principle: thanks
    matches: thank
  - principle: brief
    length: {max_words: 4}
"""
HOUSE = """\
name: house
version: 1.0.0
title: How we answer
principles:
  - {id: thanks, text: The response thanks the user., weight: 3}
  - {id: brief, text: The response is brief.}
"""


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JudgeRewardConfig:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limits.yaml").write_text(RULES)
    (tmp_path / "house.yaml").write_text(HOUSE)
    return JudgeRewardConfig(
        judge="rules:limits.yaml", constitution="house.yaml", store=tmp_path / "s.sqlite"
    )


def test_texts_and_conversations_get_the_weighted_mean_of_what_was_said_of_each_principle(
    judged: JudgeRewardConfig,
) -> None:
    with reward(judged) as found:
        assert found(["hi", "hi"], ["thank you", "go on then, say it at last"]) == [1.0, 0.0]
        turn = [{"role": "user", "content": "hi"}]
        said = [
            [{"role": "assistant", "content": "no"}],
            [{"role": "assistant", "content": "I thank you so much"}],
        ]
        assert found([turn, turn], said, trainer_state=None) == [0.25, 0.75]


def test_what_is_no_conversation_is_refused_with_its_place(judged: JudgeRewardConfig) -> None:
    with reward(judged) as found:
        with pytest.raises(PromptFileError, match=r"completions\[1\]"):
            found(["a", "b"], ["x", 3])
        with pytest.raises(InputError, match="2 prompts and 1 completions"):
            found(["a", "b"], ["x"])


def test_a_protocol_that_compares_gives_no_reward(judged: JudgeRewardConfig) -> None:
    with pytest.raises(InputError, match="no protocol that judges one completion"):
        OpenReward(replace(judged, protocol="compare"))


def test_why_there_is_no_reward_is_told_once(
    judged: JudgeRewardConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mute.jsonl").write_text('{"texts": ["no verdict"]}\n')
    with reward(replace(judged, judge="script:mute.jsonl")) as found:
        assert found(["hi"], ["thank you"]) == [None]
        assert found(["hi"], ["thanks"]) == [None]
    [told] = [each.getMessage() for each in caplog.records]
    assert "no reward where a call failed: script:mute.jsonl: 2 of 2 calls failed" in told
    assert "no row has labels for this" in told


def test_several_parts_are_one_reward_and_a_file_of_them_is_the_same(
    judged: JudgeRewardConfig, tmp_path: Path
) -> None:
    parts = [{"judge": "rules:limits.yaml", "weight": 2.0}, {"function": f"{tmp_path}/letters.py:letters"}]
    (tmp_path / "letters.py").write_text(
        "def letters(prompt, completion):\n    return len(completion.text) / 10\n"
    )
    (tmp_path / "reward.yaml").write_text(
        f"- {{judge: 'rules:limits.yaml', weight: 2.0}}\n- {{function: '{tmp_path}/letters.py:letters'}}\n"
    )
    for given in (parts, "reward.yaml"):
        with reward(replace(judged, judge=None, reward=given)) as found:
            # 2 x 1 + .9, and 2 x .25 + .2: whoever thanks has 3 of 4 weights
            assert found(["hi", "hi"], ["thank you", "no"]) == pytest.approx([2.9, 0.7])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"judge": None}, "who judges is missing"),
        ({"reward": "judge=micro"}, "judge is of one judge"),
        ({"judge": None, "reward": "judge=micro,protocol=circular"}, "compares the completions of a prompt"),
        ({"judge": None, "reward": "judge=micro,normalise=batch"}, "standardised over a batch"),
        (
            {"judge": None, "reward": "judge=micro,protocol=checklist,dropout=0.5"},
            "leaves out other criteria",
        ),
        ({"judge": None, "reward": 7}, "reward is 7"),
    ],
)
def test_parts_that_rows_cannot_have_are_refused_by_name(
    given: dict[str, object], text: str, judged: JudgeRewardConfig
) -> None:
    with pytest.raises(InputError, match=text):
        reward(replace(judged, **given))  # type: ignore[arg-type]


def test_a_reward_whose_judge_is_away_is_refused_when_it_is_opened(judged: JudgeRewardConfig) -> None:
    with closed_port() as port:
        away = f"openai:http://127.0.0.1:{port}/v1?reach=0.1#m@1"
        with pytest.raises(EngineError, match="no server was reached"):
            OpenReward(replace(judged, judge=away))
        with pytest.raises(EngineError, match="no server was reached"):
            OpenReward(replace(judged, judge=None, reward=[{"judge": away}]))
