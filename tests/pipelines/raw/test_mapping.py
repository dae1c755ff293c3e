from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
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
        (key,) for key in sorted(map(key_of, ("1:12:23", "2:121:3")))
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
        (("kind: {constant: SELL}", "kind: {constant: [SELL]}"), 7, "expected a single value, found ['SELL']"),
        (
            ("kind: {constant: SELL}", "kind: {column: no, values: no}"),
            7,
            "pairs for the values of a column, found 'no'",
        ),
        (
            ("kind: {constant: SELL}", "kind: {column: no, values: {}}"),
            7,
            "`theirs: ours` pairs for values, found none",
        ),
        (("kind: {constant: SELL}", "kind: {column: no, unit: [m2]}"), 7, "expected a unit, found ['m2']"),
        (
            ("kind: {constant: SELL}", 'kind: {column: no, "null": {a: b}}'),
            7,
            "expected a single value, found {a: 'b'}",
        ),
        (("deal_id: no", "deal_id: {key: []}"), 6, "expected columns, found []"),
        (("        kind:", "        deal_id: date\n        kind:"), 7, "'deal_id' stands here a second time"),
        (("      columns:", "      grouped: no\n      columns:"), 5, "grouped is either true or false, found 'no'"),
        (("plus: 2 days", "plus: 999999999 days"), 10, "is no span of time"),
        (("plus: 2 days", "plus: 2 days, format: 5"), 10, "'format' stands here a second time"),
        (("Europe/Prague, plus", "localtime, plus"), 10, "there is no time zone 'localtime'"),
        (("tables:", "encoding: klingon\ntables:"), 2, "there is no encoding 'klingon'"),
        (("deals:", "? [deals]\n  :"), 3, "expected a name before the colon"),
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
        (('["%d/%m/%Y %H:%M:%S", "%d/%m/%Y"], timezone: Europe/Prague}', "5}"), 9, "'5' is no format"),
        (('"%d/%m/%Y"], timezone: Europe/Prague}', '"%d/%m/%Y %Q"]}'), 9, "is no format"),
        (('"%d/%m/%Y"], timezone: Europe/Prague}', '"%d %z"], timezone: UTC}'), 9, "bears its own offset already"),
        (
            ("'\"list price\" * 1000'", "no // 0"),
            8,
            "cannot be computed over 'sales.csv': Invalid Input Error: Division",
        ),
        (("'\"list price\" * 1000'", "9223372036854775807 + 1"), 8, "Overflow in addition"),
        (("'\"list price\" * 1000'", "substr(no, 'a')"), 8, "Could not convert string 'a'"),
        (
            ("      columns:", "      where: not date\n      columns:"),
            5,
            "Could not convert string '05/03/2024' to BOOL",
        ),
    ],
)
def test_a_mistake_that_only_the_source_can_show_is_told_as_well(desk, tmp_path, change, line, told):
    desk.text("sales.csv", SALES)
    with pytest.raises(BadMappingError) as caught:
        load(desk, tmp_path, WHOLE.replace(*change))
    assert str(caught.value).startswith(f"{tmp_path / 'own.yaml'}:{line}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "offered"),
    [
        ("Europe/Prag", "did you mean 'Europe/Prague'?"),
        ("europe/prague", "did you mean 'Europe/Prague'?"),
        ("Prague", "did you mean 'Europe/Prague'?"),
        ("Amerika/New York", "did you mean 'America/New_York'?"),
        ("America/Losangeles", "did you mean 'America/Los_Angeles'?"),
        ("US/Pacifik", "did you mean 'US/Pacific'?"),
        # No zone is called nearly so: no one of them is offered as what was meant.
        ("America/Seattle", "By spelling the nearest names in America are America/"),
        ("America/Seattle", "as America/Los_Angeles or Europe/Prague"),
        ("Asia/Mumbai", "By spelling the nearest names in Asia are Asia/"),
        ("x", "to list all: python -c 'import zoneinfo;"),
    ],
)
def test_a_time_zone_is_answered_with_one_nearly_so_called_or_with_those_of_its_continent(
    desk, tmp_path, zone, offered
):
    desk.text("sales.csv", SALES)
    with pytest.raises(BadMappingError, match="there is no time zone") as caught:
        load(desk, tmp_path, WHOLE.replace("timezone: Europe/Prague}", f"timezone: {zone}}}"))
    assert offered in str(caught.value)


