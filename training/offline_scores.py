"""A champion's answers for a feature set: what the scorer would have answered at each row's moment, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.home import home as home_folder
from training.artifact import BEYOND, Artifact
from training.deployed import CHAMPION, deployed
from training.feature_set import FeatureSet
from training.models import spec_of
from training.policy import WhenMissing
from training.registry import Registry
from training.row_selection import TrainingSetError, with_columns
from training.specs import ModelSpec
from training.tasks import task_of

AS_OF = "features_as_of_"
"""What the columns that say when a view's values stood begin with."""


@dataclass(frozen=True)
class PortfolioModel:
    """A version of a model that is to answer for a feature set."""

    spec: ModelSpec
    version: str
    artifact: Artifact

    @property
    def views(self) -> frozenset[str]:
        """The views that it reads, those of a request among them."""
        return frozenset(each.view for each in self.artifact.card.inputs.each)

    def require_answerable(self, rows: pa.Table) -> None:
        """Refuse rows that the scorer would refuse whatever their features are, and columns that answers will have."""
        for name, (_, high) in self.artifact.card.ranges.items():
            try:
                requested = rows[name].cast(pa.float64())
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
                raise TrainingSetError(f"{name}: expected numbers, found {rows[name].type}: {problem}") from None
            if (farthest := pc.max(requested).as_py() or 0) > high + BEYOND:
                raise TrainingSetError(
                    f"{self.spec.name} version {self.version} was trained with {name} up to {high:.1f}, found "
                    f"{farthest:g}: the scorer would refuse to answer. Ask for less, or train on a longer time."
                )
        if taken := [name for name in rows.column_names if name in _ANSWERS or name.startswith(AS_OF)]:
            raise TrainingSetError(
                f"{self.spec.name}: the entity rows have {', '.join(taken)}, which answers have as well: rename these "
                "columns, or leave them out."
            )

    def scored(self, features: FeatureSet) -> pa.Table:
        """The rows with the answers of the model, and of what these rest on."""
        card = self.artifact.card
        if missing := [name for name in card.inputs.names if name not in features.table.column_names]:
            raise TrainingSetError(
                f"{self.spec.name} version {self.version} reads {', '.join(missing)}, which its service no longer "
                "gives: train it anew."
            )
        self.require_answerable(features.table)
        views = features.needed_views(self.views)
        policy = {view: WhenMissing.of(rule) for view, rule in card.when_missing.items()}
        untested = card.untested(card.inputs.matrix(features.table))
        notes = [
            "; ".join((*of_row, *more))
            for of_row, more in zip(features.freshness.degraded(policy, views), untested, strict=True)
        ]
        count = len(features.table)
        return with_columns(
            features.table,
            {
                "model": pa.array([card.model] * count, pa.string()),
                "model_version": pa.array([self.version] * count, pa.string()),
                **predictions(self.artifact, features.table),
                **{f"{AS_OF}{view}": features.freshness.rows[view] for view in views},
                "degraded": pa.array(notes, pa.string()),
                "predicted_at": pa.array([datetime.now(UTC)] * count, pa.timestamp("us", "UTC")),
            },
        )


_ANSWERS = (
    "model", "model_version", "predicted_value", "predicted_class", "confidence", "interval_low", "interval_high",
    "interval_level", "degraded", "predicted_at",
)  # fmt: skip


def portfolio_model(model: str, *, home: Path | None = None, alias: str = CHAMPION) -> PortfolioModel:
    """The version that bears the alias."""
    folder, spec = home or home_folder(), spec_of(model)
    version = deployed(spec.name, alias, folder).version
    return PortfolioModel(spec, version, Registry(folder).load(spec.name, alias))


def predictions(model: Artifact, table: pa.Table) -> dict[str, pa.Array]:
    """A model's answers as columns, under the names that the scorer has for them."""
    card = model.card
    rows = card.inputs.matrix(table)
    answers = model.answers(rows).astype(np.float64) if len(rows) else np.empty((0, max(len(card.centre), 1)))
    return task_of(card.task).columns(card, rows, answers)
