"""Where files may lie, and how they may be called."""

from __future__ import annotations

from datetime import date

import ibis
import pytest
from raw_desk import Desk, as_deals, deal

from pipelines.raw.mapping import read_mapping
from pipelines.raw.sources import open_source
from pipelines.raw.tables import table

HEADER = ",".join(as_deals().column_names) + "\n"
LINE = "{},SELL,1,2,,100,,,2024-03-05 09:00,2024-03-05 10:00\n"
ANY_NAME = ["price=5", "kind=BUY", "known_on=2020-01-01", "br[1]", "st*r", "q'uote"]


@pytest.fixture(params=ANY_NAME)
def desk_in_an_odd_folder(tmp_path, request):
    folder = tmp_path / request.param
    folder.mkdir()
    return Desk(folder)


def test_a_source_and_a_home_may_lie_under_any_name(desk_in_an_odd_folder):
    desk = desk_in_an_odd_folder
    desk.text("deals/kind=BUY/a.csv", HEADER + LINE.format(1))
    assert desk.load().loaded == 1
    read = desk.store.read(ibis.duckdb.connect(), table("deals"))
    assert read.columns == (*table("deals").schema.names, "known_on")
    assert read.select("deal_id", "kind", "price", "known_on").to_pyarrow().to_pylist() == [
        {"deal_id": 1, "kind": "SELL", "price": 100.0, "known_on": date(2024, 3, 5)}
    ]


def test_a_reader_opens_only_the_files_of_the_days_it_wants(desk):
    desk.write("deals.parquet", as_deals(*(deal(i, known=f"2024-03-{10 + i} 10:00") for i in range(9))))
    desk.load()
    connection = ibis.duckdb.connect()
    read = desk.store.read(connection, table("deals"))
    wanted = read.filter(read["known_on"].between(date(2024, 3, 12), date(2024, 3, 13)))["price"].sum()
    plan = connection.raw_sql(f"EXPLAIN ANALYZE {ibis.to_sql(wanted, dialect='duckdb')}").fetchall()[0][1]
    assert "Scanning Files: 2/9" in plan


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_signs_of_a_glob_in_a_file_name_are_letters(desk, kind):
    for number, name in enumerate(["a[1]", "a1", "a*", "ab"]):
        if kind == "csv":
            desk.text(f"deals/{name}.csv", HEADER + LINE.format(number))
        else:
            desk.write(f"deals/{name}.parquet", as_deals(deal(number)))
    assert desk.load().read == 4
    assert desk.loaded("SELECT deal_id FROM rows ORDER BY 1") == [(0,), (1,), (2,), (3,)]


@pytest.mark.parametrize("name", ["deals.CSV", "Deals.csv", "deals.csv/part-0.csv", "deals/A.Csv", "deals/x/y.csv"])
def test_a_table_may_be_a_file_or_a_folder_in_any_case(desk, name):
    desk.text(name, HEADER + LINE.format(1))
    assert desk.load().loaded == 1


def test_spark_s_folders_are_read_without_its_marks(desk):
    desk.write("deals.parquet/part-0.parquet", as_deals(deal(1)))
    desk.text("deals.parquet/_SUCCESS", "")
    desk.text("deals.parquet/.part-0.parquet.crc", "x")
    assert desk.load().loaded == 1


@pytest.mark.parametrize("other", ["deals/a.csv", "deals.tsv"])
def test_two_places_for_one_table_are_ambiguous(desk, other):
    desk.text("deals.csv", HEADER + LINE.format(1))
    desk.text(other, HEADER + LINE.format(2))
    assert "cannot tell which is meant" in desk.load().problem


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sales [1].csv", ""),
        ("*.csv", ""),
        ("salez.csv", "own.yaml:4: {source} has no 'salez.csv'; did you mean"),
        ("/etc/passwd", "expected the path of a file inside of"),
        ("../x.csv", "expected the path of a file inside of"),
        (".", "expected the path of a file inside of"),
    ],
)
def test_a_mapping_names_a_file_or_a_glob_inside_of_the_source(desk, tmp_path, name, told):
    desk.text("sales [1].csv", HEADER + LINE.format(1))
    desk.text("._sales [1].csv", "\0")
    columns = ", ".join(f"{column}: {column}" for column in as_deals().column_names)
    file = tmp_path / "own.yaml"
    file.write_text(f"\ntables:\n  deals:\n    - from: '{name}'\n      columns: {{{columns}}}\n")
    report = desk.load(mapping=read_mapping(file))
    assert told.format(source=desk.source) in report.problem
    assert report.loaded == (0 if told else 1)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cret@127.0.0.1:1/db",
        "POSTGRESQL://u:s3cret@127.0.0.1:1/db",
        "postgresql+psycopg2://u:s3cret@127.0.0.1:1/db",
        "postgresql://u:s3cret#x@127.0.0.1:1/db",
        "postgresql://u:s3cret/x@127.0.0.1:1/db",
        "postgresql://u:%zzs3cret@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=u&password=s3cret",
        "postgresql://127.0.0.1:1/db?passwort=s3cret",
        "mysql://u:s3cret@h/db",
        "host=127.0.0.1 user=u password=s3cret",
        "host=127.0.0.1 PASSWORD = s3cret",
    ],
)
def test_no_message_shows_a_password(url):
    with pytest.raises(ValueError, match="database") as caught:
        open_source(url).has("deals")
    assert "s3cret" not in str(caught.value)


def test_an_address_is_shown_without_its_password():
    assert str(open_source("postgresql://u:p@h:5432/d?sslmode=require")) == "postgresql://u@h:5432/d"
    assert str(open_source("postgresql://h:5432/d")) == "postgresql://h:5432/d"
    assert str(open_source("postgresql://u:p@x@h/d")) == "the database URL"
