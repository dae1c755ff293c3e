from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from feast import Entity, FeatureService, FeatureView, ValueType
from feast.types import Float64, String

from feature_repo import catalogue
from feature_repo.cadence import Cadence
from feature_repo.fields import feature


def test_the_page_is_up_to_date() -> None:
    assert catalogue.main(["--check"]) == 0


def test_a_stale_page_is_told_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "PAGE", tmp_path / "docs" / "features.md")
    assert catalogue.main(["--check"]) == 1
    assert "python -m feature_repo.catalogue" in capsys.readouterr().err
    assert catalogue.main([]) == 0
    assert catalogue.main(["--check"]) == 0


def test_a_view_is_told_with_all_that_its_features_promise() -> None:
    view = FeatureView(
        name="weather",
        entities=[Entity(name="place", value_type=ValueType.INT64)],
        ttl=timedelta(days=2),
        description="The sky.",
        owner="us",
        tags=dict(Cadence("daily", 3).tags),
        schema=[
            feature("heat", Float64, "warmth; null at night", unit="K", ge=0, le=1e4, null_share=0.5),
            feature("sky", String, "its look", unit="kind", allowed=("blue", "grey"), severity="warning"),
        ],
    )
    page = catalogue.render([view], [FeatureService(name="picnic_v1", features=[view[["sky"]]])])
    for line in (
        "Of: place · cadence: daily · TTL: 2 days · online after: 3 hours · owner: us",
        "Models: picnic_v1 (sky)",
        "| `heat` | warmth; null at night | float64 | K | 0 to 10,000 | up to 50% |",
        "| `sky` | its look | string | kind | blue, grey (warning) | none |",
    ):
        assert line in page
