"""What no single column can say: facts about rows that the definitions of features make true, one view a file."""

from __future__ import annotations

from collections.abc import Mapping

from expectations.rule import Rule
from expectations.rules import behavioural, market, property, temporal, transactional  # noqa: A004  a view's name
from feature_repo.extensions import extensions

RULES: Mapping[str, tuple[Rule, ...]] = {
    "behavioural": behavioural.RULES,
    "transactional": transactional.RULES,
    "property": property.RULES,
    "market": market.RULES,
    "temporal": temporal.RULES,
}


def stated_rules(view: str) -> tuple[Rule, ...]:
    """The rules that are stated for a view, here or in an extension."""
    of_extensions = (rule for extension in extensions() for rule in extension.mapped("RULES").get(view, ()))
    return (*RULES.get(view, ()), *of_extensions)
