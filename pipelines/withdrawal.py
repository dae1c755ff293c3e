"""Days that were published by mistake, taken back: from disk, and from what is served.

Files and Redis do not change at once. So what is to be withdrawn is written down first, in <home>/withdrawing.json,
and that file is removed last. Whatever ends in between is carried on by the same command, or by the next computation
of features; until then no features are computed, and the doctor reports it.

Files go first: what remains on disk then says what is to be served. Online each row of a withdrawn day is overwritten
in one step by the newest that remains of its entity, and deleted only where nothing remains.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
from feast import FeatureStore, FeatureView
from redis import RedisError

from feature_repo.settings import setting
from feature_repo.store import open_store
from feature_repo.stores.online import WireRedisOnlineStore
from feature_repo.stores.private_redis import running
from feature_repo.stores.wire.errors import OnlineStoreRefusedError
from feature_repo.stores.wire.script import EventSpan
from pipelines.abandoned import end_abandoned, unfinished_runs
from pipelines.computation.days import Days
from pipelines.instance import prepare
from pipelines.online import NotPublishedError, newest_snapshots, registered
from pipelines.published import published_days
from training.snapshot_inputs import forget


class WithdrawalError(ValueError):
    """Days cannot be withdrawn now, or features not be computed."""


@dataclass(frozen=True)
class Withdrawal:
    """Which days of which views are to be withdrawn."""

    views: tuple[str, ...]
    days: Days

    def __str__(self) -> str:
        """As an operator reads it."""
        return f"{self.days.first} to {self.days.last} of {', '.join(self.views)}"


@dataclass(frozen=True)
class WithdrawnView:
    """What became of one view: days removed, days that remain, entities set back to an older day, entities deleted."""

    view: str
    days: tuple[date, ...]
    remaining: int
    newest: date | None
    set_back: int
    deleted: int


def withdraw(home: Path, withdrawal: Withdrawal) -> list[WithdrawnView]:
    """Take days back; first whatever an earlier withdrawal left undone."""
    with _alone(home):
        _require_no_runs(home)
        done = [] if (unfinished := pending(home)) is None else _carry_out(home, unfinished)
        return [*done, *_carry_out(home, withdrawal)]


def finish(home: Path) -> Withdrawal | None:
    """Carry an unfinished withdrawal to its end; gives what it was, or None."""
    if pending(home) is None:
        return None
    with _alone(home):
        # Whoever was here before may have done it meanwhile.
        unfinished = pending(home)
        if unfinished is not None:
            _carry_out(home, unfinished)
        return unfinished


def pending(home: Path) -> Withdrawal | None:
    """The withdrawal that has begun and not ended, if there is one."""
    try:
        written = json.loads(_file(home).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    first, last = (date.fromisoformat(written[end]) for end in ("first", "last"))
    return Withdrawal(tuple(written["views"]), Days(first, last))


def require_none_pending(home: Path) -> None:
    """Raise if a withdrawal has begun and not ended: what is computed now might be withdrawn with it."""
    if unfinished := pending(home):
        days = unfinished.days
        raise WithdrawalError(
            f"the withdrawal of {unfinished} has begun and not ended. If no process is at it, end it: "
            f"tidemark features --withdraw {days.first}:{days.last}"
        )


def _carry_out(home: Path, withdrawal: Withdrawal) -> list[WithdrawnView]:
    try:
        with running(home, setting("redis")):
            store = open_store(home)
            # Redis is asked about every view before the first file goes: if it does not answer, nothing has changed.
            served = {name: _served(store, name, withdrawal.days) for name in withdrawal.views}
            _write_down(home, withdrawal)
            done = [_withdraw_view(home, store, name, withdrawal.days, served[name]) for name in withdrawal.views]
    except (RedisError, OnlineStoreRefusedError) as problem:
        state = "has begun and not ended" if pending(home) else "has not begun, and nothing has changed"
        raise WithdrawalError(
            f"Redis, from which the withdrawn days are served, cannot be used ({problem}). The withdrawal of "
            f"{withdrawal} {state}. Run it again when Redis answers; `tidemark doctor` looks at it."
        ) from problem
    _file(home).unlink()
    return done


def _withdraw_view(home: Path, store: FeatureStore, name: str, days: Days, served: int) -> WithdrawnView:
    removed = {day: file for day, file in published_days(home, name).items() if days.first <= day <= days.last}
    for file in removed.values():
        file.unlink()
        forget(file)
        with suppress(OSError):  # a killed run may have left something beside it, which the doctor lists
            file.parent.rmdir()
    remaining = list(published_days(home, name))
    deleted = _set_back(store, name, days, remaining) if served else 0
    newest = remaining[-1] if remaining else None
    return WithdrawnView(name, tuple(removed), len(remaining), newest, served - deleted, deleted)


def _set_back(store: FeatureStore, name: str, withdrawn: Days, remaining: Sequence[date]) -> int:
    """Serve what remains instead of the withdrawn days; gives the number of entities of which nothing remains."""
    view, rows = registered(store, name), list[pa.RecordBatch]()
    if remaining:
        first, last = (_midnight_after(day) for day in (remaining[0], remaining[-1]))
        rows = newest_snapshots(store, view, first, last).to_batches()
    return _online(store).rows_of(store.config, view, _span(withdrawn)).withdraw(rows)


def _served(store: FeatureStore, name: str, days: Days) -> int:
    """How many entities are served from these days; none of a view that was never registered."""
    try:
        view: FeatureView = registered(store, name)
    except NotPublishedError:
        return 0
    return _online(store).rows_of(store.config, view, _span(days)).count()


def _online(store: FeatureStore) -> WireRedisOnlineStore:
    online = store.provider.online_store
    if not isinstance(online, WireRedisOnlineStore):
        raise WithdrawalError(
            f"days are withdrawn from WireRedisOnlineStore: expected it as online_store, found {type(online).__name__}"
        )
    return online


def _span(days: Days) -> EventSpan:
    first, last = (int(_midnight_after(day).timestamp()) for day in (days.first, days.last))
    return EventSpan(first, last)


def _midnight_after(day: date) -> datetime:
    """When the snapshots of a day stand."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)


def _require_no_runs(home: Path) -> None:
    folder = prepare(home)
    with dg.DagsterInstance.get() as instance:
        end_abandoned(instance, folder)
        if runs := unfinished_runs(instance):
            raise WithdrawalError(
                f"a run is under way ({', '.join(runs)}), which may publish days while others are withdrawn. Nothing "
                "was withdrawn: wait until it has ended, or end it in the Dagster UI."
            )


def _file(home: Path) -> Path:
    return home / "withdrawing.json"


def _write_down(home: Path, withdrawal: Withdrawal) -> None:
    first, last = str(withdrawal.days.first), str(withdrawal.days.last)
    writing = _file(home).with_suffix(".writing")
    writing.write_text(json.dumps({"views": withdrawal.views, "first": first, "last": last}), encoding="utf-8")
    writing.replace(_file(home))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    lock = home / ".locks" / "withdrawal"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WithdrawalError(f"{home}: another process withdraws days. Wait until it has ended.") from None
        yield