def test_yaml_that_is_none_is_told_with_its_line(tmp_path):
    with pytest.raises(BadMappingError, match=r"own\.yaml:3: not valid YAML"):
        read_mapping(written(tmp_path, "tables:\n  deals: [\n"))


def test_a_mapping_file_that_is_not_there_is_answered_with_the_nearest_name_beside_it(tmp_path):
    (tmp_path / "agency.yaml").touch()
    with pytest.raises(BadMappingError, match=r"found nothing there\. Did you mean \S*/agency\.yaml\?"):
        read_mapping(tmp_path / "agncy.yaml")


def test_an_example_named_without_its_folder_is_answered_with_its_place(tmp_path):
    with pytest.raises(BadMappingError, match=r"Did you mean \S*docs/examples/king-county\.yaml\?"):
        read_mapping(tmp_path / "king-county.yaml")


def test_a_changed_mapping_loads_its_days_again(desk, tmp_path):
    desk.text("sales.csv", SALES)
    load(desk, tmp_path, WHOLE)
    assert load(desk, tmp_path, WHOLE).days_loaded == 0
    report = load(desk, tmp_path, WHOLE.replace("* 1000", "* 2000"))
    assert report.loaded == 1
    assert desk.loaded("SELECT price FROM rows") == [(200_000.0,)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"tables: &a\n  deals: *a\n", "it holds itself"),
        (b"tables: " + b"[" * 3000, "nested too deep"),
        (b"tables: \x07\n", "not valid YAML: unacceptable character"),
        ("tables: é".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_mapping_at_all_is_named(tmp_path, content, told):
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    with pytest.raises(BadMappingError, match=r"own\.yaml: ") as caught:
        read_mapping(file)
    assert told in str(caught.value)


PRICES = """
tables:
  deals:
    - from: {file}
      columns:
        deal_id: no
        kind: {{constant: SELL}}
        price: {price}
        occurred_at: {{constant: "2024-01-01"}}
        ingested_at: {{constant: "2024-01-02"}}
"""


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("coalesce(p, 0)", [(1, 450.0), (3, 0.0), (4, 7.0)]),
        ("case when p > 100 then p else 0 end", [(1, 450.0), (3, 0.0), (4, 0.0)]),
        ("case when p = 'low' then 1 else p end", [(1, 450.0), (2, 1.0), (4, 7.0)]),
        ("{column: p, default: 0}", [(1, 450.0), (3, 0.0), (4, 7.0)]),
        ("{column: p, values: {low: 100}}", [(1, 450.0), (2, 100.0), (4, 7.0)]),
        ('{column: p, "null": [007, 4.5e2], default: 3}', [(1, 450.0), (3, 3.0), (4, 3.0)]),
        ("nullif(p, 7)", [(1, 450.0)]),
    ],
)
def test_text_stands_in_for_numbers_where_they_belong(desk, tmp_path, price, expected):
    desk.text("s.csv", "no,p\n1,450\n2,low\n3,\n4,007\n")
    report = load(desk, tmp_path, PRICES.format(file="s.csv", price=price))
    assert desk.loaded("SELECT deal_id, price FROM rows ORDER BY 1") == expected
    assert report.read == 4


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ('{column: p, "null": [0]}', [(2, 450.0)]),
        ('{column: p, "null": [450.0], default: 3}', [(1, 0.0), (2, 3.0)]),
        ("{column: p, values: {450: 7}}", [(1, 0.0), (2, 7.0)]),
        ("{column: no, values: {1: 10, 2: 20}}", [(1, 10.0), (2, 20.0)]),
    ],
)
def test_numbers_are_compared_as_numbers(desk, tmp_path, price, expected):
    desk.write("s.parquet", pa.table({"no": [1, 2], "p": [0.0, 450.0]}))
    load(desk, tmp_path, PRICES.format(file="s.parquet", price=price))
    assert desk.loaded("SELECT deal_id, price FROM rows ORDER BY 1") == expected


def test_a_row_of_which_where_cannot_tell_is_refused_not_left_out(desk, tmp_path):
    desk.text("s.csv", 'no,p\n1,5\n2,"1,000"\n3,-1\n')
    text = PRICES.format(file="s.csv", price="p").replace("      columns", "      where: p > 0\n      columns")
    report = load(desk, tmp_path, text)
    assert (report.loaded, report.quarantined, report.left_out) == (1, 1, 1)
    assert report.reasons["where: not a number"] == 1


