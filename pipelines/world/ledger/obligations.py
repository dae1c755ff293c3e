"""What comes by the calendar: salaries, rents, bills, subscriptions, fees, gifts between people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.world.clock import Floats, Ints, month_of, weekday_of
from pipelines.world.frames import Frame, stack
from pipelines.world.ledger.households import Household
from pipelines.world.ledger.merchants import INSURERS, STREAMS, SURNAMES, UTILITIES, person
from pipelines.world.ledger.movements import CARD, CHECKING, SAVINGS, at_hours, in_cents, movements

_NIGHT = (3.0,)
"""Banks book transfers and debits in the night."""


def obligations(household: Household) -> Frame:
    """All of the household's income and bills."""
    rng = household.rng("obligations")
    return stack(
        [
            *_income(rng, household),
            *_housing(rng, household),
            *_utilities(rng, household),
            *_insurances(rng, household),
            *_subscriptions(rng, household),
            *_children(rng, household),
            *_between_people(rng, household),
            *_by_the_bank(rng, household),
        ]
    )


def _workday(days: Ints, *, before: bool) -> Ints:
    """Those days, or the workday before or after where one falls on a weekend."""
    late = weekday_of(days) - 4
    return np.where(late > 0, days - late if before else days + 3 - late, days)


def _yearly(household: Household, days: Ints, rise: float) -> Floats:
    """Steps of a year: what rises once a year by a share."""
    steps: Floats = (1 + rise) ** ((days - household.plan.first_day) // 365)
    return steps


def _income(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    employer = f"{SURNAMES[rng.integers(len(SURNAMES))]} {rng.choice(['Corp', 'Group', 'Logistics', 'Systems', 'AG'])}"
    words = str(rng.choice(["SALARY {0}", "PAYROLL {0}", "{0} DIRECT DEP", "GEHALT {0}", "{0} WAGES REF 7{1}"]))
    text = words.format(employer.upper(), rng.integers(100, 999))
    common: dict[str, Any] = {
        "slot": CHECKING,
        "category": "income",
        "country": household.country,
        "method": "bank_transfer",
    }
    if household.pay == "monthly":
        days = _workday(household.days_of_month(household.payday), before=True)
        days = days[household.is_here(days)]
        pay = household.income * _yearly(household, days, 0.03) * np.where(month_of(days) == 11, 1.5, 1.0)
    elif household.pay == "biweekly":
        days = np.arange(household.first_day, household.stop_day)
        days = days[(weekday_of(days) == 4) & (days // 7 % 2 == household.number % 2)]
        pay = household.income / 2.17 * _yearly(household, days, 0.03)
    else:
        days = np.arange(household.first_day, household.stop_day)
        days = days[(rng.random(len(days)) < 0.11) & (weekday_of(days) < 5)]
        pay = household.income / 3.3 * np.exp(0.5 * rng.standard_normal(len(days)))
        texts = [
            f"INVOICE {number} {SURNAMES[number % len(SURNAMES)].upper()}"
            for number in rng.integers(100, 9_999, len(days)).tolist()
        ]
        yield movements(at_hours(rng, days, (9, 14)), (pay * 100).astype(np.int64), description=texts, **common)
        return
    cents = (pay * 100).astype(np.int64) + rng.integers(-800, 800, len(days)) * int(rng.random() < 0.4)
    yield movements(at_hours(rng, days, _NIGHT, 0.5), cents, description=text, **common)


def _bill(
    rng: np.random.Generator,
    household: Household,
    days: Ints,
    cents: Ints,
    category: str,
    text: str,
    *,
    merchant: str | None = None,
    method: str = "direct_debit",
    slot: int = CHECKING,
) -> Frame:
    days = _workday(days, before=False)
    here = household.is_here(days)
    days, cents = days[here], cents[here]
    texts = [text.format(number=number) for number in rng.integers(10_000, 99_999, len(days)).tolist()]
    return movements(
        at_hours(rng, days, _NIGHT, 0.6), -np.maximum(cents, 50), slot=slot, category=category, description=texts,
        method=method, country=household.country, merchant=merchant,
    )  # fmt: skip


def _housing(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    if household.housing == "none":
        return
    days = household.days_of_month(int(rng.integers(1, 6)))
    share = rng.uniform(0.22, 0.34) * household.income
    rent = household.housing == "rent"
    cents = (share * 100 * (_yearly(household, days, 0.025) if rent else 1.0) + 0 * days).astype(np.int64)
    landlord = person(rng)
    texts = ["RENT {0}", "MIETE {0}", "STANDING ORDER {0}", "Transfer {0}"] if rent else ["MORTGAGE LOAN 88{1}"]
    text = str(rng.choice(texts)).format(landlord, rng.integers(1_000, 9_999))
    yield _bill(rng, household, days, cents, "housing", text, method="bank_transfer")


def _utilities(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    for number, name in enumerate(UTILITIES):
        if rng.random() < 0.25:
            continue
        days = household.days_of_month(int(rng.integers(3, 26)))
        base = rng.uniform(25, 85)
        # Heat and light are dear in winter.
        season = 1 + (0.45 if number in (0, 2) else 0.0) * np.cos(2 * np.pi * month_of(days) / 12)
        noise = np.exp((0.08 if number < 3 else 0.0) * rng.standard_normal(len(days)))
        cents = (base * 100 * season * noise * _yearly(household, days, 0.04)).astype(np.int64)
        if number == 1:
            days, cents = days[::3], cents[::3] * 2
        yield _bill(rng, household, days, cents, "utilities", f"{name.upper()} CONTRACT {{number}}", merchant=name)


def _insurances(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    for name in INSURERS:
        if rng.random() < 0.4:
            continue
        days = household.days_of_month(int(rng.integers(1, 28)))
        days = days[::3] if rng.random() < 0.3 else days
        cents = (rng.uniform(18, 110) * 100 * _yearly(household, days, 0.05)).astype(np.int64)
        yield _bill(rng, household, days, cents, "insurance", f"{name.upper()} POLICY {{number}}", merchant=name)


def _subscriptions(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    for service in STREAMS:
        if rng.random() < 0.6:
            continue
        days = household.days_of_month(int(rng.integers(1, 29)))
        since = int(rng.integers(0, max(1, len(days)))) if rng.random() < 0.3 else 0
        until = len(days) - (int(rng.integers(0, max(1, len(days)))) if rng.random() < 0.25 else 0)
        days = days[since:until]
        price = float(rng.choice([4.99, 7.99, 9.99, 12.99, 17.99, 29.9]))
        cents = np.round(price * 100 * _yearly(household, days, 0.09)).astype(np.int64)
        on_card = household.card_share > 0 and rng.random() < 0.6
        text = str(rng.choice(["{0}.COM {{number}}", "PAYPAL *{0}", "{0} MONTHLY", "{0} ABO {{number}}"]))
        yield _bill(
            rng, household, days, cents, "subscriptions", text.format(service.name.upper().replace(" ", "")),
            merchant=service.name, method="credit_card" if on_card else "direct_debit",
            slot=CARD if on_card else CHECKING,
        )  # fmt: skip


def _children(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    if household.has_children:
        days = household.days_of_month(5)
        days = days[(month_of(days) != 6) & (month_of(days) != 7)]
        cents = np.full(len(days), int(rng.uniform(90, 420) * 100))
        yield _bill(
            rng, household, days, cents, "education", "BRIGHT MINDS SCHOOL FEE {number}", method="bank_transfer"
        )


def _between_people(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    """Transfers to and from friends: shared meals, gifts, debts; what for, only some say."""
    friends = [person(rng) for _ in range(6)]
    days = np.arange(household.first_day, household.stop_day)
    for category, rate, median, sign in (
        ("gifts", 0.035, 45.0, -1),
        ("eating_out", 0.03, 18.0, -1),
        ("gifts", 0.01, 50.0, 1),
    ):
        when = days[rng.random(len(days)) < rate * np.where(month_of(days) == 11, 1.8, 1.0)]
        what = {"gifts": ("Transfer {0}", "GIFT {0}", "Birthday {0}"), "eating_out": ("Transfer {0}", "{0} dinner")}
        texts = [
            what[category][form % len(what[category])].format(friends[form // 7 % 6])
            for form in rng.integers(0, 1 << 20, len(when)).tolist()
        ]
        cents = in_cents(rng, median, 0.6, len(when)) // 100 * 100 + 100
        yield movements(
            at_hours(rng, when, (12, 20), 2.5), sign * cents, slot=CHECKING, category=category, description=texts,
            method="bank_transfer", country=household.country,
        )  # fmt: skip


def _by_the_bank(rng: np.random.Generator, household: Household) -> Iterator[Frame]:
    fee = 390 if rng.random() < 0.5 else 0
    days = household.days_of_month(28)
    if fee:
        yield _bill(rng, household, days, np.full(len(days), fee), "fees", "ACCOUNT FEE {number}", method="other")
    if SAVINGS in household.slots:
        cents = in_cents(rng, 6.0, 0.15, len(days))
        yield movements(
            at_hours(rng, days, _NIGHT, 0.3), cents, slot=SAVINGS, category="income", description="INTEREST PAID",
            method="other", country=household.country,
        )  # fmt: skip
    months = household.days_of_month(14)
    refund = months[month_of(months) == int(rng.integers(4, 8))]
    yield movements(
        at_hours(rng, refund, _NIGHT, 0.3), in_cents(rng, 600.0, 0.5, len(refund)), slot=CHECKING, category="refunds",
        description="TAX REFUND", method="bank_transfer", country=household.country,
    )  # fmt: skip
