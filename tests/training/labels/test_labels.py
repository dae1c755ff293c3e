"""Each label, as a truth table: a few facts, the rows asked about, and the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from training.labels import Moments, contact_timing, move_probability, property_value, transaction_type

T = datetime(2025, 1, 10, tzinfo=UTC)
DAY, LATER = timedelta(days=1), datetime(2027, 1, 1, tzinfo=UTC)


def deal(deal_id: int, kind: str, at: datetime, *, customer: int = 1, ingested: datetime | None = None, **more):
    return {
        "deal_id": deal_id, "kind": kind, "customer_id": customer, "price": 100.0, "occurred_at": at,
        "ingested_at": ingested or at, **more,
    }  # fmt: skip


END = deal(999, "REFINANCE", LATER, customer=999)


def asked(*moments: datetime, key: str = "customer_id", entity: int = 1) -> pa.Table:
    return pa.table(
        {key: [entity] * len(moments), "event_timestamp": pa.array(moments, pa.timestamp("us", "UTC"))},
        schema=pa.schema([(key, pa.int64()), ("event_timestamp", pa.timestamp("us", "UTC"))]),
    )


def answers(table: pa.Table) -> list[tuple[datetime, float]]:
    return list(zip(table["event_timestamp"].to_pylist(), table["label"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([deal(1, "SELL", T + 180 * DAY)], 1),  # the end of the window is in it
        ([deal(1, "SELL", T + 180 * DAY + timedelta(microseconds=1))], 0),
        ([deal(1, "SELL", T)], 0),  # its start is not
        ([deal(1, "BUY", T + DAY)], 0),
        ([deal(1, "SELL", T + DAY, customer=2)], 0),
        # A correction replaces what it corrects.
        ([deal(1, "SELL", T + DAY), deal(1, "BUY", T + DAY, ingested=T + 3 * DAY)], 0),
    ],
)
def test_a_sale_within_180_days_is_a_move(tell, facts, expected):
    found = move_probability.outcome(tell(deals=[*facts, END]), asked(T))
    assert answers(found) == [(T, expected)]
    assert found["label_until"].to_pylist() == [T + 180 * DAY]


def test_a_window_that_reaches_beyond_the_data_has_no_answer(tell):
    facts = tell(deals=[deal(1, "SELL", T + DAY), deal(2, "BUY", T + 180 * DAY)])
    assert answers(move_probability.outcome(facts, asked(T, T + DAY))) == [(T, 1)]


def test_what_was_not_known_yet_is_no_answer(tell):
    late = deal(1, "SELL", T + DAY, ingested=T + 300 * DAY)
    rows = [late, deal(2, "BUY", T + 200 * DAY, customer=2)]
    assert answers(move_probability.outcome(tell(deals=rows), asked(T))) == [(T, 1)]
    assert answers(move_probability.outcome(tell(known_at=T + 250 * DAY, deals=rows), asked(T))) == [(T, 0)]


def test_the_first_deal_within_a_year_tells_the_kind(tell):
    facts = tell(deals=[deal(3, "SELL", T + 9 * DAY), deal(2, "REFINANCE", T + 5 * DAY), deal(1, "BUY", T), END])
    assert answers(transaction_type.outcome(facts, asked(T))) == [(T, transaction_type.CLASSES.index("REFINANCE"))]


def test_of_two_deals_at_one_instant_the_lower_id_is_first(tell):
    facts = tell(deals=[deal(8, "SELL", T + DAY), deal(7, "BUY", T + DAY), END])
    assert answers(transaction_type.outcome(facts, asked(T))) == [(T, transaction_type.CLASSES.index("BUY"))]


def test_who_makes_no_deal_has_no_kind(tell):
    assert len(transaction_type.outcome(tell(deals=[deal(1, "SELL", T + 366 * DAY), END]), asked(T))) == 0


def message(event_id: int, action: str, at: datetime, *, channel: str = "email", message: int | None = 5):
    return {
        "event_id": event_id, "customer_id": 1, "channel": channel, "action": action, "object_id": message,
        "occurred_at": at, "ingested_at": at,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        (message(2, "open", T + DAY), 1),
        (message(2, "open", T + DAY + timedelta(microseconds=1)), 0),
        (message(2, "open", T + timedelta(hours=1), message=6), 0),  # another message
        (message(2, "open", T + timedelta(hours=1), channel="alert"), 0),  # another channel's 5
        (message(2, "click", T + timedelta(hours=1)), 0),
    ],
)
def test_a_message_opened_within_a_day_was_well_timed(tell, opened, expected):
    facts = tell(engagement=[message(1, "deliver", T), opened, message(9, "click", LATER)])
    assert answers(contact_timing.outcome(facts, asked(T))) == [(T, expected)]


def test_every_message_is_a_moment_to_ask_about(tell):
    facts = tell(
        engagement=[
            message(1, "deliver", T), message(2, "send", T + DAY, channel="alert"), message(3, "open", T),
            message(4, "deliver", T + 9 * DAY),
        ]
    )  # fmt: skip
    found = contact_timing.population(facts, Moments(T, T + 9 * DAY, DAY))
    assert found["event_timestamp"].to_pylist() == [T, T + DAY]


def test_a_message_that_cannot_be_told_from_others_has_no_answer(tell):
    facts = tell(engagement=[message(1, "deliver", T, message=None), message(9, "click", LATER)])
    assert len(contact_timing.outcome(facts, asked(T))) == 0


def test_the_next_sale_of_a_home_tells_its_price_and_the_months_until_then(tell):
    sale = T + 2 * property_value.MONTH
    facts = tell(
        deals=[
            deal(1, "SELL", sale, property_id=7, price=300.0), deal(2, "BUY", sale, property_id=7, customer=2, price=300.0),
            deal(3, "SELL", T - DAY, property_id=7, price=200.0), deal(4, "REFINANCE", T + DAY, property_id=7, price=90.0),
            deal(5, "SELL", sale + 400 * DAY, property_id=7, price=500.0),
        ]
    )  # fmt: skip
    found = property_value.outcome(facts, asked(T, key="property_id", entity=7))
    assert answers(found) == [(T, 300.0)]
    assert found["months_ahead"].to_pylist() == pytest.approx([2.0])
    assert found["label_until"].to_pylist() == [sale]


def test_a_home_that_is_not_sold_in_two_years_has_no_price(tell):
    facts = tell(deals=[deal(1, "SELL", T + 3 * 365 * DAY, property_id=7)])
    assert len(property_value.outcome(facts, asked(T, key="property_id", entity=7))) == 0


def test_homes_are_asked_about_before_their_sales(tell):
    facts = tell(deals=[deal(1, "SELL", T + timedelta(hours=8), property_id=7)])
    found = property_value.population(facts, Moments(T - 100 * DAY, T + DAY, DAY))
    assert found["event_timestamp"].to_pylist() == [datetime(2024, 10, 10, tzinfo=UTC), T]


def test_customers_are_asked_about_once_they_are_known(tell):
    joined = {"customer_id": 1, "joined_at": T - 9 * DAY, "ingested_at": T + 3 * DAY}
    found = move_probability.LABEL.population(tell(customers=[joined]), Moments(T, T + 6 * DAY, 2 * DAY))
    assert found["event_timestamp"].to_pylist() == [T + 4 * DAY]
