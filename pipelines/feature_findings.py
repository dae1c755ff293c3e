"""What `tidemark doctor` reports of published features, of the models that read them, and of what nobody reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from feast import FeatureService, FeatureView
from feast.base_feature_view import BaseFeatureView

from feature_repo.masking import masked
from feature_repo.services import SERVICES
from feature_repo.views import SNAPSHOT_VIEWS, VIEWS
from pipelines.finding import Finding
from pipelines.inputs import BEYOND_DATA, empty_inputs, last_loaded_day
from pipelines.published import StaleDays, published_days, shown, stale_days
from pipelines.withdrawal import pending
from training.artifact import MANIFEST
from training.deployed import CHALLENGER, CHAMPION, Deployed, NotDeployedError, deployed, registry_address
from training.manifest import contract_hash
from training.models import MODELS
from training.snapshot_inputs import OutdatedDays, outdated_days, unrecorded_days
from training.wording import counted


def feature_findings(home: Path, views: Sequence[FeatureView] = SNAPSHOT_VIEWS) -> Iterator[Finding]:
    """The published days of each view, and those that a changed declaration left behind."""
    for view in views:
        days = list(published_days(home, view.name))
        if not days:
            yield Finding("note", f"features: {view.name}", "no day published", "`tidemark features` computes days.")
            continue
        missing = (days[-1] - days[0]).days + 1 - len(days)
        gaps = f"; {counted(missing, 'day')} between {'is' if missing == 1 else 'are'} not published" if missing else ""
        unrecorded = unrecorded_days(home, view.name)
        unknown = f"; {counted(unrecorded, 'day')} without a record of the raw rows" if unrecorded else ""
        found = f"{counted(len(days), 'day')}, {days[0]} to {days[-1]}{gaps}{unknown}"
        yield Finding("ok", f"features: {view.name}", found)
    left_behind: list[StaleDays | OutdatedDays] = [
        *stale_days(home, views),
        *outdated_days(home, [view.name for view in views]),
    ]
    for stale in left_behind:
        yield Finding(
            "wrong", f"features: {stale.view}", str(stale), "`tidemark features --stale` computes them again."
        )


def input_findings(home: Path, views: Sequence[FeatureView] = SNAPSHOT_VIEWS) -> Iterator[Finding]:
    """Views that read raw tables without rows, and days that were published long after the data's end."""
    if not (home / "raw").is_dir():
        return
    for inputs in empty_inputs(home, [view.name for view in views]):
        state: Literal["wrong", "note"] = "wrong" if inputs.refused else "note"
        yield Finding(
            state, f"features: {inputs.view}", f"reads {str(inputs).removeprefix(f'{inputs.view}: ')}",
            "`tidemark load`, if there should be rows; then compute its days again.",
        )  # fmt: skip
    end = last_loaded_day(home)
    for view in views:
        late = [day for day in published_days(home, view.name) if end and day > end + BEYOND_DATA]
        if late:
            published = counted(len(late), "published day")
            found = (
                f"{published} more than {BEYOND_DATA.days} days after {end}, the last on which "
                f"anything about an entity became known: {shown(late)}. Online they keep the data's own days out"
            )
            withdraw = f"tidemark features --withdraw {late[0]}:{late[-1]} --view {view.name}"
            yield Finding("note", f"features: {view.name}", found, f"If that was a mistake: `{withdraw}`")


def model_findings(home: Path, services: Sequence[FeatureService] = SERVICES) -> Iterator[Finding]:
    """The registered models, and whether the features that they read are declared and published."""
    if not (address := registry_address(home)).startswith("sqlite:"):
        yield Finding(
            "note", "models (external)", f"{masked(address)}: which features its models read is not looked at"
        )
        return
    registered = 0
    for spec in MODELS:
        try:
            version, role = _version(spec.name, home)
            with version.files() as folder:
                card = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except NotDeployedError:
            continue
        except (OSError, ValueError) as problem:
            yield Finding("wrong", f"model: {spec.name}", f"its files: {problem}", f"`tidemark train {spec.name}`")
            continue
        registered += 1
        faults, part = list(_faults(home, card, services)), f"model: {spec.name}"
        for found, remedy in faults:
            yield Finding("wrong", part, f"version {version.version}, the {role}, {found}", remedy)
        if not faults:
            yield Finding("ok", part, f"version {version.version} is the {role}, and its features are published")
    if not registered:
        yield Finding("note", "models", "none is registered", "`tidemark train` trains them.")


