"""Random tables against the oracle: what no table of ours says, two hundred that nobody wrote say."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from point_in_time.oracle import answer
from point_in_time.random_cases import cases
from point_in_time.stores import ASOF, ASOF_IN_BLOCKS, ASOF_KNOWN, DASK, DUCKDB
from point_in_time.verdict import judge


@pytest.mark.parametrize("store", [ASOF, ASOF_KNOWN, ASOF_IN_BLOCKS], ids=lambda store: store.name)
def test_ours_answers_as_the_oracle_and_in_order(store, tmp_path_factory):
    @settings(max_examples=200 if store is ASOF else 50, deadline=None, database=None)
    @given(case=cases())
    def agrees(case):
        if store.always_by_knowledge_time:
            case = replace(case, knowledge_time=True)
            case = replace(case, expected=answer(case))
        verdict = verdict_on(replace(case, in_order=True), store, tmp_path_factory)
        assert verdict.wrong is None, str(verdict)

    agrees()


# Enough for dask to fail each time, and few enough to wait for.
@settings(max_examples=25, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
@given(case=cases())
def agrees_somehow(case, store, folders):
    verdict = verdict_on(case, store, folders)
    assert verdict.wrong is None, str(verdict)


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(DUCKDB, id="duckdb"),
        pytest.param(
            DASK,
            id="dask",
            marks=[
                pytest.mark.xfail(raises=AssertionError, strict=True, reason="loses rows that find nothing in time"),
                *(pytest.mark.filterwarnings(warning) for warning in DASK.warns),
            ],
        ),
    ],
)
def test_stock_stores_answer_as_the_oracle_in_any_order(store, tmp_path_factory):
    agrees_somehow(store=store, folders=tmp_path_factory)


def verdict_on(case, store, folders):
    with tempfile.TemporaryDirectory(dir=folders.getbasetemp()) as folder:
        return judge(case, store, Path(folder))
