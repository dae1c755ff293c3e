"""All features against an oracle in plain Python, and one slice at a time against all at once, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from event_worlds import BEGIN, event_table, random_rows, requests_of, transactions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from transaction_oracle import DAY, HOUR, Row, as_known, features

from feature_repo.stores.events.blocks import feature_blocks
from feature_repo.stores.events.slices import EventWindow, slice_before
from feature_repo.stores.events.versions import versions_of
from feature_repo.views.transaction_events import WINDOW
from feature_repo.views.transaction_features import Features, transaction_features

NAMES = """
    amount_abs amount_log is_income hour_of_day day_of_week day_of_month is_weekend is_month_end is_round_amount
    description_words
    transaction_count_1h transaction_count_24h transaction_count_7d transaction_count_30d
    spend_sum_1h spend_sum_24h spend_sum_7d spend_sum_30d
    income_sum_30d transaction_gap_hours merchant_count_7d method_count_30d
    amount_mean_30d amount_std_90d amount_median_90d amount_to_mean_30d amount_to_mean_90d amount_zscore_90d
    amount_to_max_90d amount_rank_90d amount_to_balance same_amount_count_90d
    merchant_visits_90d merchant_is_new merchant_last_days merchant_amount_mean_90d amount_to_merchant_mean
    merchant_share_30d merchant_gap_days merchant_due_days
    method_share_90d method_is_new hour_share_90d weekday_share_90d night_share_30d country_is_new
    balance_before balance_min_30d balance_mean_30d income_last_days income_regularity_90d net_flow_30d
