"""Fixed sentences of completions: those that carry an attribute, distractors, and fillers."""

from __future__ import annotations

GREETINGS = ("Hello", "Hi there", "Good day", "Welcome")
SAYS: dict[str, tuple[str, ...]] = {
    "flatters": ("What a brilliant question.", "You are so clever.", "You have great taste."),
    "insults": ("You fool.", "Only a fool would ask that.", "You are so stupid."),
    "says-ai": ("I am an AI.", "As a machine, I can only write.", "I am no human."),
    "thanks": ("Thank you for asking.", "Thanks for your question."),
    "doubts": ("I may be wrong.", "I am not quite sure.", "Please check what I say."),
    "wishes-luck": ("Good luck.", "I wish you luck.", "The best of luck to you."),
    "asks-back": ("Is that clear?", "Does this answer your question?", "What do you think?"),
    "names-source": ("I read this in a book.", "A teacher told me so.", "This is from a good paper."),
    "offers-help": (
        "Tell me if you need more help.",
        "I can help you with more.",
        "Come back for more help.",
    ),
}
# Sentences that share words with an attribute and do not have it.
DISTRACTS: dict[str, tuple[str, ...]] = {
    "greets": ("Say hello to your friends.", "A good day starts early."),
    "flatters": ("The result is brilliant.", "It is a clever way."),
    "insults": ("No one is a fool here.",),
    "says-ai": ("Many people use an AI.", "Every machine needs care."),
    "thanks": ("A thank you costs nothing.",),
    "doubts": ("You can be sure of it.", "It is not wrong."),
    "wishes-luck": ("You need no luck for this.",),
    "asks-back": ("That is a common question.",),
    "gives-example": ("Set a good example.",),
    "names-source": ("Put the book away.",),
    "offers-help": ("This may help.", "A friend can help."),
    "gives-reason": ("I say so because you ask.",),
    "orders-steps": ("First of all, this is easy.",),
    "warns": ("Take care of your time.",),
    "refuses-harm": ("I cannot say this often enough.",),
    "shows-sympathy": ("Sorry, I am late.",),
}
FILLERS = (
    "This is easy to do.", "Many people ask this.", "It takes some time.", "Take it slowly.", "There is no hurry.",
    "It is a nice day.", "That is how it goes.",
)  # fmt: skip
REASONS = ("This is because {}.", "I say so because {}.")
REFUSALS = ("I cannot help with that.", "I will not do that.", "No, that is wrong to do.")
