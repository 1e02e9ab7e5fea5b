"""The model kinds that run in this process with transformers: `hf:` writes and scores, `reward:` and `nli:` score."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.kinds import SOMEBODY, EngineOptions, ModelKind
from rlaif.engines.model_directory import resolve_directory
from rlaif.errors import ModelError
from rlaif.libraries.versions import LOCAL, require
from rlaif.records import Engine

if TYPE_CHECKING:
    from rlaif.engines.local.engine import HfEngine


def open_causal(name: str, rest: str, options: EngineOptions) -> HfEngine:
    """The causal language model of a directory, a bundled name or a hub id. Raises ModelError with the remedy."""
    directory = checked_directory(rest)
    from rlaif.engines.local.engine import open_hf

    return open_hf(name, directory, options)


def checked_directory(rest: str) -> Path:
    """Return the model directory that a name means, with its files checked and nothing loaded. Raises ModelError."""
    require(*LOCAL)
    from rlaif.engines.local.checks import check_directory

    directory = resolve_directory(rest)
    check_directory(directory)
    return directory


def causal_fingerprint(rest: str, options: EngineOptions) -> str:
    """The fingerprint of a causal language model's directory."""
    kwargs, own_code = options.chat_template_kwargs, options.trust_remote_code
    return model_fingerprint(
        checked_directory(rest), options.dtype, kwargs, own_code=own_code, thought_marks=options.thought_marks
    )


def _open_reward(name: str, rest: str, options: EngineOptions) -> Engine:
    if options.thought_marks:
        raise ModelError(f"{name}: a reward model writes no thoughts; leave the marks of thoughts out")
    directory = checked_directory(rest)
    from rlaif.engines.local.reward import open_reward

    return open_reward(name, directory, **options.as_dict())


def _reward_fingerprint(rest: str, options: EngineOptions) -> str:
    from rlaif.engines.local.reward import reward_fingerprint

    kwargs, own_code = options.chat_template_kwargs, options.trust_remote_code
    return reward_fingerprint(checked_directory(rest), options.dtype, kwargs, trust_remote_code=own_code)


def _open_entailment(name: str, rest: str, options: EngineOptions) -> Engine:
    if options.thought_marks or options.chat_template_kwargs:
        raise ModelError(
            f"{name}: a classifier of two texts has no chat template and no thoughts; leave both out"
        )
    directory = checked_directory(rest)
    from rlaif.engines.local.entailment import open_entailment

    return open_entailment(
        name,
        directory,
        dtype=options.dtype,
        device=options.device,
        device_map=options.device_map,
        trust_remote_code=options.trust_remote_code,
        batch_tokens=options.batch_tokens,
    )


def _entailment_fingerprint(rest: str, options: EngineOptions) -> str:
    from rlaif.engines.local.entailment import entailment_fingerprint

    own_code = options.trust_remote_code
    return entailment_fingerprint(checked_directory(rest), options.dtype, trust_remote_code=own_code)


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_HUB_PAGE = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)(?:/.*)?")
_SHORT_ID = re.compile(r"[A-Za-z][\w.-]*\d[\w.-]*")
"""One word with a size or a version in it, as the second half of most hub ids."""
_OTHER_NAMES = (
    "huggingface:",
    "huggingface/",
    "hugging-face:",
    "transformers:",
    "local:",
    "file://",
    "file:",
)


def _meant_directory(name: str) -> str | None:
    """The `hf:` name for a hub id, the address of a model's page, or a path under another word."""
    if page := _HUB_PAGE.fullmatch(name):
        return f"hf:{page[1]}"
    if word := next((each for each in _OTHER_NAMES if name.lower().startswith(each)), None):
        return f"hf:{name[len(word) :]}" if name[len(word) :] else None
    if _HUB_ID.fullmatch(name):
        return f"hf:{name}"
    return f"hf:{SOMEBODY}/{name}" if _SHORT_ID.fullmatch(name) else None


HF = ModelKind(
    name="hf",
    help="a causal language model in this process: hf:<directory or hub id>[@revision]; a plain directory is one too",
    open=open_causal,
    guides_decoding=False,
    directory=resolve_directory,
    fingerprint=causal_fingerprint,
    begins_answers=lambda name, rest: True,
    causal=True,
    trainable=True,
    worker_processes=True,
    meant=_meant_directory,
)
KINDS = (
    HF,
    ModelKind(
        name="reward",
        help="a reward model in this process, which gives each answer one number: reward:<directory or hub id>",
        open=_open_reward,
        directory=resolve_directory,
        fingerprint=_reward_fingerprint,
        scores_texts=lambda name, rest: False,
        worker_processes=True,
    ),
    ModelKind(
        name="nli",
        help="a classifier of textual entailment in this process: nli:<directory or hub id>",
        open=_open_entailment,
        directory=resolve_directory,
        fingerprint=_entailment_fingerprint,
        worker_processes=True,
    ),
)
