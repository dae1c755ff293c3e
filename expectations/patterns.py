"""Rules that follow from the names of a view's features: `<measure>_count_7d` beside `<measure>_count_30d`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from feast import FeatureView

from expectations.rule import CREATED, EVENT, Rule, same
from feature_repo.cadence import cadence_of
from feature_repo.views import View

# What the events of a channel's rates are divided by.
DENOMINATORS = {"email": "email_delivered_count", "alert": "alert_sent_count"}


def rules_by_name(view: View) -> Iterator[Rule]:
    """The rules that the names and the cadence of a view tell."""
    names = [field.name for field in view.features]
    yield from _nested_counts(names)
    yield from _trends(names)
    yield from _recencies(names)
    yield from _rates(names)
    yield from _circles(names)
    yield from _instants(view)


def _nested_counts(names: list[str]) -> Iterator[Rule]:
    windows: dict[str, list[int]] = {}
    for name in names:
        if found := re.fullmatch(r"(.+_count)_(\d+)d", name):
            windows.setdefault(found[1], []).append(int(found[2]))
    for count, days in windows.items():
        for short, long in pairwise(sorted(days)):
            yield Rule(
                f"{count}_{short}d_within_{long}d",
                f"{{{count}_{short}d}} <= {{{count}_{long}d}}",
                f"the last {short} days lie within the last {long}",
            )


def _trends(names: list[str]) -> Iterator[Rule]:
    for trend in names:
        measure = trend.removesuffix("_trend")
        short, long = f"{measure}_count_30d", f"{measure}_count_90d"
        if measure == trend or short not in names:
            continue
        if long in names:
            holds = same(f"{{{trend}}}", f"3.0 * {{{short}}} / nullif({{{long}}}, 0)")
            yield Rule(f"{trend}_of_counts", holds, f"3 x {short} / {long}, null where {long} is 0")
        else:
            holds = f"(coalesce({{{trend}}}, 0) > 0) = ({{{short}}} > 0)"
            yield Rule(f"{trend}_of_counts", holds, f"above 0 exactly where {short} is")


def _recencies(names: list[str]) -> Iterator[Rule]:
    for latest in names:
        if not (found := re.fullmatch(r"(.+)_last(_.+)?_days", latest)):
            continue
        measure = found[1] + (found[2] or "")
        for name in names:
            if count := re.fullmatch(measure + r"_count_(\d+)d", name):
                days, has_event = count[1], f"{{{name}}} > 0"
            elif name == f"{measure}_trend":
                days, has_event = "90", f"{{{name}}} IS NOT NULL"
            else:
                continue
            yield Rule(
                f"{name}_agrees_with_recency",
                f"({has_event}) = coalesce({{{latest}}} <= {days}, false)",
                f"something happened in {days} days exactly where the latest lies within them",
            )


def _rates(names: list[str]) -> Iterator[Rule]:
    for rate in names:
        if found := re.fullmatch(rf"({'|'.join(DENOMINATORS)})_.+_rate_(\d+d)", rate):
            count = f"{DENOMINATORS[found[1]]}_{found[2]}"
            events = f"{{{rate}}} * {{{count}}}"
            yield Rule(
                f"{rate}_of_count",
                f"CASE WHEN {{{count}}} = 0 THEN {{{rate}}} IS NULL ELSE abs({events} - round({events})) <= 1e-6 END",
                f"a whole number of events / {count}, null exactly where that is 0",
            )


def _circles(names: list[str]) -> Iterator[Rule]:
    for sine in names:
        part = sine.removesuffix("_sin")
        if part != sine:
            holds = f"abs({{{sine}}} * {{{sine}}} + {{{part}_cos}} * {{{part}_cos}} - 1) <= 1e-9"
            yield Rule(f"{part}_on_the_circle", holds, "sin^2 + cos^2 = 1")


def _instants(view: View) -> Iterator[Rule]:
    if isinstance(view, FeatureView):
        hours = cadence_of(view).lag_hours
        yield Rule(
            "stands_at_midnight", f"{{{EVENT}}} = date_trunc('day', {{{EVENT}}})", "a snapshot ends a day, in UTC"
        )
        yield Rule(
            "created_when_promised",
            f"{{{CREATED}}} = {{{EVENT}}} + INTERVAL {hours} HOUR",
            f"a snapshot is promised online {hours} hours after its instant",
        )
