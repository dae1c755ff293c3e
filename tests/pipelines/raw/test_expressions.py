"""Dates, casts and whole years in a mapping's expressions, over cells of text and over typed ones."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from pipelines.raw.mapping import BadMappingError, read_mapping

HOMES = """
tables:
  properties:
    - from: {file}
      {grouped}
      columns:
        property_id: no
        region_id: {{constant: 7}}
        kind: {{constant: house}}
        year_built: {year}
        valid_from: {{constant: "2016-01-01"}}
        ingested_at: {{constant: "2016-01-02"}}
"""
CELLS = "no,sold,us,age,code\n1,2015-03-04,3/4/2015,20,1995-A\n2,2014-12-31T23:30:00-05:00,12/31/2014,n,1994.5\n3,2014-02-30,2/30/2014,,soon\n4,,,4,\n"


def mapping(tmp_path, year, file="h.csv", grouped=""):
    place = tmp_path / "own.yaml"
    place.write_text(HOMES.format(file=file, year=year, grouped=grouped))
    return read_mapping(place)


def load(desk, tmp_path, year):
    desk.text("h.csv", CELLS)
    report = desk.load("properties", mapping(tmp_path, year))
    years = dict(desk.loaded("SELECT property_id, year_built FROM rows", "properties"))
    return years, {reason.removeprefix("year_built: "): rows for reason, rows in report.reasons.items()}


@pytest.mark.parametrize(
    ("year", "years", "reasons"),
    [
        # A date is the day that was written, whatever the offset beside it.
        ("year(sold)", {1: 2015, 2: 2014, 4: None}, {"not a date": 1}),
        ("1900 + month(sold)", {1: 1903, 2: 1912, 4: None}, {"not a date": 1}),
        ("1900 + day(sold)", {1: 1904, 2: 1931, 4: None}, {"not a date": 1}),
        ("year(sold) - age", {1: 1995, 4: None}, {"not a number": 1, "not a date": 1}),
        ("year(strptime(us, '%m/%d/%Y'))", {1: 2015, 2: 2014, 4: None}, {"not of the form %m/%d/%Y": 1}),
        ("year(cast(sold as date))", {1: 2015, 2: 2014, 4: None}, {"not a date": 1}),
        ("cast(substr(code, 1, 4) as integer)", {1: 1995, 2: 1994, 4: None}, {"not a whole number": 1}),
        ("cast(code as integer)", {4: None}, {"not a whole number": 3}),
        ("floor(cast(code as double))", {2: 1994, 4: None}, {"not a number": 2}),
        ("substr(code, 1, 4)::bigint", {1: 1995, 2: 1994, 4: None}, {"not a whole number": 1}),
        ("2000 + years_between(sold, '2018-03-03')", {1: 2002, 2: 2003, 4: None}, {"not a date": 1}),
        ("2000 + years_between(sold, strptime(us, '%m/%d/%Y'))", {1: 2000, 2: 2000, 4: None}, {"not a date": 1, "not of the form %m/%d/%Y": 1}),
        ("case when age = 4 then 1990 else year(sold) end", {1: 2015, 4: 1990}, {"not a number": 1, "not a date": 1}),
        ("coalesce(year(sold), 1999)", {1: 2015, 2: 2014, 4: 1999}, {"not a date": 1}),
        ("year(case when no = 3 then '2001-01-01' else cast(sold as date) end)", {1: 2015, 2: 2014, 3: 2001, 4: None}, {}),
        ("length(cast(no as varchar)) + 1900", {1: 1901, 2: 1901, 3: 1901, 4: 1901}, {}),
    ],
)  # fmt: skip
def test_a_cell_of_text_is_read_as_what_an_expression_wants_or_refuses_its_row(desk, tmp_path, year, years, reasons):
    # A row of which two things are wrong is told both; here each is counted.
    assert load(desk, tmp_path, f'"{year}"') == (years, reasons)


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        ("year(sold) - age", 1995),
        ("year(at)", 2014),
        ("years_between(sold, at) + 2000", 2000),
        ("year(cast(number as varchar)::date)", 2015),
        ("cast(price as integer)", 1995),
        ("month(sold) + 1900", 1903),
    ],
)
def test_typed_columns_need_no_reading(desk, tmp_path, year, expected):
    row = {
        "no": 1,
        "sold": date(2015, 3, 4),
        "at": "2014-12-31T23:30",
        "age": 20,
        "number": "2015-01-01",
        "price": 1995.0,
    }
    rows = pa.Table.from_pylist([row])
    place = rows.schema.get_field_index("at")
    at = rows["at"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    desk.write("h.parquet", rows.set_column(place, "at", at))
    desk.load("properties", mapping(tmp_path, f'"{year}"', "h.parquet"))
    assert desk.loaded("SELECT year_built FROM rows", "properties") == [(expected,)]


def test_a_long_id_keeps_its_digits_in_a_cast(desk, tmp_path):
    desk.text("h.csv", "no,id\n1,9007199254740993\n")
    text = HOMES.format(file="h.csv", year="1990", grouped="").replace(
        "property_id: no", 'property_id: "cast(id as bigint)"'
    )
    (tmp_path / "own.yaml").write_text(text)
    desk.load("properties", read_mapping(tmp_path / "own.yaml"))
    assert desk.loaded("SELECT property_id FROM rows", "properties") == [(9007199254740993,)]


@pytest.mark.parametrize(
    ("year", "told"),
    [
        ("cast(no as blob)", "cannot cast to BLOB; valid: integer, bigint, double, varchar, date, timestamp"),
        ("cast(no as decimal(10, 2))", "cannot cast to DECIMAL(10, 2)"),
        ("cast(no as integer[])", "cannot cast to"),
        ("try_cast(no as integer)", "'trycast' in 'try_cast(no as integer)' is not offered here"),
        ("strptime(sold, no)", "expected strptime(text, 'format')"),
        ("strptime(sold, '%Q')", "expected strptime(text, 'format')"),
        ("years_between(sold)", "expected years_between(first date, later date)"),
        ("year(length(sold))", "cannot be computed over 'h.csv'"),
        ("yeer(sold)", "did you mean 'year'?"),
        ("date_part('epoch', sold)", "is not offered here"),
        ("cast(" * 30 + "no" + " as integer)" * 30, "too long, or nested too deep"),
    ],
)
def test_what_cannot_be_computed_is_told_with_its_line(desk, tmp_path, year, told):
    desk.text("h.csv", CELLS)
    with pytest.raises(BadMappingError) as caught:
        desk.load("properties", mapping(tmp_path, f'"{year}"'))
    assert str(caught.value).startswith(f"{tmp_path / 'own.yaml'}:10: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "year", ["max(year(sold))", "max(cast(code as integer))", "max(year(strptime(us, '%m/%d/%Y')))"]
)
def test_a_cell_that_a_group_cannot_read_stops_the_load(desk, tmp_path, year):
    desk.text("h.csv", CELLS)
    with pytest.raises(BadMappingError, match=r"own.yaml:10: .*Invalid Input Error: not (a|of)"):
        desk.load("properties", mapping(tmp_path, f'"{year}"', grouped="grouped: true"))
