"""The commands around training sets and models, one a file, as `tidemark --help` lists them."""

from __future__ import annotations

from collections.abc import Callable

from training.commands import describe, evaluate, feature_set, models, train, training_set

COMMANDS: tuple[Callable[..., None], ...] = (
    training_set.training_set,
    describe.describe,
    feature_set.feature_set,
    train.train,
    evaluate.evaluate,
    models.models,
)
