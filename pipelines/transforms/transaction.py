"""Each transaction, and how it compares with those of its account before it, as known when it became known."""

from __future__ import annotations

import pyarrow as pa

from feature_repo.views.transaction import EVENTS, VIEW
from pipelines.computation.days import Days
from pipelines.computation.event_rows import event_rows
from pipelines.computation.raw_tables import RawTables
from pipelines.raw.tables.ledger import TRANSACTIONS
from pipelines.view_pipeline import ViewPipeline


def rows(raw: RawTables, days: Days) -> pa.Table:
    """A row for each version of a transaction that became known on these days."""
    return event_rows(EVENTS, TRANSACTIONS, raw[TRANSACTIONS], days)


PIPELINE = ViewPipeline(VIEW, reads=(TRANSACTIONS,), transform=rows)
