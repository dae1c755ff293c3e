"""How feature rows lie in files changes nothing."""

from __future__ import annotations

from datetime import timedelta

from feast.types import Int64
from point_in_time.case import Case, View, day

SHUFFLED = (
    (2, day(2), day(2), 22),
    (1, day(5), day(5), 15),
    (1, day(1), day(1), 11),
    (2, day(4), day(4), 24),
    (1, day(3), day(3), 13),
    (2, day(1), day(1), 21),
)
ENTITIES = ((1, day(2)), (2, day(3)), (1, day(4)), (1, day(9)), (2, day(9)))
EXPECTED = ((11,), (22,), (13,), (15,), (24,))


CASES = (
    Case("rows in no order", views=(View(SHUFFLED),), entities=ENTITIES, expected=EXPECTED),
    Case("several row groups", views=(View(SHUFFLED, layout="row groups"),), entities=ENTITIES, expected=EXPECTED),
    Case(
        "times of 96 bits, as Spark wrote them",
        views=(View(SHUFFLED, layout="times of 96 bits", ttl=timedelta(days=30)),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a file without statistics",
        views=(View(SHUFFLED, layout="no statistics", ttl=timedelta(days=30)),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a folder of files, one of them without rows",
        views=(View(SHUFFLED, layout="files, one of them empty"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a folder of files, the newest rows in the first",
        views=(View(SHUFFLED, layout="files"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "as Arrow, the columns that were asked for and no other",
        views=(View(SHUFFLED, layout="files"),),
        entities=ENTITIES,
        expected=EXPECTED,
        no_index=True,
    ),
    Case(
        "at equal event times the later created one, whichever file holds it",
        views=(
            View(
                tuple(
                    (customer, day(1), day(version), 10 * customer + version)
                    for version in (2, 3, 1)
                    for customer in range(1, 21)
                ),
                layout="files",
            ),
        ),
        entities=tuple((customer, day(9)) for customer in range(1, 21)),
        expected=tuple((10 * customer + 3,) for customer in range(1, 21)),
    ),
    Case(
        "a Hive-partitioned folder", views=(View(SHUFFLED, layout="hive folder"),), entities=ENTITIES, expected=EXPECTED
    ),
    Case(
        "a pattern over a Hive-partitioned folder",
        views=(View(SHUFFLED, layout="hive pattern"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a Hive-partitioned folder by knowledge time within a TTL",
        views=(View(SHUFFLED, layout="hive folder", ttl=timedelta(days=2)),),
        entities=((1, day(3)), (1, day(4)), (1, day(7)), (1, day(8)), (2, day(6))),
        knowledge_time=True,
        expected=((13,), (13,), (15,), (None,), (24,)),
    ),
    Case(
        "an empty file",
        views=(View(()),),
        entities=((1, day(2)), (2, day(3))),
        expected=((None,), (None,)),
    ),
    Case(
        "an empty file and a TTL, by knowledge time",
        views=(View((), ttl=timedelta(days=1)),),
        entities=((1, day(2)),),
        knowledge_time=True,
        expected=((None,),),
    ),
    Case(
        "columns that no view declares",
        views=(View(SHUFFLED, undeclared={"note": "x", "balance_old": 9, "event_time": 1}),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "features under other names in the file",
        views=(View(SHUFFLED, mapped={"BAL": "balance"}),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "the key under another name in the file",
        views=(View(SHUFFLED, mapped={"cust_no": "customer"}),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a feature under another name, which another column has in the file",
        views=(View(SHUFFLED, mapped={"BAL": "balance"}, undeclared={"balance": 99}),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a path of blanks, quotes and signs",
        views=(View(SHUFFLED, layout="odd path"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "a path that counts from the feature repo",
        views=(View(SHUFFLED, layout="relative path"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "files whose columns stand in different orders",
        views=(View(SHUFFLED, layout="files of two column orders"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
    Case(
        "files from before a feature was thought of",
        views=(
            View(
                ((1, day(1), day(1), 11, None), (2, day(2), day(2), 22, None), (1, day(3), day(3), 13, 3)),
                features={"balance": Int64, "score": Int64},
                layout="files of two schemas",
            ),
        ),
        entities=((1, day(2)), (1, day(4)), (2, day(4))),
        expected=((11, None), (13, 3), (22, None)),
    ),
    Case(
        "a key that stands in the folders' names alone",
        views=(View(SHUFFLED, layout="hive by key"),),
        entities=ENTITIES,
        expected=EXPECTED,
    ),
)
