"""What a judge's name says before anything is opened."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.judging.kinds import named_in


@pytest.mark.parametrize("kind", ["panel", "rbr", "rules"])
def test_a_judge_whose_file_is_not_named_is_refused_by_its_name(kind: str) -> None:
    with pytest.raises(InputError, match=f"'{kind}:': what follows {kind}: is missing; name its file"):
        named_in(f"{kind}:")
