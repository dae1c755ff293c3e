"""The table at the end, on the terminal and in docs/reliability.md."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- what `make soak` printed -->", "<!-- end -->"
_SHOWN = 5


@dataclass(frozen=True)
class Row:
    """A figure, and what it should be."""

    phase: str
    what: str
    figure: str
    goal: str = ""
    met: bool | None = None


@dataclass
class Report:
    """Figures in the order in which they were measured, and examples of what went wrong."""

    rows: list[Row] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def add(self, phase: str, what: str, figure: object, goal: str = "", met: bool | None = None) -> None:
        self.rows.append(Row(phase, what, str(figure), goal, met))

    def none_of(self, phase: str, what: str, faults: list[str], figure: str = "") -> None:
        """Faults of which there must be none."""
        self.add(phase, what, figure or len(faults), "no fault" if figure else "0", not faults)
        self.examples += [f"{phase}, {what}: {fault[:600]}" for fault in faults[:_SHOWN]]

    @property
    def failed(self) -> bool:
        return any(row.met is False for row in self.rows)

    def table(self) -> str:
        """As Markdown; a goal that was missed says so."""
        lines = ["| phase | what | figure | goal |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {row.phase} | {row.what} | {row.figure} | {row.goal}{' (missed)' if row.met is False else ''} |"
            for row in self.rows
        ]
        return "\n".join(lines)

    def write(self, minutes: float) -> None:
        """Into the page, in place of the table of the last run."""
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        load, _, _ = os.getloadavg()
        told = (
            f"`SOAK_MINUTES={minutes:g} make soak` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores that other work "
            f"shared (load average at the end {load:.1f}):"
        )
        PAGE.write_text(f"{before}{BEGIN}\n\n{told}\n\n{self.table()}\n\n{END}{after}", encoding="utf-8")
