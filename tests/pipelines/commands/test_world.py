"""`tidemark world` writes the worlds of the domains that are wanted, and what it writes can be loaded."""

from __future__ import annotations

import json

import pytest

from pipelines.raw.store import RawStore
from pipelines.raw.tables.ledger import TRANSACTION_LABELS, TRANSACTIONS

LEDGER = ("accounts", "transaction_labels", "transactions")
HOMES = ("customers", "deals", "engagement", "macro", "properties", "region_market")
TINY = ("--customers", "5", "--households", "4", "--days", "40")


@pytest.mark.parametrize(("wanted", "tables"), [("ledger", LEDGER), ("homes", HOMES), ("", (*LEDGER, *HOMES))])
def test_only_the_wanted_domains_are_written(tidemark, tmp_path, wanted, tables) -> None:
    result = tidemark("world", *TINY, TIDEMARK_DOMAINS=wanted)
    assert result.exit_code == 0, result.output
    world = tmp_path / "home" / "world"
    assert sorted(path.name for path in world.iterdir() if path.is_dir()) == sorted(tables)
    assert sorted(json.loads((world / "world.json").read_text())["report"]["tables"]) == sorted(tables)
    title = " ".join(result.output.split())
    assert ("4 households over" in title) == ("accounts" in tables)
    assert ("World of 5 customers" in title) == ("customers" in tables)


def test_a_ledger_loads_without_homes_and_only_what_is_broken_on_purpose_is_refused(tidemark, tmp_path) -> None:
    domains = {"TIDEMARK_DOMAINS": "ledger"}
    assert tidemark("world", "--households", "30", "--days", "120", **domains).exit_code == 0
    result = tidemark("load", **domains)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "home" / "world" / "world.json").read_text())["report"]["tables"]
    for raw in (TRANSACTIONS, TRANSACTION_LABELS):
        defects = report[raw.name]["data_defects"]
        planned = sum(count for name, count in defects.items() if name not in {"duplicate", "corrected", "late"})
        # What was broken near the end may have come after it.
        assert 0.8 * planned <= RawStore(tmp_path / "home").refused_rows(raw.name) <= planned
        assert planned > 5
    assert "transaction_id: missing" in result.output
    assert "currency: not one of AED, AFN, ALL, AMD, ANG and " in result.output
