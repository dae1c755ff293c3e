from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipelines.raw.mapping import BadMappingError, read_mapping

LOW_HALF = slice(8, 16)
SALES = "no,date,list price,area\n1,05/03/2024,100,10\n2,06/03/2024 14:30:00,abc,20\n3,,300,30\n"
WHOLE = """
tables:
  deals:
    - from: sales.csv
      columns:
        deal_id: no
        kind: {constant: SELL}
        price: '"list price" * 1000'
        occurred_at: {column: date, format: ["%d/%m/%Y %H:%M:%S", "%d/%m/%Y"], timezone: Europe/Prague}
        ingested_at: {column: date, format: ["%d/%m/%Y %H:%M:%S", "%d/%m/%Y"], timezone: Europe/Prague, plus: 2 days}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "own.yaml"
    file.write_text(text)
    return file


def key_of(text: str) -> int:
    """What the guide promises of `key`: the low half of an md5, without its lowest bit."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[LOW_HALF], "little") >> 1


def load(desk, tmp_path, text, name="deals"):
    return desk.load(name, read_mapping(written(tmp_path, text)))


def test_names_constants_arithmetic_and_dates_of_ones_own_are_mapped(desk, tmp_path):
    desk.text("sales.csv", SALES)
    report = load(desk, tmp_path, WHOLE)
    assert desk.loaded("SELECT deal_id, kind, price, occurred_at::VARCHAR, ingested_at::VARCHAR FROM rows") == [
        (1, "SELL", 100_000.0, "2024-03-04 23:00:00+00", "2024-03-06 23:00:00+00")
    ]
    assert report.reasons == {"price: not a number": 1, "occurred_at: missing": 1, "ingested_at: missing": 1}


def test_a_refused_row_of_a_mapping_is_shown_as_the_source_has_it(desk, tmp_path):
    desk.text("sales.csv", SALES)
    load(desk, tmp_path, WHOLE)
    rows = [row["row"] for row in desk.store.quarantine("deals").to_pylist()]
    assert any('"list price":"abc"' in row for row in rows)


def test_units_nulls_values_and_defaults(desk, tmp_path):
    desk.text("homes.csv", "id,m2,built,type\n1,100,0,Flat\n2,,1990,\n3,10,1991,Castle\n")
    mapping = """
tables:
  properties:
    - from: homes.csv
      columns:
        property_id: id
        region_id: {constant: 7}
        kind: {column: type, values: {Flat: condo}, default: house}
        living_area_sqft: {column: m2, unit: m2}
        year_built: {column: built, "null": [0]}
        valid_from: {constant: "2024-01-01"}
        ingested_at: {constant: "2024-01-02"}
"""
    report = load(desk, tmp_path, mapping, "properties")
    assert desk.loaded("SELECT property_id, kind, round(living_area_sqft, 1), year_built FROM rows", "properties") == [
        (1, "condo", 1076.4, None),
        (2, "house", None, 1990),
    ]
    assert report.reasons == {"kind: not one of house, condo, townhouse, land": 1}


def test_groups_sum_up_and_where_leaves_out_visibly(desk, tmp_path):
    desk.text("sales.csv", "zip,date,price\n1,20240105,10\n1,20240120,30\n1,20240210,50\n2,20240110,-1\n")
    mapping = """
tables:
  region_market:
    - from: sales.csv
      where: price > 0
      grouped: true
      columns:
        region_id: zip
        observed_on: {column: date, format: "%Y%m%d", truncate: month}
        median_sale_price: median(price)
        sales_count: count(*)
        published_at: {column: date, format: "%Y%m%d", truncate: month, plus: 1 month 14 days}
"""
    report = load(desk, tmp_path, mapping, "region_market")
    assert report.left_out == 1
    assert desk.loaded(
        "SELECT observed_on::VARCHAR, median_sale_price, sales_count, known_on::VARCHAR FROM rows ORDER BY 1",
        "region_market",
    ) == [("2024-01-01", 20.0, 2, "2024-02-15"), ("2024-02-01", 50.0, 1, "2024-03-15")]


