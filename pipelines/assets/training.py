"""Four assets a model: its training set, the model, its evaluation, and its promotion."""

from collections.abc import Iterator

import dagster as dg

from feature_repo.services import SERVICES
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.assets.feast import feast_registry
from pipelines.assets.raw import raw_key
from pipelines.raw.tables import TABLES
from pipelines.resources import Platform
from pipelines.run_policy import RunPolicy
from training.models import MODELS
from training.specs import ModelSpec

GROUP = "training"
OWNERS = ["team:data-science"]
POOL = "training"
"""Models are trained one after the other: each uses every core."""


def keys_of(spec: ModelSpec) -> tuple[dg.AssetKey, ...]:
    """Training set, model, evaluation, promotion."""
    return tuple(dg.AssetKey([spec.name, part]) for part in ("training_set", "model", "evaluation", "promotion"))


def training_set_inputs(spec: ModelSpec) -> list[dg.AssetKey]:
    """What a model's training set is made from: the stored views of its service, and the raw tables of its label."""
    read = {projection.name for projection in SERVICES.named(spec.service).feature_view_projections}
    views = [dg.AssetKey(view.name) for view in SNAPSHOT_VIEWS if view.name in read]
    return [*views, *(raw_key(table) for table in TABLES if table.name in spec.label.tables)]


def training_of(spec: ModelSpec, policy: RunPolicy) -> list[dg.AssetsDefinition]:
    """The assets of one model."""
    training_set_key, model_key, evaluation_key, promotion_key = keys_of(spec)

    @dg.asset(
        key=training_set_key,
        deps=[*training_set_inputs(spec), feast_registry],
        description=f"{spec.question} What was known at each moment, and what came of it: {spec.label.definition}.",
        kinds={"feast", "parquet"},
        retry_policy=policy.retries,
        pool=POOL,
        group_name=GROUP,
        owners=OWNERS,
    )
    def training_set(platform: Platform) -> dg.MaterializeResult:
        from training.dataset import training_set as made_of  # noqa: PLC0415  slow to import

        rows = made_of(spec, at_most=spec.most_rows, home=platform.home)
        file = platform.training_set(spec.name)
        manifest = rows.write(file)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(rows.table),
                **{f"left out: {reason}": count for reason, count in rows.manifest.left_out.items()},
                "sha256": rows.manifest.sha256,
                "path": dg.MetadataValue.path(file),
                "manifest": dg.MetadataValue.path(manifest),
            }
        )

    @dg.multi_asset(
        name=f"{spec.name}__evaluation",
        specs=[
            dg.AssetSpec(
                model_key,
                deps=[training_set_key],
                description=f"{spec.question} The best of the estimators, registered as challenger.",
                kinds={"mlflow", "onnx"},
                group_name=GROUP,
                owners=OWNERS,
            ),
            dg.AssetSpec(
                evaluation_key,
                deps=[training_set_key],
                description="Its results on the held-out time: a page with its card, curves and gates.",
                kinds={"html"},
                group_name=GROUP,
                owners=OWNERS,
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(gate.replace(" ", "_"), asset=evaluation_key, blocking=True, description=f"Gate: {gate}.")
            for gate in spec.task.gate_names
        ],
        retry_policy=policy.retries,
        pool=POOL,
    )
    def evaluation(platform: Platform) -> Iterator[dg.MaterializeResult]:
        from training.dataset import read  # noqa: PLC0415  slow to import
        from training.train import evaluate  # noqa: PLC0415

        trained = evaluate(read(platform.training_set(spec.name)), home=platform.home)
        best, simple = trained.fitted.best.figures, trained.fitted.baseline.figures
        yield dg.MaterializeResult(
            asset_key=model_key,
            metadata={
                "dagster/row_count": int(trained.fitted.split.train.sum()),
                "estimator": trained.fitted.estimator,
                "version": trained.version,
                "against the baseline": f"loss {best['loss']:.4f}, baseline {simple['loss']:.4f}",
                "path": dg.MetadataValue.path(trained.folder),
            },
        )
        yield dg.MaterializeResult(
            asset_key=evaluation_key,
            metadata={
                **{name.replace("_", " "): value for name, value in best.items()},
                **{f"interval of {level}": share for level, share in trained.fitted.coverage.items()},
                "report": dg.MetadataValue.path(trained.report),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=verdict.gate.replace(" ", "_"),
                    passed=verdict.outcome != "failed",
                    metadata={"outcome": verdict.outcome, "reason": verdict.reason},
                )
                for verdict in trained.verdicts
            ],
        )

    @dg.asset(
        key=promotion_key,
        deps=[model_key, evaluation_key],
        description="The challenger becomes the champion, whom the scorer asks. No gate may have failed.",
        kinds={"mlflow"},
        retry_policy=policy.retries,
        group_name=GROUP,
        owners=OWNERS,
    )
    def promotion(platform: Platform) -> dg.MaterializeResult:
        from training.deployed import CHALLENGER, deployed  # noqa: PLC0415
        from training.registry import Registry  # noqa: PLC0415  MLflow is slow to import

        registry = Registry(platform.home, platform.settings.mlflow)
        before, challenger = (
            registry.champion(spec.name),
            deployed(spec.name, CHALLENGER, platform.home, mlflow=registry.server),
        )
        registry.promote_evaluated(spec.name, challenger.version)
        return dg.MaterializeResult(metadata={"version": challenger.version, "before": before or "none"})

    return [training_set, evaluation, promotion]


def training_assets(policy: RunPolicy) -> list[dg.AssetsDefinition]:
    """The assets of every model."""
    return [asset for spec in MODELS for asset in training_of(spec, policy)]
