from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.raw.contracts import RawTable
from pipelines.world.homes.data_defects import BLANKED
from pipelines.world.homes.generate import TABLES, generate
from pipelines.world.homes.plan import WorldPlan

TWO_BLOCKS = WorldPlan(customers=2_700, days=35, seed=5)
TINY = WorldPlan(customers=20, days=20, seed=5)


def _bytes_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_plan_gives_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
        generate(TWO_BLOCKS, tmp_path / name, workers=workers)
    one = _bytes_of(tmp_path / "one")
    assert one == _bytes_of(tmp_path / "again") == _bytes_of(tmp_path / "two")
    assert len(one) > len(TABLES)


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    generate(TINY, tmp_path / "a", workers=1)
    generate(WorldPlan(customers=20, days=20, seed=6), tmp_path / "b", workers=1)
    a, b = _bytes_of(tmp_path / "a"), _bytes_of(tmp_path / "b")
    assert not {path for path in a if a[path] == b.get(path)}


@pytest.mark.parametrize("raw", TABLES, ids=lambda raw: raw.name)
def test_files_bear_the_schema_of_their_contract(world, raw: RawTable) -> None:
    expected = [(f.name, f.type, f.nullable or f.name in BLANKED[raw.name]) for f in raw.schema]
    for file in (world.folder / raw.name).rglob("*.parquet"):
        assert [(f.name, f.type, f.nullable) for f in pq.read_schema(file)] == expected


def test_nothing_is_known_after_the_end(world, sql) -> None:
    for raw in TABLES:
        (last,) = sql.execute(f"select epoch_us(max({raw.known})) from {raw.name}").fetchone()
        assert last < world.plan.end_us


def test_what_is_older_than_the_world_was_imported_in_bulk(world, sql) -> None:
    for raw in TABLES[:3]:
        found = sql.execute(
            f"select count(distinct {raw.known}::date) from {raw.name} where {raw.known} < '{world.plan.start}'"
        ).fetchone()
        assert found[0] <= 2, raw.name


def test_event_ids_are_unique_but_for_rows_delivered_again(world, sql) -> None:
    rows, ids = sql.execute("select count(event_id), count(distinct event_id) from engagement").fetchone()
    data_defects = world.report.tables["engagement"].data_defects
    assert 0 < rows - ids <= data_defects["duplicate"] + data_defects["corrected"]


def test_engagement_files_hold_one_month_each_and_are_sorted(world) -> None:
    files = sorted((world.folder / "engagement").rglob("*.parquet"))
    assert len(files) == 24 * len(world.plan.blocks)
    for file in files[::7]:
        table = pq.read_table(file, columns=["ingested_at", "event_id"])
        assert table.equals(table.sort_by([("ingested_at", "ascending"), ("event_id", "ascending")]))
        assert {f"{time:%Y-%m}" for time in (table[0][0].as_py(), table[0][-1].as_py())} == {file.parent.name}


def test_the_report_is_what_lies_there_and_is_written_beside_it(world, sql) -> None:
    for name, table in world.report.tables.items():
        assert sql.execute(f"select count(*) from {name}").fetchone() == (table.rows,)
    written = json.loads((world.folder / "world.json").read_text())
    assert written["plan"] == {"customers": 4_000, "days": 730, "seed": 11, "start": "2024-01-01"}
    assert written["report"] == json.loads(json.dumps(asdict(world.report)))


def test_progress_counts_the_blocks(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    generate(TWO_BLOCKS, tmp_path / "world", progress=lambda *call: calls.append(call), workers=1)
    assert calls == [("blocks of customers", 1, 2), ("blocks of customers", 2, 2)]


def test_a_world_replaces_a_world(tmp_path: Path) -> None:
    out = tmp_path / "world"
    out.mkdir()
    generate(WorldPlan(customers=5, days=5, seed=1), out, workers=1)
    generate(TINY, out, workers=1)
    assert json.loads((out / "world.json").read_text())["plan"]["customers"] == 20
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="expected an absent or empty folder, or a world made earlier"):
        generate(TINY, tmp_path, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_world_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(what: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(TINY, tmp_path / "world", progress=stop, workers=1)
    assert not list(tmp_path.iterdir())


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers: expected 1 or more, found 0"):
        generate(TINY, tmp_path / "world", workers=0)


def test_a_call_at_the_top_of_a_script_says_how_to_make_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from pipelines.world.homes.generate import generate\n"
        "from pipelines.world.homes.plan import WorldPlan\n"
        f"generate(WorldPlan(customers=2_700, days=2, seed=1), Path({str(tmp_path / 'world')!r}))\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "put it under `if __name__ == '__main__':`" in found.stderr


def test_memory_does_not_grow_with_the_number_of_customers(tmp_path: Path) -> None:
    def peaks(customers: int) -> list[int]:
        code = (
            "import resource\n"
            "from pathlib import Path\n"
            "from pipelines.world.homes.generate import generate\n"
            "from pipelines.world.homes.plan import WorldPlan\n"
            f"generate(WorldPlan({customers}, 60, 1), Path({str(tmp_path / str(customers))!r}))\n"
            "for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):\n"
            "    print(resource.getrusage(who).ru_maxrss)\n"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return [int(kilobytes) for kilobytes in run.stdout.split()]

    for small, large in zip(peaks(5_000), peaks(20_000), strict=True):
        assert large < 1.2 * small