def _version(model: str, home: Path) -> tuple[Deployed, str]:
    """The version that serves, else the one that was trained last."""
    try:
        return deployed(model, CHAMPION, home), CHAMPION
    except NotDeployedError:
        return deployed(model, CHALLENGER, home), CHALLENGER


def _faults(home: Path, card: dict[str, object], services: Sequence[FeatureService]) -> Iterator[tuple[str, str]]:
    """What keeps a model from its features, each with what mends it."""
    train = f"`tidemark train {card['model']}` makes a version that fits."
    service = next((service for service in services if service.name == card["service"]), None)
    if service is None:
        yield f"reads the service {card['service']}, which is not declared any more", train
        return
    views = projected_views(service)
    if contract_hash(views) != card["contract"]:
        yield f"was trained when the features of {service.name} had another contract: {_changed(card, views)}", train
    for view in views:
        if isinstance(view, FeatureView) and not published_days(home, view.name):
            yield f"reads the view {view.name}, of which no day is published", f"`tidemark features --view {view.name}`"


def projected_views(service: FeatureService) -> list[BaseFeatureView]:
    """The declared views that a service reads, each with the features that it takes of them."""
    declared = {view.name: view for view in VIEWS}
    return [declared[part.name].with_projection(part) for part in service.feature_view_projections]


def _changed(card: dict[str, object], views: Sequence[BaseFeatureView]) -> str:
    each = card["inputs"]["each"]  # type: ignore[index]
    read = {(part["view"], part["name"]) for part in each if part["view"] != "request"}
    declared = {(view.name, field.name) for view in views for field in view.features}
    gone = [f"{view}:{name} is gone" for view, name in sorted(read - declared)]
    new = [f"{view}:{name} is new" for view, name in sorted(declared - read)]
    return ", ".join([*gone, *new]) or "a type, a range or a unit has changed"


def withdrawal_findings(home: Path) -> Iterator[Finding]:
    """A withdrawal of days that was killed before its end."""
    if unfinished := pending(home):
        days = unfinished.days
        yield Finding(
            "wrong", "features", f"the withdrawal of {unfinished} has begun and not ended; until it has, no features "
            "are computed", f"If no process is at it: `tidemark features --withdraw {days.first}:{days.last}`"
        )  # fmt: skip


def orphan_findings(home: Path) -> Iterator[Finding]:
    """State that nothing declared reads, refused days, and what a killed process left half written."""
    known = {
        "features": {view.name for view in SNAPSHOT_VIEWS},
        "refused": {view.name for view in SNAPSHOT_VIEWS},
        "validations": {view.name for view in SNAPSHOT_VIEWS},
        "models": {"latest", *(spec.name for spec in MODELS)},
    }
    for kind, names in known.items():
        for folder in sorted(path for path in (home / kind).glob("*") if path.is_dir() and path.name not in names):
            found = f"{folder}: nothing of that name is declared"
            yield Finding("note", "orphaned state", found, f"If nobody needs it: rm -r {folder}")
    for view in SNAPSHOT_VIEWS:
        folder = home / "refused" / view.name
        if days := [file.parent.name for file in folder.glob("snapshot_on=*/part.parquet")]:
            found = (
                f"{counted(len(days), 'refused day')} of {view.name} in {folder}, {max(days).split('=')[1]} the last"
            )
            yield Finding("note", "refused days", found, "data_docs tells why. Mend the source and run them again.")
    yield from _leftovers(home)


def _leftovers(home: Path) -> Iterator[Finding]:
    patterns = (".loading-*", ".computing-*", "raw/*/*/.writing", "quarantine/*/*/.writing", "features/*/*/.writing",
                "refused/*/*/.writing", "redis/.writing-*")  # fmt: skip
    for path in sorted(path for pattern in patterns for path in home.glob(pattern)):
        remedy = f"Its process was killed, or runs still. If none runs: rm -r {path}"
        yield Finding("note", "leftover", str(path), remedy)
