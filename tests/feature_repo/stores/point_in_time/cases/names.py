"""Names are people's own: none of them may meet one that the join itself uses."""

from __future__ import annotations

from feast.types import Int64, String
from point_in_time.case import Case, View, day


def features_named(*names: str) -> View:
    return View(
        ((1, day(1), day(1), *range(1, 1 + len(names))), (1, day(3), day(3), *range(11, 11 + len(names)))),
        features=dict.fromkeys(names, Int64),
    )


ENTITIES = ((1, day(2)), (1, day(4)))

CASES = (
    Case(
        "features whose names end in _y, _x or _right",
        views=(features_named("pos_x", "pos_y", "right", "pos_right"),),
        entities=ENTITIES,
        expected=((1, 2, 3, 4), (11, 12, 13, 14)),
    ),
    Case(
        "features named as a join may name its own columns",
        views=(features_named("rn", "row", "index", "row_number", "entity_row_id", "__row", "key", "moment"),),
        entities=ENTITIES,
        expected=((1, 2, 3, 4, 5, 6, 7, 8), (11, 12, 13, 14, 15, 16, 17, 18)),
    ),
    Case(
        "entity columns named as a join may name its own columns",
        views=(View(((1, day(1), day(1), 10),)),),
        entities=((1, day(2), 1, 2, 3, 4, 5), (2, day(2), 6, 7, 8, 9, 10)),
        columns=("customer", "event_timestamp", "rn", "index", "entity_row_id", "__row", "row_number"),
        expected=((10,), (None,)),
    ),
    Case(
        "features whose names differ in case alone",
        views=(features_named("rate", "Rate", "RATE"),),
        entities=ENTITIES,
        expected=((1, 2, 3), (11, 12, 13)),
    ),
    Case(
        "an entity column that differs from a feature in case alone",
        views=(features_named("balance"),),
        entities=((1, day(2), "a"), (1, day(4), "b")),
        columns=("customer", "event_timestamp", "Balance"),
        expected=((1,), (11,)),
    ),
    Case(
        "features of reserved words, blanks and quotes",
        views=(features_named("select", "order", "net income (%)", 'a "b"', "it's"),),
        entities=ENTITIES,
        expected=((1, 2, 3, 4, 5), (11, 12, 13, 14, 15)),
    ),
    Case(
        "a key of a reserved word",
        views=(View((("a", day(1), day(1), 10), ("b", day(1), day(1), 20)), keys={"group": String}),),
        entities=(("b", day(2)), ("a", day(2)), ("c", day(2))),
        columns=("group", "event_timestamp"),
        expected=((20,), (10,), (None,)),
    ),
    Case(
        "a view of a reserved word, under full names",
        views=(View(((1, day(1), day(1), 10),), name="table"),),
        entities=((1, day(2)),),
        full_names=True,
        expected=((10,),),
    ),
)
