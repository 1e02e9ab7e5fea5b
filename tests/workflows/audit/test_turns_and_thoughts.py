"""Runs whose policies and judges think, and whose sides have several turns: joined by ids, counted apart, folded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.exchange.completions import write_completions
from rlaif.exchange.judgments import read_judgments, write_judgments
from rlaif.exchange.pairs import pair_row, read_pairs, write_pairs
from rlaif.records import Completion, Generation, Message, Pair, Prompt, Score, ToolCall
from rlaif.runs.layout import COMPARISONS, COMPLETIONS, JUDGMENTS, PAIRS
from rlaif.store import Store, find_store
from rlaif.workflows.audit.compare_runs import compare
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.load_run import read_source
from rlaif.workflows.audit.run import audit
from rlaif.workflows.audit.show_pair import show
from rlaif.workflows.generate.run import generate
from rlaif.workflows.results import PairResult
from rlaif.workflows.same_pairs import compared_in
from tests.workflows.conftest import Configured, Write

from .test_rationales import writing

SCHEMA = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
ESCAPE = "\x1b[2J"


def _told(pair: Pair, number: int) -> Pair:
    """The same pair; its chosen side thought, called a tool, and ends as the rejected one does."""
    call = ToolCall(name="add", arguments=f'{{"a": {number}}}', id="c1")
    chosen = (
        Message(
            role="assistant", content="Let me add.", thought=f"I greet {number}{ESCAPE}", tool_calls=(call,)
        ),
        Message(role="tool", content="5", name="add", tool_call_id="c1"),
        replace(pair.rejected[-1], thought="done"),
    )
    return replace(pair, chosen=chosen, tools=(SCHEMA,))


@pytest.fixture
def plain(configured: Configured) -> Path:
    return generate(configured()).run


@pytest.fixture
def run(plain: Path) -> Path:
    """That run as if its policy had thought and called tools: same judgments, other completions."""
    pairs = read_pairs(plain / PAIRS)
    told = [_told(each, number) for number, each in enumerate(pairs)]
    names: dict[str, str] = {}
    drawn: list[tuple[Prompt, Completion]] = []
    for old, new in zip(pairs, told, strict=True):
        names |= dict(zip(old.completion_ids, new.completion_ids, strict=True))
        prompt = Prompt(messages=new.prompt, tools=new.tools, gold="micro")
        for side in (new.chosen, new.rejected):
            *lead, last = side
            each = Completion(
                prompt_id=prompt.id, text=last.content, policy="m", thought=last.thought, lead=tuple(lead)
            )
            drawn.append((prompt, each))
    write_pairs(plain / PAIRS, told)
    write_completions(plain / COMPLETIONS, drawn)
    for name in (COMPARISONS, JUDGMENTS):
        rows = [
            replace(each, completion_ids=tuple(names[one] for one in each.completion_ids))
            for each in read_judgments(plain / name)
            if set(each.completion_ids) <= names.keys()
        ]
        write_judgments(plain / name, rows)
    return plain


def test_sides_that_end_alike_are_two_completions_of_an_audit(run: Path) -> None:
    source = read_source(run)
    texts = source.evidence.texts
    assert len(texts.ids) == len(source.completions) == 16
    assert texts.texts[0].startswith("Let me add.\n\n")
    assert texts.thoughts[0].startswith("I greet 0")
    assert texts.thoughts[0].endswith("done")
    assert list(texts.thoughts[1::2]) == [""] * 8
    assert [each.completion_ids for each in source.pairs] == [
        (texts.ids[one], texts.ids[other])
        for one, other in zip(source.evidence.labels.chosen, source.evidence.labels.rejected, strict=True)
    ]


def test_figures_are_joined_through_all_turns(run: Path) -> None:
    found = audit(AuditConfig(run=run, edited=True))
    assert found.audit.counts["pairs"] == 8
    # the judgments that the run keeps give its labels again: the join holds
    assert found.audit.figures["label_contradicts"].value == 0.0
    assert found.audit.figures["thought_words:rejected"].value == 0.0
    assert found.audit.figures["thought_words:chosen"].value == pytest.approx(4.0)
    assert found.audit.figures["empty_thought"].value == 0.5
    assert "against_thought" not in found.as_dict()


def test_a_run_is_compared_with_itself_by_ids(run: Path) -> None:
    found = compare(run, run)
    assert (found.common, found.same_pairs, found.agreement.value) == (8, 8, 1.0)
    assert compared_in(run) == {frozenset(each.completion_ids) for each in read_pairs(run / PAIRS)}
    (run / COMPARISONS).unlink()
    assert compared_in(run) == {frozenset(each.completion_ids) for each in read_pairs(run / PAIRS)}


def test_a_side_that_holds_more_than_a_completion_does_is_audited_too(run: Path) -> None:
    pairs = read_pairs(run / PAIRS)
    named = [
        replace(each, chosen=(*each.chosen[:-1], replace(each.chosen[-1], name="helper"))) for each in pairs
    ]
    write_pairs(run / PAIRS, named)
    assert read_source(run).evidence.labels.ids == [each.id for each in named]


def test_every_judgment_of_a_pair_is_shown(run: Path) -> None:
    pair = read_pairs(run / PAIRS)[0]
    found = show(pair.id, run)
    assert {each.principle for each in found.said} == {"greet", "brief"}
    compared = next(each for each in found.said if each.protocol == "compare" and each.principle == "greet")
    assert (compared.chosen_first, compared.chosen_second) == (pytest.approx(0.9), pytest.approx(0.9))


def test_thoughts_are_folded_in_the_terminal_until_they_are_asked_for(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = read_pairs(run / PAIRS)[0]
    assert main(["audit", "show", pair.id, "--run", str(run)]) == 0
    text = capsys.readouterr().out
    assert "\nchosen, assistant, thought (3 words), --thoughts shows it\n" in text
    assert "I greet" not in text
    assert '\nchosen, assistant, tool call\n    [add({"a": 0})]\n' in text
    assert "\nchosen, tool result (add)\n    [5]\n" in text
    assert "\ntools: add (--thoughts shows their schemas)\n" in text
    assert f"\nrejected\n    {pair.rejected[-1].content}\n" in text
    assert main(["audit", "show", pair.id, "--run", str(run), "--thoughts"]) == 0
    text = capsys.readouterr().out
    assert "\nchosen, assistant, thought (3 words)\n    I greet 0" in text
    assert '"parameters"' in text
    assert main(["audit", "show", pair.id, "--run", str(run), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["pair"]
    row = pair_row(pair)
    assert {name: shown[name] for name in ("prompt", "chosen", "rejected", "tools")} == {
        name: row[name] for name in ("prompt", "chosen", "rejected", "tools")
    }


def test_no_thought_moves_the_cursor_of_a_terminal(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    pair, screen = read_pairs(run / PAIRS)[0], Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(["audit", "show", pair.id, "--run", str(run), "--thoughts"]) == 0
    assert ESCAPE not in screen.getvalue()
    assert "\\u001b[2J" in screen.getvalue()


def test_a_plain_pair_has_no_key_of_thoughts_or_tools(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = read_pairs(plain / PAIRS)[0]
    assert main(["audit", "show", pair.id, "--run", str(plain), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["pair"]["chosen"] == [{"role": "assistant", "content": pair.chosen[0].content}]
    assert not {"thought", "tools", "tool_calls", "open_thought"} & shown["calls"][0].keys()
    assert "tools" not in shown["pair"]
    assert main(["audit", str(plain), "--json"]) == 0
    assert "thought" not in capsys.readouterr().out


def test_a_notebook_shows_all_turns_of_a_side(run: Path) -> None:
    class Held(PairResult):
        pairs = read_pairs(run / PAIRS)  # type: ignore[assignment]
        facts = {}  # type: ignore[assignment]  # noqa: RUF012

    page = Held()._repr_html_()
    assert "tool result (add): 5" in page
    assert "I greet" not in page


def _thinking(run: Path, folder: Path, think: Callable[[Any], str]) -> Path:
    """The store of a run, as if the judge had thought before each of its replies."""
    path = folder / "thinking" / "store.sqlite"
    path.parent.mkdir()
    with Store.open(find_store(run), writes=False) as held, Store.open(path) as kept:
        for name in (COMPARISONS, JUDGMENTS):
            for row in read_judgments(run / name):
                for key in row.calls:
                    call = held.call(key)
                    assert call is not None
                    assert isinstance(call.reply, Score | Generation)
                    kept.put_many(
                        call.fingerprint, [(key, call.request, replace(call.reply, thought=think(row)))]
                    )
    return path


def _leans(row: Any) -> str:
    """To whom the label names; the other one where the prompt's id is even."""
    first = (row.value or 0.0) > 0.5
    return f"Hm.\nAnswer: {'A' if first == _honest(row) else 'B'}"


