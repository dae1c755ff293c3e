"""A page says which version it is about and whether that serves."""

from __future__ import annotations

import pytest

from training.version_status import VersionStatus, show_on, show_registered

PAGE = "<html><body><h1>move_probability</h1><p>Who?</p><table></table></body></html>"


@pytest.mark.parametrize(
    ("champion", "failures", "serves"),
    [
        ("2", [], "yes: it is the champion"),
        ("2", ["calibrated: off by 0.3"], "yes: it is the champion"),  # promoted by hand
        ("1", ["calibrated: off by 0.3"], "no, it is a candidate: its gates failed: calibrated: off by 0.3; version 1 serves"),
        (None, ["a: b", "c: d"], "no, it is a candidate: its gates failed: a: b; c: d; no version serves"),
        (
            "1", [],
            "no, it is a candidate: its gates passed, and it is not promoted "
            "(tidemark models --promote move_probability:2); version 1 serves",
        ),
    ],
)  # fmt: skip
def test_a_version_serves_or_says_why_not(champion, failures, serves):
    assert VersionStatus("move_probability", "2", "", champion, failures).serves == serves


def test_the_newest_status_alone_stands_below_the_heading(tmp_path):
    file = tmp_path / "report.html"
    file.write_text(PAGE)
    show_registered(file, "2", "no <trends>")
    assert "tidemark models" in file.read_text()
    show_on(file, VersionStatus("move_probability", "2", "no <trends>", "2", []))
    page = file.read_text()
    assert page.count("<th>Version</th><td>2</td>") == 1
    assert "<th>Serves</th><td>yes: it is the champion</td>" in page
    assert "<th>Note</th><td>no &lt;trends&gt;</td>" in page
    assert page.index("<h1>") < page.index("<section id=version>") < page.index("<p>Who?</p>")
    assert "tidemark models" not in page
