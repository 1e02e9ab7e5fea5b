"""Model kinds: what stands before the colon of a model's name, and everything that is particular to it.

A kind is one `ModelKind` in `<backend folder>/kind.py`, or one that a package adds under the entry-point group
`rlaif.engines`, or `ENGINES.add(...)` in Python. Whoever needs to know what a name means asks its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rlaif.costs import Price, Prices
from rlaif.engines.foreign_directories import file_told
from rlaif.errors import ModelError
from rlaif.field_docs import documented
from rlaif.records import Engine
from rlaif.registry import Registry
from rlaif.shipped import MODELS

DIRECTORY_KIND = "hf"
"""The kind of a plain directory, and of the bundled models."""


SOMEBODY = "OWNER"
"""Stands in what a kind thinks was meant for the part of a hub id that nobody wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How a model is opened, whatever its kind. A kind that has no use for one refuses it or says so in its help."""

    dtype: str = "float32"
    """Number format of weights: float32, bfloat16 or float16."""
    device: str = "auto"
    """`auto`, or a device of torch: `cpu`, `cuda:1`."""
    device_map: str | None = None
    """How one model is spread over several devices, as transformers has it; None: whole on `device`."""
    chat_template_kwargs: Mapping[str, Any] | None = None
    """Further arguments of the chat template: `{"enable_thinking": True}`."""
    trust_remote_code: bool = False
    """Whether Python code that lies beside the weights may run."""
    batch_tokens: int = 16384
    """Tokens of a batch at most, padding included."""
    thought_marks: tuple[str, str] | None = None
    """What stands around a thought that the model writes, where no table and no template says so."""

    def as_dict(self) -> dict[str, Any]:
        """The keyword arguments of `open_engine` (the mapping is not copied); marks only where there are some."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in own.items() if name != "thought_marks" or value is not None}


def _tells_none(_name: str, _rest: str, _options: EngineOptions) -> bool:
    return False


def _begins_none(name: str, rest: str) -> bool:
    return False


def _never(name: str, rest: str, wanted: bool) -> bool:
    return False


def _always(name: str, rest: str) -> bool:
    return True


def _nothing_meant(name: str) -> str | None:
    return None


def _nothing_to_check(name: str, rest: str) -> None:
    return None


def _declared(rest: str) -> bool:
    return True


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind:
    """One kind of models. In its functions `name` is the whole name and `rest` what follows the colon."""

    name: str
    """What stands before the colon."""
    help: str
    """One line: what such a name means, and its form."""
    open: Callable[[str, str, EngineOptions], Engine]
    """The engine of `name`, `rest` and options, ready to be asked. Raises ModelError with the remedy."""
    bare: bool = False
    """Whether nothing follows the colon: `NAME` and `NAME:` alone are names of this kind."""

    server: bool = False
    """Whether each call is on its own (no batch of ours changes it): calls are submitted and kept one by one."""
    declares_revision: Callable[[str], bool] = _declared
    """Of `rest`: whether it says which model answers. Where it does not, a run re-uses no call of another run."""
    served_model: Callable[[str], str | None] | None = None
    """Of `rest`: the name by which a provider's price list has the model."""
    guides_decoding: bool = True
    """Whether a text is held to the JSON schema of its request; the schema is then part of the call's key."""
    writes_verdicts: Callable[[str, str, bool], bool] = _never
    """Of name, `rest` and whether that is wanted: whether a judge of this kind writes verdicts as text instead of
    telling log-probabilities of labels."""
    scores_texts: Callable[[str, str], bool] = _always
    """Of name and `rest`: whether log-probabilities of whole given texts can be asked for, as far as the name says."""
    begins_answers: Callable[[str, str], bool] = _begins_none
    """Of name and `rest`: whether it goes on with an answer that a request begins (`assistant_prefix`)."""
    writes_thoughts: Callable[[str, str, EngineOptions], bool] = _tells_none
    """Of name, `rest` and options: whether they say that a model that is elsewhere marks its thoughts."""
    check: Callable[[str, str], None] = _nothing_to_check
    """Raises ModelError for a name that cannot be, of name and `rest`, before anything is opened or shown."""
    meant: Callable[[str], str | None] = _nothing_meant
    """Of a text that names no model: the name of this kind that it comes closest to, or None."""

    directory: Callable[[str], Path] | None = None
    """Of `rest`: the directory that holds weights and tokenizer (fetched if need be); None: they are not here."""
    fingerprint: Callable[[str, EngineOptions], str] | None = None
    """Of `rest` and options: the fingerprint that the opened engine has, without loading weights; None: open it."""
    causal: bool = False
    """Whether `directory` holds a causal language model with its tokenizer, and no scorer of whole answers."""
    trainable: bool = False
    """Whether a policy of this name may be trained: `directory` is what training starts from."""
    fills_accelerator: bool = False
    """Whether it takes all of an accelerator's memory, so that a second model goes elsewhere."""
    worker_processes: bool = False
    """Whether further processes of this machine may hold the model too and answer a part of its calls."""
    elsewhere: bool = True
    """Whether another process or machine can open the name: false for a function of this process."""

    @property
    def local_weights(self) -> bool:
        """Whether the weights lie in a directory here."""
        return self.directory is not None

    def fingerprint_of(self, name: str, rest: str, options: EngineOptions) -> str:
        """What the model is; weights are loaded only where the kind has no other way."""
        if self.fingerprint is not None:
            return self.fingerprint(rest, options)
        return self.open(name, rest, options).fingerprint


