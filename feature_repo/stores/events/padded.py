"""Windows side by side as rows of a matrix: for what prefix sums cannot tell, such as medians.

Windows of about the same length stand in one matrix, as many as fit into the processor's cache, so that little is
filled up.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import Integers

_CELLS = 128 * 1024

Matrix = npt.NDArray[np.integer]


def padded_windows(values: Matrix, start: Integers, stop: Integers, fill: int) -> Iterator[tuple[Integers, Matrix]]:
    """Which windows [start, stop), and a copy of their values, a row each; behind its end a row holds `fill`."""
    length = stop - start
    order = np.argsort(length.astype(np.uint16) if length.max(initial=0) < 2**16 else length, kind="stable")
    lengths = length[order]
    longest = int(lengths[-1]) if len(lengths) else 0
    room = np.concatenate((values, np.full(longest, fill, values.dtype)))
    first = 0
    while first < len(order):
        last = _end_of_chunk(lengths, first)
        rows, width = order[first:last], int(lengths[last - 1])
        matrix = (
            np.lib.stride_tricks.sliding_window_view(room, width)[start[rows]] if width else _no_cells(rows, values)
        )
        shortest = int(lengths[first])
        if shortest < width:
            behind = np.arange(shortest, width) >= lengths[first:last, None]
            np.copyto(matrix[:, shortest:], fill, where=behind, casting="unsafe")
        yield rows, matrix
        first = last


def _end_of_chunk(lengths: Integers, first: int) -> int:
    """Where rows stop fitting into a matrix whose width is that of the last of them."""
    last = min(len(lengths), first + max(1, _CELLS // max(1, int(lengths[first]))))
    fitting = first + max(1, _CELLS // max(1, int(lengths[last - 1])))
    return min(last, fitting)


def _no_cells(rows: Integers, values: Matrix) -> Matrix:
    return np.zeros((len(rows), 0), values.dtype)
