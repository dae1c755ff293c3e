"""A key comes from the request or from a feature of another view, never from both: they could name two entities."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every command reads this module, and few need Feast, which takes seconds
    from feast.feature_view_projection import FeatureViewProjection


def key_conflict(
    model: str, service: str, join_keys: Collection[str], projections: Iterable[FeatureViewProjection]
) -> str:
    """Why a model cannot read a service: a key that its requests give is a feature of a view as well; else empty."""
    for projection in projections:
        for key in (field.name for field in projection.features if field.name in join_keys):
            return (
                f"{model!r}: each request gives the key {key}, and the view {projection.name} of its service {service} "
                f"has a feature {key}, which would lead on as the same key: expected one of the two. Remove {key} from "
                f"the features of {projection.name} in {service}, or its entity from the keys of the model"
            )
    return ""
