"""How features come from raw facts: pure functions from Ibis tables to Ibis tables, one module a view.

They compile to every Ibis backend; the session's time zone must be UTC, which is Ibis' own default on DuckDB.
"""

from __future__ import annotations

from feature_repo.catalogues import Catalogue
from pipelines.transforms import behavioural, location, market, property, transactional  # noqa: A004  a view's name
from pipelines.view_pipeline import ViewPipeline

PIPELINES: Catalogue[ViewPipeline] = Catalogue(
    "PIPELINES",
    (behavioural.PIPELINE, transactional.PIPELINE, property.PIPELINE, location.PIPELINE, market.PIPELINE),
    ViewPipeline,
)


def pipeline_of(view: str) -> ViewPipeline:
    """The pipeline of the view of that name."""
    return PIPELINES.named(view)
