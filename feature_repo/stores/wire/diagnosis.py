"""Which views of which replies are corrupt: looked for value by value, once reading them has turned out to fail.

The decoders raise at the first thing that no writer leaves, and know nothing of rows: a batch without such things costs
nothing. One that has them is diagnosed here, the views in question are taken out of it, and the rest is read again.
"""

from __future__ import annotations

from collections.abc import Sequence

from feast.infra.key_encoding_utils import deserialize_entity_key

from feature_repo.stores.wire.decode import is_number, number_of, python_value
from feature_repo.stores.wire.entity_lookup import EntityLookup, Reply, micros_of_stored
from feature_repo.stores.wire.errors import REMEDY, CorruptValueError
from feature_repo.stores.wire.exchange import is_wrong_type

NO_HASH = "the key holds something else than a hash: another program writes into this database; choose another db="


def corruption_of(lookup: EntityLookup, view: int, reply: Reply) -> str | None:
    """Why the values of a view, by its place in the lookup, cannot be trusted; None if they can."""
    if is_wrong_type(reply):
        return NO_HASH
    try:
        lookup.check_view(view, reply)
        micros_of_stored(reply[view])
        for place in lookup.places[view]:
            feature = lookup.feature_at(place)
            stored = reply[place]
            if stored and is_number(feature.kind):
                number_of(stored, feature.feature)
            elif stored:
                python_value(stored, feature.kind, feature.feature)
    except CorruptValueError as fault:
        return f"{fault}; {REMEDY}"
    return None


def mended(lookup: EntityLookup, replies: Sequence[Reply]) -> tuple[list[Reply], dict[tuple[int, int], str]]:
    """The replies as if their corrupt views had never been written; and by reply and view, what is wrong with them."""
    sound: list[Reply] = []
    reasons: dict[tuple[int, int], str] = {}
    for number, reply in enumerate(replies):
        faults = {view: corruption_of(lookup, view, reply) for view in range(len(lookup.views))}
        bad = [view for view, reason in faults.items() if reason]
        reasons |= {(number, view): str(faults[view]) for view in bad}
        taken = {place for view in bad for place in (view, *lookup.places[view])}
        sound.append([None if place in taken else reply[place] for place in range(lookup.width)] if taken else reply)
    return sound, reasons


def entity_of(key: bytes, project: str) -> str:
    """The join keys in words.

    >>> from feature_repo.stores.wire.keys import KeyLayout
    >>> from feast.value_type import ValueType
    >>> entity_of(KeyLayout.of("p", {"driver": ValueType.INT64}).of_values([[7]])[0], "p")
    'driver=7'
    """
    entity = deserialize_entity_key(key.removesuffix(project.encode()), 3)
    values = [getattr(value, value.WhichOneof("val")) for value in entity.entity_values]
    return ", ".join(f"{name}={value}" for name, value in zip(entity.join_keys, values, strict=True))
