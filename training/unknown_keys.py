"""Which of several keys nobody knows: answers about the present and about the past name it in the same way."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def unknown_keys(
    join_keys: Sequence[str],
    keys_of_views: Mapping[str, Collection[str]],
    missing: Collection[str],
    refused: Collection[str],
) -> tuple[str, ...]:
    """The keys of a row of which no view has values, where one of these views keeps the model from an answer.

    A view of several keys does not say which of them is unknown: one of that key alone must be missing as well.

    >>> views = {"of_a": ("a",), "of_b": ("b",), "of_both": ("a", "b")}
    >>> unknown_keys(("a", "b"), views, missing={"of_b", "of_both"}, refused={"of_both"})
    ('b',)
    """
    about = {key: {view for view, keys in keys_of_views.items() if key in keys} for key in join_keys}
    return tuple(
        key
        for key, views in about.items()
        if views <= {*missing} and views & {*refused} and any({*keys_of_views[view]} == {key} for view in views)
    )
