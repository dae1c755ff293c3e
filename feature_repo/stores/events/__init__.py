"""Events of entities, and windows over them: the numbers behind event views, the same offline and online.

`record.py` says how an event is packed; `table.py` holds many in columns, `versions.py` tells corrections from
redeliveries. `slices.py` finds the events before each request; `as_known.py` computes any function of slices so that a
request sees only what was known by then, `blocks.py` does so for any number of requests. Window features are made of
`sums.py`, `order.py`, `extremes.py`, `occurrences.py`, `code_counts.py` and `split.py`. All is int64 until a feature's
last division: prefix sums of integers are exact, so that a feature does not depend on where its events stand in an
array.
"""
