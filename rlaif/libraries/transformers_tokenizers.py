"""Tokenizers of transformers without its models: what only counts tokens need not wait for torch.

Apart from the other adapter, which imports torch with its first line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.libraries.versions import importing

with importing("transformers"):
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

FILE, SETTINGS = "tokenizer.json", "tokenizer_config.json"


def light_tokenizer(folder: Path) -> Any | None:
    """The tokenizer that `tokenizer.json` of a model directory describes, with its chat template.

    None where there is no such file, where the directory's own code makes the tokenizer, or where it cannot be read so:
    whoever asks then loads it as the model would.
    """
    if not (folder / FILE).is_file() or _has_own_code(folder / SETTINGS):
        return None
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # it says that the class is another one, which for counting it may be
    try:
        return PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception:  # noqa: BLE001 - the Rust library raises bare exceptions; the full loader says what is wrong
        return None
    finally:
        logging.set_verbosity(level)


def _has_own_code(settings: Path) -> bool:
    try:
        held = json.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and "auto_map" in held
