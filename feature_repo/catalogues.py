"""Catalogues: what is declared, ours and the extensions', of the domains that are active.

Every declaration names its domain: Feast's objects in the tag `domain`, all others as an attribute. `TIDEMARK_DOMAINS`
says which domains are wanted; all, if it says nothing. What names no domain, such as an entity or a task, is there for
all of them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from feature_repo.extensions import CATALOGUES, extensions

T = TypeVar("T")
SETTING = "TIDEMARK_DOMAINS"


class DomainError(ValueError):
    """The domains that are wanted cannot be had: one is unknown, or what another needs is left out."""


class Catalogue(Sequence[T], Generic[T]):
    """Declarations of one kind, in order, found by name. What extensions add is read when it is first asked for."""

    def __init__(
        self,
        name: str,
        own: Iterable[T],
        kind: type | tuple[type, ...],
        *,
        has_domain: bool = True,
        check: Callable[[Any], str] = lambda _: "",
    ) -> None:
        self.own = tuple(own)
        self._name, self._kind, self._has_domain, self._check = name, kind, has_domain, check

    def __iter__(self) -> Iterator[T]:
        return iter(self._active())

    def __len__(self) -> int:
        return len(self._active())

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        return self._active()[place]

    def named(self, name: str) -> T:
        """The declaration of that name."""
        for item in self:
            if name_of(item) == name:
                return item
        raise ValueError(f"there is no {self._singular} {name!r}; there are {', '.join(map(name_of, self))}")

    @property
    def every(self) -> tuple[T, ...]:
        """The declarations of all domains, active or not."""
        return (*self.own, *(item for extension in extensions() for item in extension.declared(self._name)))

    def faults(self, declared: Iterable[Any], before: Iterable[T]) -> Iterator[str]:
        """Why something cannot be added to what is there before."""
        taken = {*map(name_of, self.own), *map(name_of, before)}
        for item in declared:
            if not isinstance(item, self._kind):
                kinds = self._kind if isinstance(self._kind, tuple) else (self._kind,)
                yield f"expected a {' or '.join(kind.__name__ for kind in kinds)}, found {type(item).__name__}"
                continue
            if (name := name_of(item)) in taken:
                yield f"there is a {self._singular} {name!r} already"
            taken.add(name)
            if self._has_domain and not domain_of(item):
                yield f"{name!r} names no domain: put one into its tags (`domain`), or into its declaration"
            if fault := self._check(item):
                yield fault

    def _active(self) -> tuple[T, ...]:
        return tuple(item for item in self.every if is_wanted(item))

    @property
    def _singular(self) -> str:
        return _SINGULAR.get(self._name, self._name.lower().removesuffix("s"))


_SINGULAR = {"ENTITIES": "entity", "TABLES": "raw table"}


def name_of(item: Any) -> str:
    """What a declaration is called."""
    return str(item.name)


def domain_of(item: Any) -> str:
    """The domain that a declaration belongs to; "" for all of them."""
    tags = getattr(item, "tags", None)
    return str((tags or {}).get("domain", "") if isinstance(tags, dict) else getattr(item, "domain", ""))


def wanted_domains() -> tuple[str, ...]:
    """The domains that are wanted; none where all are."""
    return tuple(name.strip() for name in os.environ.get(SETTING, "").split(",") if name.strip())


def is_wanted(item: Any) -> bool:
    """Whether a declaration is of a domain that is active."""
    wanted = wanted_domains()
    return not wanted or domain_of(item) in {"", *wanted}


def require_domains() -> None:
    """Raise if a domain is wanted that nothing belongs to, or whose services read views of one that is not."""
    catalogues = {name: getattr(importlib.import_module(room), name) for name, room in CATALOGUES.items()}
    known = {domain_of(item) for catalogue in catalogues.values() for item in catalogue.every} - {""}
    if unknown := [name for name in wanted_domains() if name not in known]:
        raise DomainError(
            f"{SETTING}: there is no domain {', '.join(map(repr, unknown))}; there are {', '.join(sorted(known))}"
        )
    views = {name_of(view): view for view in catalogues["VIEWS"].every}
    for service in catalogues["SERVICES"]:
        read = [views[projection.name] for projection in service.feature_view_projections if projection.name in views]
        if missing := [view for view in read if not is_wanted(view)]:
            raise DomainError(
                f"{SETTING}: the service {service.name} reads {', '.join(map(name_of, missing))}: add the domain "
                f"{', '.join(sorted({domain_of(view) for view in missing}))}"
            )
