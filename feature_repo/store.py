"""The one way to open the feature store from Python; `feast -c feature_repo ...` opens the same one."""

from __future__ import annotations

from pathlib import Path

from feast import FeatureStore


def open_store() -> FeatureStore:
    """The store that feature_store.yaml (or `FEAST_FS_YAML_FILE_PATH`) describes."""
    return FeatureStore(repo_path=str(Path(__file__).parent))
