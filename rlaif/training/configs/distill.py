"""What distillation can be told: which distance is made small, and whose weights teach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rlaif.training.configs.loop import LoopConfig

SAMPLED, TOP_K, FULL, JENSEN_SHANNON = "sampled", "top-k", "full", "jensen-shannon"
FORMS = (SAMPLED, TOP_K, FULL, JENSEN_SHANNON)
DIRECTIONS = ("reverse", "forward")
BASE, LIVE, EMA = "base", "live", "ema"
OWN_TEACHERS = (BASE, LIVE, EMA)
"""Teachers that are the trained model itself: as it was, as it is, and the mean of both over the steps."""
TOP, ALPHA, EMA_RATE, MAX_RATIO = 100, 0.5, 0.05, 2.0
_READ_BY = {
    "direction": (TOP_K, FULL),
    "top_k": (TOP_K,),
    "alpha": (JENSEN_SHANNON,),
    "max_ratio": (SAMPLED,),
}
"""Fields, and the forms that read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillConfig(LoopConfig):
    """The student comes to answer without its teacher's context as the teacher does with it."""

    method: ClassVar[str] = "distill"

    form: str = FULL
    """sampled | top-k | full | jensen-shannon: what of the two distributions is compared (`distill_losses`)."""
    direction: str | None = None
    """reverse, KL(student || teacher), or forward, KL(teacher || student); None: reverse."""
    top_k: int | None = None
    """How many of the student's likeliest tokens stand alone, beside one bucket for the others; None: 100."""
    alpha: float | None = None
    """The teacher's share of the mixture of `jensen-shannon`; None: .5."""
    max_ratio: float | None = None
    """What pi / pi_old of a token counts at most in `sampled`; None: 2."""
    teacher: str = BASE
    """base | live | ema, or what other model it is: then its directory is given to the training."""
    ema_rate: float | None = None
    """The share of the newest weights in the mean of `ema` after each step; None: .05."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        LoopConfig.__post_init__(self)
        self._one_of("form", FORMS)
        if self.direction is not None:
            self._one_of("direction", DIRECTIONS)
        for name, forms in _READ_BY.items():
            if getattr(self, name) is not None and self.form not in forms:
                self._refuse(name, f"is read by form {' and '.join(forms)} only, and form is {self.form}")
        for name in ("top_k", "max_ratio"):
            if getattr(self, name) is not None:
                self._positive(name)
        for name in ("alpha", "ema_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                self._refuse(name, "must lie between 0 and 1, and be neither")
        if self.ema_rate is not None and self.teacher != EMA:
            self._refuse("ema_rate", f"is read by teacher {EMA} only, and teacher is {self.teacher}")
        if self.parallel != "ddp":
            self._refuse(
                "parallel", "must be ddp: a teacher reads whole weights, and sharded ones are in parts"
            )

    @property
    def forward(self) -> bool:
        """Whether the teacher's distribution weighs the tokens, and not the student's."""
        return self.direction == "forward"

    @property
    def top(self) -> int:
        """How many tokens stand alone in `top-k`."""
        return TOP if self.top_k is None else self.top_k

    @property
    def mixed(self) -> float:
        """The teacher's share of the mixture in `jensen-shannon`."""
        return ALPHA if self.alpha is None else self.alpha

    @property
    def most(self) -> float:
        """The largest ratio that counts in `sampled`."""
        return MAX_RATIO if self.max_ratio is None else self.max_ratio

    @property
    def rate(self) -> float:
        """The share of the newest weights in the teacher's: 0 as it was, 1 as it is."""
        own = EMA_RATE if self.ema_rate is None else self.ema_rate
        return {BASE: 0.0, LIVE: 1.0}.get(self.teacher, own)
