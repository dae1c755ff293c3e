"""A home that was moved or copied: MLflow's registry holds whole paths, which lead to where it lay before.

The paths stay as MLflow wrote them, since its client cannot change them. Whoever reads one looks for the same files in
the home at hand, and whoever writes does so under an experiment of that home.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse


def models_folder(home: Path) -> Path:
    """Where the runs of a home keep their files, a folder for each model."""
    return home.absolute() / "models"


def was_moved(location: str, model: str, home: Path) -> bool:
    """Whether an experiment's location is that of the same model in another home.

    >>> was_moved("file:///old/models/m", "m", Path("/new"))
    True
    >>> [was_moved(other, "m", Path("/new")) for other in ("file:///new/models/m", "s3://old/models/m", "file:///m")]
    [False, False, False]
    """
    path = _local_path(location)
    if path is None or path.parts[-2:] != ("models", model):
        return False
    return path.resolve() != (models_folder(home) / model).resolve()  # the same folder may have several names


def followed(source: str, model: str, home: Path) -> str:
    """Where a version's files lie in this home; the source as it is if they do not lie here."""
    path = _local_path(source)
    if path is None or path.is_relative_to(models_folder(home)):
        return source
    _, separator, within = str(path).rpartition(f"/models/{model}/")
    here = models_folder(home) / model / within
    return here.as_uri() if separator and here.exists() else source


def _local_path(location: str) -> Path | None:
    parsed = urlparse(location)
    return Path(unquote(parsed.path)) if parsed.scheme in ("", "file") else None
