"""Which row of a view an entity row sees."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pyarrow as pa
from feast.types import Float64, Int64
from point_in_time.case import US, Case, Either, View, day

NS = pd.Timedelta(1, "ns")
NANOSECONDS = {"event_timestamp": pa.timestamp("ns", "UTC"), "created_timestamp": pa.timestamp("ns", "UTC")}

CASES = (
    Case(
        "the newest row not after the moment",
        views=(View(((1, day(1), day(1), 10), (1, day(3), day(3), 30), (1, day(5), day(5), 50))),),
        entities=((1, day(2)), (1, day(3)), (1, day(4)), (1, day(9))),
        expected=((10,), (30,), (30,), (50,)),
    ),
    Case(
        "a row at the moment itself is seen, one a microsecond later is not",
        views=(View(((1, day(1), day(1), 10), (1, day(3) + US, day(3) + US, 30))),),
        entities=((1, day(3)), (1, day(3) + US)),
        expected=((10,), (30,)),
    ),
    Case(
        "a row a nanosecond later is not seen",
        views=(View(((1, day(1), day(1), 10), (1, pd.Timestamp(day(3)) + NS, day(3), 30)), stored_as=NANOSECONDS),),
        entities=((1, day(3)), (1, day(3) + US)),
        expected=((10,), (30,)),
        types={"event_timestamp": "datetime64[ns, UTC]"},
    ),
    Case(
        "before any row of its key, nulls",
        views=(View(((1, day(5), day(5), 10),)),),
        entities=((1, day(4)), (1, day(6))),
        expected=((None,), (10,)),
    ),
    Case(
        "a key that no row has, nulls",
        views=(View(((1, day(1), day(1), 10),)),),
        entities=((1, day(2)), (7, day(2))),
        expected=((10,), (None,)),
    ),
    Case(
        "exactly as old as the TTL is seen",
        views=(View(((1, day(1), day(1), 10),), ttl=timedelta(days=2)),),
        entities=((1, day(3)),),
        expected=((10,),),
    ),
    Case(
        "a microsecond older than the TTL is not seen",
        views=(View(((1, day(1), day(1), 10), (2, day(2), day(2), 20)), ttl=timedelta(days=2)),),
        entities=((1, day(3) + US), (2, day(3) + US)),
        expected=((None,), (20,)),
    ),
    Case(
        "a TTL of parts of a second counts",
        views=(View(((1, day(1), day(1), 10),), ttl=timedelta(milliseconds=1500)),),
        entities=((1, day(1, seconds=1.5)), (1, day(1, seconds=1.500001))),
        expected=((10,), (None,)),
    ),
    Case(
        "a TTL of a day and a half counts",
        views=(View(((1, day(1), day(1), 10),), ttl=timedelta(days=1, hours=12)),),
        entities=((1, day(2, hours=12)), (1, day(2, hours=12) + US)),
        expected=((10,), (None,)),
    ),
    Case(
        "without a TTL a row is good for ever",
        views=(View(((1, day(1), day(1), 10),)),),
        entities=((1, day(9999)),),
        expected=((10,),),
    ),
    Case(
        "a TTL of zero is no TTL",
        views=(View(((1, day(1), day(1), 10),), ttl=timedelta(0)),),
        entities=((1, day(1)), (1, day(300))),
        expected=((10,), (10,)),
    ),
    Case(
        "at equal event times the later created one",
        views=(
            View(((1, day(1), day(3), 13), (1, day(1), day(2), 12), (2, day(1), day(2), 22), (2, day(1), day(3), 23))),
        ),
        entities=((1, day(4)), (2, day(4))),
        expected=((13,), (23,)),
    ),
    Case(
        "at equal event times the later created one, among many rows",
        views=(
            View(
                tuple(
                    (customer, day(1 + at), day(1 + at, hours=version), 100 * at + version)
                    for at in (2, 0, 1)
                    for version in (3, 1, 5, 2, 4)
                    for customer in range(1, 41)
                )
            ),
        ),
        entities=tuple((customer, day(1 + at, hours=12)) for customer in range(1, 41) for at in range(3)),
        expected=tuple((100 * at + 5,) for _ in range(40) for at in range(3)),
    ),
    Case(
        "a newer event wins over a later created one",
        views=(View(((1, day(1), day(9), 19), (1, day(2), day(2), 22))),),
        entities=((1, day(10)),),
        expected=((22,),),
    ),
    Case(
        "at equal event and created times one whole row, not parts of two",
        views=(
            View(
                ((1, day(1), day(1), 10, None), (1, day(1), day(1), None, 2.0)),
                features={"balance": Int64, "rate": Float64},
            ),
        ),
        entities=((1, day(2)),),
        expected=(Either(((10, None), (None, 2.0))),),
    ),
    Case(
        "at equal event times without created times, one of them, once",
        views=(View(((1, day(1), 10), (1, day(1), 11)), has_created=False),),
        entities=((1, day(2)),),
        expected=(Either(((10,), (11,))),),
    ),
    Case(
        "a null created time gives way to a known one",
        views=(View(((1, day(1), None, 10), (1, day(1), day(1), 11), (2, day(1), None, 20))),),
        entities=((1, day(2)), (2, day(2))),
        expected=((11,), (20,)),
    ),
    Case(
        "a row without an event time is never seen",
        views=(View(((1, None, day(1), 10), (1, day(1), day(1), 11), (2, None, day(1), 20))),),
        entities=((1, day(2)), (2, day(2))),
        expected=((11,), (None,)),
    ),
    Case(
        "a null value of the newest row stays null",
        views=(
            View(
                ((1, day(1), day(1), 10, 1.5), (1, day(2), day(2), None, 2.5)),
                features={"balance": Int64, "rate": Float64},
            ),
        ),
        entities=((1, day(1)), (1, day(3))),
        expected=((10, 1.5), (None, 2.5)),
    ),
    Case(
        "a newest row of nulls alone is not skipped for an older one",
        views=(View(((1, day(1), day(1), 10), (1, day(2), day(2), None))),),
        entities=((1, day(1)), (1, day(3))),
        expected=((10,), (None,)),
    ),
    Case(
        "a backfilled row is seen where knowledge time is not asked for",
        views=(View(((1, day(1), day(1), 10), (1, day(2), day(30), 20))),),
        entities=((1, day(3)),),
        expected=((20,),),
    ),
    Case(
        "by knowledge time, only what was known at the moment",
        views=(View(((1, day(1), day(1, hours=3), 10), (1, day(2), day(2, hours=3), 20))),),
        entities=((1, day(1)), (1, day(2)), (1, day(2, hours=3)), (2, day(9))),
        expected=((None,), (10,), (20,), (None,)),
        knowledge_time=True,
    ),
    Case(
        "by knowledge time, a row known a microsecond later is not seen",
        views=(View(((1, day(1), day(2) + US, 10),)),),
        entities=((1, day(2)), (1, day(2) + US)),
        expected=((None,), (10,)),
        knowledge_time=True,
    ),
    Case(
        "by knowledge time, a late row falls back to the older one, and a correction to what it corrects",
        views=(
            View(
                (
                    (1, day(1), day(1), 10),
                    (1, day(2), day(2), 20),
                    (1, day(2), day(5), 25),
                    (1, day(3), day(7), 30),
                )
            ),
        ),
        entities=((1, day(4)), (1, day(5)), (1, day(6)), (1, day(7))),
        expected=((20,), (25,), (25,), (30,)),
        knowledge_time=True,
    ),
    Case(
        "by knowledge time, what is known falls out of the TTL as well",
        views=(View(((1, day(1), day(1), 10), (1, day(3), day(9), 30)), ttl=timedelta(days=2)),),
        entities=((1, day(3)), (1, day(4)), (1, day(9))),
        expected=((10,), (None,), (None,)),
        knowledge_time=True,
    ),
    Case(
        "by knowledge time, a row known before it happened waits for its event time",
        views=(View(((1, day(5), day(1), 50), (1, day(1), day(1), 10))),),
        entities=((1, day(4)), (1, day(5))),
        expected=((10,), (50,)),
        knowledge_time=True,
    ),
    Case(
        "by knowledge time, a row without a created time is never seen",
        views=(View(((1, day(1), day(1), 10), (1, day(2), None, 20))),),
        entities=((1, day(3)),),
        expected=((10,),),
        knowledge_time=True,
    ),
    Case(
        "by knowledge time, a view without created times is as before",
        views=(View(((1, day(1), 10), (1, day(2), 20)), has_created=False),),
        entities=((1, day(1)), (1, day(3))),
        expected=((10,), (20,)),
        knowledge_time=True,
    ),
)
