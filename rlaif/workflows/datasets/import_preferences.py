"""`rlaif import`: preferences of people, or of other projects, as a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlaif.exchange.completions import write_completions
from rlaif.exchange.pairs import pair_row, write_pairs
from rlaif.exchange.preferences.reading import ReadPreferences, read_preferences
from rlaif.exchange.prompts import prompt_row
from rlaif.hashing import digest
from rlaif.records import Completion, Pair, Prompt, completion_of
from rlaif.review.report import write_report
from rlaif.runs.claim import claim, read_run
from rlaif.runs.layout import COMPLETIONS, PAIRS
from rlaif.runs.seal import edited
from rlaif.store import Store, find_store
from rlaif.version import __version__
from rlaif.workflows.datasets.edited import against_scores
from rlaif.workflows.datasets.split_thoughts import marked, with_thoughts

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportConfig:
    """What is read, and where to."""

    source: str
    out: Path
    format: str | None = None
    """None: told by the first row."""
    limit: int | None = None
    split_thoughts: bool = False
    """Whether a thought between marks at the beginning of an answer's text becomes its `thought`."""
    store: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The result of an import: the run, and what was read."""

    run: Path
    imported: ReadPreferences

    @property
    def funnel(self) -> dict[str, int]:
        """Counts from rows to pairs, by reason."""
        left = {f"left out: {reason}": count for reason, count in self.imported.left_out.items()}
        return {"rows": self.imported.rows, **left, "kept": len(self.imported.pairs)}

    @property
    def summary(self) -> str:
        """The result in one line; one more where labels are against scores."""
        said = f"{self.imported.format}: {len(self.imported.pairs)} pairs in {self.run / PAIRS}"
        lower = against_scores(self.imported.pairs)
        return said if lower is None else f"{said}\n{lower}"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as `--json` prints it."""
        return {
            "run": str(self.run),
            "format": self.imported.format,
            "pairs": len(self.imported.pairs),
            "funnel": self.funnel,
        }


def import_preferences(config: ImportConfig) -> ImportResult:
    """Read all of it, then write. Raises InputError, and then nothing is written."""
    imported = read_preferences(config.source, format=config.format, limit=config.limit)
    for changed in edited(Path(config.source), [Path(config.source)]):
        _log.warning(
            "%s: was changed after its run was finished; the pairs are taken as they are now", changed
        )
    imported = replace(imported, pairs=_thoughts(imported.pairs, config))
    pairs = [replace(pair, provenance=_whole(pair.provenance)) for pair in imported.pairs]
    drawn = _sides(pairs, imported.format)
    described = {
        "source": Path(config.source).name,
        "format": imported.format,
        "limit": config.limit,
        **({"split_thoughts": True} if config.split_thoughts else {}),
        "pairs": digest("imported", [pair_row(pair) for pair in pairs]),
    }
    store_file = find_store(config.out, config.store)
    with claim(config.out, described, command="import") as run, Store.open(store_file) as store:
        done = ImportResult(run=run.dir, imported=imported)
        write_completions(run.dir / COMPLETIONS, drawn)
        write_pairs(run.dir / PAIRS, pairs)
        store.put_prompts({prompt.id: prompt_row(prompt) for prompt, _ in drawn})
        rows = [(each.id, each.prompt_id, each.policy, each.draw, {"text": each.text}) for _, each in drawn]
        store.put_completions(rows)
        store.put_pairs(run.id, [pair_row(pair) for pair in pairs])
        summary = done.as_dict()
        del summary["run"]
        run.finish(summary)
        write_report(run.dir, read_run(run.dir))
    return done


def _thoughts(pairs: Sequence[Pair], config: ImportConfig) -> tuple[Pair, ...]:
    """The pairs, with their thoughts apart where that was asked for; elsewhere marked ones are told of."""
    if config.split_thoughts:
        found, turns = with_thoughts(pairs)
        _log.info("%s: %d turns have their thought apart", config.source, turns)
        return tuple(found)
    if count := marked(pairs):
        _log.warning(
            "%s: %d answers begin with a thought between marks, which stays text; "
            "--split-thoughts has it as their thought",
            config.source,
            count,
        )
    return tuple(pairs)


def _whole(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {**provenance, "rlaif": __version__}


def _sides(pairs: Sequence[Pair], format: str) -> list[tuple[Prompt, Completion]]:
    """The completions of all pairs, each once, so that a judge can label them."""
    found: dict[str, tuple[Prompt, Completion]] = {}
    draws: dict[str, int] = {}
    for pair in pairs:
        prompt = Prompt(messages=pair.prompt, tools=pair.tools)
        models = [*(pair.provenance.get("policy") or ()), *2 * [f"imported:{format}"]]
        for side, model in zip((pair.chosen, pair.rejected), models, strict=False):
            said = completion_of(prompt.id, side, policy=model, draw=draws.get(prompt.id, 0))
            if said.id not in found:
                found[said.id] = (prompt, said)
                draws[prompt.id] = said.draw + 1
    return list(found.values())
