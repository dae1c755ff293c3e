"""Which write wins, decided inside Redis, so that two writers at once cannot undo each other.

A row is written if its event time is later than the stored one, or equal to it and its created time is not earlier
than the stored one. Feast stores no created time, so one more field of the hash tells it:

    _ts:<view>    Feast's: the event time
    _ct:<view>    ours: the created time (8 bytes, microseconds) and the bytes of the `_ts` that it belongs to

Stock Feast asks for fields by name and does not see `_ct`. When it writes over a row it changes `_ts` alone; the
field then speaks of another event time and no longer counts. A created time that is not known counts as earlier than
any: whoever writes the same event time again wins over it, and a write without one loses to a stored row that has one.

A row of an event time that is `withdrawn` loses to any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

# Lua passes at most some 250 arguments in a call, and a field takes two.
_FIELDS_PER_CALL = 100
# It has room for 200 local variables, which are quicker than a table, and together with those arguments for fewer.
_FIELDS_IN_LOCALS = 70
_HEAD = ("seconds", "nanos", "created", "stamp")
# A stored event time, as protobuf writes it.
MOMENT = """\
local function moment(stored)
  local seconds, nanos, at = 0, 0, 1
  while at <= #stored do
    local tag, value, scale, length, byte = string.byte(stored, at), 0, 1, 0
    repeat
      at = at + 1
      byte = string.byte(stored, at)
      length = length + 1
      if length <= 6 then value = value + (byte % 128) * scale; scale = scale * 128 end
    until byte < 128
    at = at + 1
    if length == 10 then value = value - scale end
    if tag == 8 then seconds = value elseif tag == 16 then nanos = value end
  end
  return seconds, nanos
end"""


@dataclass(frozen=True)
class EventSpan:
    """The event times from one whole second to another, both included."""

    first: int
    last: int

    def holds(self, seconds: str, nanos: str) -> str:
        """Lua for whether an event time lies in it."""
        until = f"({seconds} < {self.last} or ({seconds} == {self.last} and {nanos} == 0))"
        return f"({seconds} >= {self.first} and {until})"


@dataclass(frozen=True)
class Script:
    """The writing of a view's rows, each a key and one argument in MessagePack: the event's seconds and nanos, the
    created time, Feast's bytes for the event time, then the values in order of `fields`, as strings.
    """

    stamp_field: bytes
    created_field: bytes
    fields: tuple[bytes, ...]
    tells_created: bool
    guarded: bool
    expire_seconds: int | None
    withdrawn: EventSpan | None = None

    @cached_property
    def text(self) -> bytes:
        """The Lua."""
        expire = f"redis.call('EXPIRE', key, {int(self.expire_seconds)})" if self.expire_seconds else ""
        names = ", ".join((*_HEAD, *self._values)) if self._in_locals else "v"
        row = "cmsgpack.unpack(ARGV[i])" if self._in_locals else "{cmsgpack.unpack(ARGV[i])}"
        head = "" if self._in_locals else f"local {', '.join(_HEAD)} = v[1], v[2], v[3], v[4]"
        return f"""\
{MOMENT}
local function wins(key, seconds, nanos, created, stamp)
  local stored = redis.call('HMGET', key, {literal(self.stamp_field)}, {literal(self.created_field)})
  if not stored[1] then return true end
  if stored[1] ~= stamp then
    local s, n = moment(stored[1])
    {f"if {self.withdrawn.holds('s', 'n')} then return true end" if self.withdrawn else ""}
    return seconds > s or (seconds == s and nanos > n)
  end
  local known = stored[2]
  return not known or string.sub(known, 9) ~= stamp or struct.unpack('<i8', known) <= created
end
local written = 0
for i, key in ipairs(KEYS) do
  local {names} = {row}
  {head}
  if {f"wins(key, {', '.join(_HEAD)})" if self.guarded else "true"} then
    {self._writing()}
    {expire}
    written = written + 1
  end
end
return written
""".encode("ascii")

    @cached_property
    def digest(self) -> bytes:
        """The name under which Redis knows the script once it is loaded."""
        return hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()

    @property
    def _in_locals(self) -> bool:
        return len(self.fields) <= _FIELDS_IN_LOCALS

    @property
    def _values(self) -> list[str]:
        """What the values of the fields are called."""
        form = "v{}" if self._in_locals else "v[{}]"
        return [form.format(len(_HEAD) + place) for place in range(1, len(self.fields) + 1)]

    def _writing(self) -> str:
        pairs = [f"{literal(self.stamp_field)}, stamp"]
        if self.tells_created:
            pairs.append(f"{literal(self.created_field)}, struct.pack('<i8', created) .. stamp")
        pairs += [f"{literal(field)}, {value}" for field, value in zip(self.fields, self._values, strict=True)]
        return "\n    ".join(f"redis.call('HSET', key, {', '.join(part)})" for part in _parts(pairs))


def _parts(pairs: Sequence[str]) -> list[Sequence[str]]:
    return [pairs[start : start + _FIELDS_PER_CALL] for start in range(0, len(pairs), _FIELDS_PER_CALL)]


def literal(name: bytes) -> str:
    """Bytes as a Lua string, whatever is in them."""
    return '"' + "".join(f"\\{byte:03d}" for byte in name) + '"'
