"""The models of a command: what is released frees its memory, comes back by itself, and keeps its counts."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.local.engine import HfEngine
from rlaif.engines.open import open_engine
from rlaif.errors import InputError, ModelError
from rlaif.judging import ModelJudge
from rlaif.records import Message, ScoreRequest
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions
from tests.workflows.tiny import THINKING, make_tiny


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first load imports libraries whose log records hold on to their callers, for as long as pytest shows them."""
    open_engine(str(make_tiny(tmp_path_factory.mktemp("warm"))))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "model")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def pool(store: Store) -> ModelPool:
    pool = ModelPool(ModelOptions())
    pool.record(store, "run")
    return pool


def question(text: str) -> ScoreRequest:
    return ScoreRequest(id=text, messages=(Message(role="user", content=text),), continuations=("yes", "no"))


def weights(pool: ModelPool, name: str) -> weakref.ref[torch.nn.Module]:
    opened = pool.opened(name)
    assert isinstance(opened, HfEngine)
    return weakref.ref(opened._scorer.model)


def test_a_released_model_is_out_of_memory_and_its_counts_stay(pool: ModelPool, model: Path) -> None:
    engine, fingerprint = pool.engine(str(model)), pool.fingerprint(str(model))
    list(engine.score([question("a")]))
    held = weights(pool, str(model))
    pool.release_all_but(())
    assert held() is None
    assert pool.opened(str(model)) is None
    assert pool.calls == {"new": 1, "reused": 0, "failed": 0}
    assert (engine.fingerprint, pool.fingerprint(str(model))) == (fingerprint, fingerprint)


def test_a_needed_model_stays(pool: ModelPool, model: Path) -> None:
    pool.engine(str(model))
    held = weights(pool, str(model))
    pool.release_all_but([str(model)])
    assert held() is not None


def test_a_released_model_is_loaded_for_a_call_that_is_not_stored_and_for_no_other(
    pool: ModelPool, model: Path
) -> None:
    engine = pool.engine(str(model))
    (before,) = engine.score([question("a")])
    pool.release_all_but(())
    (again,) = engine.score([question("a")])
    assert pool.opened(str(model)) is None
    assert again == before
    (fresh,) = engine.score([question("b")])
    assert pool.opened(str(model)) is not None
    assert fresh.error is None
    assert pool.calls == {"new": 2, "reused": 1, "failed": 0}


def test_a_released_model_whose_files_are_anothers_by_now_is_refused(
    pool: ModelPool, model: Path, tmp_path: Path
) -> None:
    engine = pool.engine(str(model))
    pool.release_all_but(())
    shutil.rmtree(model)
    make_tiny(model, seed=1)
    with pytest.raises(ModelError, match="its files have changed since this command opened it"):
        list(engine.score([question("b")]))


def test_the_models_behind_a_judge_of_several_stay(pool: ModelPool, model: Path, tmp_path: Path) -> None:
    other = shutil.copytree(model, tmp_path / "other")
    panel = tmp_path / "panel.yaml"
    panel.write_text(f"judges:\n  - {{judge: {model}}}\n  - {{judge: {other}}}\n")
    pool.open(f"panel:{panel}")
    third = shutil.copytree(model, tmp_path / "third")
    pool.open(str(third))
    pool.release_all_but([f"panel:{panel}"])
    assert pool.opened(str(third)) is None
    assert pool.opened(str(model)) is not None
    assert pool.opened(str(other)) is not None


def test_whoever_is_done_with_a_pool_has_its_memory_back_at_once(store: Store, model: Path) -> None:
    pool = ModelPool(ModelOptions())
    pool.record(store, "run")
    list(pool.engine(str(model)).score([question("a")]))
    held = weights(pool, str(model))
    del pool
    assert held() is None


def test_what_a_model_is_can_be_told_without_loading_it(pool: ModelPool, model: Path) -> None:
    told = pool.fingerprint(str(model))
    assert pool.opened(str(model)) is None
    assert pool.engine(str(model)).fingerprint == told