def _honest(row: Any) -> bool:
    return int(row.prompt_id[-1], 16) % 2 == 1


def _rows(run: Path) -> Iterator[Any]:
    return (row for row in read_judgments(run / COMPARISONS) if row.value is not None)


@pytest.mark.parametrize("protocol", ["compare", "compare-cot"])
def test_labels_against_the_judges_own_thought_are_counted_and_listed(
    configured: Configured, script: Write, tmp_path: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = {} if protocol == "compare" else {"judge": script("writes", writing(False))}
    run = generate(configured(protocol=protocol, **judge)).run
    store = _thinking(run, tmp_path, _leans)
    rows = [row for row in _rows(run) if row.value != 0.5]
    assert 0 < sum(map(_honest, rows)) < len(rows)
    found = audit(AuditConfig(run=run, store=store)).audit
    against = [row for row in rows if not _honest(row)]
    assert found.figures["thought_contradicts"].value == pytest.approx(len(against) / len(rows))
    assert sorted((each.completions, each.principle) for each in found.against_thought) == sorted(
        (tuple(row.completion_ids), row.principle_id) for row in against
    )
    assert {each.pair for each in found.against_thought} <= {each.id for each in read_pairs(run / PAIRS)}
    assert main(["audit", str(run), "--store", str(store), "--full"]) == 0
    text = capsys.readouterr().out
    assert "Labels against the judge's own thought" in text
    assert found.against_thought[0].call in text


def test_a_judge_that_does_not_think_has_nothing_to_contradict(plain: Path) -> None:
    assert "thought_contradicts" not in audit(AuditConfig(run=plain)).audit.figures


def test_the_thought_behind_a_call_is_folded_too(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = _thinking(plain, tmp_path, lambda row: "first this\nthen that")
    pair = read_pairs(plain / PAIRS)[0]
    command = ["audit", "show", pair.id, "--run", str(plain), "--store", str(store)]
    assert main(command) == 0
    assert "\n  -> thought (4 words), --thoughts shows it\n  -> '" in capsys.readouterr().out
    assert main([*command, "--thoughts"]) == 0
    assert "\n  -> thought (4 words)\n      first this\n      then that\n  -> '" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["calls"][0]["thought"] == "first this\nthen that"
