from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from training.leakage import LeakageError, check

T, HOUR = datetime(2025, 1, 10, tzinfo=UTC), timedelta(hours=1)
MOMENT = pa.timestamp("us", "UTC")


def rows(until=T + HOUR, label=1):
    return pa.table(
        {
            "event_timestamp": pa.array([T], MOMENT),
            "label": pa.array([label], pa.int64()),
            "label_until": pa.array([until], MOMENT),
        }
    )


def times(stood=T, known=T):
    return pa.table(
        {"v__event_timestamp": pa.array([stood], MOMENT), "v__created_timestamp": pa.array([known], MOMENT)}
    )


def test_what_was_known_at_the_moment_is_no_leak():
    check(rows(), times(), ["v"], T + HOUR)
    check(rows(), times(None, None), ["v"], T + HOUR)


@pytest.mark.parametrize(
    ("made", "joined", "complaint"),
    [
        (rows(), times(stood=T + HOUR), "the values of v stood after the row's moment"),
        (rows(), times(known=T + HOUR), "the values of v became known after the row's moment"),
        (rows(until=T), times(), "settled before the row's moment"),
        (rows(until=T + 2 * HOUR), times(), "reaches beyond the data's end"),
        (rows(label=None), times(), "1 rows have no label"),
        (rows(), times().select(["v__event_timestamp"]), "does not tell when values of v became known"),
    ],
)
def test_a_look_into_the_future_is_refused(made, joined, complaint):
    with pytest.raises(LeakageError, match=complaint):
        check(made, joined, ["v"], T + HOUR)
