"""`tidemark quarantine`, as its user meets it."""

from __future__ import annotations


def test_refused_rows_are_shown_as_they_came(tidemark):
    tidemark("world", "--customers", "50", "--days", "60")
    tidemark("load")
    told = tidemark("quarantine", "engagement", "--reason", "channel", "--limit", "2")
    assert "carrier pigeon" in told.output


def test_an_unknown_table_is_answered_with_the_nearest(tidemark):
    assert "did you mean 'deals'?" in tidemark("load", "--table", "dealz").output
    assert "did you mean 'macro'?" in tidemark("quarantine", "makro").output
