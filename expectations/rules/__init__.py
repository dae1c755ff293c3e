"""What no single column can say: facts about rows that the definitions of features make true, one view a file."""

from __future__ import annotations

from collections.abc import Mapping

from expectations.rule import Rule
from expectations.rules import behavioural, market, property, temporal, transactional  # noqa: A004  a view's name

RULES: Mapping[str, tuple[Rule, ...]] = {
    "behavioural": behavioural.RULES,
    "transactional": transactional.RULES,
    "property": property.RULES,
    "market": market.RULES,
    "temporal": temporal.RULES,
}
