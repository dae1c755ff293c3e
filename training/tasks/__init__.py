"""The tasks: what models may predict, one a file."""

from __future__ import annotations

from training.task import Task
from training.tasks.binary import BINARY
from training.tasks.multiclass import MULTICLASS
from training.tasks.price import PRICE
from training.tasks.timing import TIMING

__all__ = ["BINARY", "MULTICLASS", "PRICE", "TASKS", "TIMING", "task_of"]

TASKS: tuple[Task, ...] = (BINARY, MULTICLASS, PRICE, TIMING)


def task_of(name: str) -> Task:
    """The task of that name."""
    for task in TASKS:
        if task.name == name:
            return task
    raise ValueError(f"there is no task {name!r}; there are {', '.join(task.name for task in TASKS)}")
