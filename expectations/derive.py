"""The suite of a view, from the contracts in its Fields, the rules between them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil, floor
from sys import float_info
from typing import TYPE_CHECKING

from feast import FeatureView, Field

from expectations.rule import CREATED, EVENT
from expectations.view_rules import rules_of
from feature_repo.cadence import Cadence, cadence_of
from feature_repo.fields import contract_of, features_of
from feature_repo.views import View

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

# By the names of pandas, which are those that GX checks columns against.
TYPES = {"Bool": "bool", "Float64": "float64", "Int32": "int32", "Int64": "int64", "String": "string"}
INSTANT = "datetime64[us, UTC]"
# Of the day before. Entities do not vanish, but a launch may bring many: too few rows block, too many show.
FEWEST, MOST = 0.95, 1.5
ROWS_WHERE = "SELECT * FROM {batch} WHERE "


def suite_for(view: View) -> ExpectationSuite:
    """What holds for every table of a view's values, whatever the day."""
    from expectations.gx import gx  # noqa: PLC0415

    suite: ExpectationSuite = gx.ExpectationSuite(
        name=view.name, expectations=[*_shape(view), *_contracts(view), *_rules(view)]
    )
    return suite


@dataclass(frozen=True)
class Circumstances:
    """What is known about a day beside its rows; None is what is not known."""

    day: date | None = None
    previous_rows: int | None = None
    expected_entities: int | None = None


def expectations_of_day(view: FeatureView, known: Circumstances) -> list[Expectation]:
    """What holds beyond the suite for one day's snapshots, as far as there is something to compare with."""
    from expectations.gx import gxe  # noqa: PLC0415

    if known.day is None:
        return []
    cadence = cadence_of(view)
    found: list[Expectation] = []
    if not cadence.is_of_events:
        instants = [instant.isoformat() for instant in instants_of(known.day, cadence)]
        found.append(gxe.ExpectColumnValuesToBeInSet(column=EVENT, value_set=instants))
    if is_daily(view):
        found.append(gxe.ExpectTableRowCountToBeBetween(min_value=1))
    if is_daily(view) and known.previous_rows is not None:
        meta = {"day_before": known.previous_rows}
        fewest, most = floor(FEWEST * known.previous_rows), ceil(MOST * known.previous_rows)
        found.append(gxe.ExpectTableRowCountToBeBetween(min_value=fewest, meta=meta))
        found.append(gxe.ExpectTableRowCountToBeBetween(max_value=most, meta=meta, severity="warning"))
    if (entities := known.expected_entities) is not None:
        (key,) = view.join_keys
        found.append(gxe.ExpectColumnUniqueValueCountToBeBetween(column=key, min_value=entities, max_value=entities))
    return found


def instant_of(day: date) -> datetime:
    """When the snapshots of a day stand: the midnight after it."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def instants_of(day: date, cadence: Cadence) -> list[datetime]:
    """The moments of a day at which snapshots may stand, the midnight after it the last."""
    count = timedelta(days=1) // cadence.step
    return [instant_of(day) - cadence.step * before for before in reversed(range(count))]


def is_daily(view: View) -> bool:
    """Whether every entity has a row each day, so that the rows of two days compare."""
    return cadence_of(view).every == "daily"


def _shape(view: View) -> Iterator[Expectation]:
    from expectations.gx import gxe  # noqa: PLC0415

    fields = [*view.entity_columns, *features_of(view)] if isinstance(view, FeatureView) else features_of(view)
    types = {field.name: TYPES[str(field.dtype)] for field in fields}
    if isinstance(view, FeatureView):
        types |= {EVENT: INSTANT, CREATED: INSTANT}
    yield gxe.ExpectTableColumnsToMatchSet(column_set=list(types), exact_match=True)
    for column, kind in types.items():
        yield gxe.ExpectColumnToExist(column=column)
        yield gxe.ExpectColumnTypeToBe(column=column, type_=kind)
    if isinstance(view, FeatureView):
        for column in (*view.join_keys, EVENT, CREATED):
            yield gxe.ExpectColumnValuesToNotBeNull(column=column)
        # An event that was corrected has a row for each day on which a version of it became known.
        versions = [CREATED] if cadence_of(view).is_of_events else []
        yield gxe.ExpectCompoundColumnsToBeUnique(column_list=[*view.join_keys, EVENT, *versions])


def _contracts(view: View) -> Iterator[Expectation]:
    for field in features_of(view):
        yield from _contract(field)


def _contract(field: Field) -> Iterator[Expectation]:
    from expectations.gx import gxe  # noqa: PLC0415

    contract = contract_of(field)
    column, severity = field.name, contract.severity
    if contract.null_share < 1:
        # Rounded, since 1 - 0.7 is a little more than 0.3 and would refuse the very share that is allowed.
        mostly = round(1 - contract.null_share, 12)
        yield gxe.ExpectColumnValuesToNotBeNull(column=column, mostly=mostly, severity=severity)
    if contract.allowed:
        yield gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(contract.allowed), severity=severity)
    if contract.ge is not None or contract.le is not None:
        yield gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=contract.ge, max_value=contract.le, severity=severity
        )
    elif str(field.dtype) == "Float64":
        yield gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=-float_info.max, max_value=float_info.max, severity=severity
        )


def _rules(view: View) -> Iterator[Expectation]:
    from expectations.gx import gxe  # noqa: PLC0415

    for rule in rules_of(view):
        yield gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=f"{ROWS_WHERE}({rule.condition}) IS NOT TRUE",
            description=f"{rule.name}: {rule.holds.replace('{', '').replace('}', '')} ({rule.why})",
            severity=rule.severity,
            meta={"rule": rule.name, "columns": [*rule.columns], "why": rule.why},
        )
