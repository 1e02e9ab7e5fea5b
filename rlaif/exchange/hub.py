"""Directories as hubs give them: shards of splits under names that say which, and a README that may say it too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.documents import parse_document
from rlaif.errors import PromptFileError

_TEXTS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
ENDINGS = (".parquet", *_TEXTS, *(f"{each}.gz" for each in _TEXTS))
_NO_DATA = ("dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json", "README.json")
_SPLITS = {
    **{name: name for name in ("train", "test", "validation")},
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("testing", "eval", "evaluation"), "test"),
    **dict.fromkeys(("valid", "val", "dev"), "validation"),
}
_SHARD = re.compile(r"^(?P<name>.+?)-\d{5}-of-\d{5}")
_WORDS = re.compile(r"[^a-zA-Z0-9]+")


def files_of(folder: Path, split: str) -> list[Path] | None:
    """The files of a split (`split` or `config/split`), in order; None where the folder holds no data files.

    Raises PromptFileError where several splits are there and none is named, naming them.
    """
    found = _declared(folder) or _by_name(folder)
    if not found:
        return None
    if split in found:
        return found[split]
    same = [name for name in found if name.rpartition("/")[2] == split]
    if len(same) == 1:
        return found[same[0]]
    if not split and len(found) == 1:
        return next(iter(found.values()))
    names = ", ".join(found)
    raise PromptFileError(f"{folder}: has the splits {names}; name one as {folder}#{next(iter(found))}")


def _declared(folder: Path) -> dict[str, list[Path]]:
    """Splits by what the front matter of README.md says under `configs`."""
    configs = _front_matter(folder / "README.md").get("configs")
    if not isinstance(configs, list):
        return {}
    found: dict[str, list[Path]] = {}
    for config in (each for each in configs if isinstance(each, Mapping)):
        name = str(config.get("config_name", "default"))
        lead = f"{name}/" if len(configs) > 1 else ""
        for split, patterns in _patterns(config.get("data_files")):
            files = sorted({path for each in patterns for path in _matching(folder, each)})
            if files:
                found[f"{lead}{split}"] = files
    return found


def _front_matter(readme: Path) -> Mapping[str, Any]:
    if not readme.is_file():
        return {}
    text = readme.read_text(encoding="utf-8", errors="replace")
    parts = re.split(r"(?m)^---\s*$", text, maxsplit=2)
    if len(parts) < 3 or parts[0].strip():
        return {}
    data = parse_document(parts[1], f"{readme}", PromptFileError).data
    return data if isinstance(data, Mapping) else {}


def _patterns(given: Any) -> list[tuple[str, Sequence[str]]]:
    """`data_files` in any of its forms: a pattern, several, or a list of splits with theirs."""
    if isinstance(given, str):
        return [("train", [given])]
    if isinstance(given, Mapping):
        return [(str(split), _listed(paths)) for split, paths in given.items()]
    if not isinstance(given, list):
        return []
    if all(isinstance(each, str) for each in given):
        return [("train", given)]
    return [
        (str(each.get("split", "train")), _listed(each.get("path")))
        for each in given
        if isinstance(each, Mapping)
    ]


def _listed(paths: Any) -> list[str]:
    listed = [paths] if isinstance(paths, str) else paths if isinstance(paths, list) else []
    return [each for each in listed if isinstance(each, str)]


def _matching(folder: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise PromptFileError(
            f"{folder}/README.md: `data_files` names {pattern!r}, which is not in this directory"
        )
    return [each for each in folder.glob(pattern) if each.is_file()]


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """Splits by the words of file and folder names; files that name none are the split `train`."""
    found: dict[str, list[Path]] = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if hidden or path.name in _NO_DATA or not path.name.lower().endswith(ENDINGS):
            continue
        found.setdefault(_split_of(inside), []).append(path)
    return found


def _split_of(inside: Path) -> str:
    shard = _SHARD.match(inside.name)
    if shard and _word(shard["name"]):
        # hubs name splits freely: train_sft, test_prefs
        return _SPLITS.get(shard["name"].lower(), shard["name"])
    parts = (inside.name.partition(".")[0], *reversed(inside.parts[:-1]))
    return next(filter(None, map(_word, parts)), "train")


def _word(part: str) -> str | None:
    """The split that one of a name's words is."""
    return next((_SPLITS[word] for word in _WORDS.split(part.lower()) if word in _SPLITS), None)
