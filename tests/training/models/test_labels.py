"""Each label, as a truth table: a few facts, the rows asked about, and the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from training.labels import Moments
from training.models import contact_timing, move_probability, property_value, transaction_type

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


def test_a_message_whose_channel_was_corrected_is_asked_about_once_more_or_no_more(tell):
    facts = tell(
        engagement=[
            message(1, "deliver", T),
            {**message(1, "view_listing", T, channel="search"), "ingested_at": T + DAY},
            message(2, "view_listing", T + DAY, channel="search"),
            {**message(2, "deliver", T + DAY), "ingested_at": T + 2 * DAY},
            message(9, "click", LATER),
        ]
    )
    rows = contact_timing.population(facts, Moments(T, T + 9 * DAY, DAY))
    assert rows["event_timestamp"].to_pylist() == [T + DAY]
    assert answers(contact_timing.outcome(facts, asked(T, T + DAY))) == [(T + DAY, 0)]


def test_an_opening_that_was_corrected_away_opens_nothing(tell):
    opened = message(2, "open", T + timedelta(hours=1))
    facts = tell(
        engagement=[
            message(1, "deliver", T), opened, {**opened, "action": "click", "ingested_at": T + DAY},
            message(9, "click", LATER),
        ]
    )  # fmt: skip
    assert answers(contact_timing.outcome(facts, asked(T))) == [(T, 0)]


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
    assert found["event_timestamp"].to_pylist() == [datetime(2024, 10, 11, tzinfo=UTC), T]


@pytest.mark.parametrize("hour", [0, 1, 8, 12, 15, 23])
@pytest.mark.parametrize("months", property_value.AHEAD)
def test_a_sale_at_any_hour_is_asked_about_as_far_ahead_as_is_answered(tell, hour, months):
    facts = tell(deals=[deal(1, "SELL", T + timedelta(hours=hour, minutes=1), property_id=7)])
    rows = property_value.population(facts, Moments(T - 800 * DAY, T + DAY, DAY))
    ahead = property_value.outcome(facts, rows)["months_ahead"].to_pylist()
    assert any(months <= value < months + 1 / 30 for value in ahead), ahead


@pytest.mark.parametrize("later", [timedelta(hours=10), 91 * DAY, 92 * DAY])
def test_a_home_sold_twice_is_asked_about_once_at_each_moment(tell, later):
    """Three months before the second sale may be the day of the first."""
    first = T + timedelta(hours=8)
    facts = tell(deals=[deal(1, "SELL", first, property_id=7), deal(2, "SELL", first + later, property_id=7)])
    rows = property_value.population(facts, Moments(T - 800 * DAY, T + DAY, DAY)).to_pylist()
    assert len(rows) == len({row["event_timestamp"] for row in rows})


def test_customers_recorded_anew_keep_their_past(tell):
    first = {"customer_id": 1, "region_id": 1, "joined_at": T - 9 * DAY, "ingested_at": T - 8 * DAY}
    moved = {**first, "region_id": 2, "ingested_at": T + 3 * DAY}
    moments = Moments(T, T + 6 * DAY, 2 * DAY)
    before = move_probability.LABEL.population(tell(customers=[first]), moments)
    after = move_probability.LABEL.population(tell(customers=[first, moved]), moments)
    assert after == before
    assert after["event_timestamp"].to_pylist() == [T, T + 2 * DAY, T + 4 * DAY]


def test_a_region_is_that_which_was_known_at_the_moment(tell):
    first = {"customer_id": 1, "region_id": 1, "joined_at": T - 9 * DAY, "ingested_at": T - 8 * DAY}
    facts = tell(customers=[first, {**first, "region_id": 2, "ingested_at": T + 3 * DAY}])
    rows = move_probability.LABEL.context(facts, asked(T - 9 * DAY, T, T + 3 * DAY))
    assert rows["region_id"].to_pylist() == [None, 1, 2]


def test_the_price_per_sqft_of_a_region_is_the_median_of_twelve_months_as_known_then(tell):
    home = {"region_id": 1, "living_area_sqft": 10.0, "valid_from": T - 900 * DAY, "ingested_at": T - 900 * DAY}
    month = datetime(2025, 1, 1, tzinfo=UTC)
    sold = [
        deal(number, "SELL", month - number * 30 * DAY, property_id=number, price=100.0 * number)
        for number in range(1, 6)
    ]
    facts = tell(
        properties=[{**home, "property_id": number} for number in range(1, 9)],
        deals=[
            *sold,
            deal(6, "SELL", month - 366 * DAY, property_id=6, price=9e6),  # too long ago
            deal(7, "SELL", month - 9 * DAY, property_id=7, price=9e6, ingested=month + DAY),  # not known yet
            deal(8, "SELL", month + 5 * DAY, property_id=8, price=9e6),  # yet to come
            {**sold[2], "price": 9e6, "ingested_at": month + 5 * DAY},  # corrected later
        ],
    )
    rows = property_value.LABEL.context(facts, asked(T, T - 300 * DAY, key="property_id"))
    assert rows["region_price_per_sqft"].to_pylist() == [30.0, None]
    assert rows["region_id"].to_pylist() == [1, 1]


def test_customers_are_asked_about_once_they_are_known(tell):
    joined = {"customer_id": 1, "joined_at": T - 9 * DAY, "ingested_at": T + 3 * DAY}
    found = move_probability.LABEL.population(tell(customers=[joined]), Moments(T, T + 6 * DAY, 2 * DAY))
    assert found["event_timestamp"].to_pylist() == [T + 4 * DAY]