def test_a_key_made_of_columns_is_stable_and_tells_rows_apart(desk, tmp_path):
    desk.text("sales.csv", "a,b\n1,23\n12,3\n1,23\n")
    mapping = """
tables:
  deals:
    - from: sales.csv
      columns:
        deal_id: {key: [a, b]}
        kind: {constant: SELL}
        price: {constant: 1}
        occurred_at: {constant: "2024-01-01"}
        ingested_at: {constant: "2024-01-02"}
"""
    report = load(desk, tmp_path, mapping)
    assert (report.loaded, report.superseded) == (2, 1)
    assert desk.loaded("SELECT deal_id FROM rows ORDER BY 1") == [
        (key,) for key in sorted(map(key_of, ("1|23", "12|3")))
    ]


def test_several_files_yield_one_table(desk, tmp_path):
    for series in ("a", "b"):
        desk.text(f"{series}.csv", "date,value\n2024-01-01,1\n")
    entry = "    - {{from: {}.csv, columns: {{series: {{constant: {}}}, observed_on: date, value: value, published_at: {{column: date, plus: 12 days}}}}}}\n"
    text = "tables:\n  macro:\n" + entry.format("a", "cpi") + entry.format("b", "unemployment_rate")
    report = load(desk, tmp_path, text, "macro")
    assert report.loaded == 2


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (("deals:", "deal:"), 3, "'deal' is not a raw table; did you mean 'deals'?"),
        (("price:", "prize:"), 8, "'prize' is not a column of deals; did you mean 'price'?"),
        (("        deal_id: no\n", ""), 5, "deals needs the column 'deal_id' (the deal)"),
        (("from: sales.csv", "form: sales.csv"), 4, "'form' is not an entry of deals; did you mean 'from'?"),
        (("- from: sales.csv\n      columns:", "columns:"), 3, "expected a list under deals"),
        (("plus: 2 days", "plus: 2 dais"), 10, "'2 dais' is no span of time"),
        (
            ("kind: {constant: SELL}", "kind: {constnt: SELL}"),
            7,
            "'constnt' is not a step of a column; did you mean 'constant'?",
        ),
        (("kind: {constant: SELL}", "kind: {constant: SELL, column: no}"), 7, "found column and constant"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_nearest_valid_name(desk, tmp_path, change, line, told):
    desk.text("sales.csv", SALES)
    with pytest.raises(BadMappingError) as caught:
        load(desk, tmp_path, WHOLE.replace(*change))
    assert str(caught.value).startswith(f"{tmp_path / 'own.yaml'}:{line}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (("deal_id: no", "deal_id: nr"), 6, "the source has no column 'nr'; did you mean 'no'?"),
        (('"list price" * 1000', '"lst price" * 1000'), 8, "no column 'lst price'; did you mean 'list price'?"),
        (("'\"list price\" * 1000'", "list price * 1000"), 8, "Names with spaces stand in double quotes"),
        (("'\"list price\" * 1000'", "median(no)"), 8, "'median' sums up many rows: add `grouped: true`"),
        (("'\"list price\" * 1000'", "rond(no)"), 8, "'rond' in 'rond(no)' is not offered here; did you mean 'round'?"),
        (("'\"list price\" * 1000'", "(select 1)"), 8, "is not offered here"),
        (("Europe/Prague}", "Europe/Prag}"), 9, "there is no time zone 'Europe/Prag'; did you mean 'Europe/Prague'?"),
        (("{column: date, f", "{column: dat, f"), 9, "the source has no column 'dat'; did you mean 'date'?"),
    ],
)
def test_a_mistake_that_only_the_source_can_show_is_told_as_well(desk, tmp_path, change, line, told):
    desk.text("sales.csv", SALES)
    with pytest.raises(BadMappingError) as caught:
        load(desk, tmp_path, WHOLE.replace(*change))
    assert str(caught.value).startswith(f"{tmp_path / 'own.yaml'}:{line}: ")
    assert told in str(caught.value)


def test_yaml_that_is_none_is_told_with_its_line(tmp_path):
    with pytest.raises(BadMappingError, match=r"own\.yaml:3: not valid YAML"):
        read_mapping(written(tmp_path, "tables:\n  deals: [\n"))


def test_a_changed_mapping_loads_its_days_again(desk, tmp_path):
    desk.text("sales.csv", SALES)
    load(desk, tmp_path, WHOLE)
    assert load(desk, tmp_path, WHOLE).days_loaded == 0
    report = load(desk, tmp_path, WHOLE.replace("* 1000", "* 2000"))
    assert report.loaded == 1
    assert desk.loaded("SELECT price FROM rows") == [(200_000.0,)]
