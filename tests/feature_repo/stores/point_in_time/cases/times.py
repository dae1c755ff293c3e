"""How times are written: units, zones, names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
from feast.types import UnixTimestamp
from point_in_time.case import Case, View, day

ROWS = ((1, day(1), day(1), 10), (1, day(3), day(3), 30))
ENTITIES = ((1, day(2)), (1, day(3)), (1, day(4)))
EXPECTED = ((10,), (30,), (30,))


def entity_times_as(written: str) -> Case:
    return Case(
        f"entity times as {written}",
        views=(View(ROWS),),
        entities=ENTITIES,
        types={"event_timestamp": written},
        expected=EXPECTED,
    )


def feature_times_as(arrow_type: pa.DataType) -> Case:
    return Case(
        f"feature times as {arrow_type}",
        views=(View(ROWS, stored_as={"event_timestamp": arrow_type, "created_timestamp": arrow_type}),),
        entities=ENTITIES,
        expected=EXPECTED,
    )


CASES = (
    *(
        entity_times_as(written)
        for written in (
            "datetime64[ns]",
            "datetime64[us]",
            "datetime64[ms]",
            "datetime64[s]",
            "datetime64[ns, UTC]",
            "datetime64[ms, UTC]",
            "datetime64[s, UTC]",
            "datetime64[us, Europe/Berlin]",
            "datetime64[ns, America/Los_Angeles]",
        )
    ),
    *(
        feature_times_as(arrow_type)
        for arrow_type in (
            pa.timestamp("ns"),
            pa.timestamp("us"),
            pa.timestamp("ms"),
            pa.timestamp("s"),
            pa.timestamp("ns", "UTC"),
            pa.timestamp("ms", "UTC"),
            pa.timestamp("us", "Asia/Kolkata"),
        )
    ),
    Case(
        "entity times in whole seconds do not see half a second ahead",
        views=(View(((1, day(1), day(1), 10), (1, day(3, seconds=0.5), day(3), 30))),),
        entities=((1, day(3)), (1, day(3, seconds=1))),
        types={"event_timestamp": "datetime64[s, UTC]"},
        expected=((10,), (30,)),
    ),
    Case(
        "zones on both sides over the change to summer time",
        views=(
            View(
                ((1, day(91, hours=0.5), day(91), 10), (1, day(91, hours=1), day(91), 20)),
                stored_as={"event_timestamp": pa.timestamp("us", "Europe/Berlin")},
                ttl=timedelta(hours=1),
            ),
        ),
        entities=((1, day(91, hours=0.75)), (1, day(91, hours=1.25))),
        types={"event_timestamp": "datetime64[us, Europe/Berlin]"},
        expected=((10,), (20,)),
    ),
    Case(
        "event and created times in different units and zones",
        views=(
            View(
                ((1, day(1), day(2), 12), (1, day(1), day(3), 13)),
                stored_as={
                    "event_timestamp": pa.timestamp("ms", "America/New_York"),
                    "created_timestamp": pa.timestamp("ns"),
                },
            ),
        ),
        entities=((1, day(1)), (1, day(2)), (1, day(4))),
        knowledge_time=True,
        expected=((None,), (12,), (13,)),
    ),
    Case(
        "the entity table's time under another name",
        views=(View(ROWS),),
        entities=ENTITIES,
        columns=("customer", "moment"),
        types={"moment": "datetime64[us, UTC]"},
        expected=EXPECTED,
    ),
    Case(
        "the features' times under other names",
        views=(View(ROWS, times=("observed_at", "loaded_at")),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "moments before 1970 and far ahead",
        views=(View(((1, day(-25_000), day(-25_000), 10), (1, day(50_000), day(50_000), 20))),),
        entities=((1, day(-24_000)), (1, day(60_000))),
        expected=((10,), (20,)),
    ),
    Case(
        "a row without a moment sees nothing and stays",
        views=(View(ROWS),),
        entities=((1, None), (1, day(2))),
        expected=((None,), (10,)),
    ),
    Case(
        "entity times as Python datetimes of several zones",
        views=(View(ROWS),),
        entities=(
            (1, day(2).astimezone(ZoneInfo("Asia/Tokyo"))),
            (1, day(3).astimezone(ZoneInfo("America/New_York"))),
            (1, day(3, seconds=-1).astimezone(ZoneInfo("Europe/Berlin"))),
        ),
        types={"event_timestamp": "object"},
        expected=((10,), (30,), (10,)),
    ),
    Case(
        "entity times as Python datetimes without a zone",
        views=(View(ROWS),),
        entities=tuple((customer, moment.replace(tzinfo=None)) for customer, moment in ENTITIES),
        types={"event_timestamp": "object"},
        expected=EXPECTED,
    ),
    Case(
        "entity times as pandas keeps Arrow's",
        views=(View(ROWS),),
        entities=ENTITIES,
        types={"event_timestamp": "timestamp[us, tz=UTC][pyarrow]"},
        expected=EXPECTED,
    ),
    Case(
        "the created time as a feature as well",
        views=(
            View(
                ((1, day(1), day(2), day(2)), (1, day(3), day(4), day(4))),
                features={"created_timestamp": UnixTimestamp},
            ),
        ),
        entities=ENTITIES,
        expected=((day(2),), (day(4),), (day(4),)),
    ),
    Case(
        "entity times as ISO text",
        views=(View(ROWS),),
        entities=((1, "2024-01-02T00:00:00Z"), (1, "2024-01-03T09:00:00+09:00"), (1, "2024-01-02T23:59:59+00:00")),
        types={"event_timestamp": "object"},
        expected=((10,), (30,), (10,)),
    ),
    Case(
        "a row that is good from the year 9999 on, beside moments in nanoseconds",
        views=(View((*ROWS, (1, datetime(9999, 12, 31, tzinfo=UTC), day(1), 99))),),
        entities=ENTITIES,
        types={"event_timestamp": "datetime64[ns, UTC]"},
        expected=EXPECTED,
    ),
)
