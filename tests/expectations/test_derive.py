from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import pytest
from feast import FeatureView

from expectations.derive import Circumstances, expectations_of_day, suite_for
from expectations.view_rules import rules_of
from feature_repo.fields import contract_of, features_of
from feature_repo.views import BEHAVIOURAL, MARKET, PROPERTY, VIEWS, View

DAY = date(2024, 1, 5)
by_view = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


def stated(view: View) -> dict[tuple[str, str], Any]:
    """The expectations of the suite about one column, by kind and column."""
    configurations = [expectation.configuration for expectation in suite_for(view).expectations]
    return {(c.type, c.kwargs["column"]): c for c in configurations if "column" in c.kwargs}


@by_view
def test_every_attribute_of_every_contract_is_expected(view: View) -> None:
    found = stated(view)
    for field in features_of(view):
        contract, name = contract_of(field), field.name
        assert ("expect_column_to_exist", name) in found
        assert ("expect_column_type_to_be", name) in found
        assert (("expect_column_values_to_not_be_null", name) in found) == (contract.null_share < 1)
        assert (("expect_column_values_to_be_in_set", name) in found) == bool(contract.allowed)
        bounded = found.get(("expect_column_values_to_be_between", name))
        assert (bounded is not None) == (contract.ge is not None or contract.le is not None)
        if bounded:
            assert (bounded.kwargs.get("min_value"), bounded.kwargs.get("max_value")) == (contract.ge, contract.le)
            assert bounded.severity == contract.severity


@by_view
def test_every_rule_is_an_expectation_of_its_severity(view: View) -> None:
    found = {
        expectation.meta["rule"]: expectation.configuration.severity
        for expectation in suite_for(view).expectations
        if expectation.meta
    }
    assert found == {rule.name: rule.severity for rule in rules_of(view)}


ROWS, NUMBER = "expect_table_row_count_to_be_between", "expect_column_unique_value_count_to_be_between"
INSTANT = "expect_column_values_to_be_in_set"


@pytest.mark.parametrize(
    ("view", "known", "kinds"),
    [
        (BEHAVIOURAL, Circumstances(), []),
        (BEHAVIOURAL, Circumstances(DAY), [INSTANT, ROWS]),
        (BEHAVIOURAL, Circumstances(DAY, 10, 10), [INSTANT, ROWS, ROWS, ROWS, NUMBER]),
        (PROPERTY, Circumstances(DAY, 10), [INSTANT]),
        (MARKET, Circumstances(DAY, 10, 3), [INSTANT, NUMBER]),
    ],
)
def test_a_day_is_compared_with_what_is_known_of_it(view: FeatureView, known: Circumstances, kinds: list[str]) -> None:
    assert [expectation.expectation_type for expectation in expectations_of_day(view, known)] == kinds


IMPORTS = """
import sys
import expectations, expectations.derive, expectations.view_rules, expectations.outcome, expectations.findings
import expectations.archive, expectations.docs, expectations.validate
assert "great_expectations" not in sys.modules
from feature_repo.views import MARKET
expectations.derive.suite_for(MARKET)
assert "great_expectations" in sys.modules
"""


def test_great_expectations_is_imported_when_a_suite_is_asked_for() -> None:
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
