"""Cases that nobody thought of: small tables in which keys meet, times touch and values are missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from feast.types import Int64, String
from hypothesis import strategies as st
from point_in_time.case import US, Case, View, day
from point_in_time.oracle import answer

_NUMBERS = st.sampled_from((1, 2, 12, 23, 3))
_KEYS = st.sampled_from(
    (
        {"customer": (Int64, "Int64", _NUMBERS)},
        {"customer": (Int64, "Int64", _NUMBERS), "property": (Int64, "Int64", _NUMBERS)},
        {"agent": (String, "object", st.sampled_from(("a", "b", "a_b", "")))},
        {"agent": (String, "object", st.sampled_from(("1", "12"))), "customer": (Int64, "Int64", _NUMBERS)},
        {},
    )
)
_TTLS = st.sampled_from((None, timedelta(days=1), timedelta(days=2), timedelta(seconds=1)))
_LAYOUTS = st.sampled_from(("file", "row groups", "files"))
# On the grid of the days and a microsecond beside it, so that bounds are met.
_MOMENTS = st.builds(
    lambda number, beside: day(number) + beside,
    st.integers(1, 6),
    st.sampled_from((-US, timedelta(0), timedelta(0), US)),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One or two views over the same keys, asked by up to eight rows."""
    keys = draw(_KEYS)
    types = {name: dtype for name, (dtype, _, _) in keys.items()}
    values = tuple(_or_null(one_of) for _, _, one_of in keys.values())
    views = tuple(
        View(
            draw(_rows(values)),
            name=name,
            keys=types,
            features={f"{name}_value": Int64},
            ttl=draw(_TTLS),
            layout=draw(_LAYOUTS),
        )
        for name in draw(st.sampled_from((("first",), ("first", "second"))))
    )
    asking = st.tuples(*values, _or_null(_MOMENTS), st.integers(0, 1))
    case = Case(
        "random",
        views=views,
        entities=tuple(draw(st.lists(asking, min_size=1, max_size=8))),
        columns=(*keys, "event_timestamp", "label"),
        types={name: pandas_type for name, (_, pandas_type, _) in keys.items()},
        knowledge_time=draw(st.booleans()),
        expected=(),
    )
    return replace(case, expected=answer(case))


@st.composite
def _rows(draw: st.DrawFn, keys: tuple[st.SearchStrategy, ...]) -> tuple[tuple, ...]:
    known_after = st.sampled_from((timedelta(0), timedelta(0), timedelta(days=1), timedelta(days=2) + US))
    row = st.tuples(*keys, _or_null(_MOMENTS), _or_null(known_after), _or_null(st.integers(0, 99)))
    drawn = draw(st.lists(row, min_size=1, max_size=12))
    return tuple(
        (*key, event, None if event is None or lag is None else event + lag, value) for *key, event, lag, value in drawn
    )


def _or_null(values: st.SearchStrategy) -> st.SearchStrategy:
    # Rare, so that most rows take part.
    return st.integers(0, 9).flatmap(lambda chance: st.none() if chance == 9 else values)
