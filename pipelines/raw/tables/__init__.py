"""The raw tables, one domain a file."""

from __future__ import annotations

from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.homes import CUSTOMERS, DEALS, ENGAGEMENT, MACRO, PROPERTIES, REGION_MARKET

TABLES: tuple[RawTable, ...] = (CUSTOMERS, PROPERTIES, DEALS, ENGAGEMENT, REGION_MARKET, MACRO)


def table(name: str) -> RawTable:
    """The raw table of that name."""
    return next(each for each in TABLES if each.name == name)
