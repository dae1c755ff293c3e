"""The latest rows, and all rows, of a span of time."""

from __future__ import annotations

import pyarrow as pa
from feast.types import Int64, String
from point_in_time.case import US, View, day
from point_in_time.pull import Pull

ROWS = (
    (2, day(2), day(2), 22),
    (1, day(5), day(5), 15),
    (1, day(1), day(1), 11),
    (2, day(4), day(4), None),
    (1, day(3), day(3), 13),
)

PULLS = (
    Pull(
        "the latest row of each key within the span",
        "latest",
        View(ROWS),
        day(1),
        day(4),
        ((1, day(3), day(3), 13), (2, day(4), day(4), None)),
    ),
    Pull(
        "both ends belong to the span",
        "latest",
        View(
            (
                (1, day(2), day(2), 12),
                (2, day(4), day(4), 24),
                (3, day(2) - US, day(2), 31),
                (4, day(4) + US, day(4), 42),
            )
        ),
        day(2),
        day(4),
        ((1, day(2), day(2), 12), (2, day(4), day(4), 24)),
    ),
    Pull(
        "at equal event times the later created one, of each of forty keys",
        "latest",
        View(tuple((key, day(1), day(version), version) for version in (2, 5, 1, 4, 3) for key in range(40))),
        day(1),
        day(2),
        tuple((key, day(1), day(5), 5) for key in range(40)),
    ),
    Pull(
        "a row created after the span counts all the same",
        "latest",
        View(((1, day(1), day(9), 19), (1, day(2), day(8), 28))),
        day(1),
        day(2),
        ((1, day(2), day(8), 28),),
    ),
    Pull(
        "the latest without created times",
        "latest",
        View(((1, day(1), 11), (1, day(2), 12), (2, day(1), 21)), has_created=False),
        day(1),
        day(2),
        ((1, day(2), 12), (2, day(1), 21)),
    ),
    Pull(
        "the latest of composite keys that read alike",
        "latest",
        View(
            ((1, 23, day(1), day(1), 10), (12, 3, day(2), day(2), 20), (1, 23, day(3), day(3), 30)),
            keys={"customer": Int64, "property": Int64},
        ),
        day(1),
        day(3),
        ((1, 23, day(3), day(3), 30), (12, 3, day(2), day(2), 20)),
    ),
    Pull(
        "the latest of string keys, over several files",
        "latest",
        View(
            (("a", day(3), day(3), 3), ("b", day(1), day(1), 1), ("a", day(2), day(2), 2), ("é", day(2), day(2), 4)),
            keys={"agent": String},
            layout="files",
        ),
        day(1),
        day(3),
        (("a", day(3), day(3), 3), ("b", day(1), day(1), 1), ("é", day(2), day(2), 4)),
    ),
    Pull(
        "the latest of a Hive-partitioned folder",
        "latest",
        View(ROWS, layout="hive folder"),
        day(2),
        day(5),
        ((1, day(5), day(5), 15), (2, day(4), day(4), None)),
    ),
    Pull(
        "integers beyond 2^53 beside nulls",
        "latest",
        View(((2**53 + 1, day(1), day(1), 2**53 + 1), (2**53, day(1), day(1), None))),
        day(1),
        day(2),
        ((2**53 + 1, day(1), day(1), 2**53 + 1), (2**53, day(1), day(1), None)),
    ),
    Pull(
        "the latest of naive times in nanoseconds",
        "latest",
        View(
            ((1, day(1), day(1), 11), (1, day(2), day(2), 12)),
            stored_as={"event_timestamp": pa.timestamp("ns"), "created_timestamp": pa.timestamp("ns")},
        ),
        day(1),
        day(2) - US,
        ((1, day(1), day(1), 11),),
    ),
    Pull("the latest of an empty file", "latest", View(()), day(1), day(9), ()),
    Pull("the latest where no row is in the span", "latest", View(ROWS), day(8), day(9), ()),
    Pull(
        "all rows of the span, both ends included",
        "all",
        View(ROWS),
        day(2),
        day(4),
        ((2, day(2), day(2), 22), (2, day(4), day(4), None), (1, day(3), day(3), 13)),
    ),
    Pull(
        "all versions of a row",
        "all",
        View(((1, day(1), day(1), 10), (1, day(1), day(2), 11), (1, day(1), day(2), 11))),
        day(1),
        day(1),
        ((1, day(1), day(1), 10), (1, day(1), day(2), 11), (1, day(1), day(2), 11)),
    ),
)
