"""How the texts of a server are read: whether tools were offered, and how a thought inside of a text is found. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rlaif.engines.openai.name import Settings
from rlaif.engines.thoughts import THINK, ThoughtMarks, marks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Thoughts that a server sends apart from the text need none of it."""

    tools: bool = False
    """Whether tools were offered, so that a call of one is an answer."""
    splits: bool = True
    """Whether a text is searched for a thought at all."""
    marks: ThoughtMarks | None = None
    """Those of the model; None: those of the table with which the text begins."""
    begun: bool | None = None
    """Whether the chat template has written the start mark; None: by the text."""

    def marks_of(self, text: str) -> ThoughtMarks | None:
        """The marks by which this text is split; None: it has no thought."""
        if not self.splits:
            return None
        return self.marks or marks_of(text) or (THINK if self.begun else None)

    def offering(self, tools: bool) -> Reading:
        """The same for a request with or without tools."""
        return replace(self, tools=tools) if tools != self.tools else self


PLAIN = Reading()


def reading(settings: Settings) -> Reading:
    """How the texts of servers with these settings are read."""
    return Reading(
        splits=settings.splits_thoughts, marks=settings.marks, begun=settings.thought_begun == 1 or None
    )
