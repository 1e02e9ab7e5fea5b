"""The price table: whose price is whose, what has none, and a copy to edit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.costs import copy_prices, read_prices
from rlaif.engines.kinds import price_of
from rlaif.errors import InputError
from rlaif.records import Usage

TABLE = """\
currency: EUR
models:
  - {model: "gpt-4o-mini*", prompt: 0.15, completion: 0.6}
  - {model: "gpt-4o*", prompt: 2.5, completion: 10}
  - {model: "openai:http://here/*", prompt: 0, completion: 1}
"""


def test_a_million_tokens_cost_what_the_table_says() -> None:
    price = price_of(read_prices(), "openai:https://api.example/v1#gpt-4o-mini@2024-07-18")
    assert price is not None
    assert price.of(Usage(prompt_tokens=2_000_000, completion_tokens=500_000)) == pytest.approx(
        2 * 0.15 + 0.5 * 0.6
    )


def test_the_first_entry_that_fits_decides_and_what_fits_none_has_no_price(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(TABLE)
    prices = read_prices(tmp_path / "p.yaml")
    mini, full = (price_of(prices, f"openai:https://x/v1#{each}") for each in ("gpt-4o-mini", "gpt-4o-2024"))
    assert mini is not None
    assert full is not None
    assert (mini.prompt, full.prompt) == (0.15, 2.5)
    here = price_of(prices, "openai:http://here/v1#llama")
    assert here is not None
    assert here.completion == 1
    assert price_of(prices, "openai:https://x/v1#llama") is None
    assert price_of(prices, "micro") is None


def test_what_runs_here_costs_nothing_by_the_shipped_table(tmp_path: Path) -> None:
    local = [
        f"openai:{each}/v1#m" for each in ("http://[::1]:8000", "http://127.0.0.1:1", "https://localhost")
    ]
    for name in ("micro", "micro:weak", "hf:x/y", "vllm:/m", "script:f", str(tmp_path), *local):
        price = price_of(read_prices(), name)
        assert price is not None, name
        assert (price.prompt, price.completion) == (0, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency: EUR\n", "models"),
        (TABLE.replace("2.5", "-1"), "prompt"),
        (TABLE.replace("prompt: 2.5, ", ""), "prompt"),
        (TABLE + "  - {modle: x}\n", "modle"),
        ("models: [", "p.yaml"),
    ],
)
def test_a_wrong_table_is_refused_with_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match=said) as wrong:
        read_prices(tmp_path / "p.yaml")
    assert "p.yaml" in str(wrong.value)


def test_the_copy_is_a_table_with_its_comments_and_replaces_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "mine.yaml"
    assert main(["prices", "--out", str(copy), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert copy.read_text().startswith("#")
    assert read_prices(copy).entries == read_prices().entries
    assert len(told["models"]) == len(read_prices().entries)
    with pytest.raises(InputError, match="is there already"):
        copy_prices(copy)
    assert main(["prices", "--out", str(copy)]) == 2


def test_ones_own_table_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.yaml").write_text(TABLE)
    assert main(["prices", "--prices", str(tmp_path / "p.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "EUR a million sent" in shown
    assert "gpt-4o-mini*" in shown
