from __future__ import annotations

import numpy as np
import pyarrow as pa

from training.inputs import Input, Inputs

INPUTS = Inputs(
    (Input("kind", "v", "category", ("house", "land")), Input("area", "v", "number"), Input("flag", "v", "number"))
)
EXPECTED = [[1, 0, 2.5, 1], [0, 0, np.nan, 0], [0, 0, 1, np.nan]]


def test_a_category_never_seen_is_none_of_the_known_ones():
    table = pa.table({"kind": ["house", "castle", None], "area": [2.5, None, 1.0], "flag": [True, False, None]})
    np.testing.assert_array_equal(INPUTS.matrix(table), np.array(EXPECTED, np.float32))


def test_training_and_serving_fill_the_same_matrix():
    values = {"kind": ["house", "castle", None], "area": [2.5, None, 1.0], "flag": np.array([1.0, 0.0, np.nan])}
    np.testing.assert_array_equal(INPUTS.matrix(values), np.array(EXPECTED, np.float32))


def test_contributions_of_categories_count_for_their_input():
    assert INPUTS.by_input(np.array([[[1.0, 2.0, 3.0, 4.0]]])).tolist() == [[[3.0, 3.0, 4.0]]]