def test_a_cell_that_cannot_be_summed_up_is_told_with_its_line(desk, tmp_path):
    desk.text("s.csv", "no,p\n1,5\n1,n/a\n")
    text = PRICES.format(file="s.csv", price="avg(p)").replace("      columns", "      grouped: true\n      columns")
    with pytest.raises(BadMappingError, match=r"own.yaml:9: .*Could not convert string 'n/a' to DOUBLE"):
        load(desk, tmp_path, text)


def test_a_cell_of_which_where_cannot_tell_stops_a_sum(desk, tmp_path):
    desk.text("s.csv", "no,p\n1,5\n1,n/a\n")
    extra = "      grouped: true\n      where: p > 0\n      columns"
    with pytest.raises(BadMappingError, match=r"own.yaml:6: .*Could not convert string 'n/a' to DOUBLE"):
        load(desk, tmp_path, PRICES.format(file="s.csv", price="count(*)").replace("      columns", extra))


def test_cells_that_hold_a_key_s_own_signs_make_no_keys_alike(desk, tmp_path):
    desk.text("s.csv", "no,a,b\n1,x|y,z\n2,x,y|z\n3,,1:x\n4,-,1:x\n5,1:x,\n")
    load(desk, tmp_path, PRICES.format(file="s.csv", price="1").replace("deal_id: no", "deal_id: {key: [a, b]}"))
    assert desk.loaded("SELECT count(DISTINCT deal_id) FROM rows") == [(5,)]


@pytest.mark.parametrize(
    ("cell", "steps", "known"),
    [
        ("2024-03-05 23:30", "timezone: Europe/Prague", "2024-03-05 22:30:00+00"),
        ("2024-03-05T23:30:00-05:00", "timezone: Europe/Prague", "2024-03-06 04:30:00+00"),
        ("2024-03-05 10:00:00Z", "timezone: Europe/Prague", "2024-03-05 10:00:00+00"),
        ("2024-03-05", "timezone: America/New_York", "2024-03-05 05:00:00+00"),
        ("2024-03-05T23:30:00-05:00", "plus: 1 day", "2024-03-07 04:30:00+00"),
        ("2024-03-05T23:30:00-05:00", "truncate: day, timezone: America/New_York", "2024-03-05 05:00:00+00"),
        ("2024-03-05T23:30:00-0500", "format: '%Y-%m-%dT%H:%M:%S%z'", "2024-03-06 04:30:00+00"),
    ],
)
def test_a_time_with_an_offset_of_its_own_is_not_shifted_twice(desk, tmp_path, cell, steps, known):
    desk.text("s.csv", f"no,p,at\n1,5,{cell}\n")
    text = PRICES.format(file="s.csv", price="p").replace('{constant: "2024-01-02"}', f"{{column: at, {steps}}}")
    load(desk, tmp_path, text)
    assert desk.loaded("SELECT ingested_at::VARCHAR FROM rows") == [(known,)]


def test_a_time_zone_over_a_column_that_has_one_is_a_mistake(desk, tmp_path):
    rows = pa.table({"no": [1], "p": [5], "at": pa.array([0], pa.timestamp("us", "UTC"))})
    desk.write("s.parquet", rows)
    steps = "{column: at, timezone: Europe/Prague}"
    text = PRICES.format(file="s.parquet", price="p").replace('{constant: "2024-01-02"}', steps)
    with pytest.raises(BadMappingError, match=r"own.yaml:10: ingested_at bears its own offset already"):
        load(desk, tmp_path, text)


@pytest.mark.parametrize(
    ("cell", "steps", "observed"),
    [
        ("2024-03-01", "timezone: Europe/Prague", ["2024-03-01"]),
        ("2024-03-01", "timezone: America/New_York", ["2024-03-01"]),
        ("2024-03-01 22:00", "timezone: America/New_York", []),
        ("2024-03-01 22:00", "truncate: day", ["2024-03-01"]),
        ("2024-03-01T23:00:00-05:00", "truncate: day, timezone: America/New_York", ["2024-03-01"]),
    ],
)
def test_a_date_is_that_of_the_local_clock(desk, tmp_path, cell, steps, observed):
    desk.text("m.csv", f"m\n{cell}\n")
    text = f"""
tables:
  macro:
    - from: m.csv
      columns:
        series: {{constant: cpi}}
        observed_on: {{column: m, {steps}}}
        value: 5
        published_at: {{constant: "2024-04-01"}}
"""
    load(desk, tmp_path, text, "macro")
    assert desk.loaded("SELECT observed_on::VARCHAR FROM rows", "macro") == [(day,) for day in observed]
