"""Rows of some event times found in Redis, and taken out: what was written by mistake and nothing else can replace.

Redis itself compares the times, key by key, so that a row written meanwhile stays. It finds them by going through all
keys of an entity, since nobody else knows which entities a mistaken write has brought in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import pyarrow as pa

from feature_repo.stores.wire.keys import created_field_of, field_of, stamp_field_of
from feature_repo.stores.wire.ragged import Ragged
from feature_repo.stores.wire.script import MOMENT, EventSpan, literal
from feature_repo.stores.wire.transport import Wire
from feature_repo.stores.wire.write import BLOCK_ROWS, WriteOptions, WriteTarget, batch_of, write_table

_FIELDS_PER_CALL = 100


@dataclass(frozen=True)
class RemovalScript:
    """Counts the rows of a view whose event times lie in a span, and deletes their fields if it `removes`."""

    view: str
    fields: tuple[bytes, ...]
    span: EventSpan
    removes: bool

    @cached_property
    def text(self) -> bytes:
        """The Lua."""
        return f"""\
{MOMENT}
local found = 0
for _, key in ipairs(KEYS) do
  local stored = redis.call('HGET', key, {literal(stamp_field_of(self.view))})
  if stored then
    local s, n = moment(stored)
    if {self.span.holds("s", "n")} then
      {self._deletion() if self.removes else ""}
      found = found + 1
    end
  end
end
return found
""".encode("ascii")

    @cached_property
    def digest(self) -> bytes:
        """The name under which Redis knows the script once it is loaded."""
        return hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    def _deletion(self) -> str:
        # The event time last: a row without one is no row. Redis deletes a key of which no field is left.
        fields = [*self.fields, created_field_of(self.view), stamp_field_of(self.view)]
        calls = (fields[start : start + _FIELDS_PER_CALL] for start in range(0, len(fields), _FIELDS_PER_CALL))
        return "\n      ".join(f"redis.call('HDEL', key, {', '.join(map(literal, part))})" for part in calls)


@dataclass(frozen=True)
class WithdrawableRows:
    """The rows of a view in Redis whose event times lie in a span."""

    wire: Wire
    target: WriteTarget
    options: WriteOptions
    span: EventSpan

    def count(self) -> int:
        """How many entities have one."""
        return self._run(removes=False)

    def withdraw(self, remaining: Iterable[pa.RecordBatch]) -> int:
        """Take them back: each gives way in one step to what remains of its entity; where nothing does it is deleted.

        Gives the number of the deleted.
        """
        options = replace(self.options, guarded=True, withdrawn=self.span)
        write_table(self.wire, self.target, options, remaining)
        return self._run(removes=True)

    def _run(self, *, removes: bool) -> int:
        fields = tuple(field_of(self.target.view, name) for name, _ in self.target.features)
        script = RemovalScript(self.target.view, fields, self.span, removes=removes)
        rows = 0
        for keys in self._keys():
            values = Ragged.of([b""] * len(keys))
            rows += sum(self.wire.ask(batch_of(script, Ragged.of(keys), values, by_slot=self.options.by_slot)))
        return rows

    def _keys(self) -> Iterator[list[bytes]]:
        keys: Iterator[bytes] = self.wire.client.scan_iter(self.target.layout.pattern, count=1000)
        while block := list(islice(keys, BLOCK_ROWS)):
            yield block
