"""Which files a path stands for, and what their folders' names tell of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow.fs as pafs

_SUFFIXES = (".parquet", ".parq", ".pq")
_MAGIC = re.compile(r"[*?\[]")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class FileListing:
    """A file, and the columns that the names of its folders hold."""

    path: str
    partition: dict[str, str | None]


def files_under(filesystem: pafs.FileSystem, path: str) -> Iterator[FileListing]:
    """The files of a path, in the order of their names."""
    info = filesystem.get_file_info(path)
    if info.type == pafs.FileType.File:
        yield FileListing(path, partition_of(path))
        return
    if info.type == pafs.FileType.Directory:
        root, wanted = path, None
    elif magic := _MAGIC.search(path):
        # Up to the first pattern the path is a folder; below it the pattern decides.
        root = path[: magic.start()].rpartition("/")[0]
        wanted = re.compile(_expression(path))
    else:
        return
    listed = filesystem.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True))
    names = sorted(entry.path for entry in listed if entry.type == pafs.FileType.File and not _hidden(entry.path, root))
    if wanted is not None:
        names = [name for name in names if wanted.fullmatch(name)]
    elif any(name.endswith(_SUFFIXES) for name in names):
        names = [name for name in names if name.endswith(_SUFFIXES)]
    for name in names:
        yield FileListing(name, partition_of(name[len(root) :]))


def partition_of(path: str) -> dict[str, str | None]:
    """The columns in the names of folders: `day=2024-01-05/part.parquet` is of the day 2024-01-05."""
    pairs = (folder.partition("=") for folder in path.split("/")[:-1] if "=" in folder)
    return {unquote(name): None if value == _HIVE_NULL else unquote(value) for name, _, value in pairs if name}


def is_pattern(path: str) -> bool:
    """Whether a path that is no file and no folder is a pattern for several."""
    return _MAGIC.search(path) is not None


def _hidden(path: str, root: str) -> bool:
    return any(part.startswith((".", "_")) for part in path[len(root) :].split("/") if "=" not in part)


def _expression(pattern: str) -> str:
    """A pattern of the shell as a regular expression: `*` stays within a name, `**` does not."""
    parts: list[str] = []
    for part in re.findall(r"\*\*/?|\*|\?|\[[^\]]*\]|[^*?\[]+|\[", pattern):
        match part:
            case "**" | "**/":
                parts.append(".*" if part == "**" else "(?:.*/)?")
            case "*":
                parts.append("[^/]*")
            case "?":
                parts.append("[^/]")
            case _ if part.startswith("[") and part.endswith("]"):
                parts.append(part.replace("[!", "[^"))
            case _:
                parts.append(re.escape(part))
    return "".join(parts)
