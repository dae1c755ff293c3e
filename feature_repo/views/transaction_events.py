"""A bank transaction as an event: its packed record, and how its texts and amounts become numbers.

Amounts are in hundredths of the currency's unit, whatever the currency; no currency is converted. A merchant is its
name without spelling: letters and digits of any script, in lower case, words apart by one space.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.stores.events.record import NO_INTEGER, CodeField, EventSchema, HashField, IntegerField, Integers
from feature_repo.stores.events.slices import EventWindow
from feature_repo.stores.events.sums import SPREAD_BITS

DAY = 86_400_000_000
WINDOW = EventWindow(span=90 * DAY, cap=1_000)
MOST_CENTS = 2**SPREAD_BITS - 1


def normal_merchant(name: str) -> str:
    """A merchant's name as it is compared.

    >>> normal_merchant("  CAFÉ-Nero #12 ")
    'café nero 12'
    """
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", name).casefold()))


def _normal_code(code: str) -> str:
    return code.strip().upper()


MERCHANT = HashField("merchant", 40, normal_merchant)
METHOD = CodeField("method", ("credit_card", "debit_card", "cash", "bank_transfer", "direct_debit", "check", "other"))
COUNTRY = HashField("country", 24, _normal_code)
CURRENCY = HashField("currency", 24, _normal_code)
TRANSACTION = EventSchema((IntegerField("amount"), IntegerField("balance_after"), MERCHANT, METHOD, COUNTRY, CURRENCY))


@dataclass(frozen=True)
class Transactions:
    """What the features read of the transactions that they are of, besides their instant."""

    amount: Integers
    merchant: Integers
    method: Integers
    country: Integers
    description_words: Integers

    def __len__(self) -> int:
        return len(self.amount)

    def take(self, rows: Integers) -> Transactions:
        """Some of them, by number."""
        return Transactions(
            self.amount[rows],
            self.merchant[rows],
            self.method[rows],
            self.country[rows],
            self.description_words[rows],
        )


def cents(amounts: npt.ArrayLike, name: str = "amount") -> Integers:
    """Amounts in hundredths, rounded to the nearest, halves to even; a null (NaN) becomes the null of integers.

    >>> cents([12.345, -0.1]).tolist()
    [1234, -10]
    """
    values = np.asarray(amounts, np.float64) * 100
    is_null = np.isnan(values)
    sizes = np.abs(np.where(is_null, 0, values))
    if (sizes > MOST_CENTS).any():
        most, found = MOST_CENTS / 100, sizes.max() / 100
        raise ValueError(f"{name}: expected at most {most:.2f} in or out, found {found:.2f}; state it in a larger unit")
    return np.where(is_null, NO_INTEGER, np.rint(np.where(is_null, 0, values)).astype(np.int64))


def description_words(descriptions: pa.Array | pa.ChunkedArray) -> Integers:
    """How many words each description has, parted by white space; 0 for none.

    >>> description_words(pa.array(["two  words", " ", None])).tolist()
    [2, 0, 0]
    """
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(descriptions, ""))
    words = pc.list_value_length(pc.utf8_split_whitespace(trimmed))
    counts: Integers = np.asarray(pc.if_else(pc.equal(trimmed, ""), 0, words), np.int64)
    return counts
