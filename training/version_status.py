"""Which version a model's page is about, and whether that version serves: brought up to date whenever this changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training import page

SECTION = "version"


@dataclass(frozen=True)
class VersionStatus:
    """A version, its note, and its place in the registry."""

    model: str
    version: str
    note: str
    champion: str | None
    """The version that serves, if any does."""
    failures: Sequence[str]
    """Why its gates failed, each by its name; empty if none did."""

    @property
    def serves(self) -> str:
        """Whether it serves, and if not, why."""
        if self.champion == self.version:
            return "yes: it is the champion"
        other = f"version {self.champion} serves" if self.champion else "no version serves"
        reason = (
            f"its gates failed: {'; '.join(self.failures)}"
            if self.failures
            else f"its gates passed, and it is not promoted (tidemark models --promote {self.model}:{self.version})"
        )
        return f"no, it is a candidate: {reason}; {other}"


def show_registered(file: Path, version: str, note: str) -> Path:
    """Put what does not change on the copy of a page that the registry keeps."""
    serves = "as the registry says: tidemark models (this copy of the page is of when the version was registered)"
    return _shown(file, [("Version", version), ("Serves", serves), ("Note", note or "none")])


def show_on(file: Path, status: VersionStatus) -> Path:
    """Put it below the heading of a page, in place of an earlier one."""
    return _shown(file, [("Version", status.version), ("Serves", status.serves), ("Note", status.note or "none")])


def _shown(file: Path, rows: Sequence[tuple[str, str]]) -> Path:
    document = page.with_section(file.read_text(encoding="utf-8"), SECTION, page.pairs(rows), first=True)
    return page.write(file, document)
