"""The commands around raw data and features, one a file, as `tidemark --help` lists them."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.commands import demo, dev, doctor, features, load, quarantine, world

COMMANDS: tuple[Callable[..., None], ...] = (
    world.world,
    load.load,
    quarantine.quarantine,
    doctor.doctor,
    features.features,
    dev.dev,
    demo.demo,
)
