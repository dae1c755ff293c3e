"""The one way to open the feature store from Python; `feast -c feature_repo ...` opens the same one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from feast import FeatureStore
from feast.repo_config import RepoConfig
from feast.utils import get_default_yaml_file_path
from sqlalchemy import make_url

from feature_repo.home import home as home_folder
from feature_repo.stores.online import redis_address

_REPO = Path(__file__).parent
_REGISTRY = "sqlite+home:"
_ONLINE_STORE = "feature_repo.stores.online.WireRedisOnlineStore"


def open_store(home: Path | None = None, redis: str | None = None) -> FeatureStore:
    """The store that feature_store.yaml (or `FEAST_FS_YAML_FILE_PATH`) describes, in a home; else in the usual one.

    `redis` is the online store where feature_store.yaml names none; if not given, what the settings name.
    """
    settings = yaml.safe_load(os.path.expandvars(get_default_yaml_file_path(_REPO).read_text(encoding="utf-8")))
    config = RepoConfig(**_in_home(settings, (home or home_folder()).absolute(), redis))
    config.repo_path = _REPO
    return FeatureStore(repo_path=str(_REPO), config=config)


def _in_home(settings: dict[str, Any], home: Path, redis: str | None) -> dict[str, Any]:
    """The settings with what lies in a home by default in this one; what is elsewhere stays there."""
    registry, online = settings.get("registry"), settings.get("online_store")
    if isinstance(registry, dict) and str(registry.get("path")).startswith(_REGISTRY):
        path = make_url(registry["path"]).update_query_dict({"home": str(home)})
        registry = {**registry, "path": path.render_as_string(hide_password=False)}
    if isinstance(online, dict) and online.get("type") == _ONLINE_STORE:
        online = {"connection_string": online.get("connection_string") or redis_address(home, redis), **online}
    return {**settings, "registry": registry, "online_store": online}
