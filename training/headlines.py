"""The figures that people ask for first, by task: under which title each is shown, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from training.task import Task

BIAS = "bias"


@dataclass(frozen=True)
class Headline:
    """A figure by its name in `figures`, and how it is shown."""

    name: str
    title: str
    form: Literal[".1%", ".3f", ".4f", "+.1%"]

    def written(self, value: float) -> str:
        """The value as text.

        >>> Headline("auc", "AUC", ".3f").written(0.71234), Headline("bias", "bias", "+.1%").written(-0.0204)
        ('0.712', '-2.0 %')
        """
        return format(value, self.form).replace("%", " %")


BIAS_HEADLINE = Headline(BIAS, "bias", "+.1%")


def headlines_in(task: Task, figures: Mapping[str, float]) -> list[tuple[Headline, float]]:
    """The headlines of a task that are among these figures, which may be those of an older version."""
    return [(headline, figures[headline.name]) for headline in task.headlines if headline.name in figures]


def summary(task: Task, figures: Mapping[str, float]) -> str:
    """The headlines in one line.

    >>> from training.tasks import task_of
    >>> summary(task_of("binary"), {"loss": 0.2, "auc": 0.7123, "base_rate": 0.062})
    'AUC 0.712, base rate 6.2 %'
    """
    return ", ".join(f"{headline.title} {headline.written(value)}" for headline, value in headlines_in(task, figures))