"""
SPEC = NAMES.split()
NOON = 1_709_294_400_000_000  # Friday, 1 March 2024, 12:00 UTC


def in_blocks(
    rows: Sequence[Row], wanted: Sequence[Row], cap: int, per_block: int = 25_000
) -> tuple[Features, np.ndarray]:
    """The features of the wanted rows, and which slices were full, by the way of a training set."""
    transactions = transactions_of(wanted)
    window = EventWindow(WINDOW.span, cap)
    versions = versions_of(event_table(rows))
    columns: Features = {}
    capped = np.zeros(len(wanted), bool)
    done = 0
    for block in feature_blocks(
        versions,
        requests_of(wanted),
        window,
        lambda slices, at: transaction_features(slices, transactions.take(at)),
        requests_per_block=per_block,
    ):
        for name, column in block.features.columns.items():
            columns.setdefault(name, np.zeros(len(wanted), column.dtype))[block.rows] = column
        capped[block.rows] = block.features.capped
        done += len(block.rows)
    assert done == len(wanted)
    return columns, capped


def singly(rows: Sequence[Row], wanted: Sequence[Row], cap: int) -> Features:
    """The same by the way of a scorer: the state as it was known then, one request."""
    parts = []
    for row in wanted:
        state = [other for other in as_known(list(rows), row.known) if other.account == row.account]
        events = event_table(state).sorted()
        slices = slice_before(events, row.occurred, EventWindow(WINDOW.span, cap))
        parts.append(transaction_features(slices, transactions_of([row])))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def one(this: Row, *past: Row) -> dict[str, object]:
    columns, _ = in_blocks([*past, this], [this], cap=1_000)
    return {name: column[0].item() for name, column in columns.items()}


def row(amount: float, days: float, **more: object) -> Row:
    """A row of an amount in units, so many days before noon of the first of March."""
    occurred = NOON - round(days * DAY)
    return Row(
        **{
            "id": 1 + round(days * DAY),
            "account": 1,
            "occurred": occurred,
            "known": occurred,
            "amount": round(amount * 100),
        }
        | more
    )


def assert_equal(columns: Features, expected: Sequence[dict[str, object]]) -> None:
    for name, column in columns.items():
        wanted = [features[name] for features in expected]
        if column.dtype == np.float64:
            np.testing.assert_allclose(column, wanted, rtol=1e-9, atol=0, err_msg=name)
        else:
            assert column.tolist() == wanted, name


@pytest.mark.parametrize(("seed", "cap"), [(1, 1_000), (2, 1_000), (3, 12), (4, 5)])
def test_features_agree_with_the_oracle(seed: int, cap: int) -> None:
    rows = random_rows(seed)
    columns, capped = in_blocks(rows, rows, cap)
    assert_equal(columns, [features(rows, this, cap) for this in rows])
    assert capped.any() == (cap < 1_000)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 3), st.integers(1, 40), st.integers(1, 50), st.sampled_from([1, 3, 1_000]))
def test_small_worlds_agree_with_the_oracle(seed: int, accounts: int, count: int, days: int, cap: int) -> None:
    rows = random_rows(seed, accounts=accounts, rows=count, days=days)
    assert_equal(in_blocks(rows, rows, cap)[0], [features(rows, this, cap) for this in rows])


@pytest.mark.parametrize("per_block", [1, 7, 100])
def test_the_size_of_blocks_changes_no_bit(per_block: int) -> None:
    rows = random_rows(5)
    whole, parted = in_blocks(rows, rows, 30)[0], in_blocks(rows, rows, 30, per_block)[0]
    assert {name: column.tobytes() for name, column in whole.items()} == {
        name: column.tobytes() for name, column in parted.items()
    }


@pytest.mark.parametrize(("seed", "cap"), [(6, 1_000), (7, 9)])
def test_one_slice_alone_has_the_bits_it_has_among_many(seed: int, cap: int) -> None:
    rows = random_rows(seed)
    many, single = in_blocks(rows, rows, cap)[0], singly(rows, rows, cap)
    for name in SPEC:
        assert many[name].dtype == single[name].dtype
        assert many[name].tobytes() == single[name].tobytes(), name


def test_names_and_types_and_their_order() -> None:
    columns, _ = in_blocks([row(1, 0)], [row(1, 0)], 1_000)
    assert list(columns) == SPEC
    kinds = {name: column.dtype.name for name, column in columns.items()}
    assert {name for name, kind in kinds.items() if kind == "bool"} == {
        "is_income", "is_weekend", "is_month_end", "is_round_amount", "merchant_is_new", "method_is_new", "country_is_new",
    }  # fmt: skip
    assert {name for name, kind in kinds.items() if kind == "int64"} == {
        "hour_of_day", "day_of_week", "day_of_month", "description_words", "merchant_count_7d", "method_count_30d",
        "same_amount_count_90d", "merchant_visits_90d", *(f"transaction_count_{window}" for window in ("1h", "24h", "7d", "30d")),
    }  # fmt: skip
    assert set(kinds.values()) == {"bool", "int64", "float64"}


def test_without_history_counts_are_zero_and_all_else_is_null() -> None:
    found = one(row(-12.34, 0, merchant=9, country=3, method=2))
    nulls = {name for name, value in found.items() if np.isnan(value)}
    assert nulls == {
        "transaction_gap_hours",
        "amount_mean_30d", "amount_std_90d", "amount_median_90d", "amount_to_mean_30d", "amount_to_mean_90d",
        "amount_zscore_90d", "amount_to_max_90d", "amount_rank_90d", "amount_to_balance",
        "merchant_last_days", "merchant_amount_mean_90d", "amount_to_merchant_mean", "merchant_share_30d",
        "merchant_gap_days", "merchant_due_days",
        "method_share_90d", "hour_share_90d", "weekday_share_90d", "night_share_30d",
        "balance_before", "balance_min_30d", "balance_mean_30d", "income_last_days", "income_regularity_90d",
    }  # fmt: skip
    assert (found["merchant_is_new"], found["method_is_new"], found["country_is_new"]) == (True, True, True)


def test_itself() -> None:
    found = one(row(-120, 0, words=3))
    assert [found[name] for name in SPEC[:10]] == [120.0, np.log1p(120.0), False, 12, 4, 1, False, False, True, 3]


@pytest.mark.parametrize(
    ("amount", "is_income", "is_round"), [(0, False, False), (50, True, True), (-50.5, False, False), (-7, False, True)]
)
def test_money_in_and_round_amounts(amount: float, is_income: bool, is_round: bool) -> None:
    found = one(row(amount, 0))
    assert (found["is_income"], found["is_round_amount"]) == (is_income, is_round)


def test_an_amount_of_0_has_no_size_and_is_like_money_out() -> None:
    found = one(row(0, 0), row(0, 1), row(-4, 2), row(90, 3))
    names = [
        "amount_abs",
        "amount_log",
        "amount_mean_30d",
        "amount_to_max_90d",
        "amount_rank_90d",
        "same_amount_count_90d",
    ]
    assert [found[name] for name in names] == [0, 0, 2, 0, 0, 1]


def test_windows_hold_what_occurred_exactly_their_length_before_and_not_this_instant() -> None:
    hour, later = 1 / 24, 1 / DAY
    found = one(row(-1, 0), row(-1, 0, id=0), row(-1, hour), row(-2, hour + later), row(-4, 1), row(-8, 1 + later), row(-16, 90), row(-32, 90 + later))  # fmt: skip
    assert [found[f"transaction_count_{window}"] for window in ("1h", "24h", "7d", "30d")] == [1, 3, 4, 4]
    assert [found[f"spend_sum_{window}"] for window in ("1h", "24h", "7d", "30d")] == [1, 7, 15, 15]
    assert found["amount_to_max_90d"] == 1 / 16
    assert found["transaction_gap_hours"] == 1


def test_velocity() -> None:
    found = one(
        row(-9, 0),
        row(-10, 2, merchant=1, method=1),
        row(-5, 3, merchant=1, method=2),
        row(-1, 4, merchant=2, method=2),
        row(-1, 5, merchant=0, method=3),
        row(700, 8, merchant=3, method=4),
        row(-1, 31, merchant=4, method=5),
    )
    assert (found["merchant_count_7d"], found["method_count_30d"]) == (2, 4)
    assert (found["income_sum_30d"], found["net_flow_30d"], found["transaction_gap_hours"]) == (700, 683, 48)


def test_amounts_are_compared_with_those_of_the_same_side() -> None:
    past = (row(-10, 1), row(-20, 2), row(-20, 3), row(-30, 40), row(5_000, 4))
    found = one(row(-20, 0), *past)
    assert {name: found[name] for name in SPEC if name.startswith(("amount_", "same")) and name not in SPEC[:10]} == {
        "amount_mean_30d": pytest.approx(50 / 3),
        "amount_std_90d": pytest.approx((200 / 3) ** 0.5),
        "amount_median_90d": 20,
        "amount_to_mean_30d": pytest.approx(1.2),
        "amount_to_mean_90d": 1,
        "amount_zscore_90d": 0,
        "amount_to_max_90d": pytest.approx(2 / 3),
        "amount_rank_90d": 0.25,
        "amount_to_balance": pytest.approx(float("nan"), nan_ok=True),
        "same_amount_count_90d": 2,
        "amount_to_merchant_mean": pytest.approx(float("nan"), nan_ok=True),
    }
    assert one(row(2_500, 0), *past)["amount_to_mean_90d"] == 0.5


def test_merchant() -> None:
    past = (row(-10, 2, merchant=7), row(-20, 9, merchant=7), row(-30, 39, merchant=7), row(-1, 1, merchant=8))
    found = one(row(-40, 0, merchant=7), *past)
    assert [found[name] for name in SPEC[32:40]] == [3, False, 2, 20, 2, pytest.approx(2 / 3), 18.5, -16.5]


def test_a_merchant_seen_once_has_no_gap_and_an_unknown_one_nothing_at_all() -> None:
    past = (row(-10, 2, merchant=7), row(-10, 3, merchant=0))
    once, unknown = one(row(-1, 0, merchant=7), *past), one(row(-1, 0, merchant=0), *past)
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert [once[name] for name in SPEC[32:40]] == [1, False, 2, 10, 0.1, 0.5, nan, nan]
    assert [unknown[name] for name in SPEC[32:40]] == [0, False, nan, nan, nan, nan, nan, nan]


def test_habits() -> None:
    hours = [11, 12, 13, 14, 23]
    past = [row(-1, 7 + (12 - hour) / 24, method=1 + (hour > 12), country=4) for hour in hours]
    found = one(row(-1, 0, method=2, country=5), *past)
    assert [found[name] for name in SPEC[40:46]] == [0.6, False, 0.6, 1, 0.2, True]


def test_hours_meet_at_midnight() -> None:
    past = [row(-1, 3 + (12 - hour) / 24) for hour in (0, 1, 2, 23, 22)]
    assert one(row(-1, 0.5), *past)["hour_share_90d"] == 0.6


def test_unknown_methods_and_countries_are_not_new() -> None:
    found = one(row(-1, 0, method=0, country=0), row(-1, 1, method=1, country=1))
    assert (found["method_is_new"], found["country_is_new"]) == (False, False)
    assert np.isnan(found["method_share_90d"])


def test_standing() -> None:
    found = one(
        row(-50, 0),
        row(-10, 1),
        row(-20, 2, balance_after=100_00),
        row(100, 5, balance_after=120_00),
        row(100, 15),
        row(100, 25, balance_after=-40_00),
        row(-1, 45, balance_after=-900_00),
    )
    assert [found[name] for name in SPEC[46:]] == [90, -40, 60, 5, 1, 270]
    assert found["amount_to_balance"] == pytest.approx(50 / 90)


def test_incomes_at_irregular_times_are_less_regular() -> None:
    found = one(row(-1, 0), row(1, 10), row(1, 20), row(1, 50))
    assert found["income_regularity_90d"] == pytest.approx(1 / (1 + 200**0.5 / 20))
    assert np.isnan(one(row(-1, 0), row(1, 10), row(1, 20))["income_regularity_90d"])


def test_a_late_event_counts_from_when_it_became_known() -> None:
    late = row(-8, 2, known=NOON)
    before, after = row(-1, 1), row(-1, 0)
    assert one(before, late)["transaction_count_7d"] == 0
    assert one(after, late, before)["transaction_count_7d"] == 2


def test_a_correction_counts_from_when_it_became_known_and_what_it_corrects_until_then() -> None:
    wrong = row(-8, 5, id=50)
    right = row(-6, 5, id=50, known=NOON - DAY)
    found = in_blocks([wrong, right], [row(-1, 2), row(-1, 1), row(-1, 0)], 1_000)[0]
    assert found["spend_sum_30d"].tolist() == [8, 6, 6]


def test_a_full_slice_says_so_and_holds_the_newest() -> None:
    past = [row(-1, day / 100) for day in range(1, 6)]
    columns, capped = in_blocks(past, [row(-1, 0), row(-1, 0.025)], cap=3)
    assert (columns["transaction_count_30d"].tolist(), capped.tolist()) == ([3, 3], [True, False])


def test_the_largest_amounts_neither_overflow_nor_lose_their_deviation() -> None:
    most = 2**50 - 1
    past = [
        Row(number, 1, BEGIN + number * HOUR, BEGIN + number * HOUR, -(most - number % 3)) for number in range(1_000)
    ]
    this = Row(2_000, 1, BEGIN + 1_000 * HOUR, BEGIN + 1_000 * HOUR, -most)
    assert_equal(in_blocks(past, [this], 1_000)[0], [features(past, this)])
    far = [Row(number, 1, event.occurred, event.known, -most * (number % 2)) for number, event in enumerate(past)]
    assert_equal(in_blocks(far, [this], 1_000)[0], [features(far, this)])
