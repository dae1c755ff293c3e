"""docs/features.md: every feature with its meaning and its contract, from the declarations and nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from feast import FeatureService, FeatureView, Field

from feature_repo.cadence import cadence_of
from feature_repo.fields import contract_of, features_of
from feature_repo.services import SERVICES
from feature_repo.views import VIEWS, View

PAGE = Path(__file__).resolve().parents[1] / "docs" / "features.md"

_HEAD = """\
# Features

<!-- Generated from feature_repo by `python -m feature_repo.catalogue`. Do not edit. -->

{count} features in {views} views. A snapshot stands at an instant, its event time, and sees only what had happened
and was known before it. *TTL* is how long it may be used. *Online after* is how long after that instant it is
promised to be served; training does not see it earlier either. *Nulls* is the largest share of nulls that a
partition may hold: *any* means that null is an answer, and the meaning says to what. A breach of the range or the
nulls blocks a partition, unless it is marked as a warning.
"""


def render(views: Iterable[View], services: Iterable[FeatureService]) -> str:
    """The page, as Markdown."""
    views, services = list(views), list(services)
    head = _HEAD.format(count=sum(len(view.features) for view in views), views=len(views))
    overview = [
        "| view | of | features | cadence | TTL | online after |",
        "| --- | --- | ---: | --- | --- | --- |",
        *(
            f"| [{view.name}](#{view.name}) | {_subject(view)} | {len(view.features)} | {' | '.join(_times(view))} |"
            for view in views
        ),
    ]
    return "\n".join([head, *overview, *(line for view in views for line in _section(view, services))]) + "\n"


def _section(view: View, services: list[FeatureService]) -> Iterator[str]:
    every, ttl, lag = _times(view)
    yield from (
        "",
        f"## {view.name}",
        "",
        view.description,
        "",
        f"Of: {_subject(view)} · cadence: {every} · "
        + (f"TTL: {ttl} · online after: {lag} · " if ttl else "")
        + f"owner: {view.owner}  ",
        f"Models: {', '.join(_models(view, services)) or 'none yet'}",
        "",
        "| feature | meaning | type | unit | range | nulls |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    yield from map(_row, features_of(view))


def _row(field: Field) -> str:
    contract = contract_of(field)
    nulls = {0.0: "none", 1.0: "any"}.get(contract.null_share, f"up to {contract.null_share:.0%}")
    limits = _range(field) + (" (warning)" if contract.severity == "warning" else "")
    dtype = str(field.dtype).removeprefix("PrimitiveFeastType.").lower()
    return f"| `{field.name}` | {field.description} | {dtype} | {contract.unit} | {limits} | {nulls} |"


def _range(field: Field) -> str:
    contract = contract_of(field)
    if contract.allowed:
        return ", ".join(contract.allowed)
    ge, le = (None if bound is None else _number(bound) for bound in (contract.ge, contract.le))
    if ge and le:
        return f"{ge} to {le}"
    return f"≥ {ge}" if ge else f"≤ {le}" if le else ""


def _number(bound: float) -> str:
    return f"{bound:,.0f}" if bound == int(bound) else f"{bound:g}"


def _subject(view: View) -> str:
    return ", ".join(view.entities or []) if isinstance(view, FeatureView) else "the request"


def _times(view: View) -> tuple[str, str, str]:
    cadence = cadence_of(view)
    if not isinstance(view, FeatureView):
        return "on request", "", ""
    return cadence.every.replace("-", " "), f"{view.ttl.days} days" if view.ttl else "", f"{cadence.lag_hours} hours"


def _models(view: View, services: list[FeatureService]) -> Iterator[str]:
    for service in services:
        for projection in service.feature_view_projections:
            if projection.name == view.name:
                taken = [field.name for field in projection.features]
                part = "" if len(taken) == len(view.features) else f" ({', '.join(taken)})"
                yield service.name + part


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with --check tell whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m feature_repo.catalogue", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    check: bool = parser.parse_args(arguments).check
    page = render(VIEWS, SERVICES)
    if not check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        sys.stderr.write(f"{PAGE} is not what the declarations say: run python -m feature_repo.catalogue\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
