"""What a walk-forward evaluation found, as it is kept: JSON under the home, which the model's page shows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Contender = Literal["retrained", "trained once", "baseline"]
Figures = Mapping[str, float]


@dataclass(frozen=True)
class SpanResult:
    """A span of time: what was trained on before it, and how each contender did on the rows asked within it."""

    start: str
    end: str
    train_from: str
    """The first moment that a training row was asked at."""
    settled_until: str
    """When the last of the training labels was settled: not after `start`."""
    train_rows: int
    test_rows: int
    estimator: str
    baseline: str
    figures: Mapping[Contender, Figures]


@dataclass(frozen=True)
class WalkForward:
    """All spans of an evaluation, and what it was made of."""

    model: str
    task: str
    every: str
    window: str
    training_set: str
    data_end: str
    code: str
    left_out_inputs: tuple[str, ...]
    spans: tuple[SpanResult, ...]
    overall: Mapping[Contender, Figures]
    gain: tuple[float, float, float] | None
    """By how much retraining lowers the loss after the first span, and the bounds of its 95 % interval."""
    inputs: tuple[str, ...] = ()
    """What its models were given, in order, what a request gives included; empty where it was not recorded."""

    def to_json(self) -> str:
        """As JSON; a figure that cannot be told is null."""
        return json.dumps(_finite(asdict(self)), indent=2) + "\n"

    @property
    def verdict(self) -> str:
        """What retraining was worth, in a sentence."""
        if self.gain is None:
            return "One span: nothing was retrained. Choose a shorter --every, or an earlier --from, to compare."
        mean, low, high = self.gain
        chance = "" if low > 0 or high < 0 else ", which may be chance"
        return (
            f"After the first span, retraining every {self.every} changes the loss by {-mean:+.4f} "
            f"(95 % interval {-high:+.4f} to {-low:+.4f}{chance}); less is better."
        )


def file_of(home: Path, model: str) -> Path:
    """Where the newest evaluation of a model is kept."""
    return home / "evaluations" / model / "walk-forward.json"


def keep(evaluation: WalkForward, home: Path) -> Path:
    """Keep it as the newest of its model."""
    file = file_of(home, evaluation.model)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(evaluation.to_json(), encoding="utf-8")
    return file


def kept(home: Path, model: str) -> WalkForward | None:
    """The newest evaluation of a model, if there is one."""
    file = file_of(home, model)
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        spans = tuple(SpanResult(**{**span, "figures": _told(span["figures"])}) for span in stored["spans"])
        gain = stored["gain"] and tuple(stored["gain"])
        lists = {"spans": spans, "gain": gain, "left_out_inputs": tuple(stored["left_out_inputs"])}
        lists["inputs"] = tuple(stored.get("inputs", ()))
        return WalkForward(**{**stored, **lists, "overall": _told(stored["overall"])})
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(
            f"{file} is no walk-forward evaluation: {problem}. Delete it, or run `tidemark evaluate {model}` again."
        ) from problem


def _told(by_contender: Mapping[str, Mapping[str, float | None]]) -> dict[Any, Figures]:
    return {
        contender: {name: math.nan if value is None else value for name, value in figures.items()}
        for contender, figures in by_contender.items()
    }


def _finite(value: Any) -> Any:
    """NaN is no JSON."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
