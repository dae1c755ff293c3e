"""What every page of HTML that training writes has in common: one file, its style inside, nothing fetched."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

INK, TIDE, SAND = "#1d3557", "#2a9d8f", "#c9a66b"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d3557; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
td, th { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #dde3ea; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
td.n, th.n { text-align: right } td.n { white-space: nowrap; overflow-wrap: normal }
.passed { color: #2a7d46 } .failed { color: #b3261e; font-weight: bold }
svg { max-width: 100%; height: auto } h2 { margin-top: 2.5rem }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A page of these parts, which are HTML."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>"
    )


def with_section(document: str, name: str, content: str, *, first: bool = False) -> str:
    """The page with a section of that name, in place of an earlier one; below its heading if it is to be the first."""
    opening, closing = f"<section id={name}>", "</section>"
    without = re.sub(f"{re.escape(opening)}.*?{re.escape(closing)}", "", document, flags=re.DOTALL)
    before, border, after = without.partition("</h1>") if first else without.rpartition("</body>")
    section = f"{opening}{content}{closing}" if content else ""
    return f"{before}{border}{section}{after}" if first else f"{before}{section}{border}{after}"


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and what they stand for."""
    return (
        "<table>"
        + "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows)
        + "</table>"
    )


def columns(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """A table with a head, whose first `words` columns are words and the others numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{'' if place < words else ' class=n'}>{html.escape(cell)}</{tag}>" for place, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>"


def drawn(size: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """A figure as a part of a page; the same drawing gives the same bytes."""
    sink = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "tidemark", "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(sink, format="svg", metadata={"Date": None})
    return sink.getvalue()[sink.getvalue().index("<svg") :]


def write(file: Path, content: str) -> Path:
    """Write a page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return file
