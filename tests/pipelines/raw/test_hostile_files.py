"""Files as the world really sends them."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pytest
from raw_desk import NOW, as_deals, deal

from pipelines.raw.load import LoadOptions, load
from pipelines.raw.sources import open_source

HEADER = "deal_id,kind,property_id,customer_id,agent_id,price,loan_amount,loan_rate,occurred_at,ingested_at\n"


def line(deal_id: object = 1, **changes: object) -> str:
    cells = {
        "deal_id": deal_id, "kind": "SELL", "property_id": 1, "customer_id": 2, "agent_id": "", "price": "100.5",
        "loan_amount": "", "loan_rate": "", "occurred_at": "2024-03-05T09:00:00Z", "ingested_at": "2024-03-05 10:00:00",
    }  # fmt: skip
    return ",".join(str(cell) for cell in (cells | changes).values()) + "\n"


def test_a_truncated_parquet_file_stops_the_load_and_is_named(desk):
    file = desk.write("deals.parquet", as_deals(*(deal(i) for i in range(1000))))
    file.write_bytes(file.read_bytes()[:-200])
    assert f"{file} is no readable Parquet file, perhaps cut off" in desk.load().problem


def test_a_parquet_file_with_a_hole_in_its_middle_stops_the_load(desk):
    file = desk.write("deals.parquet", as_deals(*(deal(i) for i in range(5000))))
    content = bytearray(file.read_bytes())
    content[100:6000] = bytes(5900)
    file.write_bytes(content)
    report = desk.load()
    assert "broke off" in report.problem
    assert report.loaded == 0


def test_an_empty_file_stops_the_load(desk):
    file = desk.text("deals.csv", "")
    assert f"{file} is empty (0 bytes)" in desk.load().problem


def test_a_header_alone_is_a_table_without_rows(desk):
    desk.text("deals.csv", HEADER)
    report = desk.load()
    assert (report.read, report.problem) == (0, "")


def test_a_csv_is_loaded_like_a_parquet(desk):
    desk.text("deals.csv", HEADER + line(1) + line(2))
    assert desk.load().loaded == 2
    assert desk.loaded("SELECT deal_id, price, agent_id FROM rows ORDER BY 1") == [(1, 100.5, None), (2, 100.5, None)]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_told_from_the_header(desk, delimiter):
    desk.text("deals.csv", (HEADER + line(1)).replace(",", delimiter))
    assert desk.load().loaded == 1


def test_a_compressed_csv_with_a_byte_order_mark_is_read(desk):
    desk.text("deals.csv.gz", gzip.compress(("\ufeff" + HEADER + line(1)).encode()))
    assert desk.load().loaded == 1


def test_a_stray_quote_costs_the_lines_it_swallows_and_no_others(desk):
    broken = line(2, kind='"SELL')
    desk.text("deals.csv", HEADER + line(1) + broken + line(3) + line(4))
    report = desk.load()
    assert desk.loaded("SELECT deal_id FROM rows") == [(1,)]
    assert report.reasons == {"line: unquoted value": 1}
    (row,) = desk.store.quarantine("deals").to_pylist()
    assert all(line(i).strip() in row["row"] for i in (3, 4))
    assert row["origin"].endswith("deals.csv:3")


def test_a_line_with_too_many_or_too_few_cells_is_refused_with_its_place(desk):
    desk.text("deals.csv", HEADER + line(1) + "2,SELL\n" + line(3).strip() + ",more\n" + line(4))
    report = desk.load()
    assert report.loaded == 2
    assert report.reasons == {"line: missing columns": 1, "line: too many columns": 1}


def test_bytes_of_another_encoding_are_refused_not_guessed(desk):
    desk.text(
        "deals.csv", HEADER.encode() + line(1).encode() + line(2, kind="SELL\xe9").encode("latin-1") + line(3).encode()
    )
    report = desk.load()
    assert (report.loaded, report.quarantined) == (2, 1)
    assert report.reasons == {"line: invalid encoding": 1}


def test_a_file_in_utf16_is_recognised_as_no_csv(desk):
    desk.text("deals.csv", (HEADER + line(1)).encode("utf-16"))
    assert "the header of" in desk.load().problem


def test_mixed_time_zones_come_out_in_utc(desk):
    times = ["2024-03-05T10:00:00Z", "2024-03-05T10:00:00+02:00", "2024-03-05 10:00:00", "2024-03-05 01:00:00-08"]
    rows = [line(i, occurred_at="2024-03-01", ingested_at=time) for i, time in enumerate(times)]
    desk.text("deals.csv", HEADER + "".join(rows))
    assert desk.load().loaded == 4
    assert desk.loaded("SELECT hour(ingested_at) FROM rows ORDER BY deal_id") == [(10,), (8,), (10,), (9,)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deal_id": "99999999999999999999"}, "deal_id: beyond the range of int64"),
        ({"deal_id": "NaN"}, "deal_id: missing"),
        ({"deal_id": "1.5"}, "deal_id: not a whole number"),
        ({"deal_id": "1e3"}, "deal_id: not a whole number"),
        ({"price": "12,5".replace(",", ".") + "x"}, "price: not a number"),
        ({"price": "1e999"}, "price: not a finite number"),
        ({"ingested_at": "yesterday"}, "ingested_at: not a time (ISO 8601)"),
        ({"ingested_at": "2024-02-30"}, "ingested_at: not a time (ISO 8601)"),
        ({"ingested_at": "epoch"}, "ingested_at: not a time (ISO 8601)"),
        ({"ingested_at": "-infinity"}, "ingested_at: not a time (ISO 8601)"),
        ({"ingested_at": "0044-03-15 (BC)"}, "ingested_at: not a time (ISO 8601)"),
        ({"ingested_at": "0000-01-01"}, "ingested_at: before the year 1"),
        ({"ingested_at": "10000-01-01"}, "ingested_at: not a time (ISO 8601)"),
        ({"price": "1_000"}, "price: not a number"),
    ],
)
def test_a_cell_that_is_not_what_it_should_be_refuses_its_row(desk, changes, reason):
    desk.text("deals.csv", HEADER + line(5) + line(**changes))
    report = desk.load()
    assert report.loaded == 1
    assert report.reasons[reason] == 1


def test_whole_numbers_that_pandas_wrote_as_floats_are_read(desk):
    desk.text("deals.csv", HEADER + line("7.0", agent_id="nan"))
    desk.load()
    assert desk.loaded("SELECT deal_id, agent_id FROM rows") == [(7, None)]


def test_a_column_in_which_nothing_is_what_it_should_be_stops_the_load(desk):
    desk.text("deals.csv", HEADER + "".join(line(i, occurred_at=f"{i}.3.2024") for i in range(1, 20)))
    problem = desk.load().problem
    assert "the column 'occurred_at' should be timestamp" in problem
    assert "none of its 19 values is" in problem
    assert "'1.3.2024'" in problem


def test_a_file_that_grows_while_it_is_read_stops_the_load(desk, monkeypatch):
    from pipelines.raw import load as loading

    file = desk.text("deals.csv", HEADER + line(1))
    validate_rows = loading.validate_rows

    def and_then_it_grows(*arguments):
        validation = validate_rows(*arguments)
        with file.open("a") as handle:
            handle.write(line(2))
        return validation

    monkeypatch.setattr(loading, "validate_rows", and_then_it_grows)
    report = desk.load()
    assert f"{file} changed while it was read" in report.problem
    assert not list((desk.store.home / "raw").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("header", "fault"), [("a,,b\n", "columns without a name: 2"), ("a,b,a\n", "names used twice: a")]
)
def test_a_bad_header_stops_the_load(desk, header, fault):
    desk.text("deals.csv", header + "1,2,3\n")
    assert fault in desk.load().problem


def test_parquet_and_csv_of_one_table_are_not_mixed(desk):
    desk.write("deals/a.parquet", as_deals(deal(1)))
    desk.text("deals/b.csv", HEADER + line(2))
    assert "both Parquet and CSV" in desk.load().problem


@pytest.mark.parametrize("order", [1, -1])
def test_files_of_one_table_must_agree_in_whatever_order_they_come(desk, order):
    whole, less = as_deals(deal(1)), as_deals(deal(2)).drop_columns("agent_id")
    for name, rows in zip("ab"[::order], (whole, less), strict=True):
        desk.write(f"deals/{name}.parquet", rows)
    assert "lacks the column 'agent_id'" in desk.load().problem


@pytest.mark.parametrize(
    ("written", "loaded"),
    [("2024-03-01", 1), ("2024-03-01T00:00:00", 1), ("2024-03-01 14:00:00", 0), ("2024-03-01 23:00:00-05", 0)],
)
def test_a_date_of_text_bears_neither_a_time_of_day_nor_an_offset(desk, written, loaded):
    desk.text("macro.csv", f"series,observed_on,value,published_at\ncpi,{written},5,2024-04-01\n")
    assert desk.load("macro").loaded == loaded


def test_a_time_that_pandas_wrote_in_nanoseconds_is_read(desk):
    rows = as_deals(deal(1))
    place = rows.schema.get_field_index("ingested_at")
    desk.write(
        "deals.parquet", rows.set_column(place, "ingested_at", rows["ingested_at"].cast(pa.timestamp("ns", "UTC")))
    )
    assert desk.load().loaded == 1


def test_a_moment_before_the_year_1_has_no_day(desk):
    ancient = pa.array([-(2**56)], pa.int64()).cast(pa.timestamp("us", "UTC"))
    rows = as_deals(deal(1))
    desk.write("deals.parquet", rows.set_column(rows.schema.get_field_index("ingested_at"), "ingested_at", ancient))
    assert desk.load().reasons["ingested_at: before the year 1"] == 1
    assert desk.store.quarantine("deals")["known_on"].to_pylist() == ["undated"]


def test_a_column_without_any_value_may_have_no_type(desk):
    rows = as_deals(deal(1))
    place = rows.schema.get_field_index("agent_id")
    desk.write("deals/a.parquet", rows.set_column(place, "agent_id", pa.nulls(1)))
    assert desk.load().loaded == 1
    desk.write("deals/b.parquet", as_deals(deal(2, agent_id=7)))
    assert desk.load().loaded == 2
    assert desk.loaded("SELECT agent_id FROM rows ORDER BY deal_id") == [(None,), (7,)]


@pytest.mark.parametrize("ends", [("\r\n", "\n", "\r\n"), ("\n", "\r\n", "\n")])
def test_line_ends_of_several_kinds_are_read(desk, ends):
    lines = [part.strip() for part in (HEADER, line(1), line(2))]
    desk.text("deals.csv", "".join(text + end for text, end in zip(lines, ends, strict=True)))
    assert desk.load().loaded == 2


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (["price", "price"], "names used twice: price, price"),
        (["price", "Price"], "price, Price"),
        (["_origin", "x"], "taken"),
    ],
)
def test_columns_that_cannot_be_told_apart_stop_the_load(desk, columns, fault):
    desk.text("deals.csv", ",".join(columns) + "\n1,2\n")
    desk.write("macro.parquet", pa.Table.from_arrays([pa.array([1])] * 2, columns))
    assert fault in desk.load().problem
    assert fault in desk.load("macro").problem


@pytest.mark.parametrize("content", [b"\x1f\x8bgarbage", gzip.compress(HEADER.encode() * 99, mtime=0)[:60], b"plain"])
def test_a_damaged_archive_is_named(desk, content):
    file = desk.text("deals.csv.gz", content)
    assert f"{file} cannot be read as utf-8" in desk.load().problem


@pytest.mark.parametrize("encoding", ["latin1", "UTF-8", "utf-8-sig", "cp1252", "utf-16", "cp1250"])
def test_any_encoding_of_python_s_is_read(desk, encoding):
    desk.text("deals.csv", f"{HEADER.strip()},poznámka\n{line(1).strip()},á\n".encode(encoding))
    assert load_encoded(desk, encoding).unused == ("poznámka",)


def test_a_file_that_is_not_in_the_encoding_it_should_be_is_named(desk):
    file = desk.text("deals.csv", HEADER + line(1))
    assert f"{file} cannot be read as utf-16" in load_encoded(desk, "utf-16").problem


def load_encoded(desk, encoding):
    options = LoadOptions(tables=("deals",), now=NOW)
    (report,) = load(open_source(desk.source, encoding=encoding), desk.store, options=options)
    return report