ENGINES: Registry[ModelKind] = Registry(
    noun="model kind",
    group="rlaif.engines",
    kinds=(ModelKind,),
    package="rlaif.engines",
    attribute="KINDS",
    module="kind",
)
"""All model kinds."""


def kind_of(name: str) -> tuple[ModelKind, str] | None:
    """The kind of a model name and what follows its colon; None for what is no model name.

    The bundled models and plain directories are of kind `hf`. Raises InputError for a kind that cannot be loaded.
    """
    # an empty path is the directory that one is in, which nobody means
    if name in MODELS or (name and Path(name).is_dir()):
        return ENGINES.get(DIRECTORY_KIND), name
    prefix, colon, rest = name.partition(":")
    if prefix not in ENGINES.names():
        return None
    kind = ENGINES.get(prefix)
    return (kind, rest) if colon or kind.bare else None


def split_name(name: str) -> tuple[ModelKind, str]:
    """The kind of a model name and what follows it. Raises ModelError for a name of no kind."""
    found = kind_of(name)
    if found is None:
        if Path(name).is_file():
            raise ModelError(file_told(Path(name)))
        raise ModelError(f"{name!r} names no model: neither a directory nor one of {known_names()}")
    kind, rest = found
    if name and not rest and not kind.bare:
        raise ModelError(f"{name!r}: what follows {kind.name}: is missing")
    if rest and kind.bare:
        raise ModelError(f"{name!r}: nothing follows {kind.name}: in a name of this kind; write {kind.name}:")
    return found


def known_names() -> str:
    """How names of models begin, and the bundled models, for a message."""
    return ", ".join([*(f"{each}:" for each in ENGINES.names()), *MODELS])


def judges_in_writing(name: str, wanted: bool) -> bool:
    """Return whether a judge of this name writes its verdicts instead of giving label probabilities.

    True where that is `wanted` and possible, or where the model gives no log-probabilities. A local model gives them.
    """
    found = kind_of(name)
    return found is not None and found[0].writes_verdicts(name, found[1], wanted)


def check_name(name: str) -> None:
    """Raise ModelError for a name that none can have, before anything else is said of it."""
    found = kind_of(name)
    if found is not None and found[1]:
        kind, rest = found
        kind.check(name, rest)


def price_of(prices: Prices, name: str) -> Price | None:
    """The price of a model by the name a user gives it; None where the table has none.

    A table may list a server's model by its own name, and a plain directory as `hf:DIRECTORY`.
    """
    found = kind_of(name)
    if found is None:
        return prices.of(name)
    kind, rest = found
    served = kind.served_model(rest) if kind.served_model is not None else None
    prefixed = [f"{kind.name}:{rest}"] if Path(name).is_dir() else []
    return prices.of(name, *([served] if served else []), *prefixed)
