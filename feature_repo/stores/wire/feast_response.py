"""What Feast's own calls ask and expect back: protobuf values, row by row, with a status for each.

Feast's `get_online_features` marks everything PRESENT, also what was never written. Here a feature is NOT_FOUND if
its view was never written for the entity, OUTSIDE_MAX_AGE if the view's TTL has passed (the value is still told),
NULL_VALUE if it is null, and PRESENT otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import hiredis
from feast import FeatureView, RepoConfig, utils
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponse
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value as ValueProto

from feature_repo.stores.wire.batching import CommandBatch
from feature_repo.stores.wire.decode import parsed
from feature_repo.stores.wire.diagnosis import NO_HASH, entity_of
from feature_repo.stores.wire.entity_lookup import NO_EVENT_TIME, micros_of_stored, unwritten
from feature_repo.stores.wire.errors import REMEDY, CorruptValueError
from feature_repo.stores.wire.exchange import is_wrong_type
from feature_repo.stores.wire.keys import field_of, stamp_field_of
from feature_repo.stores.wire.times import datetime_of, micros_of_stamp

Stored = Sequence[bytes | None]
_NULL = ValueProto()


@dataclass(frozen=True)
class ViewRequest:
    """The features of one view for some entities. Replies have the event time first."""

    view: FeatureView
    features: tuple[str, ...]
    batch: CommandBatch
    project: str
    unwritten_is_null: bool

    def rows(self, replies: Sequence[Stored]) -> list[tuple[datetime | None, dict[str, ValueProto] | None]]:
        """As `online_read` returns them."""
        return [self._named(reply, key) for reply, key in zip(replies, self.batch.keys, strict=True)]

    def _named(self, reply: Stored, key: bytes) -> tuple[datetime | None, dict[str, ValueProto] | None]:
        try:
            return self._row(reply)
        except CorruptValueError as fault:
            entity = entity_of(key, self.project)
            raise CorruptValueError(f"{entity}, view {self.view.name!r}: {fault}; {REMEDY}") from None

    def _row(self, reply: Stored) -> tuple[datetime | None, dict[str, ValueProto] | None]:
        if is_wrong_type(reply):
            raise CorruptValueError(NO_HASH)
        stamp, *values = reply
        if stamp is None and any(values):
            raise CorruptValueError(NO_EVENT_TIME)
        if stamp is None:
            return None, None
        pairs = list(zip(self.features, values, strict=True))
        if None in values and not self.unwritten_is_null:
            raise CorruptValueError(unwritten(stamp, [name for name, stored in pairs if stored is None]))
        protos = {name: parsed(stored, name) if stored else _NULL for name, stored in pairs}
        return datetime_of(micros_of_stored(stamp)), protos


def question(
    config: RepoConfig, view: FeatureView, name: str, entities: Sequence[EntityKey], features: Sequence[str] | None
) -> ViewRequest:
    """Ask for the features of a view, or for all that it has."""
    names = tuple(features or (field.name for field in view.features))
    fields = [stamp_field_of(name), *(field_of(name, feature) for feature in names)]
    project = config.project.encode()
    keys = [serialize_entity_key(entity, entity_key_serialization_version=3) + project for entity in entities]
    null = config.online_store.unwritten_features == "null"
    batch = CommandBatch([_hmget(key, fields) for key in keys], keys, by_key=True)
    return ViewRequest(view, names, batch, config.project, null)


def _hmget(key: bytes, fields: Sequence[bytes]) -> bytes:
    packed: bytes = hiredis.pack_command((b"HMGET", key, *fields))  # type: ignore[arg-type]  # a tuple of any length
    return packed


@dataclass(frozen=True)
class ViewRequests:
    """All that one `get_online_features` reads, and the response that it fills."""

    questions: tuple[ViewRequest, ...]
    places: tuple[Sequence[list[int]], ...]
    length: tuple[int, ...]
    response: GetOnlineFeaturesResponse
    full_feature_names: bool
    with_versions: bool

    @classmethod
    def of(
        cls,
        config: RepoConfig,
        name_of: Callable[[FeatureView, RepoConfig], str],
        grouped_refs: Sequence[tuple[FeatureView, list[str]]],
        join_key_values: dict[str, list[ValueProto]],
        entity_name_to_join_key_map: dict[str, str],
        online_features_response: GetOnlineFeaturesResponse,
        full_feature_names: bool,
        include_feature_view_version_metadata: bool,
    ) -> ViewRequests:
        """Feast's arguments, by Feast's names."""
        questions, places, lengths = [], [], []
        for view, features in grouped_refs:
            entities, indexes, length = utils._get_unique_entities(view, join_key_values, entity_name_to_join_key_map)
            keys = utils._get_entity_key_protos(entities)
            questions.append(question(config, view, name_of(view, config), keys, features))
            places.append(indexes)
            lengths.append(length)
        return cls(
            tuple(questions), tuple(places), tuple(lengths), online_features_response, full_feature_names,
            include_feature_view_version_metadata,
        )  # fmt: skip

    @property
    def batch(self) -> CommandBatch:
        """All questions at once."""
        return CommandBatch(
            [command for question in self.questions for command in question.batch.commands],
            [key for question in self.questions for key in question.batch.keys],
            by_key=True,
        )

    def answer(self, replies: Sequence[Stored]) -> None:
        """Fill the response."""
        now, remaining = time.time_ns() // 1000, iter(replies)
        for question, places, length in zip(self.questions, self.places, self.length, strict=True):
            self._fill(question, list(islice(remaining, len(question.batch.keys))), places, length, now)

    def _fill(
        self, question: ViewRequest, replies: Sequence[Stored], places: Sequence[list[int]], length: int, now: int
    ) -> None:
        first = len(self.response.results)
        utils._populate_response_from_feature_data(
            list(question.features), question.rows(replies), places, self.response, self.full_feature_names,
            question.view, length, self.with_versions,
        )  # fmt: skip
        for entity, reply in zip(places, replies, strict=True):
            for number, status in enumerate(_statuses(question.view, reply, now)):
                if status != FieldStatus.PRESENT:
                    for place in entity:
                        self.response.results[first + number].statuses[place] = status


def _statuses(view: FeatureView, reply: Stored, now: int) -> list[int]:
    stamp, *values = reply
    if stamp is None:
        return [FieldStatus.NOT_FOUND] * len(values)
    # an on-demand view that is written has none
    ttl: timedelta | None = getattr(view, "ttl", None)
    if ttl and now - micros_of_stamp(stamp) > ttl.total_seconds() * 1_000_000:
        return [FieldStatus.OUTSIDE_MAX_AGE] * len(values)
    return [FieldStatus.PRESENT if stored else FieldStatus.NULL_VALUE for stored in values]
