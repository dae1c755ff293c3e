"""A feature is declared once: a Feast Field whose tags bear the contract that its values keep."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from feast import Field
from feast.base_feature_view import BaseFeatureView
from feast.types import Bool, Float64, Int32, Int64, PrimitiveFeastType, String

Severity = Literal["critical", "warning"]

NUMBERS = (Float64, Int32, Int64)


@dataclass(frozen=True)
class Contract:
    """What the values of a feature keep, in every partition.

    `ge` and `le` are inclusive. `null_share` is the largest share of nulls: 0 = never null, 1 = null is an answer, of
    which no share is too many. A breach blocks the partition if the severity is `critical`, and shows if `warning`.
    """

    unit: str
    ge: float | None = None
    le: float | None = None
    allowed: tuple[str, ...] = ()
    null_share: float = 0.0
    severity: Severity = "critical"


def feature(
    name: str,
    dtype: PrimitiveFeastType,
    description: str,
    *,
    unit: str,
    ge: float | None = None,
    le: float | None = None,
    allowed: tuple[str, ...] = (),
    null_share: float = 0.0,
    severity: Severity = "critical",
) -> Field:
    """Declare a feature; `contract_of` reads its contract back."""
    contract = Contract(unit, ge, le, allowed, null_share, severity)
    if faults := list(_faults(name, dtype, description, contract)):
        raise ValueError(f"feature {name!r}: " + "; ".join(faults))
    return Field(name=name, dtype=dtype, description=description, tags={"contract": json.dumps(asdict(contract))})


def contract_of(field: Field) -> Contract:
    """The contract that `feature` put into the field."""
    try:
        stored = json.loads(field.tags["contract"])
    except KeyError:
        raise ValueError(
            f"field {field.name!r} bears no contract: declare it with feature(), and take it from features_of(view)"
        ) from None
    return Contract(**{**stored, "allowed": tuple(stored["allowed"])})


def on_demand(fields: Iterable[Field]) -> tuple[list[Field], dict[str, str]]:
    """The schema of an on-demand view, and the tags of the view that keep what Feast would lose.

    Feast 0.67 refuses an on-demand view whose fields have a description or tags, and its registry drops both.
    """
    fields = list(fields)
    tags = {_kept(field): json.dumps({"description": field.description, "tags": field.tags}) for field in fields}
    return [Field(name=field.name, dtype=field.dtype) for field in fields], tags


def features_of(view: BaseFeatureView) -> list[Field]:
    """The features of a view as they were declared, also where the view comes from the registry."""
    return [
        Field(name=field.name, dtype=field.dtype, **json.loads(view.tags[_kept(field)]))
        if _kept(field) in view.tags
        else field
        for field in view.features
    ]


def _kept(field: Field) -> str:
    return f"field.{field.name}"


def _faults(name: str, dtype: PrimitiveFeastType, description: str, contract: Contract) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        yield "expected a name in snake_case"
    if dtype not in (*NUMBERS, Bool, String):
        yield f"expected one of Bool, Float64, Int32, Int64, String, found {dtype}"
    if not description.strip():
        yield "say in the description what is computed"
    if not contract.unit.strip():
        yield "state the unit ('share', 'ratio' and 'flag' are units too)"
    bounds = [bound for bound in (contract.ge, contract.le) if bound is not None]
    if bounds and dtype not in NUMBERS:
        yield f"ge and le bound numbers, and this is a {dtype}"
    if not all(map(math.isfinite, bounds)):
        yield f"expected finite bounds, found {bounds}"
    elif len(bounds) == 2 and bounds[0] > bounds[1]:
        yield f"ge {contract.ge} exceeds le {contract.le}"
    if contract.allowed and dtype != String:
        yield f"allowed lists strings, and this is a {dtype}"
    if not 0 <= contract.null_share <= 1:
        yield f"expected a null_share of 0 to 1, found {contract.null_share}"
    if contract.severity not in get_args(Severity):
        yield f"expected a severity of {get_args(Severity)}, found {contract.severity!r}"
