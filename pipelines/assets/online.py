"""One asset a view: its newest published snapshots, where the scorer looks them up."""

import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import dagster as dg
from feast import FeatureView

from feature_repo.cadence import cadence_of
from feature_repo.store import open_store
from feature_repo.stores.private_redis import running, without_password
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.assets.feast import feast_registry
from pipelines.assets.features import freshness_of
from pipelines.online import SAMPLE, Comparison, NotPublishedError, compare, registered, window_of, write
from pipelines.partitions import days_of
from pipelines.resources import Installation, Platform
from pipelines.run_policy import RunPolicy

# One writes at a time, so that Redis and its readers have to bear one load only.
POOL = "online"


def online_view(view: FeatureView, policy: RunPolicy) -> dg.AssetsDefinition:
    """The asset of one view. It waits for the blocking checks of the view's snapshots, and runs only if they passed."""

    @dg.asset(
        name=view.name,
        key_prefix="online",
        group_name="online",
        description=(
            f"{view.description}\n\nThe newest snapshot of each {view.entities[0]} in the online store. An older day "
            "never overwrites a newer one; a day that is run again replaces itself."
        ),
        deps=[dg.AssetKey(view.name), feast_registry],
        partitions_def=policy.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=policy.retries,
        freshness_policy=freshness_of(view),
        owners=[f"team:{view.owner}"],
        tags={"cadence": cadence_of(view).every},
        kinds={"feast", "redis"},
        pool=POOL,
    )
    def served(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=serve_newest(platform, view.name, days_of(context)))

    return served


def serve_newest(platform: Installation, name: str, days: Iterable[date]) -> Mapping[str, str | int | float]:
    """Write the newest published snapshot of each entity, of some days; gives what was written."""
    began = time.monotonic()
    with running(platform.home, platform.settings.redis) as address:
        store = open_store(platform.home, platform.settings.redis)
        try:
            view = registered(store, name)
            window = window_of(platform.snapshots, view, days)
        except NotPublishedError as problem:
            raise dg.Failure(str(problem), allow_retries=False) from None
        if window:
            write(store, view, window)
    return {
        "dagster/row_count": window.entities if window else 0,
        "from": str(window.first) if window else "",
        "to": str(window.last) if window else "",
        "seconds": round(time.monotonic() - began, 2),
        "address": without_password(address),
    }


def served_as_stored(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The check of one online asset; run by itself it looks again at what was written last."""
    name = asset.key.path[-1]

    @dg.asset_check(
        asset=asset,
        name="served_as_stored",
        blocking=True,
        pool=POOL,
        description=f"Up to {SAMPLE} entities are served with the event time and values that the offline store has.",
    )
    def check(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
        wrote = context.instance.get_latest_materialization_event(asset.key)
        if wrote is None or wrote.asset_materialization is None:
            raise dg.Failure(f"{asset.key.to_user_string()} has not been materialised: do that first.")
        metadata = wrote.asset_materialization.metadata
        return compare_served(platform, name, *(str(metadata[end].value) for end in ("from", "to")))

    return check


def compare_served(platform: Installation, name: str, first: str, last: str) -> dg.AssetCheckResult:
    """Whether the online store serves what was written between two event times; "" where nothing was."""
    if not first:
        return _result(Comparison(0, 0, ()))
    with running(platform.home, platform.settings.redis):
        store = open_store(platform.home, platform.settings.redis)
        view = registered(store, name)
        return _result(compare(store, view, datetime.fromisoformat(first), datetime.fromisoformat(last)))


def _result(found: Comparison) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {
        "entities served as stored": dg.MetadataValue.int(found.equal),
        "entities served from a newer day": dg.MetadataValue.int(found.newer),
    }
    if found.differences:
        records = [
            dg.TableRecord({"entity": one.entity, "what": one.what, "served": one.served, "stored": one.stored})
            for one in found.differences[:200]
        ]
        first = found.differences[0]
        metadata["differences"] = dg.MetadataValue.table(records, schema=_DIFFERENCES)
        metadata["first reason"] = dg.MetadataValue.text(
            f"entity {first.entity}: {first.what} is served as {first.served}, stored as {first.stored}"
        )
    return dg.AssetCheckResult(passed=not found.differences, severity=dg.AssetCheckSeverity.ERROR, metadata=metadata)


_DIFFERENCES = dg.TableSchema([dg.TableColumn(name) for name in ("entity", "what", "served", "stored")])


def online_assets(policy: RunPolicy) -> list[dg.AssetsDefinition]:
    """One asset a view."""
    return [online_view(view, policy) for view in SNAPSHOT_VIEWS]


def online_checks(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """One check an online asset."""
    return [served_as_stored(asset) for asset in assets]
