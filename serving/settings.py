"""What an operator may set, all from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from feature_repo.home import home as home_folder
from serving.logs import LEVELS
from training.deployed import MOST_FILE_BYTES


@dataclass(frozen=True)
class Settings:
    """The scorer's settings. `now` stops its clock, for worlds that have ended."""

    home: Path
    now: datetime | None = None
    alias: str = "champion"
    refresh_seconds: float = 5.0
    service_seconds: float = 30.0
    """How often Feast's registry is asked whether a running model's service is what it was."""
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
        """Each from `TIDEMARK_` and its name in capitals; docs/serving.md lists them."""
        told = environment.get("TIDEMARK_NOW")
        try:
            now = datetime.fromisoformat(told) if told else None
        except ValueError:
            raise ValueError(f"TIDEMARK_NOW: expected a moment such as 2026-11-01T09:00:00Z, found {told!r}") from None
        level = environment.get("TIDEMARK_LOG_LEVEL") or "info"
        if level not in LEVELS:
            raise ValueError(f"TIDEMARK_LOG_LEVEL: expected one of {', '.join(LEVELS)}, found {level!r}")
        return cls(
            home=home_folder(),
            now=now.replace(tzinfo=now.tzinfo or UTC).astimezone(UTC) if now else None,
            alias=environment.get("TIDEMARK_ALIAS") or "champion",
            refresh_seconds=float(environment.get("TIDEMARK_REFRESH_SECONDS") or 5),
            registry_seconds=float(environment.get("TIDEMARK_REGISTRY_SECONDS") or 10),
            most_model_file_bytes=int(float(environment.get("TIDEMARK_MODEL_FILE_MB") or 256) * 1e6),
            log_level=level,
            log_queue=int(environment.get("TIDEMARK_LOG_QUEUE") or 10_000),
        )

    def clock(self) -> datetime:
        """The present moment."""
        return self.now or datetime.now(UTC)
