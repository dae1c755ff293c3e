"""What the calendar of a request keeps."""

from __future__ import annotations

from expectations.rule import Rule, on_the_circle

RULES = (
    on_the_circle("hour"),
    on_the_circle("weekday"),
    on_the_circle("month"),
    Rule("weekend_is_saturday_and_sunday", "{is_weekend} = ({day_of_week} >= 5)", "Monday is 0"),
    *(
        Rule(
            f"{part}_{function}_of_{part}",
            f"abs({{{part}_{function}}} - {function}(2 * pi() * {turns})) <= 1e-9",
            f"{part}_{function} = {function}(2 pi {turns})".replace("{", "").replace("}", ""),
        )
        for part, turns in (
            ("hour", "{hour_of_day} / 24.0"),
            ("weekday", "{day_of_week} / 7.0"),
            ("month", "({month_of_year} - 1) / 12.0"),
        )
        for function in ("sin", "cos")
    ),
)
