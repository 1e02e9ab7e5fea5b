"""Model directories to models and tokenizers. Owns what a user is told when one cannot be used."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rlaif.boundary import told
from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.local.checks import TOKENIZERS
from rlaif.errors import ModelError, RlaifError
from rlaif.libraries.versions import said
from rlaif.records import Message

if TYPE_CHECKING:
    from rlaif.engines.chat_template import Chat

Task = Literal["causal", "reward"]
DTYPES = ("float32", "bfloat16", "float16")
MOST_TOLD = 600
"""Characters of what a library says that are shown."""


@contextmanager
def loading(place: Path, what: str, remedy: str = "save it again") -> Iterator[None]:
    """Around what libraries do with a model directory, which is somebody else's: whatever comes out is a ModelError."""
    try:
        yield
    except RlaifError:
        raise
    except BaseException as problem:
        # what Rust code gives up with is no Exception
        if not isinstance(problem, Exception) and type(problem).__name__ != "PanicException":
            raise
        raise ModelError(f"{place}: {what}: {_why(problem, remedy)}") from problem


def load_tokenizer(directory: Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a model directory (of its base, for an adapter without its own)."""
    from rlaif.libraries.transformers import load_tokenizer as load

    place = _with_tokenizer(directory)
    with loading(place, "the tokenizer cannot be loaded"):
        return load(place, trust_remote_code=trust_remote_code)


def load_counting_tokenizer(directory: Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a model directory for counting: without torch, where its files are enough."""
    from rlaif.libraries.transformers_tokenizers import light_tokenizer

    found = light_tokenizer(_with_tokenizer(directory))
    return found or load_tokenizer(directory, trust_remote_code=trust_remote_code)


def _with_tokenizer(directory: Path) -> Path:
    """Where the tokenizer of a model lies: in its directory, or, for an adapter without its own, in its base's."""
    base = adapter_base(directory)
    own = any((directory / name).is_file() for name in TOKENIZERS)
    return directory if own or base is None else base


def load_model(
    directory: Path,
    *,
    task: Task = "causal",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    device_map: str | None = None,
) -> Any:
    """The model of a directory, ready to be asked: on the CPU, or spread as the device map says."""
    import torch

    from rlaif.libraries.peft import merged
    from rlaif.libraries.transformers import load_causal, load_classifier

    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not known; known: {', '.join(DTYPES)}")
    load = load_causal if task == "causal" else load_classifier
    base = adapter_base(directory)
    with loading(directory, "the model cannot be loaded", "download or save it again"):
        model = load(
            base or directory,
            dtype=getattr(torch, dtype),
            trust_remote_code=trust_remote_code,
            device_map=device_map,
        )
        if base is not None:
            model = merged(model, directory)
    return model.eval().requires_grad_(False)


def check_vocabulary(directory: Path, chat: Chat, model: Any) -> None:
    """Raise ModelError where a text may become a token that has no place in the model's embeddings.

    Some makes have spare special tokens beyond them, for images: those no text can spell.
    """
    from rlaif.libraries.transformers import embedded_tokens

    rows, tokenizer = embedded_tokens(model), chat.tokenizer
    special = set(tokenizer.all_special_ids)
    special |= {each for each, added in tokenizer.added_tokens_decoder.items() if added.special}
    written = max(chat.prompt_ids([[Message(role="user", content="a")]])[0], default=0)
    beyond = [each for each in tokenizer.get_vocab().values() if each >= rows and each not in special]
    if beyond or written >= rows:
        raise ModelError(
            f"{directory}: the tokenizer knows tokens up to {max([*beyond, written])}, and the model has embeddings of "
            f"{rows} only; resize_token_embeddings() and save it again, or save the tokenizer that belongs to it"
        )


def load_placed(
    directory: Path,
    *,
    device: str,
    device_map: str | None,
    task: Task = "causal",
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> Any:
    """Load the model of `directory` to one `device`, or spread it over several by `device_map`."""
    if device_map is not None and device != "auto":
        raise ModelError(f"--device {device} and --device-map {device_map} contradict each other; name one")
    place = None if device_map is not None else pick_device(device)
    model = load_model(
        directory, task=task, dtype=dtype, trust_remote_code=trust_remote_code, device_map=device_map
    )
    return model if place is None else model.to(place)


def pick_device(device: str) -> str:
    """`auto` is the accelerator if there is one."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as problem:
        raise ModelError(
            f"device {device!r} cannot be used here: {_first_line(problem)}; use auto or cpu, or install a torch "
            f"that is built for it: {said('torch')}"
        ) from problem
    return device


def free_accelerator() -> None:
    """Give memory of models that nobody holds any more back to the accelerator, where there is one.

    Models that are spread over devices hang in reference circles, which wait for the collector.
    """
    import torch

    if torch.accelerator.is_available():
        gc.collect()
        torch.accelerator.empty_cache()


def _why(problem: BaseException, remedy: str) -> str:
    """What a library says, and the remedy; code that must be asked for has its own."""
    from rlaif.libraries.transformers import said_by

    if "trust_remote_code" in str(problem):
        return (
            "it needs the code that comes with it, which is run only where that is asked for: --trust-remote-code (and "
            "read it first)"
        )
    if isinstance(problem, MemoryError) or re.search("out of memory|can't allocate memory", str(problem)):
        return "it needs more memory than there is; take a smaller model, or --dtype bfloat16"
    reason = told(problem) if isinstance(problem, RecursionError | KeyError) else said_by(problem)
    return f"{reason[:MOST_TOLD].rstrip('.')}; {remedy}"


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
