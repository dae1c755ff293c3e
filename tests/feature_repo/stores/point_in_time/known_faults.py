"""What stock Feast 0.67 is known to do instead. A fault that is gone, or has become another one, fails the tests."""

from __future__ import annotations

from dataclasses import dataclass

from point_in_time.stores import DASK, DUCKDB, Store
from point_in_time.verdict import Wrong


@dataclass(frozen=True)
class Fault:
    """The way in which a store goes wrong, and what happens, in a few words."""

    wrong: Wrong
    what: str

    def __str__(self) -> str:
        return f"{self.wrong}: {self.what}"


def fault_of(store: Store, promise: str) -> Fault | None:
    """The known fault of a store in keeping a promise, named by its sentence."""
    return FAULTS.get(store, {}).get(promise)


_LOST = Fault(Wrong.LOSES, "an entity row whose key has rows, but none in time, is lost")
_DEDUPLICATED = Fault(Wrong.LOSES, "of entity rows alike in key and time one is left")
_NULLS_MATCH = Fault(Wrong.VALUES, "a null key matches a null key")
_ORDER = Fault(Wrong.ORDER, "the rows come back in the order of the join")
_TIES = Fault(Wrong.VALUES, "sorts by created time and then, unstably, by event time: any of the versions")
_TO_DATETIME = Fault(Wrong.RAISES, "AttributeError: `to_pydatetime`")
_INTEGERS = Fault(Wrong.RAISES, "ValueError: joins integers with integers only")
_ROUNDED = Fault(Wrong.VALUES, "rounds them: integers beside nulls become floats")
_NO_DATES = Fault(Wrong.RAISES, "TypeError: takes no `start_date`")
_ARROW = Fault(Wrong.RAISES, "takes pandas alone")
_SQL = Fault(Wrong.RAISES, "takes no query")

FAULTS: dict[Store, dict[str, Fault]] = {
    DUCKDB: {
        "a row a nanosecond later is not seen": Fault(Wrong.VALUES, "compares microseconds: sees what is yet to come"),
        "a TTL of a day and a half counts": Fault(Wrong.RAISES, "ValueError: a TTL of days and of hours is too much"),
        "entity times as pandas keeps Arrow's": _TO_DATETIME,
        "features whose names end in _y, _x or _right": Fault(Wrong.RAISES, "drops every column that ends in `_y`"),
        "features named as a join may name its own columns": Fault(Wrong.RAISES, "drops the feature `rn`"),
        "entity columns named as a join may name its own columns": Fault(
            Wrong.COLUMNS, "the entity column `entity_row_id` is lost"
        ),
        "features whose names differ in case alone": Fault(Wrong.RAISES, "finds one of them only"),
        "three hundred rows come back in their order": _ORDER,
        "a column of decimals and nulls of their own": Fault(Wrong.RAISES, "TypeError: no null among decimals"),
        "an Arrow table": _ARROW,
        "a SQL query": _SQL,
        "a feature under another name, which another column has in the file": Fault(
            Wrong.VALUES, "returns that other column"
        ),
        "a path that counts from the feature repo": Fault(Wrong.RAISES, "counts from the working directory"),
        "files from before a feature was thought of": Fault(Wrong.RAISES, "all files must have one schema"),
        "without an entity table, each entity as it stands at the end date": _NO_DATES,
        "without an entity table, no entity that is beyond the TTL at the end date": _NO_DATES,
        "without an entity table, no entity whose rows all lie outside the dates": _NO_DATES,
    },
    DASK: {
        "before any row of its key, nulls": _LOST,
        "a microsecond older than the TTL is not seen": _LOST,
        "a TTL of parts of a second counts": _LOST,
        "a TTL of a day and a half counts": _LOST,
        "at equal event times the later created one, among many rows": _TIES,
        "at equal event times the later created one, whichever file holds it": _TIES,
        "a row without an event time is never seen": Fault(Wrong.VALUES, "is seen where there is no other"),
        "by knowledge time, what is known falls out of the TTL as well": _LOST,
        "a null key matches nothing, not even a null key": _DEDUPLICATED,
        "a null string key matches nothing": _NULLS_MATCH,
        "a composite key with one null part matches nothing": _NULLS_MATCH,
        "all keys null": _DEDUPLICATED,
        "one entity twice under two names": Fault(
            Wrong.LOSES, "of entity rows alike in the first name's key and in time one is left"
        ),
        "a row without a moment sees nothing and stays": Fault(Wrong.LOSES, "the row is lost"),
        "entity times as Python datetimes of several zones": _TO_DATETIME,
        "entity times as pandas keeps Arrow's": _TO_DATETIME,
        "all keys null, in a column of no type": _INTEGERS,
        "integer keys as Python objects": _INTEGERS,
        "entity times as ISO text": Fault(Wrong.RAISES, "AttributeError: `tzinfo`"),
        "integers beyond 2^53, with nulls beside them": _ROUNDED,
        "rows come back in their order": _ORDER,
        "three hundred rows come back in their order": _ORDER,
        "duplicate rows are all returned": _DEDUPLICATED,
        "rows alike but for a label keep each its own": _DEDUPLICATED,
        "columns named as the features' times come back unchanged": Fault(
            Wrong.COLUMNS, "renames one to `created_timestamp__`"
        ),
        "a moment of its own name beside a column named as the features' time": Fault(
            Wrong.RAISES, "takes the entity column for the features' time"
        ),
        "an index that is not 0, 1, 2": _ORDER,
        "an Arrow table": _ARROW,
        "a SQL query": _SQL,
        "as Arrow, the columns that were asked for and no other": Fault(Wrong.COLUMNS, "adds `__index_level_0__`"),
        "a Hive-partitioned folder by knowledge time within a TTL": _LOST,
        "a feature under another name, which another column has in the file": Fault(
            Wrong.RAISES, "ValueError: duplicate column names"
        ),
        "files from before a feature was thought of": Fault(Wrong.RAISES, "KeyError: the first file must have it"),
        "views of one key with different TTLs": _LOST,
        "rows alike in the key of one view and not of the other": Fault(
            Wrong.LOSES, "of entity rows alike in the first view's key and in time one is left"
        ),
        "six views of one key": _LOST,
        "without an entity table, no entity whose rows all lie outside the dates": Fault(
            Wrong.ADDS, "the start date is not heeded"
        ),
        "at equal event times the later created one, of each of forty keys": _TIES,
        "integers beyond 2^53 beside nulls": _ROUNDED,
    },
}
