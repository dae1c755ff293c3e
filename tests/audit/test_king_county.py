"""King County's house sales and the Federal Reserve's series: training rows recomputed, coverage walking forward.

A part of the county, to be quick: some of the zip codes, markets and all.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit.groups import answers_of, coverage_by_group, fitted_on
from audit.recompute import MOMENT, RawFacts, utc
from fill_home import fill_home

from training.dataset import training_set

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

MAPPING = Path(__file__).parents[2] / "docs" / "examples" / "king-county.yaml"
ZIP_CODES = range(98_001, 98_030)
FIRST, LAST = date(2014, 5, 1), date(2015, 5, 31)
DATA = Path(__file__).parents[3] / "shared" / "data"
CUTS = ("2014-12-01", "2015-03-01")
"""Where the walk stands: what is settled before trains, what is asked in the two months after is tested."""


@pytest.fixture(scope="module")
def king_county(tmp_path_factory) -> Path:
    if not DATA.is_dir():
        pytest.skip("the real data sets are not beside this checkout (../shared/data)")
    folder = tmp_path_factory.mktemp("king-county")
    sales = pd.read_csv(DATA / "kc_house" / "kc_house_data.csv", dtype=str)
    (folder / "source" / "kc_house").mkdir(parents=True)
    sales[sales["zipcode"].astype(int).isin(ZIP_CODES)].to_csv(
        folder / "source" / "kc_house" / "kc_house_data.csv", index=False
    )
    (folder / "source" / "fred_macro").mkdir()
    for series in ("MORTGAGE30US", "UNRATE", "CPIAUCSL"):
        rows = pd.read_csv(DATA / "fred_macro" / f"{series}.csv", dtype=str, keep_default_na=False)
        rows[rows["date"].between("2010", "2016")].to_csv(
            folder / "source" / "fred_macro" / f"{series}.csv", index=False
        )
    fill_home(folder / "home", folder / "source", FIRST, LAST, ("property", "location", "market"), MAPPING, every=3)
    return folder / "home"


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    """The sales as the file has them, with the time at which a deed of that day is taken to close."""
    found = pd.read_csv(DATA / "kc_house" / "kc_house_data.csv", usecols=["id", "date", "price", "zipcode", "bedrooms"])
    found = found[found["zipcode"].isin(ZIP_CODES) & (found["bedrooms"] <= 20)]
    sold_at = pd.to_datetime(found["date"], format="%Y%m%dT%H%M%S").dt.tz_localize("America/Los_Angeles")
    found = found.assign(sold_at=sold_at.dt.tz_convert("UTC").astype("datetime64[us, UTC]"))
    return found.rename(columns={"id": "property_id"}).sort_values("sold_at")[["property_id", "sold_at", "price"]]


@pytest.fixture(scope="module")
def home_rows(king_county) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(king_county))
        return training_set("property_value", home=king_county).to_pandas()


def next_in_file(rows: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """The next sale in the file, row by row."""
    order = rows[MOMENT].argsort(kind="stable")
    found = pd.merge_asof(
        rows[["property_id", MOMENT]].iloc[order], sales, left_on=MOMENT, right_on="sold_at", by="property_id",
        direction="forward", allow_exact_matches=False,
    )  # fmt: skip
    return found.set_axis(rows.index[order]).loc[rows.index]


def test_homes_are_labelled_with_their_next_sale_in_the_file(home_rows, sales):
    following = next_in_file(home_rows, sales)
    wrong = home_rows[(following["price"] != home_rows["label"]) | (following["sold_at"] != home_rows["label_until"])]
    assert wrong.empty, f"{len(wrong)} of {len(home_rows)}:\n{wrong.head(10)}"
    assert not home_rows.duplicated(["property_id", MOMENT]).any()
    assert home_rows[MOMENT].min() >= pd.Timestamp(FIRST, tz="UTC")


def test_every_sale_of_the_file_is_trained_on(home_rows, sales, king_county):
    """Every home was on the assessor's roll on the first day, and had a snapshot promised by the first of June."""
    late = sales[sales["sold_at"] > pd.Timestamp("2014-06-03", tz="UTC")]
    taught = home_rows[["property_id", "label_until"]].drop_duplicates()
    found = late.merge(
        taught,
        left_on=["property_id", "sold_at"],
        right_on=["property_id", "label_until"],
        how="left",
        indicator="where",
    )
    missing = found[found["where"] == "left_only"]
    assert missing.empty, f"{len(missing)} of {len(late)}:\n{missing.head(10)}"
    assert len(RawFacts(king_county).homes_since) > 2000


@pytest.mark.parametrize("cut", CUTS)
def test_intervals_cover_walking_forward(king_county, sales, cut, monkeypatch):
    monkeypatch.setenv("TIDEMARK_HOME", str(king_county))
    until = pd.Timestamp(cut) + pd.DateOffset(months=2)
    fitted = fitted_on(training_set("property_value", end=str(until.date()), home=king_county), utc(cut))
    assert fitted.rows.settled[fitted.split.train].max() <= np.datetime64(cut)
    rows = answers_of(fitted, "property_id")
    found = coverage_by_group(fitted, rows.assign(price=next_in_file(rows, sales)["price"]), level=0.8)
    print(found.to_string())
    assert found["homes"].max() > 300
    for row in found[found["homes"] >= 15].itertuples():
        # Prices rose by a tenth from winter to spring: a margin for that beside the chance of so many homes.
        allowed = 4 * np.sqrt(0.8 * 0.2 / row.homes) + 0.08
        assert abs(row.covered - 0.8) <= allowed, f"\n{found.to_string()}"
    assert abs(np.median(rows["answer"] / next_in_file(rows, sales)["price"]) - 1) < 0.06
