"""The asset graph, as a text: a change of it shows in review."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg

from feature_repo.cadence import cadence_of
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.definitions import code_location

SNAPSHOT = Path(__file__).with_name("graph.txt")


def drawn() -> str:
    graph = code_location().resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.to_user_string()):
        node = graph.get(key)
        partitions = "daily" if node.partitions_def else "unpartitioned"
        checks = ", ".join(
            f"{check.name}{' (blocks)' if graph.get(check).blocking else ''}"
            for check in sorted(node.check_keys, key=lambda check: check.name)
        )
        lines.append(f"{key.to_user_string()}: {node.group_name}, {partitions}, {', '.join(sorted(node.owners))}")
        lines += [f"  from {parent.to_user_string()}" for parent in sorted(node.parent_keys)]
        lines += [f"  checks {checks}"] if checks else []
    return "\n".join(lines) + "\n"


def test_the_asset_graph_is_as_reviewed():
    """After a change that is meant: python -m pytest and copy what this test prints into graph.txt."""
    assert drawn() == SNAPSHOT.read_text()


def test_every_asset_has_an_owner_a_group_and_a_description():
    graph = code_location().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners, key
        assert node.group_name != "default", key
        assert node.description, key


def test_each_view_is_due_by_its_lag_after_midnight_where_it_is_stored_and_where_it_is_served():
    graph = code_location().resolve_asset_graph()
    for view in SNAPSHOT_VIEWS:
        hours = cadence_of(view).lag_hours
        for name in (view.name, f"online/{view.name}"):
            policy = graph.get(dg.AssetKey(name.split("/"))).freshness_policy_or_from_metadata
            assert (policy.deadline_cron, policy.timezone) == (f"0 {hours} * * *", "UTC"), name
            assert policy.lower_bound_delta == timedelta(hours=hours), name
