"""What an operator may set, all from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from feature_repo.settings import PlatformSettings
from training.deployed import MOST_FILE_BYTES


@dataclass(frozen=True)
class Settings:
    """The scorer's settings. `now` stops its clock, for worlds that have ended."""

    home: Path
    now: datetime | None = None
    redis: str | None = None
    """The online store; None is the private one of the home."""
    mlflow: str | None = None
    """The model registry; None is the file of the home."""
    alias: str = "champion"
    refresh_seconds: float = 5.0
    service_seconds: float = 30.0
    """How often Feast's registry is read to see whether a running model's service is what it was."""
    registry_seconds: float = 10.0
    """How long each stage of a look at a model may take: the registry, its files, its service."""
    most_model_file_bytes: int = MOST_FILE_BYTES
    log_level: str = "info"
    log_queue: int = 10_000
    log_seconds: float = 5.0
    most_bytes: int = 1_000_000
    most_at_once: int = 256
    most_batches: int = 8
    most_past_rows: int = 2000
    past_seconds: float = 20.0
    body_seconds: float = 10.0
    most_unread_bytes: int = 64_000_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Those of the platform's settings that concern the scorer; docs/settings.md lists them."""
        settings = PlatformSettings.from_environment(environment)
        return cls(
            home=settings.home,
            now=settings.now,
            redis=settings.redis,
            mlflow=settings.mlflow,
            alias=settings.alias,
            refresh_seconds=settings.refresh_seconds,
            registry_seconds=settings.registry_seconds,
            most_model_file_bytes=int(settings.model_file_mb * 1e6),
            log_level=settings.log_level,
            log_queue=settings.log_queue,
        )

    def clock(self) -> datetime:
        """The present moment."""
        return self.now or datetime.now(UTC)
