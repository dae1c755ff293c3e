"""Which rows belong to an entity row: join keys of one or more columns."""

from __future__ import annotations

import pyarrow as pa
from feast.types import Int32, Int64, String
from point_in_time.case import Asked, Case, View, day

PAIR = {"customer": Int64, "property": Int64}
LARGE = 2**53

CASES = (
    Case(
        "composite keys that read alike stay apart",
        views=(View(((1, 23, day(1), day(1), 10), (12, 3, day(1), day(1), 20)), keys=PAIR),),
        entities=((1, 23, day(2)), (12, 3, day(2)), (123, 0, day(2))),
        columns=("customer", "property", "event_timestamp"),
        expected=((10,), (20,), (None,)),
    ),
    Case(
        "composite keys of strings that read alike stay apart",
        views=(
            View(
                (("a_b", "c", day(1), day(1), 10), ("a", "b_c", day(1), day(1), 20), ("", "a_b_c", day(1), day(1), 30)),
                keys={"agent": String, "office": String},
            ),
        ),
        entities=(("a_b", "c", day(2)), ("a", "b_c", day(2)), ("", "a_b_c", day(2)), ("a_b_c", "", day(2))),
        columns=("agent", "office", "event_timestamp"),
        expected=((10,), (20,), (30,), (None,)),
    ),
    Case(
        "composite keys in another order of columns",
        views=(View(((1, 2, day(1), day(1), 12), (2, 1, day(1), day(1), 21)), keys=PAIR),),
        entities=((day(2), 2, 1), (day(2), 1, 2)),
        columns=("event_timestamp", "property", "customer"),
        expected=((12,), (21,)),
    ),
    Case(
        "a key of a string and a number",
        views=(
            View(
                ((1, "1", day(1), day(1), 10), (1, "x", day(1), day(1), 20)),
                keys={"customer": Int64, "channel": String},
            ),
        ),
        entities=((1, "1", day(2)), (1, "x", day(2)), (1, "X", day(2))),
        columns=("customer", "channel", "event_timestamp"),
        expected=((10,), (20,), (None,)),
    ),
    Case(
        "string keys keep blanks, case and accents",
        views=(
            View(
                (
                    ("é", day(1), day(1), 1),
                    (" a", day(1), day(1), 2),
                    ("a", day(1), day(1), 3),
                    ("", day(1), day(1), 4),
                ),
                keys={"agent": String},
            ),
        ),
        entities=(("a", day(2)), (" a", day(2)), ("é", day(2)), ("", day(2)), ("A", day(2))),
        columns=("agent", "event_timestamp"),
        expected=((3,), (2,), (1,), (4,), (None,)),
    ),
    Case(
        "a null key matches nothing, not even a null key",
        views=(View(((None, day(1), day(1), 99), (1, day(1), day(1), 10))),),
        entities=((None, day(2)), (1, day(2)), (None, day(2))),
        types={"customer": "Int64"},
        expected=((None,), (10,), (None,)),
    ),
    Case(
        "null keys as pandas keeps them in floats",
        views=(View(((1, day(1), day(1), 10),)),),
        entities=((1, day(2)), (None, day(2))),
        types={"customer": "float64"},
        expected=((10,), (None,)),
    ),
    Case(
        "a null string key matches nothing",
        views=(View(((None, day(1), day(1), 99), ("a", day(1), day(1), 10)), keys={"agent": String}),),
        entities=((None, day(2)), ("a", day(2))),
        columns=("agent", "event_timestamp"),
        expected=((None,), (10,)),
    ),
    Case(
        "a composite key with one null part matches nothing",
        views=(View(((1, None, day(1), day(1), 99), (1, 2, day(1), day(1), 12)), keys=PAIR),),
        entities=((1, None, day(2)), (1, 2, day(2)), (None, 2, day(2))),
        columns=("customer", "property", "event_timestamp"),
        types={"customer": "Int64", "property": "Int64"},
        expected=((None,), (12,), (None,)),
    ),
    Case(
        "all keys null",
        views=(View(((1, day(1), day(1), 10),)),),
        entities=((None, day(2)), (None, day(2))),
        types={"customer": "Int64"},
        expected=((None,), (None,)),
    ),
    Case(
        "all keys null, in a column of no type",
        views=(View(((1, day(1), day(1), 10),)),),
        entities=((None, day(2)),),
        types={"customer": "object"},
        expected=((None,),),
    ),
    Case(
        "keys beyond 2^53 stay apart",
        views=(View(((LARGE, day(1), day(1), 10), (LARGE + 1, day(1), day(1), 20))),),
        entities=((LARGE + 1, day(2)), (LARGE, day(2)), (LARGE + 2, day(2))),
        expected=((20,), (10,), (None,)),
    ),
    Case(
        "keys beyond 2^53 stay apart beside a null key",
        views=(View(((LARGE, day(1), day(1), 10), (LARGE + 1, day(1), day(1), 20))),),
        entities=((LARGE + 1, day(2)), (None, day(2)), (LARGE, day(2))),
        types={"customer": "Int64"},
        expected=((20,), (None,), (10,)),
    ),
    Case(
        "keys of unsigned 64 bits on both sides",
        views=(View(((5, day(1), day(1), 10),), stored_as={"customer": pa.uint64()}),),
        entities=((5, day(2)), (2**63 + 5, day(2))),
        types={"customer": "uint64"},
        expected=((10,), (None,)),
    ),
    Case(
        "negative keys and zero",
        views=(View(((-1, day(1), day(1), 10), (0, day(1), day(1), 20), (1, day(1), day(1), 30))),),
        entities=((0, day(2)), (-1, day(2))),
        expected=((20,), (10,)),
    ),
    Case(
        "keys narrower in the file than in the entity table",
        views=(View(((1, day(1), day(1), 10),), stored_as={"customer": pa.int32()}),),
        entities=((1, day(2)), (2**40, day(2))),
        expected=((10,), (None,)),
    ),
    Case(
        "keys narrower in the entity table than in the file",
        views=(View(((1, day(1), day(1), 10), (2**40, day(1), day(1), 99))),),
        entities=((1, day(2)),),
        types={"customer": "int16"},
        expected=((10,),),
    ),
    Case(
        "32-bit keys",
        views=(View(((1, day(1), day(1), 10),), keys={"customer": Int32}),),
        entities=((1, day(2)), (2, day(2))),
        types={"customer": "int32"},
        expected=((10,), (None,)),
    ),
    Case(
        "string keys as a pandas category, dictionary-encoded in the file",
        views=(
            View(
                (("a", day(1), day(1), 10), ("b", day(1), day(1), 20)),
                keys={"agent": String},
                stored_as={"agent": pa.dictionary(pa.int32(), pa.string())},
            ),
        ),
        entities=(("b", day(2)), ("z", day(2)), ("a", day(2))),
        columns=("agent", "event_timestamp"),
        types={"agent": "category"},
        expected=((20,), (None,), (10,)),
    ),
    Case(
        "string keys as the file's large strings",
        views=(View((("a", day(1), day(1), 10),), keys={"agent": String}, stored_as={"agent": pa.large_string()}),),
        entities=(("a", day(2)),),
        columns=("agent", "event_timestamp"),
        types={"agent": "string"},
        expected=((10,),),
    ),
    Case(
        "one entity twice under two names",
        views=(View(((1, day(1), day(1), 10), (2, day(1), day(1), 20), (2, day(3), day(3), 23))),),
        entities=((1, 2, day(2)), (2, 1, day(4)), (2, 2, day(4)), (1, 9, day(2))),
        columns=("buyer", "seller", "event_timestamp"),
        asked=(
            Asked("account", ("balance",), name="bought", join_keys={"customer": "buyer"}),
            Asked("account", ("balance",), name="sold", join_keys={"customer": "seller"}),
        ),
        full_names=True,
        expected=((10, 20), (23, 10), (23, 23), (10, None)),
    ),
    Case(
        "one key of two under another name",
        views=(View(((1, 5, day(1), day(1), 15), (2, 5, day(1), day(1), 25)), keys=PAIR),),
        entities=((2, 5, day(2)), (1, 5, day(2))),
        columns=("owner", "property", "event_timestamp"),
        asked=(Asked("account", ("balance",), name="owned", join_keys={"customer": "owner"}),),
        expected=((25,), (15,)),
    ),
    Case(
        "two keys that change their names with each other",
        views=(View(((1, 2, day(1), day(1), 12), (2, 1, day(1), day(1), 21)), keys=PAIR),),
        entities=((2, 1, day(2)), (1, 2, day(2)), (1, 1, day(2))),
        columns=("customer", "property", "event_timestamp"),
        asked=(Asked("account", ("balance",), join_keys={"customer": "property", "property": "customer"}),),
        expected=((12,), (21,), (None,)),
    ),
    Case(
        "integer keys as Python objects",
        views=(View(((2**53 + 1, day(1), day(1), 10), (2**53, day(1), day(1), 20))),),
        entities=((2**53 + 1, day(2)), (2**53, day(2))),
        types={"customer": "object"},
        expected=((10,), (20,)),
    ),
    Case(
        "a view without entities is the same for every row",
        views=(View(((day(1), day(1), 5), (day(3), day(3), 7)), name="economy", keys={}, features={"rate": Int64}),),
        entities=((1, day(2)), (2, day(4))),
        expected=((5,), (7,)),
    ),
)
