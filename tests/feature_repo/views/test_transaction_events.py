from __future__ import annotations

import doctest

import numpy as np
import pyarrow as pa
import pytest

from feature_repo.stores.events.record import NO_INTEGER
from feature_repo.stores.events.table import events_of_state
from feature_repo.views import transaction_events
from feature_repo.views.transaction_events import (
    COUNTRY,
    CURRENCY,
    MERCHANT,
    METHOD,
    TRANSACTION,
    cents,
    description_words,
    normal_merchant,
)


@pytest.mark.parametrize(
    "spelling", ["Corner Shop", " corner  shop ", "CORNER-SHOP", "Corner*Shop!", "\uff23orner_shop"]
)
def test_spellings_of_a_merchant_are_one(spelling: str) -> None:
    assert normal_merchant(spelling) == "corner shop"
    assert MERCHANT.hash_of(spelling) == MERCHANT.hash_of("corner shop")


@pytest.mark.parametrize("name", ["", "  ", "***", None])
def test_a_name_without_a_letter_is_no_merchant(name: str | None) -> None:
    assert MERCHANT.hash_of(name) == 0


def test_other_numbers_and_letters_are_other_merchants() -> None:
    names = ["shop 1", "shop 2", "café", "cafe", "продукты", "杂货店"]
    assert len({MERCHANT.hash_of(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0.1 + 0.2, 30),
        (-19.99, -1999),
        (1e-9, 0),
        (1.005, 100),
        (np.nan, NO_INTEGER),
        (11_258_999_068_426.23, 2**50 - 1),
    ],
)
def test_cents(amount: float, expected: int) -> None:
    assert cents([amount]).tolist() == [expected]


@pytest.mark.parametrize("amount", [11_258_999_068_426.24, -1e20, np.inf])
def test_an_amount_whose_square_would_not_fit_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match=r"balance_after: expected at most 11258999068426\.23 in or out, found"):
        cents([1.0, amount], "balance_after")


def test_words_in_chunks() -> None:
    assert description_words(pa.chunked_array([["a b", None], ["\u00a0x\ty\n"]])).tolist() == [2, 0, 2]


def test_a_transaction_is_packed_into_52_bytes_and_read_as_an_event() -> None:
    packed = TRANSACTION.pack(
        {
            "id": np.array([8]),
            "occurred": np.array([1]),
            "known": np.array([2]),
            "amount": cents([-12.5]),
            "balance_after": cents([np.nan]),
            "merchant": MERCHANT.encode(pa.array(["Corner Shop"])),
            "method": METHOD.encode(pa.array(["cash"])),
            "country": COUNTRY.encode(pa.array([None], pa.string())),
            "currency": CURRENCY.encode(pa.array(["eur"])),
        }
    )
    assert packed.dtype.itemsize == 52
    events = events_of_state(TRANSACTION, TRANSACTION.read(packed.tobytes()))
    assert {name: column.tolist() for name, column in events.columns.items()} == {
        "amount": [-1250],
        "balance_after": [NO_INTEGER],
        "merchant": [MERCHANT.hash_of("corner shop")],
        "method": [3],
        "country": [0],
        "currency": [CURRENCY.hash_of("EUR")],
    }


def test_the_examples_hold() -> None:
    assert doctest.testmod(transaction_events).failed == 0
