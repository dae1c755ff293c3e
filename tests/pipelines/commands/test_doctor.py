"""`tidemark doctor`, as its user meets it."""

from __future__ import annotations


def test_the_doctor_finds_an_installation_sound(tidemark):
    told = tidemark("doctor")
    assert told.exit_code == 0
    assert "no world yet" in told.output


def test_the_doctor_tells_of_a_source_that_does_not_answer_but_not_its_password(tidemark):
    told = tidemark("doctor", TIDEMARK_SOURCE="postgresql://me:secret@127.0.0.1:1/none")
    assert told.exit_code == 1
    assert "does not answer" in told.output
    assert "secret" not in told.output


def test_the_doctor_names_settings_that_nothing_reads_or_that_cannot_be(tidemark):
    report = tidemark("doctor", TIDEMARK_MAXDROP="0.5", TIDEMARK_RETRIES="many")
    assert report.exit_code == 1
    assert "nothing reads TIDEMARK_MAXDROP (did you mean TIDEMARK_MAX_DROP?)" in report.output
    assert "TIDEMARK_RETRIES: expected a whole number, found 'many'" in report.output
