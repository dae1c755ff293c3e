"""Several views at once, on-demand views, and questions without an entity table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from feast.types import Float64, Int64, String
from point_in_time.case import Asked, Case, OnDemand, View, day

BALANCES = ((1, day(1), day(1), 10), (1, day(3), day(3), 30), (2, day(2), day(2), 20))
ACCOUNT = View(BALANCES, ttl=timedelta(days=2))
VISITS = View(
    ((1, day(1), day(1), 5), (1, day(2), day(2), 6), (3, day(2), day(2), 7)),
    name="visits",
    features={"sessions": Int64},
    ttl=timedelta(days=7),
)
HOME = View(
    ((100, day(1), day(1), 3.5, "house"), (200, day(4), day(4), 1.0, "land")),
    name="home",
    keys={"property": Int64},
    features={"baths": Float64, "kind": String},
)
ECONOMY = View(((day(1), 7), (day(3), 8)), name="economy", keys={}, features={"rate": Int64}, has_created=False)


def with_bonus(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "balance_with_bonus": [
            None if balance is None else balance + bonus
            for balance, bonus in zip(inputs["balance"], inputs["bonus"], strict=True)
        ]
    }


CASES = (
    Case(
        "views of one key with different TTLs",
        views=(ACCOUNT, VISITS),
        entities=((1, day(2)), (1, day(5)), (1, day(6)), (1, day(30)), (2, day(2)), (3, day(9))),
        expected=((10, 6), (30, 6), (None, 6), (None, None), (20, None), (None, 7)),
    ),
    Case(
        "views of different keys",
        views=(ACCOUNT, HOME),
        entities=((1, 100, day(2)), (2, 200, day(4)), (1, 200, day(5)), (9, 9, day(5))),
        columns=("customer", "property", "event_timestamp"),
        expected=((10, 3.5, "house"), (20, 1.0, "land"), (30, 1.0, "land"), (None, None, None)),
    ),
    Case(
        "rows alike in the key of one view and not of the other",
        views=(ACCOUNT, HOME),
        entities=((1, 100, day(2)), (1, 200, day(2)), (1, None, day(2)), (2, 100, day(2))),
        columns=("customer", "property", "event_timestamp"),
        types={"property": "Int64"},
        expected=((10, 3.5, "house"), (10, None, None), (10, None, None), (20, 3.5, "house")),
    ),
    Case(
        "views with and without entities",
        views=(ACCOUNT, ECONOMY),
        entities=((1, day(2)), (2, day(3)), (9, day(9))),
        expected=((10, 7), (20, 8), (None, 8)),
    ),
    Case(
        "by knowledge time, each view by its own",
        views=(
            View(((1, day(1), day(5), 10),)),
            View(((1, day(1), day(2), 5),), name="visits", features={"sessions": Int64}),
        ),
        entities=((1, day(1)), (1, day(3)), (1, day(5))),
        knowledge_time=True,
        expected=((None, None), (None, 5), (10, 5)),
    ),
    Case(
        "features under full names",
        views=(ACCOUNT, VISITS),
        entities=((1, day(2)), (3, day(3))),
        full_names=True,
        expected=((10, 6), (None, 7)),
    ),
    Case(
        "two views with a feature of one name, under full names",
        views=(View(BALANCES), View(((1, day(1), day(1), -1), (2, day(1), day(1), -2)), name="loan")),
        entities=((1, day(2)), (2, day(2)), (3, day(2))),
        full_names=True,
        expected=((10, -1), (20, -2), (None, None)),
    ),
    Case(
        "a full name that is also a column of the entity table's",
        views=(ACCOUNT,),
        entities=((1, day(2), 77),),
        columns=("customer", "event_timestamp", "balance"),
        full_names=True,
        expected=((10,),),
    ),
    Case(
        "some of a view's features",
        views=(HOME,),
        entities=((100, day(2)), (300, day(2))),
        columns=("property", "event_timestamp"),
        asked=(Asked("home", ("kind",)),),
        expected=(("house",), (None,)),
    ),
    Case(
        "a view under another name",
        views=(ACCOUNT,),
        entities=((1, day(2)),),
        asked=(Asked("account", ("balance",), name="wealth"),),
        full_names=True,
        expected=((10,),),
    ),
    Case(
        "six views of one key",
        views=tuple(
            View(
                tuple((1, day(at), day(at), 10 * number + at) for at in (1, 2, 3)),
                name=f"view_{number}",
                features={f"value_{number}": Int64},
                ttl=timedelta(days=number),
            )
            for number in range(1, 7)
        ),
        entities=((1, day(2)), (1, day(6)), (1, day(3))),
        expected=((12, 22, 32, 42, 52, 62), (None, None, 33, 43, 53, 63), (13, 23, 33, 43, 53, 63)),
    ),
    Case(
        "an on-demand view over a feature and the request",
        views=(View(BALANCES),),
        entities=((1, day(2), 1), (1, day(4), 2), (7, day(4), 3)),
        columns=("customer", "event_timestamp", "bonus"),
        on_demand=(OnDemand("adjusted", {"bonus": Int64}, {"balance_with_bonus": Int64}, with_bonus),),
        expected=((10, 11), (30, 32), (None, None)),
    ),
    Case(
        "an on-demand view beside two views, by knowledge time",
        views=(View(BALANCES), VISITS),
        entities=((1, day(2), 1), (3, day(4), 2)),
        columns=("customer", "event_timestamp", "bonus"),
        on_demand=(OnDemand("adjusted", {"bonus": Int64}, {"balance_with_bonus": Int64}, with_bonus),),
        knowledge_time=True,
        expected=((10, 6, 11), (None, 7, None)),
    ),
    Case(
        "an on-demand view over no rows",
        views=(View(BALANCES),),
        entities=(),
        columns=("customer", "event_timestamp", "bonus"),
        types={"customer": "int64", "bonus": "int64"},
        on_demand=(OnDemand("adjusted", {"bonus": Int64}, {"balance_with_bonus": Int64}, with_bonus),),
        expected=(),
    ),
    Case(
        "without an entity table, each entity as it stands at the end date",
        views=(View(BALANCES),),
        entities=((1, day(5)), (2, day(5))),
        given="dates",
        between=(day(1), day(5)),
        expected=((30,), (20,)),
    ),
    Case(
        "without an entity table, no entity that is beyond the TTL at the end date",
        views=(ACCOUNT,),
        entities=((1, day(5)),),
        given="dates",
        between=(day(1), day(5)),
        expected=((30,),),
    ),
    Case(
        "without an entity table, no entity whose rows all lie outside the dates",
        views=(View((*BALANCES, (3, day(7), day(7), 70))),),
        entities=((1, day(5)),),
        given="dates",
        between=(day(3), day(5)),
        expected=((30,),),
    ),
)
