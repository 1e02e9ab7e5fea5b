"""The file of fitted weights: rules, weights, what they were fitted to and how they do. It stands alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.rbr.asking import KEY
from rlaif.judging.rbr.fit import FitConfig, Fitted
from rlaif.plain_files import read_json
from rlaif.records import Constitution

FORMAT = "rlaif-rbr-weights-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights by kind of answer, with all that made them."""

    kinds: Mapping[str, Mapping[str, float]]
    rules: Constitution | None
    """None where features were given, and no rules: then no answer can be scored."""
    judge: Mapping[str, str] | None = None
    """Name and fingerprint of who said what is true."""
    base: Mapping[str, str] | None = None
    """Name and fingerprint of the reward model that the rules are added to."""
    source: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    """By kind: order, losses, pairs in order."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """Digest of the data, configuration, version."""

    @property
    def digest(self) -> str:
        """Equal means equal rewards: weights, rules, judge and reward model."""
        who = [dict(each).get("fingerprint") if each else None for each in (self.judge, self.base)]
        kinds = {kind: dict(weights) for kind, weights in self.kinds.items()}
        return digest("rbr", kinds, rules_digest(self.rules) if self.rules else None, who)


def rules_digest(rules: Constitution) -> str:
    """Of propositions, classes and how they are asked: a principle beside them changes no reward."""
    propositions = [dict(each) for each in rules.propositions]
    return digest("rbr-rules", propositions, dict(rules.behaviors), rules.origin.get(KEY))


def report_of(fitted: Mapping[str, Fitted]) -> dict[str, Any]:
    """What each kind's fit came to."""
    return {
        kind: {
            "order": [list(tier) for tier in each.tiers],
            "unit": each.unit,
            "loss": list(each.loss),
            "fitted_on": each.fitted_on._asdict(),
            "held_out": each.held_out._asdict(),
            "spread": {
                reward: {label: own._asdict() for label, own in by_class.items()}
                for reward, by_class in each.spread.items()
            },
        }
        for kind, each in fitted.items()
    }


def made_of(config: FitConfig, data: str, version: str) -> dict[str, Any]:
    """Provenance of a fit; `data` is the digest of the examples."""
    return {"data": data, "config": {**asdict(config), "margins": dict(config.margins)}, "rlaif": version}


def write_weights(path: Path, weights: Weights) -> None:
    """Write fitted weights to `path`, in one replacement."""
    rules = weights.rules
    data = {
        "format": FORMAT,
        "digest": weights.digest,
        "kinds": {
            kind: {"weights": dict(own), **weights.report.get(kind, {})}
            for kind, own in weights.kinds.items()
        },
        "judge": weights.judge,
        "base": weights.base,
        "made": dict(weights.made),
        "rules": None
        if rules is None
        else {
            "name": rules.name,
            "version": rules.version,
            "digest": rules_digest(rules),
            "propositions": [dict(each) for each in rules.propositions],
            "behaviors": dict(rules.behaviors),
            KEY: rules.origin.get(KEY),
        },
    }
    write_text(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def read_weights(path: Path) -> Weights:
    """Read the file. Raises InputError where it is none, or was edited so that its parts do not belong together."""
    data = read_json(path, InputError, "`rlaif rbr fit` writes weights")
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise InputError(f"{path}: is no file of weights ({FORMAT}); `rlaif rbr fit` writes one")
    try:
        weights = _read(path, data)
        consistent = weights.digest == data["digest"]
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: lacks a part, or holds a wrong one; fit the weights again") from None
    if not consistent:
        raise InputError(f"{path}: was edited, its digest is another; fit the weights again")
    return weights


def _read(path: Path, data: Mapping[str, Any]) -> Weights:
    kinds = {
        kind: {name: _finite(value) for name, value in each["weights"].items()}
        for kind, each in data["kinds"].items()
    }
    rules = data["rules"]
    return Weights(
        kinds=kinds,
        judge=data["judge"],
        base=data["base"],
        source=str(path),
        report={
            kind: {key: value for key, value in each.items() if key != "weights"}
            for kind, each in data["kinds"].items()
        },
        made=data["made"],
        rules=None
        if rules is None
        else Constitution(
            name=rules["name"],
            version=rules["version"],
            title="",
            principles=(),
            propositions=tuple(rules["propositions"]),
            behaviors=rules["behaviors"],
            origin={} if rules[KEY] is None else {KEY: rules[KEY]},
            source=str(path),
        ),
    )


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)
