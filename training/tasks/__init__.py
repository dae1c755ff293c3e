"""The tasks: what models may predict, one a file."""

from __future__ import annotations

from feature_repo.catalogues import Catalogue
from training.task import Task
from training.tasks.binary import BINARY
from training.tasks.multiclass import MULTICLASS
from training.tasks.price import PRICE
from training.tasks.timing import TIMING

__all__ = ["BINARY", "MULTICLASS", "PRICE", "TASKS", "TIMING", "task_of"]

TASKS: Catalogue[Task] = Catalogue("TASKS", (BINARY, MULTICLASS, PRICE, TIMING), Task, has_domain=False)


def task_of(name: str) -> Task:
    """The task of that name."""
    return TASKS.named(name)
