from __future__ import annotations

from typing import Any

import pytest
from feast import Field
from feast.types import Array, Bool, Float64, Int32, Int64, String
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.fields import Contract, contract_of, feature

bounds = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
terms = {
    "unit": words,
    "null_share": st.floats(0, 1),
    "severity": st.sampled_from(["critical", "warning"]),
}
numeric = st.tuples(bounds, bounds).filter(lambda pair: None in pair or pair[0] <= pair[1])
declarations = st.one_of(
    numeric.flatmap(
        lambda pair: st.fixed_dictionaries(
            {"dtype": st.sampled_from([Float64, Int32, Int64]), "ge": st.just(pair[0]), "le": st.just(pair[1]), **terms}
        )
    ),
    st.fixed_dictionaries({"dtype": st.just(String), "allowed": st.lists(words).map(tuple), **terms}),
    st.fixed_dictionaries({"dtype": st.just(Bool), **terms}),
)


@given(declarations)
def test_a_contract_comes_back_as_it_was_declared_also_from_the_registry(terms: dict[str, Any]) -> None:
    field = feature("x", description="what it is", **terms)
    contract = Contract(**{name: value for name, value in terms.items() if name != "dtype"})
    assert contract_of(field) == contract
    assert contract_of(Field.from_proto(field.to_proto())) == contract


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "Big"}, "snake_case"),
        ({"name": "a__b"}, "snake_case"),
        ({"dtype": Array(Int64)}, "Bool, Float64"),
        ({"description": " "}, "description"),
        ({"unit": ""}, "unit"),
        ({"ge": 3, "le": 2}, "ge 3 exceeds le 2"),
        ({"le": float("nan")}, "finite"),
        ({"dtype": String, "ge": 0}, "ge and le bound numbers"),
        ({"dtype": Bool, "le": 1}, "ge and le bound numbers"),
        ({"allowed": ("a",)}, "allowed lists strings"),
        ({"null_share": 1.1}, "null_share of 0 to 1"),
        ({"severity": "fatal"}, "severity"),
    ],
)
def test_a_wrong_declaration_is_refused(wrong: dict[str, Any], message: str) -> None:
    right = {"name": "x", "dtype": Float64, "description": "what it is", "unit": "ratio"}
    with pytest.raises(ValueError, match=rf"feature '.*': .*{message}"):
        feature(**{**right, **wrong})


def test_a_field_without_a_contract_is_told_apart() -> None:
    with pytest.raises(ValueError, match="'plain' bears no contract"):
        contract_of(Field(name="plain", dtype=Int64))
