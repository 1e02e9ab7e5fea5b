"""What every engine is asked here: long shared beginnings, labels and longer continuations, draws, a schema."""

from __future__ import annotations

from typing import Any

from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest

RULES = (
    *(
        "greets the user",
        "uses the name",
        "gives ordered steps",
        "warns of a real hazard",
        "gives the reason",
    ),
    *("refuses to help with harm", "offers an alternative", "is brief", "has no flattery", "insults nobody"),
    *(
        "admits doubt",
        "offers more help",
        "gives the right sum",
        "corrects the false claim",
        "repeats nothing",
    ),
)
ANSWER = (
    "Hello. First mix the flour, then knead the dough, and last heat the oven. I can help you with more. " * 4
)
SCHEMA = {
    "type": "object",
    "properties": {"rating": {"enum": [1, 2, 3, 4, 5]}, "verdict": {"enum": ["good", "bad"]}},
    "required": ["rating", "verdict"],
    "additionalProperties": False,
}


def turn(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def scoring() -> list[ScoreRequest]:
    """The shared part first, the rule last."""
    shared = (
        f"Prompt: How do I bake bread?\n\nResponse:\n{ANSWER}\n\nDoes the response follow the rule? Rule: "
    )
    return [
        ScoreRequest(
            id=rule,
            messages=turn(f"{shared}The response {rule}.\nAnswer yes or no."),
            continuations=("yes", " yes", "no", "No", "B. I may be wrong."),
        )
        for rule in RULES
    ]


def drawing(count: int = 24) -> list[GenerateRequest]:
    how = Sampling(max_tokens=60)
    asks = ("How do I bake bread?", "What is 12 plus 7?", "I am Ben. How do I paint a wall?")
    return [
        GenerateRequest(id=f"d{n}", messages=turn(asks[n % 3]), sampling=how, seed=n, draw=n)
        for n in range(count)
    ]


def guided(count: int = 8) -> list[GenerateRequest]:
    how = Sampling(max_tokens=60)
    return [
        GenerateRequest(id=f"g{n}", messages=turn("Rate the bread."), sampling=how, seed=n, schema=SCHEMA)
        for n in range(count)
    ]


def rows(replies: Any) -> dict[str, Any]:
    """Replies as JSON, by request id."""
    return {
        each.request_id: {name: getattr(each, name) for name in type(each).__slots__ if name != "usage"}
        for each in replies
    }