def test_a_role_with_another_number_format_has_a_model_of_its_own_and_any_other_shares_it(
    pool: ModelPool, model: Path
) -> None:
    name = str(model)
    half, judge = pool.acting(RoleOptions(dtype="bfloat16")), pool.acting(RoleOptions(max_tokens=5))
    assert half.engine(name) is not pool.engine(name)
    assert judge.engine(name) is pool.engine(name)
    assert half.fingerprint(name) != pool.fingerprint(name) == judge.fingerprint(name)
    assert len(pool.engines.held) == 2
    pool.release_all_but(())
    assert not pool.engines.held


def test_a_budget_is_one_for_all_roles(pool: ModelPool) -> None:
    assert pool.acting(RoleOptions(max_tokens=5)).budget is pool.budget


def test_an_option_that_a_model_cannot_honour_is_refused_when_it_is_opened(
    pool: ModelPool, model: Path
) -> None:
    for refused in (RoleOptions(enable_thinking=True), RoleOptions(request_body={"a": 1})):
        with pytest.raises(InputError, match=str(model)):
            pool.acting(refused).open(str(model))
    for judge in ("gold:", "random:1"):
        with pytest.raises(InputError, match="is no model that is asked in words, and reads no max_tokens"):
            pool.acting(RoleOptions(max_tokens=5)).open(judge)
    assert not pool.engines.held


def test_a_judge_has_the_options_of_its_role(pool: ModelPool, tmp_path: Path) -> None:
    name = str(make_tiny(tmp_path / "thinks", template=THINKING))
    role = RoleOptions(enable_thinking=True, sees="all", max_tokens=9, max_thought_tokens=3)
    judge = pool.acting(role).judge(name)
    assert isinstance(judge, ModelJudge)
    assert judge.options.set_ones == {
        **{"judge_sees": "all", "chat_template_kwargs": {"enable_thinking": True}},
        **dict.fromkeys(("verdict", "ranking", "argument"), 9),
        "thought": 3,
    }
    plain = pool.judge(name)
    assert isinstance(plain, ModelJudge)
    assert plain.options.set_ones == {}


SERVED = "openai:http://127.0.0.1:9/v1{}#m@1"


@pytest.mark.parametrize(
    ("setting", "told", "asked_as_before"),
    [
        ("", {}, False),
        ("", {"enable_thinking": True}, True),
        ("", {"chat_template_kwargs": {"thinking": True}}, True),
        ("", {"request_body": {"thinking": {"type": "enabled"}}}, True),
        ("", {"reasoning_effort": "low"}, True),
        ("", {"reasoning_effort": "none"}, False),
        ("", {"thought_marks": ("(hm)", "(so)")}, True),
        ("?thought_marks=(hm),(so)", {}, True),
        ("?thought_begun=1", {}, True),
        ("?thought_marks=none", {}, False),
        ("?thought_begun=1", {"enable_thinking": False}, False),
    ],
)
@pytest.mark.parametrize("dry", [False, True])
def test_a_served_judge_marks_its_thoughts_where_the_user_says_so(
    store: Store, setting: str, told: dict[str, Any], asked_as_before: bool, dry: bool
) -> None:
    pool = PlannedModels(ModelOptions()) if dry else ModelPool(ModelOptions())
    pool.record(store, "run")
    judge = pool.acting(RoleOptions(think=True, **told)).judge(SERVED.format(setting))
    assert isinstance(judge, ModelJudge)
    assert judge.before_label("compare") == ("compare" if asked_as_before else "compare-cot")


def test_arguments_of_all_roles_tell_that_a_served_judge_thinks_and_its_own_go_before_them(
    store: Store,
) -> None:
    pool = ModelPool(ModelOptions(chat_template_kwargs={"enable_thinking": True}))
    pool.record(store, "run")
    for own, question in ((None, "compare"), (False, "compare-cot")):
        judge = pool.acting(RoleOptions(think=True, enable_thinking=own)).judge(SERVED.format(""))
        assert isinstance(judge, ModelJudge)
        assert judge.before_label("compare") == question
