"""Entity rows of one's own bear keys of the type that their entity declares."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from feast import Entity, ValueType

from feature_repo.entities import REGION
from feature_repo.views import LOCATION, MARKET
from training.models import spec_of
from training.row_selection import TrainingSetError, given_rows, require_one_source_of_keys
from training.table_files import read_table

MACHINE = Entity(name="machine", join_keys=["machine_id"], value_type=ValueType.STRING)
OF_NUMBERS = spec_of("move_probability")
OF_TEXTS = replace(OF_NUMBERS, keys=(MACHINE,))
MOMENT = "2026-07-01"


def test_a_text_that_looks_like_a_number_stays_as_it_stands(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(f"machine_id,event_timestamp\n007,{MOMENT}\n8,{MOMENT}\n")
    rows = given_rows(read_table(file, OF_TEXTS.text_keys), OF_TEXTS)
    assert rows["machine_id"].to_pylist() == ["007", "8"]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_of_any_layout_are_taken(kind):
    keys = pa.array(["a", "b"]).cast(kind)
    rows = given_rows(pa.table({"machine_id": keys, "event_timestamp": [MOMENT] * 2}), OF_TEXTS)
    assert rows["machine_id"].type == pa.string()


def test_a_key_that_requests_give_and_a_view_leads_to_as_well_is_refused_with_what_to_remove():
    views = [LOCATION, MARKET]
    require_one_source_of_keys(spec_of("property_value"), views)
    twice = replace(spec_of("property_value"), keys=(*spec_of("property_value").keys, REGION))
    with pytest.raises(TrainingSetError) as problem:
        require_one_source_of_keys(twice, views)
    assert "each request gives the key region_id, and the view location" in str(problem.value)
    assert "Remove region_id from the features of location in property_value_v2" in str(problem.value)


@pytest.mark.parametrize(
    ("spec", "keys", "reason"),
    [
        (OF_TEXTS, [1, 2], "machine_id: expected texts, found int64"),
        (OF_NUMBERS, ["1", "2"], "customer_id: expected whole numbers, found string"),
        (OF_NUMBERS, [1.0, 2.0], "customer_id: expected whole numbers, found double"),
    ],
)
def test_keys_of_another_type_are_refused(spec, keys, reason):
    (key,) = spec.join_keys
    with pytest.raises(TrainingSetError, match=reason):
        given_rows(pa.table({key: keys, "event_timestamp": [MOMENT] * 2}), spec)
