from __future__ import annotations

from pathlib import Path

from catalogue_names import declared_names, named_in, offences


def test_the_machinery_knows_no_declared_thing_by_name():
    assert list(offences(Path(__file__).parents[1])) == []


def test_a_comparison_with_a_name_is_an_offence_and_prose_is_none():
    source = '''
"""As in property_value, or price."""
if model.name == "property_value" or "latitude" in columns:
    raise ValueError("latitude is missing")
'''
    assert list(named_in(source, declared_names())) == [(3, "property_value"), (3, "latitude")]
