"""A reason of a failure is shown where it repeats nothing that was judged."""

from __future__ import annotations

import pytest

from rlaif.workflows.reward.serve.privacy import UNSAID, shown
from rlaif.workflows.reward.serve.shape import asked_rows

ROWS = asked_rows(["Who was the owner of the sledge?"], ["Rosebud"], ("prompts", "completions"))


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("connection refused", True),
        ("status 401: no such key", True),
        ("cannot read 'Who was the owner'", False),
        ("of the sledg...", False),
        ("says Rosebud", False),
        ("", True),
    ],
)
def test_a_reason_that_repeats_a_text_is_not_shown(reason: str, told: bool) -> None:
    assert shown(reason, ROWS.prompts, ROWS.completions) == (reason if told else UNSAID)
