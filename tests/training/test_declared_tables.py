"""A label declares the raw tables that it reads: what Dagster knows of a training set's inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from training.facts import Facts, UndeclaredTableError
from training.labels import Moments
from training.models import MODELS

START = datetime(2025, 1, 1, tzinfo=UTC)
ROW = {"ingested_at": START, "occurred_at": START}
TABLES = ("customers", "deals", "engagement", "macro", "properties", "region_market")


@dataclass(frozen=True)
class RecordingFacts(Facts):
    """Facts that remember which tables were read."""

    read: set[str] = field(default_factory=set)

    def files(self, table: str) -> list[Path]:
        self.read.add(table)
        return super().files(table)


@pytest.mark.parametrize("spec", MODELS.own, ids=lambda spec: spec.name)
def test_a_label_reads_the_tables_that_it_declares_and_no_others(tell, tmp_path, spec):
    tell(**{table: [ROW] for table in TABLES})
    facts = RecordingFacts(tmp_path, tables=spec.label.tables)
    rows = spec.label.population(facts, Moments(START, START + timedelta(days=1), timedelta(days=1)))
    nobody = rows.slice(0, 0)
    spec.label.outcome(facts, nobody)
    spec.label.context(facts, nobody)
    if spec.label.settled is not None:
        spec.label.settled(facts, START)
    assert facts.read == set(spec.label.tables)


def test_a_table_that_a_label_does_not_declare_is_refused_with_what_to_do(tell, tmp_path):
    tell(customers=[ROW], deals=[ROW])
    facts = Facts(tmp_path, tables=("deals",))
    assert facts.files("deals")
    with pytest.raises(UndeclaredTableError, match="reads customers: add 'customers' to its `also_reads`"):
        facts.versions("customers")


def test_facts_without_a_label_may_be_of_any_table(tell, tmp_path):
    tell(customers=[ROW])
    assert isinstance(Facts(tmp_path).select(Facts(tmp_path).versions("customers")), pa.Table)
