"""Why calls and judgments failed is told in one account, each reason once."""

from __future__ import annotations

from rlaif.records import Judgment, State
from rlaif.workflows.models.failures import failed_judgments, told_once


def failed(detail: str) -> Judgment:
    return Judgment(
        protocol="compare",
        judge="j",
        prompt_id="p",
        completion_ids=("a", "b"),
        principle_id="r",
        state=State.TRANSPORT,
        value=None,
        label_mass=None,
        calls=(),
        detail=detail,
    )


def test_a_reason_of_calls_that_judgments_give_too_is_told_once() -> None:
    said = failed_judgments([failed("HTTP 500"), failed("HTTP 500")])
    calls = "m: 2 of 2 calls failed, most often with: HTTP 500"
    assert told_once([calls], said) == said
    assert said[0].startswith("all 2 judgments failed (transport), most often with: HTTP 500; mend")


def test_calls_of_another_model_that_failed_otherwise_keep_their_sentence() -> None:
    said = failed_judgments([failed("HTTP 500")])
    policy = "policy: 3 of 9 calls failed, most often with: HTTP 404"
    assert told_once(["m: 1 of 1 calls failed, most often with: HTTP 500", policy], said) == [policy, *said]
    assert told_once([policy], []) == [policy]
