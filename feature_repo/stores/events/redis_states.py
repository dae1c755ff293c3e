"""The recent events of entities in Redis: of each entity one string of records, in the order of their arrival.

    events:<view>:<entity>:<project>    <record><record><record>...

A record is as wide as any other, so that NumPy reads the string as it is. A redelivery, which says of an event what its
newest record says, is not appended; a correction is, and counts as it is the last of its id. Once a string holds a
quarter more records than are kept, the oldest arrivals leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from feature_repo.stores.events.record import EventSchema, Records

_KNOWN = (17, 24)
"""Where in a record it stands when the event became known: that alone differs in a redelivery. Lua counts from 1."""

# ARGV: width, how many records are kept, then the records. Answers how many were appended.
_APPEND = f"""
local width, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
local state, added = redis.call('GET', KEYS[1]) or '', {{}}
for i = 3, #ARGV do
  local record, last, from = ARGV[i], nil, 1
  local id = string.sub(record, 1, 8)
  while true do
    local place = string.find(state, id, from, true)
    if not place then break end
    if (place - 1) % width == 0 then last = place end
    from = place + 1
  end
  local is_new = true
  if last then
    local before = string.sub(state, last, last + width - 1)
    is_new = string.sub(before, 1, {_KNOWN[0] - 1}) ~= string.sub(record, 1, {_KNOWN[0] - 1})
      or string.sub(before, {_KNOWN[1] + 1}) ~= string.sub(record, {_KNOWN[1] + 1})
  end
  if is_new then
    state = state .. record
    added[#added + 1] = record
  end
end
if #state > (keep + math.floor(keep / 4)) * width then
  redis.call('SET', KEYS[1], string.sub(state, -keep * width))
elseif #added > 0 then
  redis.call('APPEND', KEYS[1], table.concat(added))
end
return #added
"""


@dataclass(frozen=True)
class RedisStates:
    """The states of one view's entities. `keep` events are kept of each, the newest arrivals."""

    client: redis.Redis
    schema: EventSchema
    view: str
    project: str
    keep: int

    def key(self, entity: int | str) -> str:
        """Where the state of an entity lies."""
        return f"events:{self.view}:{entity}:{self.project}"

    def read(self, entities: Sequence[int | str]) -> list[Records]:
        """The records of each entity in the order of their arrival; none of one that is not known."""
        if not entities:
            return []
        states: Any = self.client.mget([self.key(each) for each in entities])
        return [self.schema.read(state or b"") for state in states]

    def append(self, arrivals: Mapping[int | str, Records]) -> int:
        """Append records in the order of their arrival; how many of them were no redeliveries."""
        script = self.client.register_script(_APPEND)
        width = self.schema.dtype.itemsize
        pipeline = self.client.pipeline(transaction=False)
        for entity, records in arrivals.items():
            data = records.tobytes()
            each = [data[start : start + width] for start in range(0, len(data), width)]
            script([self.key(entity)], [width, self.keep, *each], client=pipeline)
        return sum(pipeline.execute())

    def replace(self, states: Mapping[int | str, Records]) -> None:
        """Set whole states, each trimmed to what is kept."""
        pipeline = self.client.pipeline(transaction=False)
        for entity, records in states.items():
            pipeline.set(self.key(entity), records[-self.keep :].tobytes())
        pipeline.execute()
