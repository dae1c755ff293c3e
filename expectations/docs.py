"""Data Docs: Great Expectations' own pages about the outcomes that were kept, under `<home>/data_docs`.

To bring the site up to date takes half a second and 30 ms a page, so it is not done while partitions are validated: a
backfill of a year would pay for it 1,460 times. `build` does it when asked to, with the latest days of each view and
its latest failures; it writes only the pages that are new, and removes those of what has fallen out.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.archive import UNDATED, files, has_failed, read
from expectations.derive import instant_of, suite_for
from feature_repo.views import VIEWS, View

if TYPE_CHECKING:
    from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier

LATEST, FAILURES = 7, 20


def index_of(home: Path) -> Path:
    """The page to begin with."""
    return home / "data_docs" / "index.html"


def page_of(home: Path, view: str, day: date) -> Path:
    """The page of one outcome, whether or not it has been built."""
    time = instant_of(day).strftime("%Y%m%dT%H%M%S.%fZ")
    return home / "data_docs" / "validations" / view / str(day) / time / f"{view}.html"


def build(home: Path, views: Iterable[View] = VIEWS) -> Path:
    """Bring the site up to date, and tell its index page."""
    from expectations.gx import quiet_context  # noqa: PLC0415, I001
    from great_expectations.data_context.types.resource_identifiers import (  # noqa: PLC0415
        ExpectationSuiteIdentifier,
    )

    context = quiet_context()
    context.add_data_docs_site(
        "tidemark",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(index_of(home).parent),
            },
        },
    )
    outdated: list[Any] = []
    pages = []
    for view in views:
        context.suites.add(suite_for(view))
        outdated.append(ExpectationSuiteIdentifier(view.name))
        for file in _shown(home, view.name):
            page, key = page_of(home, view.name, _day(file)), _key(view.name, _day(file))
            context.validation_results_store.set(key, _result(context, file))
            if not page.exists() or page.stat().st_mtime < file.stat().st_mtime:
                page.unlink(missing_ok=True)
                outdated.append(key)
            pages.append(page)
    context.build_data_docs(site_names=["tidemark"], resource_identifiers=outdated)
    # GX logs a page that it could not render, and goes on without it.
    if missing := [str(page) for page in (index_of(home), *pages) if not page.exists()]:
        raise RuntimeError(f"Great Expectations did not write {', '.join(missing)}")
    return index_of(home)


def _shown(home: Path, view: str) -> list[Path]:
    dated = [file for file in files(home, view) if not file.name.startswith(UNDATED)]
    failures = [file for file in dated if has_failed(file)]
    return sorted({*dated[:LATEST], *failures[:FAILURES]})


def _day(file: Path) -> date:
    return date.fromisoformat(file.name.split(".")[0])


def _key(view: str, day: date) -> ValidationResultIdentifier:
    from great_expectations.core.run_identifier import RunIdentifier  # noqa: PLC0415
    from great_expectations.data_context.types.resource_identifiers import (  # noqa: PLC0415
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    return ValidationResultIdentifier(
        ExpectationSuiteIdentifier(view), RunIdentifier(run_name=str(day), run_time=instant_of(day)), view
    )


def _result(context: Any, file: Path) -> Any:
    result = read(file).result
    return context.validation_results_store.deserialize({**result, "results": _escaped(result["results"])})


def _escaped(value: Any) -> Any:
    """Every text in it as HTML shows it: GX 1.24 writes values from the data into its pages as they are."""
    match value:
        case str():
            return html.escape(value, quote=False)
        case list():
            return [_escaped(item) for item in value]
        case dict():
            return {key: _escaped(item) for key, item in value.items()}
        case _:
            return value
