"""Results as other libraries and notebooks take them; what a model wrote stays text."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import rlaif
from rlaif.errors import LibraryError
from rlaif.exchange.frames import pairs_dataset
from rlaif.exchange.pairs import pair_row, read_pairs, row_pair
from rlaif.records import Message, Pair
from rlaif.workflows.results import PairResult

from .conftest import Configured


def pair(answer: str = "It is 5.", **told: object) -> Pair:
    said = [Message(role="assistant", content=text) for text in (answer, "No.")]
    return Pair(
        prompt=(Message(role="user", content="What is 3 plus 2?"),),
        chosen=(said[0],),
        rejected=(said[1],),
        label_prob=0.9,
        **told,  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Small(PairResult):
    pairs: Sequence[Pair]
    run: Path = Path("runs/r1")

    @property
    def facts(self) -> Mapping[str, object]:
        return {"run": str(self.run), "pairs": len(self.pairs), "unmet": None}


def test_a_repr_says_how_many_pairs_and_not_which() -> None:
    assert repr(Small(pairs=[pair()] * 3)) == "Small(run='runs/r1', pairs=3, unmet=None)"


def test_a_notebook_shows_what_a_model_wrote_as_text() -> None:
    page = Small(pairs=[pair("<script>alert('&')</script>")])._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in page


def test_a_notebook_shows_the_first_pairs_and_the_beginnings_of_long_texts() -> None:
    page = Small(pairs=[pair(f"{number} " + "x" * 400) for number in range(9)])._repr_html_()
    assert "4 xxx" in page
    assert "5 xxx" not in page
    assert "x" * 301 not in page
    assert "0.900" in page


def test_a_dataset_has_the_columns_that_trl_reads_and_all_others() -> None:
    found = Small(
        pairs=[pair(score_gap=0.5, principles=({"id": "brief", "p": 0.9},)), pair("Five.")]
    ).to_dataset()
    assert found[0]["chosen"] == [{"role": "assistant", "content": "It is 5."}]
    assert found[0]["prompt"] == [{"role": "user", "content": "What is 3 plus 2?"}]
    assert [each["score_gap"] for each in found] == [0.5, None]
    assert found.column_names == list(pair_row(pair()))


def test_the_rows_of_a_dataset_are_read_back_as_the_same_pairs() -> None:
    pairs = [
        pair(principles=({"id": "brief", "p": 0.9},), provenance={"judge": "b2:1"}),
        pair("Five.", round=2),
    ]
    assert [row_pair(row) for row in pairs_dataset(pairs)] == pairs


def test_no_pairs_make_an_empty_table_with_all_columns() -> None:
    found = Small(pairs=[]).to_pandas()
    assert list(found.columns) == list(pair_row(pair()))
    assert len(found) == 0


def test_a_data_frame_has_a_row_a_pair() -> None:
    found = Small(pairs=[pair(), pair("Five.")]).to_pandas()
    assert list(found["label_prob"]) == [0.9, 0.9]
    assert found["chosen"][1][0]["content"] == "Five."


def test_a_missing_pandas_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Small(pairs=[pair()])
    result.to_dataset()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LibraryError, match="pandas"):
        result.to_pandas()


def test_results_load_no_table_library_until_one_is_asked_for() -> None:
    code = "import sys, rlaif.workflows.results as r; print([n for n in ('datasets', 'pandas') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_generate_gives_its_pairs_as_tables(configured: Configured) -> None:
    own = configured()
    made = rlaif.generate(
        out=own.out, policy=own.policy, judge=own.judge, prompts=own.prompts, constitution=own.constitution
    )
    assert [each.id for each in made.pairs] == made.to_dataset()["id"]
    assert list(made.to_pandas()["id"]) == [each.id for each in read_pairs(made.run / "pairs.jsonl")]
    assert f"pairs={len(made.pairs)}, prompts=8" in repr(made)
    assert "It is 5." in made._repr_html_()


def test_evaluate_gives_a_row_for_each_win_rate_and_each_gold_figure(configured: Configured) -> None:
    own = configured()
    found = rlaif.evaluate(
        policy=own.policy[0],
        against=own.policy[0],
        judge=own.judge,
        prompts=own.prompts,
        constitution=own.constitution,
        gold=True,
        store=own.out.parent / "store.sqlite",
    )
    rows = found.to_pandas()
    assert list(rows["figure"])[:2] == ["win rate", "gold"]
    assert set(rows["figure"][2:]) == {name for one in found.behaviours for name in one.shown}
    assert list(rows["mean"])[:2] == [found.win_rates[0].win_rate, found.gold[0].mean]
    assert list(rows["against"].isna())[:2] == [False, True]
    assert "win rate" in found._repr_html_()


def test_a_recipe_gives_the_pairs_of_all_its_rounds(configured: Configured, tmp_path: Path) -> None:
    own = configured()
    recipe = tmp_path / "two.yaml"
    recipe.write_text(
        f"name: two\nmodels: {{policy: '{own.policy[0]}', judge: '{own.judge}'}}\nconstitution: {own.constitution}\n"
        f"prompts: {{train: {own.prompts}}}\nrounds: 2\nround:\n  - {{step: sample, n: 4, prompts: 4}}\n"
        "  - {step: judge}\n  - {step: pairs, critique: false}\n"
    )
    done = rlaif.run(recipe=recipe, out=tmp_path / "two")
    rounds = [each.round for each in done.pairs]
    assert set(rounds) == {1, 2}
    assert list(done.to_pandas()["round"]) == rounds
    assert repr(done) == f"Finished(run={str(done.run)!r}, rounds=2, pairs={len(rounds)}, unmet=None)"
