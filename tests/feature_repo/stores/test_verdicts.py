from __future__ import annotations

import verdicts


def test_the_page_is_up_to_date():
    assert verdicts.main(["--check"]) == 0


def test_a_stale_page_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verdicts, "PAGE", tmp_path / "point-in-time-joins.md")
    assert verdicts.main(["--check"]) == 1
    assert "verdicts.py" in capsys.readouterr().err
    verdicts.PAGE.write_text(verdicts.render(), encoding="utf-8")
    assert verdicts.main(["--check"]) == 0
