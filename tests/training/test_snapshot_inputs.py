"""Which published days read raw rows that are others now."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from raw_desk import Desk, as_deals, at, deal

from training.snapshot_inputs import forget, outdated_days, raw_history, record, unrecorded_days

FIRST = date(2024, 3, 1)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def load(desk: Desk, prices: dict[int, float], **options: object) -> None:
    """A deal on each of these days of March, known at its end."""
    rows = [
        deal(number, price=price, occurred_at=at(f"2024-03-{number:02} 09:00"), known=f"2024-03-{number:02} 18:00")
        for number, price in prices.items()
    ]
    desk.write(
        "deals.parquet", as_deals(*(row | {"ingested_at": at(row["ingested_at"].isoformat()[:19])} for row in rows))
    )
    assert not desk.load(max_drop=1.0, **options).problem


def publish(desk: Desk, *days: int) -> None:
    history = raw_history(desk.store.home, "deals")
    for number in days:
        day = date(2024, 3, number)
        file = desk.store.home / "features" / "visits" / f"snapshot_on={day}" / "part.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        record(file, {"deals": history.until(day)})


def outdated(desk: Desk) -> list[int]:
    return [day.day for found in outdated_days(desk.store.home, ["visits"]) for day in found.days]


PRICES = {1: 100.0, 3: 110.0, 5: 120.0}


def test_a_day_is_outdated_once_a_row_that_it_read_is_another(desk):
    load(desk, PRICES)
    publish(desk, 2, 3, 4, 5)
    assert outdated(desk) == []
    load(desk, PRICES | {3: 111.0})
    (found,) = outdated_days(desk.store.home, ["visits"])
    assert str(found) == (
        "visits: 3 published days from 2024-03-03 to 2024-03-05 were computed from rows of deals that were replaced since"
    )
    publish(desk, 3, 4, 5)
    assert outdated(desk) == []


def test_rows_that_became_known_later_leave_the_days_before_as_they_are(desk):
    load(desk, PRICES)
    publish(desk, 4, 5, 6)
    load(desk, PRICES | {6: 130.0})
    assert outdated(desk) == [6]


def test_the_same_rows_loaded_again_change_nothing(desk):
    load(desk, PRICES)
    publish(desk, 5)
    load(desk, PRICES, again=True)
    assert outdated(desk) == []


def test_a_day_that_was_emptied_outdates_those_after_it_and_an_empty_one_none(desk):
    load(desk, PRICES)
    publish(desk, 2, 5)
    load(desk, {1: 100.0, 5: 120.0})
    assert outdated(desk) == [5]
    publish(desk, 5)
    load(desk, {1: 100.0, 5: 120.0}, again=True)
    assert outdated(desk) == []


def test_a_day_of_which_nothing_was_kept_is_unrecorded_and_not_outdated(desk):
    load(desk, PRICES)
    publish(desk, 4, 5)
    forget(desk.store.home / "features" / "visits" / f"snapshot_on={FIRST + timedelta(days=4)}" / "part.parquet")
    load(desk, PRICES | {1: 1.0})
    assert outdated(desk) == [4]
    assert unrecorded_days(desk.store.home, "visits") == 1
