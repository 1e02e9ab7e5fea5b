"""What can be said to a model's chat template, found out without its weights."""

from __future__ import annotations

from pathlib import Path


def template_variables(directory: Path, *, trust_remote_code: bool = False) -> frozenset[str] | None:
    """The variables that the chat template of a model directory reads; None where nobody can tell.

    Raises ModelError for a directory whose tokenizer cannot be read.
    """
    from rlaif.engines.local.load import load_counting_tokenizer
    from rlaif.libraries.transformers_templates import template_variables as of_tokenizer

    return of_tokenizer(load_counting_tokenizer(directory, trust_remote_code=trust_remote_code))
