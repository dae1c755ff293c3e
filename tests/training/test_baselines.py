"""Simple answers, from a few rows each."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from training.baselines import PRIOR, BaseRate, ClassShares, LastPrice, RateBy, RegionsRate

TRAIN = np.array([True, True, True, False, False])


def rows(**columns):
    return pa.table(columns)


def test_the_base_rate_is_that_of_the_training_rows():
    answers = BaseRate().answers(rows(label=[1, 0, 0, 1, 1]), TRAIN, 0)
    assert answers[:, 0].tolist() == pytest.approx([1 / 3] * 5)


def test_a_rate_by_hour_leans_on_everybodys():
    table = rows(label=[1, 0, 0, 1, 1], hour_of_day=[8, 8, 9, 8, 23])
    answers = RateBy("hour_of_day", "rate of the hour").answers(table, TRAIN, 0)[:, 0]
    assert answers.tolist() == pytest.approx([(1 + 1 / 3) / 3] * 2 + [(1 / 3) / 2, (1 + 1 / 3) / 3, 1 / 3])


def test_shares_of_a_region_and_season_lean_on_everybodys():
    summer, winter = datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    table = rows(
        label=[0, 0, 1, 0, 0],
        region_id=[1, 1, 2, 1, None],
        event_timestamp=pa.array([summer, summer, winter, summer, winter], pa.timestamp("us", "UTC")),
    )
    shares = ClassShares("region_id").answers(table, TRAIN, 2)
    assert shares[3].tolist() == pytest.approx([(2 + PRIOR * 2 / 3) / (2 + PRIOR), (PRIOR / 3) / (2 + PRIOR)])
    assert shares[4].tolist() == pytest.approx([2 / 3, 1 / 3])  # a region without rows
    assert ClassShares().answers(table, TRAIN, 2)[4].tolist() == pytest.approx([2 / 3, 1 / 3])


def test_a_price_by_the_regions_rate_falls_back_to_everybodys():
    table = rows(
        label=[100.0, 200.0, 300.0, 1.0, 1.0], area=[10.0, 10.0, 10.0, 5.0, None], rate=[9.0, 9.0, 9.0, None, 9.0]
    )
    answers = RegionsRate("rate", "area").answers(table, TRAIN, 0)[:, 0]
    assert answers.tolist() == pytest.approx([90, 90, 90, 100, 200])


def test_a_price_without_an_earlier_sale_is_the_neighbours():
    count = 40
    table = rows(
        label=[100.0] * count + [1.0, 1.0],
        estimate=[None] * count + [70.0, None],
        area=[10.0] * count + [10.0, 20.0],
        latitude=[1.0] * (count + 2),
        longitude=[1.0] * (count + 2),
    )
    train = np.arange(count + 2) < count
    answers = LastPrice("estimate", "area", ("latitude", "longitude")).answers(table, train, 0)[:, 0]
    assert answers[-2:].tolist() == pytest.approx([70, 200])
