"""Labels of a caller's own, and which of them are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from training.entity_rows import require_labels, require_unique
from training.models.move_probability import SPEC as MOVE_PROBABILITY
from training.models.property_value import SPEC as PROPERTY_VALUE
from training.models.transaction_type import SPEC as TRANSACTION_TYPE
from training.row_selection import TrainingSetError, with_extra

FIRST = datetime(2025, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = pa.timestamp("us", "UTC")


def labelled(spec, labels, settled=None, **columns):
    count = len(labels)
    moments = [FIRST + place * DAY for place in range(count)]
    until = [moment + DAY for moment in moments] if settled is None else settled
    return pa.table(
        {
            spec.join_keys[0]: list(range(1, count + 1)),
            "event_timestamp": pa.array(moments, MOMENT),
            "label": labels,
            "label_until": pa.array(until, MOMENT),
            **columns,
        }
    )


NAN = float("nan")


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        (MOVE_PROBABILITY, [0, 1, 1]),
        (MOVE_PROBABILITY, [True, False]),
        (TRANSACTION_TYPE, [0, 1, 2, 3]),
        (PROPERTY_VALUE, [0.5, 1e6]),
    ],
)
def test_labels_that_the_model_can_have_are_taken(spec, labels):
    require_labels(labelled(spec, labels), spec)


@pytest.mark.parametrize(
    ("spec", "labels", "expected", "named"),
    [
        (MOVE_PROBABILITY, [0, -1, 1], "0 or 1, found 1 of 3 entity rows", r"row 1 \(customer_id 2, 2025-03-02 09:00\): -1"),
        (MOVE_PROBABILITY, [0.0, NAN], "0 or 1, found 1 of 2 entity rows", r"row 1 .*: nan"),
        (MOVE_PROBABILITY, [None, 1], "0 or 1, found 1 of 2 entity rows", r"row 0 .*: None"),
        (MOVE_PROBABILITY, [0.3], "0 or 1, found 1 of 1 entity row ", r"row 0 .*: 0\.3"),
        (TRANSACTION_TYPE, [4, 0], r"0 \(BUY\), 1 \(SELL\), 2 \(REFINANCE\), 3 \(INVESTMENT\), found 1", "row 0 .*: 4"),
        (PROPERTY_VALUE, [3e5, 0.0, -1.0], "a finite number above 0, found 2 of 3", r"row 1 .*: 0\.0; row 2 .*: -1\.0"),
        (PROPERTY_VALUE, [float("inf")], "a finite number above 0, found 1", "row 0 .*: inf"),
        (PROPERTY_VALUE, [-1.0] * 5, "found 5 of 5 entity rows that break this, the first 3 of them", "row 2"),
    ],
)  # fmt: skip
def test_labels_that_the_model_cannot_have_are_refused_with_the_rows_that_have_them(spec, labels, expected, named):
    with pytest.raises(TrainingSetError, match=expected) as refusal:
        require_labels(labelled(spec, labels), spec)
    assert refusal.match(named)
    assert refusal.match("Correct these labels, or leave the rows out")


def test_labels_that_are_no_numbers_are_refused():
    with pytest.raises(TrainingSetError, match="label: expected 0 or 1, found string"):
        require_labels(labelled(MOVE_PROBABILITY, ["yes"]), MOVE_PROBABILITY)


@pytest.mark.parametrize("settled", [FIRST, FIRST - DAY, None])
def test_a_label_is_settled_after_its_moment(settled):
    with pytest.raises(TrainingSetError, match="label_until to be after event_timestamp, found 1 of 1 entity row"):
        require_labels(labelled(MOVE_PROBABILITY, [1], [settled]), MOVE_PROBABILITY)


def homes(*months):
    rows = {"property_id": [7] * len(months), "event_timestamp": pa.array([FIRST] * len(months), MOMENT)}
    return pa.table({**rows, **({} if None in months else {"months_ahead": months})})


def test_a_row_that_is_given_twice_is_refused_and_named():
    with pytest.raises(TrainingSetError, match="each property_id, event_timestamp once, found 1 of 2") as refusal:
        require_unique(homes(None, None), PROPERTY_VALUE)
    assert refusal.match(r"row 1 \(property_id 7, 2025-03-01 09:00\)\. Each row counts as evidence of its own")
    with pytest.raises(TrainingSetError, match="event_timestamp, months_ahead once, found 1 of 3"):
        require_unique(homes(6.0, 12.0, 6.0), PROPERTY_VALUE)


def test_an_entity_may_be_asked_about_at_one_moment_for_several_months_ahead():
    require_unique(homes(6.0, 12.0), PROPERTY_VALUE)


def test_what_a_request_gives_is_taken_as_a_request_may_give_it():
    rows, _ = with_extra(labelled(PROPERTY_VALUE, [1.0, 2.0], months_ahead=[0, 24]), PROPERTY_VALUE)
    assert rows["months_ahead"].type == pa.float64()
    assert rows["months_ahead"].to_pylist() == [0.0, 24.0]


@pytest.mark.parametrize(
    ("months", "found"),
    [
        ([40, 1], "1 rows with others: 40"),
        ([-1, 1], "1 rows with others: -1"),
        (["3", "4"], "found string"),
        ([None, 1], "1 rows with others: None"),
        ([NAN, float("inf")], "2 rows with others: nan, inf"),
    ],
)
def test_what_no_request_may_give_is_refused_in_a_row_as_well(months, found):
    rows = labelled(PROPERTY_VALUE, [1.0, 2.0], months_ahead=months)
    with pytest.raises(TrainingSetError, match=f"months_ahead: expected a number of 0 to 24 in each row.*{found}"):
        with_extra(rows, PROPERTY_VALUE)
