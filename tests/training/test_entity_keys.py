"""Keys of any type as numbers: the same in every process, and as before for whole numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from training.entity_keys import entity_numbers, key_hashes
from training.row_selection import MOMENT, thinned

ROWS = pa.table({"a": [3, 1, 3, 2], "b": ["x", "y", "x", "x"]})


def test_one_whole_number_stays_as_it_is():
    assert entity_numbers(ROWS, ["a"]).tolist() == [3, 1, 3, 2]


def test_rows_of_one_entity_have_one_number():
    of_texts, of_both = entity_numbers(ROWS, ["b"]).tolist(), entity_numbers(ROWS, ["a", "b"]).tolist()
    assert [of_texts[0] == number for number in of_texts] == [True, False, True, True]
    assert [of_both[0] == number for number in of_both] == [True, False, True, False]


def test_the_order_of_keys_tells():
    swapped = pa.table({"a": [1, 2], "b": [2, 1]})
    assert len(np.unique(key_hashes(swapped, ["a", "b"]))) == 2


def test_the_hash_of_a_text_is_the_same_in_every_process():
    assert key_hashes(ROWS, ["b"]).tolist()[:2] == [16857329809129929601, 11517593853121711014]


def test_texts_are_thinned_to_the_same_rows_whatever_their_order():
    rows = pa.table({"b": [f"M-{n}" for n in range(100)], "event_timestamp": pa.array([0] * 100, MOMENT)})
    kept = thinned(rows, ["b"], 30)["b"].to_pylist()
    backwards = thinned(rows.take(list(range(99, -1, -1))), ["b"], 30)["b"].to_pylist()
    assert len(kept) == 30
    assert sorted(kept) == sorted(backwards)
