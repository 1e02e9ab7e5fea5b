"""Makes docs/notebooks/: writes each notebook and executes it in a directory of its own: `make notebooks` (a minute).

The cells stand here; a notebook is never edited by hand. `tests/test_notebooks.py` runs every cell again.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"
LONGEST_S = 300
"""Seconds that one cell may take."""

TEXT, CODE = "markdown", "code"
Cell = tuple[str, str]

CELLS: Mapping[str, Sequence[Cell]] = {
    "self-rewarding": (
        (
            TEXT,
            "# A self-rewarding run\n\nOne model answers, judges its own answers by a constitution, and "
            "learns from the "
            "pairs. Everything is bundled: no network, no GPU. This is the smallest form of the recipe; "
            "`quick=False` is the one whose figures say something.",
        ),
        (CODE, "import rlaif"),
        (
            CODE,
            'done = rlaif.run(recipe="self-rewarding", out="runs/loop", quick=True, limit=6)',
        ),
        (
            TEXT,
            "A result shows itself: figures by round, then curves, then each principle before and after. "
            "`gold` is what "
            "is true in the bundled world; no step reads it.",
        ),
        (CODE, "done"),
        (TEXT, "The pairs that the model made for itself, as values and as a table:"),
        (
            CODE,
            "pair = done.pairs[0]\n"
            'print("asked:   ", pair.prompt[-1].content)\n'
            'print("chosen:  ", pair.chosen[-1].content)\n'
            'print("rejected:", pair.rejected[-1].content)\n'
            'print("P(chosen is better):", round(pair.label_prob, 3))',
        ),
        (CODE, 'done.to_pandas()[["id", "label_prob", "order_consistent"]].head(3)'),
        (TEXT, "Warnings are not hidden in a log:"),
        (CODE, 'for each in done.warnings:\n    print("-", each)'),
    ),
    "judge-check": (
        (
            TEXT,
            "# Is this judge worth asking?\n\nBefore money is spent on a judge, put answers to it of "
            "which it is known "
            "which is better. Here these are the tests that the constitution brings along; `source=` "
            "names RewardBench, "
            "LLMBar, JudgeBench or your own pairs.",
        ),
        (CODE, "import rlaif"),
        (CODE, 'strong = rlaif.judge_check(judge="micro", limit=8, retest=2)\nstrong'),
        (
            TEXT,
            "A judge is trusted where the lower end of its interval lies above every trivial judge. The "
            "same of a "
            "planted bad one:",
        ),
        (CODE, 'weak = rlaif.judge_check(judge="micro:weak", limit=8, retest=2)\nweak'),
        (CODE, 'print("micro:     ", strong.unmet)\nprint("micro:weak:", weak.unmet)'),
        (TEXT, "Both as rows of one table:"),
        (
            CODE,
            "import pandas\n\n"
            "frames = {each.judge: each.to_pandas().set_index('figure')['value'] for each in (strong, "
            "weak)}\n"
            "pandas.DataFrame(frames).round(3)",
        ),
    ),
    "audit-and-pairs": (
        (
            TEXT,
            "# Make pairs, look at them, audit them\n\nThe judge of this notebook is a planted bad one. "
            "The audit is to "
            "find out.",
        ),
        (CODE, "import rlaif"),
        (
            CODE,
            'made = rlaif.generate(\n    out="runs/weak", policy="micro", judge="micro:weak", prompts="micro:train",\n'
            "    limit=8, n=4, critique=False, accept_unfit=True, drift=0,\n)\nmade",
        ),
        (CODE, "made.funnel"),
        (TEXT, "The audit asks no model. Every figure has an interval over prompts."),
        (CODE, 'audited = rlaif.audit(run="runs/weak")\naudited'),
        (CODE, "audited.to_pandas().head(6).round(3)"),
        (
            TEXT,
            "The same pictures as files, in colours that print and that the colour-blind distinguish, "
            "are drawn by "
            "`rlaif plot`:",
        ),
        (CODE, "!rlaif plot runs/weak"),
    ),
    "train-and-evaluate": (
        (TEXT, "# Train on pairs, and measure whether it helped"),
        (CODE, "import rlaif"),
        (
            CODE,
            'made = rlaif.generate(out="runs/r1", limit=8, n=3, critique=False, drift=0)\nrepr(made)',
        ),
        (CODE, 'trained = rlaif.train(source="runs/r1", method="dpo", steps=4)\ntrained'),
        (
            TEXT,
            "Did it help? The trained model against the one that it was, on prompts that it never saw: "
            "by a judge, and by "
            "gold.",
        ),
        (
            CODE,
            'found = rlaif.evaluate(\n    policy=trained.out, against="micro", judge="micro",\n'
            '    prompts="micro:held-out", limit=6, gold=True,\n)\nfound',
        ),
        (
            TEXT,
            "Six prompts are few: the interval says so. A training that is worth its name takes more "
            "pairs and more "
            "prompts.",
        ),
    ),
    "over-optimisation": (
        (
            TEXT,
            "# When more reward is less\n\nA proxy is climbed, and gold, which nobody trains on, is "
            "measured beside it. "
            "The grid here is as small as it can be, so its figures say nothing; "
            "[overoptimisation.md](../overoptimisation.md) has those of the full one.",
        ),
        (
            CODE,
            "!rlaif lab overoptimize --quick --methods best-of-n --sizes 1,2 --measured 4 --best-of 8 \\\n"
            "    --out runs/lab 2> /dev/null | tail -n 1",
        ),
        (
            CODE,
            "from IPython.display import SVG\n\n"
            "!rlaif plot runs/lab over-optimisation --out gold.svg\n"
            'SVG("gold.svg")',
        ),
        (
            TEXT,
            "Left gold, right the proxy, by the distance from the first policy. Where the right curve still "
            "climbs and the left one bends down, more training is worse. `rlaif plot runs/lab` lists what else "
            "can be drawn of it.",
        ),
    ),
}
"""By name, what each notebook says and runs."""


def main() -> None:
    """Execute every notebook and write it."""
    NOTEBOOKS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or CELLS:
        with tempfile.TemporaryDirectory() as place:
            text = executed(name, Path(place))
        (NOTEBOOKS / f"{name}.ipynb").write_text(text, encoding="utf-8")
        print(f"docs/notebooks/{name}.ipynb: {len(text) / 1000:.0f} kB")


def executed(name: str, place: Path) -> str:
    """A notebook as text, every cell of it executed in the directory `place`.

    Raises nbclient's CellExecutionError where a cell does.
    """
    import nbformat
    from nbclient import NotebookClient

    bin_folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([bin_folder, os.environ.get("PATH", "")])
    (place / ".rlaif").mkdir(exist_ok=True)
    book = nbformat.v4.new_notebook(cells=[_cell(*each, place) for each, place in _numbered(name)])
    told = {"metadata": {"path": str(place)}}
    quiet = ["--IPKernelApp.log_level=ERROR"]
    NotebookClient(book, timeout=LONGEST_S, resources=told, extra_arguments=quiet).execute()
    _make_plain(book)
    text: str = nbformat.writes(book)
    return f"{text}\n"


def _numbered(name: str) -> list[tuple[Cell, int]]:
    return [(each, place) for place, each in enumerate(CELLS[name], 1)]


def _cell(kind: str, source: str, place: int) -> Any:
    """A cell with an id that is the same every time."""
    import nbformat

    make = nbformat.v4.new_code_cell if kind == CODE else nbformat.v4.new_markdown_cell
    return make(source, id=f"cell-{place}")


def _make_plain(book: Any) -> None:
    """Leave out what differs from run to run and says nothing: times of cells, and what models print on "
    "stderr."""
    book.metadata = {"language_info": {"name": "python"}, "kernelspec": KERNEL}
    for cell in book.cells:
        cell.metadata = {}
        if "outputs" in cell:
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]


KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


if __name__ == "__main__":
    main()
