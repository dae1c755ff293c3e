"""Many byte strings as one buffer and their lengths: what lets NumPy put commands together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """Byte strings one after the other."""

    data: Bytes
    lengths: Integers

    @classmethod
    def of(cls, items: Sequence[bytes]) -> Ragged:
        """From byte strings.

        >>> Ragged.of([b"ab", b"", b"c"]).slices([0, 2, 3])
        [b'ab', b'c']
        """
        lengths = np.fromiter(map(len, items), np.int64, len(items))
        return cls(np.frombuffer(b"".join(items), np.uint8), lengths)

    def slices(self, bounds: Sequence[int]) -> list[bytes]:
        """The strings from each bound to the next, joined."""
        ends = np.concatenate(([0], np.cumsum(self.lengths)))[list(bounds)].tolist()
        whole = self.data.tobytes()
        return [whole[start:end] for start, end in pairwise(ends)]

    def take(self, rows: Integers) -> Ragged:
        """The strings of some rows."""
        starts = np.cumsum(self.lengths) - self.lengths
        lengths = self.lengths[rows]
        return Ragged(self.data[_spread(starts[rows], lengths)], lengths)


@dataclass(frozen=True)
class Padded:
    """Short byte strings, one a row, at the left of a block of even width."""

    block: Bytes
    lengths: Integers

    @classmethod
    def of(cls, items: Sequence[bytes]) -> Padded:
        """From byte strings.

        >>> Padded.of([b"ab", b"c"]).block.tolist()
        [[97, 98], [99, 0]]
        """
        width = max(1, *map(len, items)) if items else 1
        block = np.frombuffer(b"".join(item.ljust(width, b"\0") for item in items), np.uint8).reshape(-1, width)
        return cls(block, np.fromiter(map(len, items), np.int64, len(items)))

    def take(self, rows: Integers) -> Padded:
        """The strings of some rows."""
        return Padded(self.block[rows], self.lengths[rows])


Column = Ragged | Padded


def joined(parts: Sequence[bytes | Column], rows: int) -> Ragged:
    """For each row, its parts one after the other. Bytes are a part that every row has.

    >>> joined([b"<", Padded.of([b"a", b""]), Ragged.of([b"long", b"x"]), b">"], 2).slices([0, 1, 2])
    [b'<along>', b'<x>']
    """
    pieces: list[Ragged] = []
    for ragged, members in groupby(parts, key=lambda part: isinstance(part, Ragged)):
        run = list(members)
        pieces.extend(run if ragged else [_narrow(run, rows)])  # type: ignore[arg-type]
    if len(pieces) == 1:
        return pieces[0]
    lengths: Integers = np.stack([piece.lengths for piece in pieces]).sum(axis=0)
    position = np.cumsum(lengths) - lengths
    out = np.empty(int(lengths.sum()), np.uint8)
    for piece in pieces:
        out[_spread(position, piece.lengths)] = piece.data
        position = position + piece.lengths
    return Ragged(out, lengths)


def bulk(items: Ragged) -> Ragged:
    """Each string as Redis's protocol wants it: $<length>, the string, each with a line's end.

    >>> bulk(Ragged.of([b"ab"])).data.tobytes()
    b'$2\\r\\nab\\r\\n'
    """
    sizes, which = np.unique(items.lengths, return_inverse=True)
    heads = Padded.of([b"$%d\r\n" % size for size in sizes.tolist()])
    return joined([heads.take(which), items, b"\r\n"], len(items.lengths))


def _narrow(parts: Sequence[bytes | Padded], rows: int) -> Ragged:
    """Constant and padded parts laid side by side; then the padding is cut out at one stroke."""
    widths = [len(part) if isinstance(part, bytes) else part.block.shape[1] for part in parts]
    block = np.empty((rows, sum(widths)), np.uint8)
    kept = np.ones(block.shape, np.bool_)
    lengths = np.zeros(rows, np.int64)
    for part, (start, end) in zip(parts, _spans(widths), strict=True):
        if isinstance(part, bytes):
            block[:, start:end] = np.frombuffer(part, np.uint8)
            lengths += len(part)
        else:
            block[:, start:end] = part.block
            if (part.lengths < end - start).any():
                kept[:, start:end] = np.arange(end - start) < part.lengths[:, None]
            lengths += part.lengths
    return Ragged(block[kept], lengths)


def _spans(widths: Sequence[int]) -> Iterator[tuple[int, int]]:
    return pairwise([0, *np.cumsum(widths).tolist()])


def _spread(starts: Integers, lengths: Integers) -> Integers:
    """The positions that strings take up, given where each starts."""
    before = np.cumsum(lengths) - lengths
    spread: Integers = np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
    return spread
