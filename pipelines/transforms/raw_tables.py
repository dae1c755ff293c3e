"""The raw tables as the transforms take them."""

from __future__ import annotations

from dataclasses import dataclass

import ibis


@dataclass(frozen=True)
class RawTables:
    """Every version of every raw fact, with the columns of pipelines.raw.contracts.

    A further column `known_on`, the date of becoming known that the files are partitioned by, spares reading files.
    """

    customers: ibis.Table
    properties: ibis.Table
    deals: ibis.Table
    engagement: ibis.Table
    region_market: ibis.Table
    macro: ibis.Table
