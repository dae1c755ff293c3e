"""What people bring: entity tables of every make, returned row for row."""

from __future__ import annotations

from decimal import Decimal

from point_in_time.case import Case, View, day

ACCOUNT = View(((1, day(1), day(1), 10), (1, day(3), day(3), 30), (2, day(2), day(2), 20)))

CASES = (
    Case(
        "rows come back in their order",
        views=(ACCOUNT,),
        entities=((1, day(4)), (2, day(2)), (1, day(1)), (2, day(9)), (3, day(5)), (1, day(2)), (2, day(3))),
        expected=((30,), (20,), (10,), (20,), (None,), (10,), (20,)),
        in_order=True,
    ),
    Case(
        "three hundred rows come back in their order",
        views=(
            View(
                tuple(
                    (customer, day(number), day(number), 100 * customer + number)
                    for customer in range(50)
                    for number in range(1, 31)
                )
            ),
        ),
        entities=tuple((at * 7 % 50, day(31, seconds=-at)) for at in range(300)),
        expected=tuple((at * 7 % 50 * 100 + 30,) for at in range(300)),
        in_order=True,
    ),
    Case(
        "duplicate rows are all returned",
        views=(ACCOUNT,),
        entities=((1, day(2)), (1, day(2)), (9, day(2)), (1, day(2)), (9, day(2))),
        expected=((10,), (10,), (None,), (10,), (None,)),
    ),
    Case(
        "rows alike but for a label keep each its own",
        views=(ACCOUNT,),
        entities=((1, day(2), "a"), (1, day(2), "b"), (1, day(2), None)),
        columns=("customer", "event_timestamp", "label"),
        expected=((10,), (10,), (10,)),
    ),
    Case(
        "columns of their own come back unchanged",
        views=(ACCOUNT,),
        entities=(
            (1, day(2), 2**53 + 1, 0.1, "x", True, day(9), [1, 2]),
            (7, day(2), None, None, None, None, None, None),
        ),
        columns=("customer", "event_timestamp", "count", "rate", "kind", "sold", "signed_at", "rooms"),
        types={"count": "Int64", "sold": "boolean", "signed_at": "datetime64[us, UTC]"},
        expected=((10,), (None,)),
    ),
    Case(
        "a column of decimals and nulls of their own",
        views=(ACCOUNT,),
        entities=((1, day(2), Decimal("1.10")), (7, day(2), None)),
        columns=("customer", "event_timestamp", "price"),
        expected=((10,), (None,)),
    ),
    Case(
        "a column named as a feature that was not asked for comes back unchanged",
        views=(View(((1, day(1), day(1), 10),), undeclared={"label": 99, "row": 99, "moment": 99}),),
        entities=((1, day(2), 1, 5), (2, day(2), 0, 6)),
        columns=("customer", "event_timestamp", "label", "row"),
        expected=((10,), (None,)),
    ),
    Case(
        "columns named as the features' times come back unchanged",
        views=(ACCOUNT,),
        entities=((1, day(2), day(7)), (1, day(4), day(8))),
        columns=("customer", "event_timestamp", "created_timestamp"),
        types={"created_timestamp": "datetime64[us, UTC]"},
        expected=((10,), (30,)),
    ),
    Case(
        "a moment of its own name beside a column named as the features' time",
        views=(View(ACCOUNT.rows, times=("observed_at", "created_timestamp")),),
        entities=((1, day(2), 1), (1, day(4), 2)),
        columns=("customer", "moment", "observed_at"),
        types={"moment": "datetime64[us, UTC]"},
        expected=((10,), (30,)),
    ),
    Case(
        "an index that is not 0, 1, 2",
        views=(ACCOUNT,),
        entities=((1, day(2)), (1, day(4)), (2, day(4))),
        index=(7, 7, -1),
        expected=((10,), (30,), (20,)),
        in_order=True,
    ),
    Case(
        "an empty entity table",
        views=(ACCOUNT,),
        entities=(),
        types={"customer": "int64"},
        expected=(),
    ),
    Case(
        "columns in any order",
        views=(ACCOUNT,),
        entities=(("a", day(2), 1), ("b", day(4), 2)),
        columns=("label", "event_timestamp", "customer"),
        expected=((10,), (20,)),
    ),
    Case(
        "an Arrow table",
        views=(ACCOUNT,),
        entities=((1, day(2)), (2, day(4)), (3, day(4))),
        given="arrow",
        expected=((10,), (20,), (None,)),
    ),
    Case(
        "a SQL query",
        views=(ACCOUNT,),
        entities=((1, day(2), "a"), (2, day(4), "b"), (3, day(4), "c")),
        columns=("customer", "event_timestamp", "label"),
        given="sql",
        sql="""
            SELECT * FROM (VALUES
                (1, TIMESTAMP '2024-01-02 00:00:00', 'a'),
                (2, TIMESTAMP '2024-01-04 00:00:00', 'b'),
                (3, TIMESTAMP '2024-01-04 00:00:00', 'c')
            ) AS rows(customer, event_timestamp, label)
        """,
        expected=((10,), (20,), (None,)),
    ),
)
