from __future__ import annotations

import re

from training import page


def test_cells_with_numbers_do_not_wrap():
    document = page.page("t", [page.columns(("span", "loss"), [("2025-01-01 to 2025-03-31", "-0.1234")])])
    assert "<td class=n>-0.1234</td>" in document
    style = document[: document.index("</style>")]
    rules = dict(re.findall(r"([^{}]+?) \{ ([^}]*) \}", style))
    assert "white-space: nowrap" in rules[next(name for name in rules if name.strip() == "td.n")]


def test_a_section_takes_the_place_of_an_earlier_one_of_its_name():
    document = page.page("t", ["<h1>t</h1>", "<p>text</p>"])
    twice = page.with_section(page.with_section(document, "a", "old"), "a", "new")
    assert twice == document.replace("</body>", "<section id=a>new</section></body>")
    assert page.with_section(twice, "a", "") == document
    first = page.with_section(document, "a", "new", first=True)
    assert first == document.replace("</h1>", "</h1><section id=a>new</section>")
