"""Raw tables, loaded day by day of becoming known, and what was refused of them."""

from datetime import date

import dagster as dg

from pipelines.partitions import days_of, first_partition
from pipelines.raw.contracts import RawTable
from pipelines.raw.load import LoadOptions, load
from pipelines.raw.tables import TABLES
from pipelines.resources import Platform
from pipelines.run_policy import RunPolicy


def raw_key(table: RawTable) -> dg.AssetKey:
    """What the asset of a raw table is called."""
    return dg.AssetKey(f"raw_{table.name}")


def raw_keys() -> list[dg.AssetKey]:
    """The assets of all raw tables and that of the refused rows."""
    return [*(raw_key(table) for table in TABLES), dg.AssetKey("quarantine")]


def raw_table(table: RawTable, policy: RunPolicy) -> dg.AssetsDefinition:
    """The asset of one raw table. The first partition also takes whatever became known before it."""

    @dg.asset(
        key=raw_key(table),
        group_name="raw",
        description=f"{table.description} Contract: docs/raw-tables.md.",
        partitions_def=policy.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=policy.retries,
        owners=["team:data-engineering"],
        kinds={"parquet"},
        pool="raw",
    )
    def loaded(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        days = days_of(context)
        first = None if days.first == first_partition(context) else days.first
        (report,) = load(
            platform.source,
            platform.raw,
            platform.mapping,
            LoadOptions(
                tables=(table.name,),
                first=first,
                last=days.last,
                threads=platform.engine.threads,
                max_drop=platform.max_drop,
                accepted=platform.accepted_changes,
            ),
            progress=lambda name, done, total: context.log.debug(f"{name}: {done:,} of {total:,} rows"),
        )
        for warning in report.warnings:
            context.log.warning(warning)
        if report.problem:
            raise dg.Failure(report.problem, allow_retries=False)
        ledger = platform.raw.ledger(table.name).values()
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(day.loaded for day in ledger),
                "read": report.read,
                "loaded": report.loaded,
                "refused": report.quarantined,
                "replaced": report.superseded,
                "days loaded": report.days_loaded,
                "days unchanged": report.days_unchanged,
                "source": "not in the source" if report.absent else str(platform.source),
                "path": dg.MetadataValue.path(platform.raw.home / "raw" / table.name),
            }
        )

    return loaded


def quarantined(policy: RunPolicy) -> dg.AssetsDefinition:
    """The asset of the rows that were refused."""

    @dg.asset(
        deps=[raw_key(table) for table in TABLES],
        group_name="raw",
        description="Rows that broke their contract, with the reasons. `tidemark quarantine TABLE` shows them.",
        partitions_def=policy.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        owners=["team:data-engineering"],
        kinds={"parquet"},
    )
    def quarantine(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        """Counts per table and reason, of the days asked for."""
        days = days_of(context)
        first = date.min if days.first == first_partition(context) else days.first
        records = []
        for table in TABLES:
            counts: dict[str, int] = {}
            for day, of_day in platform.raw.ledger(table.name).items():
                if day is None or first <= day <= days.last:
                    for reason, rows in of_day.reasons.items():
                        counts[reason] = counts.get(reason, 0) + rows
            records += [
                dg.TableRecord({"table": table.name, "refused because": reason, "rows": rows})
                for reason, rows in sorted(counts.items(), key=lambda item: -item[1])
            ]
        return dg.MaterializeResult(
            metadata={
                "refused": dg.MetadataValue.table(records, schema=_REFUSED),
                "path": dg.MetadataValue.path(platform.home / "quarantine"),
            }
        )

    return quarantine


def raw_assets(policy: RunPolicy) -> list[dg.AssetsDefinition]:
    """One asset a raw table, and that of the refused rows."""
    return [*(raw_table(table, policy) for table in TABLES), quarantined(policy)]


_REFUSED = dg.TableSchema([dg.TableColumn("table"), dg.TableColumn("refused because"), dg.TableColumn("rows", "int")])
