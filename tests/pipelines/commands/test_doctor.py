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
