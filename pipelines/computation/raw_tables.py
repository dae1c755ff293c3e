"""The raw tables as the transforms take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis

from pipelines.raw.contracts import RawTable


@dataclass(frozen=True)
class RawTables:
    """Every version of every raw fact, by the name of its table, with the columns of its contract.

    A further column `known_on`, the date of becoming known that the files are partitioned by, spares reading files.
    """

    tables: Mapping[str, ibis.Table]

    def __getitem__(self, table: RawTable) -> ibis.Table:
        """The rows of a table."""
        return self.tables[table.name]
