from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from expectations.archive import files, keep, kept
from expectations.docs import FAILURES, LATEST, build, page_of
from expectations.outcome import ValidationResult
from expectations.validate import validate
from feature_repo.views import MARKET, PROPERTY

DAY = date(2024, 1, 5)
Good = Callable[..., pa.Table]
Replace = Callable[[pa.Table, str, Any], pa.Table]


@pytest.fixture
def passed(good: Good) -> ValidationResult:
    return validate(good(MARKET), MARKET, day=DAY)


@pytest.fixture
def failed(good: Good, replace: Replace) -> ValidationResult:
    return validate(replace(good(MARKET), "median_sale_price", -1.0), MARKET, day=DAY)


def test_an_outcome_is_kept_whole_and_small(failed: ValidationResult, tmp_path: Path) -> None:
    assert keep(failed, tmp_path).stat().st_size < 10_000
    back = kept(tmp_path, "market", DAY)
    assert back == failed
    assert back is not None
    assert back.result == failed.result
    assert kept(tmp_path, "market", DAY + timedelta(days=1)) is None


def test_a_day_has_one_outcome_the_latest(passed: ValidationResult, failed: ValidationResult, tmp_path: Path) -> None:
    keep(failed, tmp_path)
    keep(passed, tmp_path)
    assert [file.name for file in files(tmp_path, "market")] == ["2024-01-05.passed.json.gz"]
    assert kept(tmp_path, "market", DAY) == passed


def test_the_site_shows_a_page_of_each_outcome(failed: ValidationResult, tmp_path: Path) -> None:
    keep(failed, tmp_path)
    index = build(tmp_path)
    assert page_of(tmp_path, "market", DAY).relative_to(index.parent).as_posix() in index.read_text()
    page = page_of(tmp_path, "market", DAY).read_text()
    assert "median_sale_price" in page
    assert "within_season_0_days" in page


def test_the_site_does_not_grow_without_bound(
    passed: ValidationResult, failed: ValidationResult, tmp_path: Path
) -> None:
    for n in range(LATEST + FAILURES + 5):
        day = DAY + timedelta(days=n)
        outcome = passed if n >= FAILURES + 5 else failed
        keep(ValidationResult(**{**vars(outcome), "day": day}), tmp_path)
        if n == 0:
            build(tmp_path)
    build(tmp_path)
    pages = list(tmp_path.glob("data_docs/validations/**/*.html"))
    assert len(pages) == LATEST + FAILURES
    assert not page_of(tmp_path, "market", DAY).exists()


def test_what_has_not_changed_is_not_built_again(
    passed: ValidationResult, failed: ValidationResult, tmp_path: Path
) -> None:
    page = page_of(tmp_path, "market", DAY)
    keep(passed, tmp_path)
    build(tmp_path)
    before = page.stat().st_mtime_ns
    build(tmp_path)
    assert page.stat().st_mtime_ns == before
    keep(failed, tmp_path)
    build(tmp_path)
    assert page.stat().st_mtime_ns > before


def test_values_from_the_data_are_text_and_not_markup(good: Good, replace: Replace, tmp_path: Path) -> None:
    table = replace(good(PROPERTY), "property_kind", "<script>alert(1)</script>")
    keep(validate(table, PROPERTY, day=DAY), tmp_path)
    build(tmp_path)
    page = page_of(tmp_path, "property", DAY).read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
