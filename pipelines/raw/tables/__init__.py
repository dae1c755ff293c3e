"""The raw tables, one domain a file."""

from __future__ import annotations

from feature_repo.catalogues import Catalogue
from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.homes import CUSTOMERS, DEALS, ENGAGEMENT, MACRO, PROPERTIES, REGION_MARKET
from pipelines.raw.tables.ledger import ACCOUNTS, TRANSACTION_LABELS, TRANSACTIONS

TABLES = Catalogue(
    "TABLES",
    (
        *(CUSTOMERS, PROPERTIES, DEALS, ENGAGEMENT, REGION_MARKET, MACRO),
        *(ACCOUNTS, TRANSACTIONS, TRANSACTION_LABELS),
    ),
    RawTable,
)


def table(name: str) -> RawTable:
    """The raw table of that name."""
    return TABLES.named(name)
