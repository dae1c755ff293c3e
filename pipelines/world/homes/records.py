"""The customers and properties tables: what is on record of each, version by version."""

from __future__ import annotations

import numpy as np

from pipelines.world.clock import DAY, HOUR, YEAR_DAYS, Ints, year_of
from pipelines.world.frames import Frame, rows_of, stack, take
from pipelines.world.homes.houses import NEVER
from pipelines.world.homes.neighbourhood import Neighbourhood
from pipelines.world.homes.plan import HISTORY_YEARS
from pipelines.world.homes.simulation import BUY, Simulation


def customer_frame(neighbourhood: Neighbourhood, simulation: Simulation) -> Frame:
    """The rows of `customers`: one on joining, one more for each move to another region."""
    plan, people = neighbourhood.plan, neighbourhood.people
    rng = neighbourhood.rng("customers known")
    count = neighbourhood.block.count
    imported = plan.imported_us + rng.integers(0, HOUR, count)
    here = people.joined < plan.imported_us
    week = np.clip((people.joined - plan.start_us) // (7 * DAY), 0, simulation.region.shape[1] - 1)
    start = np.arange(count)
    first: Frame = {
        "person": start,
        "region": simulation.region[start, week].astype(np.int64),
        "known": np.where(here, imported, people.joined + rng.integers(0, HOUR // 6, count)),
    }
    who, at = np.nonzero(simulation.region[:, 1:] != simulation.region[:, :-1])
    moved: Frame = {
        "person": who,
        "region": simulation.region[who, at + 1].astype(np.int64),
        "known": plan.start_us + (at + 2) * 7 * DAY + rng.integers(0, 14 * DAY, len(who)),
    }
    moved = take(moved, at + 1 > week[who])
    rows = stack([first, moved])
    person = rows["person"]
    return {
        "customer_id": people.ids[person],
        "region_id": rows["region"] + 1,
        "joined_at": people.joined[person],
        "birth_year": people.birth_year[person],
        "household_size": people.household[person],
        "ingested_at": rows["known"],
    }


def property_frame(neighbourhood: Neighbourhood, deals: Frame, tenures: Frame) -> Frame:
    """The rows of `properties`: as imported, then one for each renovation and each owner who came or went."""
    plan, people, homes = neighbourhood.plan, neighbourhood.people, neighbourhood.homes
    rng = neighbourhood.rng("properties known")
    count = len(homes.ids)
    joined = people.joined[tenures["person"]]
    # Before they join, nobody here knows what they own.
    owns_from = np.maximum(tenures["start"], np.where(joined < plan.imported_us, tenures["start"], joined))
    seen = take({**tenures, "owns_from": owns_from}, tenures["stop"] > np.maximum(owns_from, plan.imported_us))
    owner = np.full(count, -1)
    before = seen["owns_from"] < plan.imported_us
    owner[seen["home"][before]] = people.ids[seen["person"][before]]
    came, left = take(seen, ~before), take(seen, seen["stop"] < plan.end_us)
    works = np.flatnonzero(homes.works < NEVER)
    versions = stack(
        [
            _versions(np.arange(count), _last_change(neighbourhood, deals), owner, owner_told=True),
            _versions(came["home"], came["owns_from"], people.ids[came["person"]], owner_told=True),
            _versions(left["home"], left["stop"], np.full(rows_of(left), -1), owner_told=True),
            _versions(works, homes.works[works] * DAY + 12 * HOUR, np.full(len(works), -1), owner_told=False),
        ]
    )
    versions = take(versions, np.lexsort((versions["time"], versions["home"])))
    told = np.maximum.accumulate(np.where(versions["owner_told"], np.arange(rows_of(versions)), 0))
    home, time = versions["home"], versions["time"]
    day = time // DAY
    renewed = day >= homes.works[home]
    lag = (rng.exponential(4.0, len(home)) * DAY).astype(np.int64) + 6 * HOUR
    imported = plan.imported_us + rng.integers(0, HOUR, len(home))
    renovated = np.where(renewed, year_of(homes.works[home]), homes.renovated[home])
    return {
        "property_id": homes.ids[home],
        "region_id": homes.region[home] + 1,
        "owner_id": versions["owner"][told],
        "kind": homes.kind[home].astype(np.int8),
        "bedrooms": homes.bedrooms[home],
        "bathrooms": homes.bathrooms[home],
        "living_area_sqft": homes.area[home],
        "lot_area_sqft": homes.lot[home],
        "year_built": np.where(homes.land[home], -1, homes.built[home]),
        "year_renovated": np.where(renovated > 0, renovated, -1),
        "condition_grade": np.where(homes.land[home], -1, homes.grade_on(home, day)),
        "latitude": homes.latitude[home],
        "longitude": homes.longitude[home],
        "valid_from": time,
        "ingested_at": np.where(time < plan.imported_us, imported, time + lag),
    }


def _versions(home: Ints, time: Ints, owner: Ints, *, owner_told: bool) -> Frame:
    return {"home": home, "time": time, "owner": owner, "owner_told": np.full(len(home), owner_told)}


def _last_change(neighbourhood: Neighbourhood, deals: Frame) -> Ints:
    """When each home last changed hands before the import, or when the records or the home itself began."""
    records = neighbourhood.plan.start_day - int((HISTORY_YEARS + 6) * YEAR_DAYS)
    built = ((neighbourhood.homes.built - 1970) * YEAR_DAYS).astype(np.int64)
    last = np.maximum(records, built) * DAY
    past = take(deals, (deals["kind"] == BUY) & (deals["time"] < neighbourhood.plan.imported_us))
    np.maximum.at(last, past["home"], past["time"])
    return last
