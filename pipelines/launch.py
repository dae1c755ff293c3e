"""Jobs executed in this process and recorded in Dagster's instance, as its daemon would launch them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from pipelines.chosen_days import JOB, config_of
from pipelines.computation.days import Days
from pipelines.instance import range_tags
from pipelines.published import shown


@dataclass(frozen=True)
class Launch:
    """What each run of one command shares."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    mark: Mapping[str, str]

    def daily(self, days: Days, assets: Sequence[dg.AssetKey] | None) -> dg.ExecuteInProcessResult:
        """A range of days of some assets, or of all."""
        return self._run("daily", range_tags(days.first, days.last), asset_selection=assets)

    def chosen_days(self, days: Sequence[date], ops: Sequence[str]) -> dg.ExecuteInProcessResult:
        """Any days, by some ops of their job."""
        return self._run(JOB, {"tidemark/days": shown(days)}, config_of(days), op_selection=ops)

    def weekly(self, assets: Sequence[dg.AssetKey]) -> dg.ExecuteInProcessResult:
        """The training of some models."""
        return self._run("weekly", {}, asset_selection=assets)

    def _run(
        self, job: str, tags: Mapping[str, str], config: Mapping[str, Any] | None = None, **selection: Any
    ) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags={**tags, **self.mark},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}, **(config or {})},
            **selection,
        )
