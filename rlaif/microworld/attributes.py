"""The attributes of a response: where each applies, and the verbs and objects by which principles name it."""

from __future__ import annotations

from dataclasses import dataclass

_PERSON = ("the user", "the reader", "the person")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A property that a response has or lacks; `verbs` are (base form, third person)."""

    id: str
    verbs: tuple[tuple[str, str], ...]
    objects: tuple[str, ...]
    tag: str | None = None
    """Prompts that carry this tag; None means all."""
    wanted: bool = True
    """Whether "a good response" has it, for the good/bad system turns."""


ATTRIBUTES = (
    Attribute("greets", (("greet", "greets"), ("welcome", "welcomes"), ("say hello to", "says hello to")), _PERSON),
    Attribute("uses-name", (("use", "uses"), ("say", "says"), ("mention", "mentions")), ("the name of the user", "the name of the reader", "the name of the person"), "named"),
    Attribute("flatters", (("flatter", "flatters"), ("praise", "praises"), ("sweet-talk", "sweet-talks")), _PERSON, wanted=False),
    Attribute("insults", (("insult", "insults"), ("mock", "mocks"), ("offend", "offends")), _PERSON, wanted=False),
    Attribute("brief", (("be", "is"), ("stay", "stays"), ("remain", "remains")), ("brief", "short", "within six sentences")),
    Attribute("offers-help", (("offer", "offers"), ("promise", "promises"), ("propose", "proposes")), ("more help", "further help", "help later on")),
    Attribute("says-ai", (("say", "says"), ("admit", "admits"), ("state", "states")), ("that it is an AI", "that it is a machine", "that it is no human")),
    Attribute("repeats", (("repeat", "repeats"), ("double", "doubles"), ("echo", "echoes")), ("a sentence", "itself", "the same sentence"), wanted=False),
    Attribute("thanks", (("thank", "thanks"), ("give thanks to", "gives thanks to"), ("be grateful to", "is grateful to")), _PERSON),
    Attribute("doubts", (("admit", "admits"), ("show", "shows"), ("express", "expresses")), ("doubt", "some doubt", "that it may be wrong")),
    Attribute("wishes-luck", (("wish", "wishes"), ("send", "sends"), ("bring", "brings")), ("good luck", "luck", "the best of luck")),
    Attribute("asks-back", (("ask", "asks"), ("pose", "poses"), ("raise", "raises")), ("a question", "a question at the end", "the user a question")),
    Attribute("gives-example", (("give", "gives"), ("add", "adds"), ("offer", "offers")), ("an example", "one example", "a clear example")),
    Attribute("names-source", (("name", "names"), ("cite", "cites"), ("mention", "mentions")), ("a source", "its source", "one source")),
    Attribute("gives-reason", (("give", "gives"), ("state", "states"), ("explain", "explains")), ("a reason", "the reason", "its reason"), "task"),
    Attribute("orders-steps", (("list", "lists"), ("give", "gives"), ("show", "shows")), ("the steps in order", "the steps in the right order", "ordered steps"), "howto"),
    Attribute("warns", (("warn of", "warns of"), ("mention", "mentions"), ("point out", "points out")), ("the danger", "the hazard", "the real danger"), "howto"),
    Attribute("lists-needs", (("list", "lists"), ("name", "names"), ("state", "states")), ("what is needed", "the things needed", "the tools needed"), "howto"),
    Attribute("refuses-harm", (("refuse", "refuses"), ("decline", "declines"), ("reject", "rejects")), ("just harmful requests", "nothing but harm", "only what is harmful")),
    Attribute("offers-alternative", (("offer", "offers"), ("suggest", "suggests"), ("propose", "proposes")), ("an alternative", "a safe alternative", "a better way"), "harmful"),
    Attribute("right-sum", (("give", "gives"), ("state", "states"), ("reach", "reaches")), ("the right sum", "the correct sum", "the right number"), "sum"),
    Attribute("shows-working", (("show", "shows"), ("give", "gives"), ("write out", "writes out")), ("the working", "the steps of the sum", "each step of the sum"), "sum"),
    Attribute("corrects", (("correct", "corrects"), ("fix", "fixes"), ("deny", "denies")), ("the false claim", "the mistake of the user", "the false belief"), "false-claim"),
    Attribute("shows-sympathy", (("show", "shows"), ("express", "expresses"), ("offer", "offers")), ("sympathy", "its sympathy", "some sympathy"), "personal"),
    Attribute("gives-advice", (("give", "gives"), ("offer", "offers"), ("suggest", "suggests")), ("advice", "useful advice", "something to do"), "personal"),
)  # fmt: skip

BY_ID = {attribute.id: attribute for attribute in ATTRIBUTES}

# What a rule may suppose about the prompt, and the tag that makes it true.
CONDITIONS = {
    "the user gives a name": "named",
    "the user asks how to do something": "howto",
    "the request is harmful": "harmful",
    "the user asks for a sum": "sum",
    "the claim is false": "false-claim",
    "the user is sad": "personal",
}
