"""The errors a user can meet. One class per boundary crossed; the CLI catches `RlaifError` once.

    RlaifError              exit 1   stopped on the way; the same command resumes
    +-- InputError          exit 2   a file, name, key or option is wrong
    |   +-- ConstitutionError, RecipeError, TemplateError, PromptFileError (UnkeptError),
    |       ModelError (UnrenderedError), RunError, StoreError, LibraryError
    +-- ThresholdError      exit 3   done, but a stated threshold is not met
    +-- EngineError         exit 1   a model could not be run now
    +-- DiskError           exit 1   nothing more can be written
    +-- PluginError         exit 1   code from outside raised, or returned what it must not

Every message says what is wrong, where (file, line, key), and what to do.
"""

from __future__ import annotations

from rlaif.secrets import cleaned


class RlaifError(Exception):
    """Stopped on the way: what is done is kept, the same command goes on.

    A message may repeat what a server or a library said: it is cleaned of secrets here, whoever shows or keeps it.
    """

    exit_code = 1

    def __init__(self, *told: object) -> None:
        super().__init__(*(cleaned(each) if isinstance(each, str) else each for each in told))


class InputError(RlaifError, ValueError):
    """The input is wrong; nothing was written."""

    exit_code = 2


class ConstitutionError(InputError):
    """A constitution file cannot be used."""


class RecipeError(InputError):
    """A recipe cannot be used."""


class TemplateError(InputError):
    """A template lacks a slot, or has one that nothing fills."""


class PromptFileError(InputError):
    """A file of prompts, completions or pairs cannot be read."""


class UnkeptError(PromptFileError):
    """A row holds what would change its meaning and cannot be kept: `reason` says it without the place."""

    def __init__(self, where: str, reason: str, remedy: str) -> None:
        """`where` is file and line."""
        super().__init__(where, reason, remedy)
        self.where, self.reason, self.remedy = where, reason, remedy

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.where}: {self.reason}; {self.remedy}"


class ModelError(InputError):
    """A model name or model directory cannot be used."""


class UnrenderedError(ModelError):
    """A chat template does not take a conversation: `reason` says why, without the place."""

    def __init__(self, where: str, reason: str) -> None:
        """`where` is the model."""
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        """One sentence."""
        return (
            f"{self.where}: the chat template does not take this conversation: {self.reason}; give its turns in the "
            "order that the model knows, or take another model"
        )


class RunError(InputError):
    """A run directory is not ours, is another configuration's, or is in use."""


class StoreError(InputError):
    """The store cannot be opened."""


class LibraryError(InputError):
    """This environment cannot work: a library is missing, too old, or no longer does what is taken for granted."""


class ThresholdError(RlaifError):
    """The work is done and written, but a threshold is not met."""

    exit_code = 3


class EngineError(RlaifError):
    """A model could not be run to the end; finished calls are kept."""


class DiskError(RlaifError):
    """The disk is full, fails or is gone; what was written before is kept."""

    def __init__(self, where: str, reason: str = "the disk is full; make room") -> None:
        """`where` is the file or directory that was written; `reason` says what is wrong and what to do."""
        super().__init__(f"{where}: {reason}, and the same command goes on")


class PluginError(RlaifError):
    """Code from outside raised, or returned what it must not; finished calls are kept."""


class BudgetError(RlaifError):
    """What the command may spend is spent; finished calls are kept."""
