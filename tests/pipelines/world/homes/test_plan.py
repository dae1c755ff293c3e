from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pipelines.world.clock import start_of
from pipelines.world.homes.plan import WorldPlan


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"customers": 0}, "customers: expected a whole number from 1 to 10,000,000, found 0"),
        ({"customers": 2.5}, "found 2.5"),
        ({"customers": True}, "found True"),
        ({"days": 3_651}, "days: expected a whole number from 1 to 3,650, found 3651"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"start": date(1980, 1, 1)}, "start: expected a date from 1995-01-01 to 2060-01-01, found 1980-01-01"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_what_to_do(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WorldPlan(**{"customers": 10, "days": 10, "seed": 1, **wrong})


@pytest.mark.parametrize("customers", [1, 250, 2_501, 100_000])
def test_blocks_hold_every_customer_once(customers: int) -> None:
    blocks = WorldPlan(customers=customers, days=180, seed=1).blocks
    assert [block.first for block in blocks[1:]] == [block.first + block.count for block in blocks[:-1]]
    assert blocks[-1].first + blocks[-1].count == customers


def test_a_block_does_not_grow_with_the_number_of_customers() -> None:
    sizes = {max(b.count for b in WorldPlan(customers=n, days=365, seed=1).blocks) for n in (10_000, 1_000_000)}
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("days", "wanted", "start"),
    [
        (730, None, date(2024, 1, 1)),
        (1055, None, date(2024, 1, 1)),
        (2000, None, date(2021, 5, 31)),
        (30, date(2026, 10, 22), date(2026, 10, 22)),
    ],
)
def test_a_world_begins_in_2024_unless_it_would_end_after_yesterday(days, wanted, start):
    today = date(2026, 11, 21)
    assert start_of(days, wanted, today) == start
    assert start + timedelta(days=days) <= today


def test_a_first_day_from_which_the_world_would_reach_into_the_future_is_refused_with_the_latest_that_does_not():
    with pytest.raises(ValueError, match=r"would end on 2026-11-21, .* a first day up to 2026-10-22"):
        start_of(30, date(2026, 10, 23), date(2026, 11, 21))
