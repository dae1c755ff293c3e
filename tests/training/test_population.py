"""Everybody at the end of the data, beside an independent query of the raw deals."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest

from feature_repo.entities import CUSTOMER
from feature_repo.store import open_store
from training.arrays import inputs_of
from training.caveats import caveats
from training.dataset import training_set, views_of
from training.fit import fit
from training.population import JUST_SETTLED, EntitiesAtTheEnd, everybody, population_of

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def home(trained_home):
    """The small world, named by the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(trained_home))
        yield trained_home


@pytest.fixture(scope="module")
def fitted(home):
    """The model of prices."""
    rows, store = training_set("property_value", at_most=1500, home=home), open_store()
    views = views_of(store, store.get_feature_service(rows.spec.service))
    return fit(rows, inputs_of(views, rows.spec.label.extra))


def test_homes_just_sold_are_compared_with_what_was_paid(home, fitted):
    """Recomputed from the raw deals: the homes sold in the last 60 days of the data, at their newest price."""
    store = open_store(home)
    population = population_of(fitted, everybody(fitted.training_set, store, home).features, store, home)
    end = datetime.fromisoformat(fitted.training_set.manifest.data_end)
    sold = duckdb.sql(f"""
        SELECT property_id, arg_max(price, occurred_at) AS price FROM (
            SELECT * FROM read_parquet('{home}/raw/deals/*/*.parquet', hive_partitioning = false)
            WHERE ingested_at <= TIMESTAMPTZ '{(end - timedelta(days=2)).isoformat()}'
            QUALIFY ingested_at = max(ingested_at) OVER (PARTITION BY deal_id)
        ) WHERE kind IN ('BUY', 'SELL') AND price > 0 AND occurred_at >= TIMESTAMPTZ '{(end - JUST_SETTLED).isoformat()}'
        GROUP BY property_id
    """).fetchdf()
    assert 0 < len(population.just_settled) <= len(sold)
    assert 0.5 < np.median(population.just_settled) < 2
    assert population.moment == end
    assert set(sold["property_id"]) & set(population.features["property_id"].to_pylist())


def test_rows_of_ones_own_are_not_compared_with_everybody(home, fitted):
    given = replace(fitted.training_set.manifest, arguments={"entities": "a hash"})
    own = replace(fitted, training_set=replace(fitted.training_set, manifest=given))
    assert everybody(own.training_set, open_store(home), home) == EntitiesAtTheEnd(None)
    assert population_of(own, None, open_store(home), home) is None


def test_where_no_table_says_which_keys_belong_together_a_caveat_does(home, fitted):
    rows = replace(fitted.training_set, spec=replace(fitted.spec, keys=(*fitted.spec.keys, CUSTOMER)))
    others = everybody(rows, open_store(home), home)
    assert others.features is None
    assert caveats(fitted, None, {}, others.missing_because)[-1] == (
        "the test rows were not compared with all entities at the end of the data: property_value answers for "
        "property_id and customer_id together, and no table says which belong together: give the entity rows."
    )
