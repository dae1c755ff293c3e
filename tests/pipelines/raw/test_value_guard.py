"""A batch whose values are in another unit, or whose columns changed places, is stopped before it replaces good rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from raw_desk import as_deals, at, deal

from pipelines.raw.mapping import read_mapping

FIRST = at("2024-02-01 09:00")


def deals(days=10, a_day=5, first=0, **changes):
    """So many deals a day of 200,000 to 600,000 dollars, with a loan of eight tenths."""
    rows = []
    for number in range(first * a_day, (first + days) * a_day):
        moment = FIRST + timedelta(days=number // a_day)
        price = 200_000.0 + 37_001 * number % 400_000
        values = {"price": price, "loan_amount": 0.8 * price, "property_id": number, "customer_id": 7 * number + 3}
        rows.append(deal(number, occurred_at=moment, ingested_at=moment + timedelta(hours=1)) | values)
    return [row | {name: change(row) for name, change in changes.items()} for row in rows]


def load(desk, rows, **options):
    desk.write("deals.parquet", as_deals(*rows))
    return desk.load(**options)


@pytest.fixture
def loaded(desk):
    assert not load(desk, deals()).problem
    return desk


def test_a_price_in_dollars_instead_of_thousands_leaves_the_good_rows_that_were_there(loaded, snapshot_of_files):
    before = snapshot_of_files(loaded.store.home)
    problem = load(loaded, deals(price=lambda row: row["price"] * 1000)).problem
    assert problem.startswith("deals: the values jump. price: 50 of 50 rows whose keys are the same would change by")
    assert "median 380,526 before, 380,526,500 now" in problem
    assert "--accept-change deals.price (TIDEMARK_ACCEPT_CHANGE=deals.price" in problem
    assert snapshot_of_files(loaded.store.home) == before


def test_what_is_accepted_by_name_is_taken_over_and_nothing_else(loaded):
    rows = deals(price=lambda row: row["price"] * 1000, loan_amount=lambda row: row["loan_amount"] * 1000)
    assert load(loaded, rows, accepted=("deals.price",)).problem.startswith("deals: the values jump. loan_amount:")
    assert not load(loaded, rows, accepted=("deals.price", "deals.loan_amount")).problem
    assert loaded.loaded("SELECT min(price) FROM rows") == [(2e8,)]


@pytest.mark.parametrize("pair", [("price", "loan_amount"), ("property_id", "customer_id")])
def test_two_columns_that_changed_places_are_both_named(loaded, pair):
    first, second = pair
    problem = load(loaded, deals(**{first: lambda row: row[second], second: lambda row: row[first]})).problem
    assert f"--accept-change {','.join(sorted(f'deals.{column}' for column in pair))} " in problem


def test_new_days_in_another_unit_are_stopped_and_the_days_before_stay(loaded, snapshot_of_files):
    before = snapshot_of_files(loaded.store.home)
    new = deals(4, first=10, price=lambda row: row["price"] / 1000)
    problem = load(loaded, [*deals(), *new]).problem
    assert "price: a factor of" in problem
    assert "2024-02-01 to 2024-02-10 before, 2024-02-11 to 2024-02-14 now" in problem
    assert snapshot_of_files(loaded.store.home) == before


def test_one_small_new_day_in_another_unit_is_stopped_too(loaded):
    new = deals(1, first=10, price=lambda row: row["price"] * 1000)
    assert "price: a factor of" in load(loaded, [*deals(), *new]).problem


@pytest.mark.parametrize(("factor", "word", "median"), [(2.2, "higher", "898,855"), (0.45, "lower", "183,857")])
def test_new_days_in_a_unit_that_is_not_far_off_are_loaded_with_a_warning(loaded, factor, word, median):
    new = deals(8, first=10, price=lambda row: row["price"] * factor)
    report = load(loaded, [*deals(), *new])
    assert (report.problem, report.days_loaded) == ("", 8)
    (warning,) = report.warnings
    assert warning.startswith(
        f"deals.price: the new rows among SELL are all {word} than those before: median 380,526 before, {median}"
    )
    assert "--accept-change deals.price" in warning


def test_the_shift_of_a_few_rows_is_no_warning(loaded):
    new = deals(3, first=10, price=lambda row: row["price"] * 2.2)
    assert load(loaded, [*deals(), *new]).warnings == ()


@pytest.mark.parametrize(("factor", "accepted"), [(1.5, ()), (2.2, ("deals.price",))])
def test_prices_that_rise_by_half_or_are_accepted_are_no_warning(loaded, factor, accepted):
    new = deals(8, first=10, price=lambda row: row["price"] * factor)
    assert load(loaded, [*deals(), *new], accepted=accepted).warnings == ()


def test_a_few_values_that_are_far_off_are_no_other_unit(loaded):
    typed_wrong = {row["deal_id"]: row | {"price": row["price"] * 1000} for row in deals()[:4]}
    assert not load(loaded, [typed_wrong.get(row["deal_id"], row) for row in deals()]).problem
    assert not load(loaded, [*deals(), *deals(1, a_day=3, first=17, price=lambda _: 9e9)]).problem


def test_new_days_whose_loans_are_all_missing_are_stopped(loaded):
    problem = load(loaded, [*deals(), *deals(4, first=10, loan_amount=lambda _: None)]).problem
    assert "loan_amount: 100 % of the values among SELL are empty or 0, 0 % before" in problem


def test_a_column_that_comes_to_be_filled_is_no_jump(desk):
    assert not load(desk, deals(loan_amount=lambda _: None)).problem
    assert not load(desk, deals(14)).problem


def test_new_days_of_another_kind_alone_are_stopped(loaded):
    problem = load(loaded, [*deals(), *deals(4, first=10, kind=lambda _: "INVESTMENT")]).problem
    assert "kind: SELL 100 % before, INVESTMENT 100 % now" in problem


def test_days_of_small_and_of_large_deals_are_not_taken_for_one_another(desk):
    def small_loans(row):
        return row["price"] / 100 if row["deal_id"] % 2 else row["price"]

    def kind(row):
        return "REFINANCE" if row["deal_id"] % 2 else "SELL"

    assert not load(desk, deals(20, price=small_loans, kind=kind)).problem
    more = [row for row in deals(10, first=20, price=small_loans, kind=kind) if row["deal_id"] % 4]
    assert not load(desk, [*deals(20, price=small_loans, kind=kind), *more]).problem


def mapping(folder, price):
    file = folder / "own.yaml"
    file.write_text(
        "tables:\n  deals:\n    - from: deals.parquet\n      columns: {deal_id: deal_id, kind: kind, "
        f"price: {price}, occurred_at: occurred_at, ingested_at: {{column: ingested_at, plus: 30 days}}}}\n"
    )
    return read_mapping(file)


def test_a_mapping_in_another_unit_is_stopped_although_it_moves_the_rows_to_other_days(loaded, tmp_path):
    problem = loaded.load(mapping=mapping(tmp_path, "price * 10.76")).problem
    assert "price: 50 of 50 rows whose keys are the same would change" in problem
    report = loaded.load(mapping=mapping(tmp_path, "price * 1.02"), accepted=("deals.loan_amount",))
    assert "property_id" in report.problem


def test_of_very_many_rows_some_days_are_compared_and_a_jump_is_still_seen(loaded, monkeypatch):
    monkeypatch.setattr("pipelines.raw.value_guard._MOST_ROWS", 25)
    problem = load(loaded, deals(price=lambda row: row["price"] * 1000)).problem
    assert "price: 25 of 25 rows whose keys are the same would change" in problem
