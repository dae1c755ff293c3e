"""The settings: read as declared, refused with a sentence, complete."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from feature_repo.home import CHECKOUT
from feature_repo.settings import PREFIX, PlatformSettings, SettingError, problems

ROOMS = ("feature_repo", "expectations", "training", "pipelines", "serving")


def test_an_empty_environment_gives_the_defaults():
    settings = PlatformSettings.from_environment({"TIDEMARK_MAX_DROP": ""})
    assert settings == PlatformSettings(home=CHECKOUT / ".tidemark")


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("TIDEMARK_HOME", "/srv/tidemark", "home", Path("/srv/tidemark")),
        ("TIDEMARK_MAPPING", "shop.yaml", "mapping", Path("shop.yaml")),
        ("TIDEMARK_MAX_DROP", "1", "max_drop", 1.0),
        ("TIDEMARK_ALLOW_EMPTY", "deals, macro", "allow_empty", ("deals", "macro")),
        ("TIDEMARK_FIRST_DAY", "2014-05-01", "first_day", date(2014, 5, 1)),
        ("TIDEMARK_RETRIES", "0", "retries", 0),
        ("TIDEMARK_NOW", "2026-11-01T10:00:00+01:00", "now", datetime(2026, 11, 1, 9, tzinfo=UTC)),
    ],
)
def test_a_variable_is_read_as_its_field_says(variable, text, field, value):
    assert getattr(PlatformSettings.from_environment({variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("TIDEMARK_FIRST_DAY", "May", "TIDEMARK_FIRST_DAY: expected a day such as 2014-05-01, found 'May'"),
        ("TIDEMARK_MAX_DROP", "20", "TIDEMARK_MAX_DROP: expected a number from 0 to 1, found '20'"),
        ("TIDEMARK_RETRIES", "-1", "TIDEMARK_RETRIES: expected a whole number, found '-1'"),
        ("TIDEMARK_REFRESH_SECONDS", "nan", "TIDEMARK_REFRESH_SECONDS: expected a number, found 'nan'"),
        ("TIDEMARK_LOG_LEVEL", "loud", "TIDEMARK_LOG_LEVEL: expected one of info, warning, error, found 'loud'"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_was_expected(variable, text, sentence):
    with pytest.raises(SettingError) as refusal:
        PlatformSettings.from_environment({variable: text})
    assert str(refusal.value) == sentence
    assert problems({variable: text}) == [sentence]


def test_a_name_that_nothing_reads_is_named_with_the_nearest():
    assert problems({"TIDEMARK_MAXDROP": "1", "TIDEMARK_ZZZ": "1", "HOME": "/root"}) == [
        "nothing reads TIDEMARK_MAXDROP (did you mean TIDEMARK_MAX_DROP?)",
        "nothing reads TIDEMARK_ZZZ",
    ]


def test_every_variable_in_the_code_is_declared():
    code = "\n".join(file.read_text() for room in ROOMS for file in (CHECKOUT / room).rglob("*.py"))
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]\b", code))
    assert len(named) > 10
    assert problems(dict.fromkeys(named, "")) == []
