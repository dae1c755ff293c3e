from __future__ import annotations

import numpy as np
import pytest

SALES = """
    select p.region_id, p.kind, p.bedrooms, p.bathrooms, ln(p.living_area_sqft) as area, ln(p.lot_area_sqft) as lot,
        year(d.occurred_at) - p.year_built as age, p.condition_grade as grade,
        ln(d.price) as price, ln(r.median_sale_price) as median, d.property_id, d.occurred_at
    from good_deals d
    join (select distinct on (property_id) * from good_properties order by property_id, valid_from desc) p
        using (property_id)
    join good_region_market r on r.region_id = p.region_id and r.observed_on = date_trunc('month', d.occurred_at)::date
    where d.kind = 'BUY' and p.kind <> 'land' order by d.occurred_at
"""


@pytest.fixture(scope="module")
def sales(sql) -> dict[str, np.ndarray]:
    return sql.execute(SALES).fetchnumpy()


def test_a_simple_hedonic_regression_comes_within_twelve_percent(sales) -> None:
    target = np.asarray(sales["price"] - sales["median"])
    columns = [sales[name].astype(float) for name in ("bedrooms", "bathrooms", "area", "lot", "age", "grade")]
    dummies = [sales[name] == value for name in ("region_id", "kind") for value in np.unique(sales[name])]
    x = np.stack([np.asarray(column, float) for column in [*columns, *dummies]], axis=1)
    cut = len(x) * 3 // 4
    weights = np.linalg.lstsq(x[:cut], target[:cut], rcond=None)[0]
    errors = np.abs(np.exp(x[cut:] @ weights - target[cut:]) - 1)
    assert 0.04 < np.median(errors) < 0.12


def test_the_last_sale_moved_with_the_region_is_a_decent_guess(sales) -> None:
    order = np.lexsort((sales["occurred_at"], sales["property_id"]))
    home, relative = sales["property_id"][order], np.asarray(sales["price"] - sales["median"])[order]
    again = home[1:] == home[:-1]
    errors = np.abs(np.exp(relative[:-1] - relative[1:]) - 1)[again]
    assert 0.04 < np.median(errors) < 0.09


def test_prices_follow_their_region(sales) -> None:
    regions = np.unique(sales["region_id"])
    of = [sales["region_id"] == region for region in regions]
    paid = np.array([np.median(sales["price"][rows]) for rows in of])
    published = np.array([np.median(sales["median"][rows]) for rows in of])
    assert np.corrcoef(paid, published)[0, 1] > 0.95
    assert np.abs(paid - published).mean() < 0.1


def test_land_has_no_rooms(sql) -> None:
    (rooms,) = sql.execute(
        "select count(bedrooms) + count(bathrooms) + count(living_area_sqft) from good_properties where kind = 'land'"
    ).fetchone()
    assert rooms == 0


def test_works_raise_the_grade_and_leave_a_row(sql) -> None:
    raised, renovated = sql.execute("""
        with versions as (
            select *, lag(condition_grade) over w as grade_before, lag(year_renovated) over w as year_before,
                row_number() over w as version
            from good_properties window w as (partition by property_id order by valid_from))
        select count(*) filter (condition_grade > grade_before), count(*) from versions
        where version > 1 and year_renovated is distinct from year_before
    """).fetchone()
    assert renovated > 50
    assert raised > 0.9 * renovated
