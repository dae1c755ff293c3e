"""Walk-forward evaluation: train, wait out the label's horizon, test on the next span of time, move on.

One split by time says how a model did once. Here each span is answered by a model trained on what was settled before
it began ("retrained"), and by the model of the first span as well ("trained once"): the difference is what retraining
is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_repo.home import home as home_folder
from training.arrays import RowArrays
from training.dataset import TrainingSet, training_set
from training.evaluations import Contender, SpanResult, WalkForward
from training.fit import Fitted, fit
from training.headlines import BIAS
from training.inputs import Inputs
from training.metrics import Floats, margin
from training.models import spec_of
from training.periods import Period, period
from training.preflight import checked_inputs
from training.progress import ShowProgress
from training.row_selection import as_moment
from training.specs import ModelSpec
from training.split import SplitError

Moments = npt.NDArray[np.datetime64]

WHOLE = "all"
SHARE_BEFORE = 0.5
"""How many of the rows that can ever be trained on are settled before the first span, if nobody says when it begins."""


class WalkForwardError(ValueError):
    """The spans asked for cannot be evaluated."""


@dataclass(frozen=True)
class Span:
    """Rows asked in [start, end) are the test, rows asked from `train_from` on and settled by `start` the training."""

    start: datetime
    end: datetime
    train_from: datetime | None

    def train_rows(self, asked: Moments, settled: Moments) -> npt.NDArray[np.bool_]:
        """The rows to train on: none of them was settled once the span had begun."""
        return (settled <= _np(self.start)) & (True if self.train_from is None else asked >= _np(self.train_from))

    def test_rows(self, asked: Moments) -> npt.NDArray[np.bool_]:
        """The rows to test on."""
        return (asked >= _np(self.start)) & (asked < _np(self.end))


@dataclass(frozen=True)
class _Answered:
    """The test rows of a span, and what each contender answered."""

    rows: RowArrays
    answers: Mapping[Contender, Floats]


def walk_forward(
    model: str | ModelSpec,
    *,
    every: str = "3M",
    window: str = WHOLE,
    start: date | datetime | str | None = None,
    end: date | datetime | str | None = None,
    rows: TrainingSet | None = None,
    without: Sequence[str] = (),
    home: Path | None = None,
    show: ShowProgress = lambda *_: None,
) -> WalkForward:
    """Evaluate a model on spans of `every` from `start` to `end`, trained on a `window` before each, or on all before.

    Without `start` the first span begins once half of the rows that can be trained on at all are settled.
    """
    spec, folder = model if isinstance(model, ModelSpec) else spec_of(model), home or home_folder()
    step, back = period(every), None if window == WHOLE else period(window)
    inputs, given = checked_inputs(spec, folder, without), (as_moment(start, "from"), as_moment(end, "to"))

    def spans_over(table: pa.Table) -> list[Span]:
        asked, settled = _moments(table, "event_timestamp"), _moments(table, "label_until")
        first = given[0] or first_start(asked, settled, step)
        spans = list(spans_of(first, given[1] or _datetime(asked.max() + np.timedelta64(1, "us")), step, back))
        _require_rows(spec, spans, asked, settled)
        return spans

    rows = rows or training_set(spec, at_most=spec.most_rows, check=spans_over, home=folder, show=show)
    asked, settled = _moments(rows.table, "event_timestamp"), _moments(rows.table, "label_until")
    spans = spans_over(rows.table)

    frozen: Fitted | None = None
    results, answered = [], []
    for place, span in enumerate(spans):
        show("spans", place, len(spans))
        if not span.test_rows(asked).any():
            continue
        fitted = _fitted(rows, inputs, span, asked, settled, show)
        frozen = frozen or fitted
        held_out = fitted.rows.where(fitted.test)
        answers: dict[Contender, Floats] = {
            "retrained": fitted.best.answers,
            "trained once": _answers_of(frozen, fitted.training_set.table.filter(pa.array(fitted.test))),
            "baseline": fitted.baseline.answers,
        }
        answered.append(_Answered(held_out, answers))
        results.append(_result(span, fitted, frozen, answered[-1]))
    show("spans", len(spans), len(spans))
    gain = _gain(spec, answered[1:])
    return WalkForward(
        model=spec.name,
        task=spec.task.name,
        every=str(step),
        window=WHOLE if back is None else str(back),
        training_set=rows.manifest.sha256,
        data_end=rows.manifest.data_end,
        code=rows.manifest.code,
        left_out_inputs=tuple(without),
        spans=tuple(results),
        overall=_overall(spec, answered, results),
        gain=gain,
        inputs=inputs.names,
    )


def spans_of(first: datetime, last: datetime, step: Period, back: Period | None) -> Iterator[Span]:
    """Spans one after the other; the last one ends with the rows."""
    if last <= first:
        raise WalkForwardError(
            f"the spans begin on {first:%Y-%m-%d} and end on {last:%Y-%m-%d}: expected --to after --from, and rows "
            "asked in between."
        )
    start = first
    while start < last:
        end = step.after(start)
        yield Span(start, min(end, last), None if back is None else back.before(start))
        start = end


def first_start(asked: Moments, settled: Moments, step: Period) -> datetime:
    """When half of the rows that can be trained on at all are settled, at the first moment a period may begin."""
    trainable = np.sort(settled[settled <= asked.max()])
    if not len(trainable):
        raise WalkForwardError(
            f"no row is settled before the last is asked, on {_day(asked.max())}: the first is settled on "
            f"{_day(settled.min())}, {_days(settled.min() - asked.min())} days after the first was asked. Nothing can "
            "be trained on and tested later: load a longer time."
        )
    return step.start_at_or_after(_datetime(trainable[int(len(trainable) * SHARE_BEFORE)]))


def _require_rows(spec: ModelSpec, spans: Sequence[Span], asked: Moments, settled: Moments) -> None:
    """There must be enough to train on before each span, and something to test on."""
    there = (
        f"rows are asked from {_day(asked.min())} to {_day(asked.max())}, the first is settled on {_day(settled.min())}"
    )
    if not any(span.test_rows(asked).any() for span in spans):
        raise WalkForwardError(
            f"{spec.name}: no row is asked from {spans[0].start:%Y-%m-%d} to {spans[-1].end:%Y-%m-%d}; {there}. "
            "Choose --from and --to within."
        )
    for span in spans:
        train = int(span.train_rows(asked, settled).sum())
        if train >= spec.enough_rows:
            continue
        in_order = np.sort(settled)
        earliest = _day(in_order[spec.enough_rows - 1]) if len(in_order) >= spec.enough_rows else None
        remedy = (
            f"all {len(asked):,} rows are too few: load more data"
            if earliest is None
            else f"a longer --window than the rows asked since {span.train_from:%Y-%m-%d} would do"
            if span.train_from is not None and earliest <= f"{span.start:%Y-%m-%d}"
            else f"{spec.enough_rows:,} are settled by {earliest}, so --from {earliest} or later would do"
        )
        raise WalkForwardError(
            f"{spec.name}: the span from {span.start:%Y-%m-%d} has {train:,} rows to train on that were settled before "
            f"it, expected at least {spec.enough_rows:,}; {there}; {remedy}."
        )


def _fitted(
    rows: TrainingSet, inputs: Inputs, span: Span, asked: Moments, settled: Moments, show: ShowProgress
) -> Fitted:
    chosen = span.train_rows(asked, settled) | span.test_rows(asked)
    part = replace(rows, table=rows.table.filter(chosen))
    try:
        return fit(part, inputs, test_from=span.start, show=show)
    except SplitError as problem:
        raise WalkForwardError(f"the span from {span.start:%Y-%m-%d}: {problem}") from problem


def _answers_of(fitted: Fitted, rows: pa.Table) -> Floats:
    matrix = fitted.inputs.matrix(rows)
    return fitted.calibration.applied(fitted.native.scores(matrix), matrix, fitted.spec.task)


def _result(span: Span, fitted: Fitted, frozen: Fitted, answered: _Answered) -> SpanResult:
    spec, labels = fitted.spec, answered.rows.labels
    found = {name: _figures(spec, labels, answers) for name, answers in answered.answers.items()}
    of_models: tuple[tuple[Contender, Fitted], ...] = (("retrained", fitted), ("trained once", frozen))
    for name, model in of_models:
        if model.intervals:
            answers = answered.answers[name][:, 0]
            coverage = spec.task.coverage(spec, fitted.inputs, answered.rows, answers, model.intervals)
            found[name] |= {"coverage_80": coverage["80%"]}
    return SpanResult(
        start=span.start.isoformat(),
        end=span.end.isoformat(),
        train_from=str(fitted.rows.asked[fitted.split.train].min()),
        settled_until=str(fitted.rows.settled[fitted.split.train].max()),
        train_rows=int(fitted.split.train.sum()),
        test_rows=len(labels),
        estimator=fitted.estimator,
        baseline=fitted.baseline.name,
        figures=found,
    )


def _figures(spec: ModelSpec, labels: Floats, answers: Floats) -> dict[str, float]:
    return spec.task.figures(labels, answers, spec.classes) | {BIAS: spec.task.bias(labels, answers)}


def _overall(
    spec: ModelSpec, answered: Sequence[_Answered], results: Sequence[SpanResult]
) -> dict[Contender, dict[str, float]]:
    """The figures of all spans' rows together."""
    labels = np.concatenate([each.rows.labels for each in answered])
    found = {
        name: _figures(spec, labels, np.concatenate([each.answers[name] for each in answered]))
        for name in answered[0].answers
    }
    for name, of_all in found.items():
        if all("coverage_80" in result.figures[name] for result in results):
            held = sum(result.figures[name]["coverage_80"] * result.test_rows for result in results)
            of_all["coverage_80"] = held / len(labels)
    return found


def _gain(spec: ModelSpec, later: Sequence[_Answered]) -> tuple[float, float, float] | None:
    """By how much retraining lowers the loss after the first span, where both models are the same, and its interval."""
    if not later:
        return None
    labels, entity = (np.concatenate([getattr(each.rows, name) for each in later]) for name in ("labels", "entity"))

    def of(name: Contender) -> Floats:
        return spec.task.losses(labels, np.concatenate([each.answers[name] for each in later]))

    return margin(of("retrained"), of("trained once"), entity)


def _moments(table: pa.Table, name: str) -> Moments:
    return np.asarray(table[name].to_numpy()).astype("datetime64[us]")


def _np(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _datetime(moment: np.datetime64) -> datetime:
    found: datetime = moment.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def _day(moment: np.datetime64) -> str:
    return str(moment)[:10]


def _days(span: np.timedelta64) -> int:
    return int(span / np.timedelta64(1, "D"))
