"""What runs when something happens."""

import json
import urllib.request
from http.client import HTTPException
from urllib.error import HTTPError

import dagster as dg

from pipelines.resources import Platform


@dg.run_failure_sensor(
    description="Posts to TIDEMARK_WEBHOOK, if it is set, when a run fails.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def failure_webhook(context: dg.RunFailureSensorContext, platform: Platform) -> None:
    """Tell of a failed run in the form that chat services take."""
    if not platform.webhook:
        return
    run, tags = context.dagster_run, context.dagster_run.tags
    days = (
        tags.get("dagster/partition")
        or tags.get("tidemark/days")
        or " to ".join(
            tags[tag]
            for tag in ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
            if tag in tags
        )
    )
    body = {
        "text": f"Tidemark: {run.job_name} failed{f' for {days}' if days else ''}: {context.failure_event.message}",
        "run_id": run.run_id,
    }
    # The address is a secret: who knows it can post. Neither it nor an error that repeats it may reach a log.
    try:
        request = urllib.request.Request(  # noqa: S310  the address is the operator's own setting
            platform.webhook, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            status = answer.status
    except (OSError, ValueError, HTTPException) as fault:
        reason = str(fault.code) if isinstance(fault, HTTPError) else type(fault).__name__
        raise WebhookError(
            f"the webhook did not take the message ({reason}): does TIDEMARK_WEBHOOK name the right address?"
        ) from None
    context.log.info(f"the webhook was told of run {run.run_id}: {status}")


class WebhookError(RuntimeError):
    """The failed run could not be told of."""
