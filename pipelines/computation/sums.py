"""Sums that do not depend on the order of adding.

Floats are added as whole millionths, so that one day computed alone, a year computed at once, and two runs on
several threads give the same bytes.
"""

from __future__ import annotations

import ibis.expr.types as ir

MILLION = 1_000_000


def millionths(value: ir.NumericValue) -> ir.IntegerValue:
    """A value in whole millionths."""
    return (value * MILLION).round().cast("int64")
