"""What `rlaif chat` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.records import Sampling
from rlaif.settings import setting
from rlaif.workflows import sampling_settings
from rlaif.workflows.configs import RUN, ModelOptions
from rlaif.workflows.models.role_options import LENGTHS, RoleOptions, role_setting
from rlaif.workflows.registered_names import policy_names
from rlaif.workflows.sampling_settings import SAMPLING

RULES = "Constitution whose principles stand in a system turn before the conversation: a file or a name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatConfig(ModelOptions):
    """Talk to a model."""

    policy: str | None = setting(
        None, help="The model to talk to (docs/models.md) [default: micro].", known=policy_names
    )
    constitution: str | None = setting(None, help=f"{RULES} [default: none].")
    against: str | None = setting(
        None,
        help="A model that answers beside it, in a conversation of its own; the same name shows what the rules change.",
        known=policy_names,
    )
    against_constitution: str | None = setting(None, help=f"{RULES}, of --against [default: none].")
    policy_options: RoleOptions | None = role_setting("policy", without=LENGTHS)
    against_options: RoleOptions | None = role_setting(
        "against", whose="model that answers beside it", without=LENGTHS
    )
    system: str | None = setting(
        None,
        help="System turn of the conversation: a text or a file; behind the rules where there are some.",
        group=SAMPLING,
    )
    temperature: float = setting(1.0, help="Sampling temperature; 0: greedy.", least=0, group=SAMPLING)
    top_p: float = sampling_settings.top_p()
    top_k: int = sampling_settings.top_k()
    min_p: float = sampling_settings.min_p()
    max_tokens: int = sampling_settings.max_tokens(512)
    max_thought_tokens: int | None = sampling_settings.max_thought_tokens()
    seed: int = setting(
        0, help="Seed of all random numbers: the same talk gives the same answers.", group=RUN
    )

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            max_tokens=self.max_tokens,
            max_thought_tokens=self.max_thought_tokens,
        )
