"""Who is paid, and how statements spell it.

A statement seldom bears a merchant's plain name: there are store numbers, cities, clipped and vowelless forms, payment
services in front. Some merchants sell what belongs to several categories, and some names tell nothing: categories can
be learnt from descriptions, but not all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

CATEGORIES = (
    *("groceries", "eating_out", "transport", "fuel", "shopping", "health", "entertainment", "travel", "home"),
    *("education", "subscriptions", "utilities", "insurance", "housing", "income", "transfer", "cash", "fees"),
    *("gifts", "refunds"),
)
CODE: Mapping[str, int] = {category: code for code, category in enumerate(CATEGORIES)}

CITIES: Mapping[str, tuple[str, ...]] = {
    "US": ("Portland", "Austin", "Columbus", "Tacoma", "Dayton"),
    "GB": ("Leeds", "Bristol", "Luton", "Cardiff", "Hull"),
    "DE": ("Essen", "Kassel", "Leipzig", "Ulm", "Bremen"),
}
ABROAD = ("FR", "ES", "IT", "NL", "PT", "MX", "TH", "RO", "TR")
SURNAMES = (
    *("Miller", "Hansen", "Novak", "Okafor", "Silva", "Brandt", "Keller", "Rossi", "Dubois", "Larsen", "Kaya", "Ortiz"),
    *("Patel", "Nguyen", "Walsh", "Fischer", "Moreau", "Lind", "Costa", "Haddad", "Price", "Quinn", "Ryan", "Stein"),
)
INITIALS = "ABCDEFGHJKLMNPRSTW"


@dataclass(frozen=True)
class Merchant:
    """A merchant and the share of its sales by category."""

    name: str
    sales: Mapping[str, float]
    online: bool = False

    def spellings(self) -> tuple[str, ...]:
        """How statements spell it: the forms that its own payment terminals happen to give."""
        plain, clipped = self.name.upper(), _without_vowels(self.name.upper())[:9]
        forms = (
            f"{plain} #{{number}}",
            f"{self.name} {{city}}",
            f"{clipped} {{number}} {{city}}",
            f"{plain}*{{code}}" if self.online else f"SQ *{plain}",
            f"PAYPAL *{plain.replace(' ', '')[:12]}",
            f"{plain} SAGT DANKE {{number}}" if not self.online else f"{plain}.COM {{code}}",
        )
        first = crc32(self.name.encode())
        return tuple(dict.fromkeys(forms[(first + step * 5) % len(forms)] for step in range(4)))

    def names(self) -> tuple[str, ...]:
        """How the payment scheme spells it."""
        return (self.name, self.name.upper(), f"{self.name} Ltd", _without_vowels(self.name.upper())[:9])


def _without_vowels(text: str) -> str:
    return text[0] + "".join(letter for letter in text[1:] if letter not in "AEIOU ")


def _of(category: str, *names: str, online: bool = False) -> tuple[Merchant, ...]:
    return tuple(Merchant(name, {category: 1.0}, online) for name in names)


BRANDS: tuple[Merchant, ...] = (
    *_of("groceries", "Greenbasket", "Corner Mart", "Fresh Field", "Kaufhalle", "Daily Pantry", "Orchard Foods"),
    *_of("eating_out", "Bean Street Coffee", "Pizza Forno", "Noodle Bar", "Burger Barn", "Cafe Linde", "Sushi Now"),
    *_of("transport", "Metro Transit", "CityCab", "Rail Link", "ScootGo", "ParkWell"),
    *_of("fuel", "Petrolux", "Highway Fuels", "Nord Oil"),
    *_of("shopping", "Threadline", "Shoe Depot", "Urban Closet", "Gadget World"),
    *_of("health", "City Pharmacy", "Smile Dental", "OptiView", "Vital Clinic"),
    *_of("entertainment", "Cineplex Star", "Game Harbor", "Ticketwave", "Bowl Alley"),
    *_of("travel", "SkyJet Airlines", "Hotel Meridian", "Stayaway Rooms", "Rent A Wheel"),
    *_of("home", "Hammer and Nail", "Garden Planet", "Sofa House", "Lumen Lighting"),
    *_of("education", "Bright Minds School", "Kita Sonnenschein", "Open Campus"),
    Merchant("Bazario", {"shopping": 0.5, "home": 0.2, "entertainment": 0.15, "groceries": 0.15}, online=True),
    Merchant("Costwise", {"groceries": 0.6, "home": 0.2, "shopping": 0.2}),
    Merchant("Fuelmart", {"fuel": 0.6, "groceries": 0.2, "eating_out": 0.2}),
    Merchant("Drugs and More", {"health": 0.55, "shopping": 0.25, "groceries": 0.2}),
    Merchant("Plaza Center", {"shopping": 0.45, "eating_out": 0.35, "entertainment": 0.2}),
    Merchant("Station Shops", {"transport": 0.4, "eating_out": 0.4, "groceries": 0.2}),
)

STREAMS = _of("subscriptions", "Flixnow", "Tuneful", "CloudBox", "Gym Nation", "News Daily", "Playpass", "Audiobay")
UTILITIES = ("Northern Power", "City Water", "Gasnetz", "FiberFast", "Mobilcom", "Voxtel")
INSURERS = ("Shield Mutual", "Allsafe", "Provida Life")

_TELLING: Mapping[str, tuple[str, ...]] = {
    "groceries": ("Market", "Deli", "Bakery"),
    "eating_out": ("Bistro", "Grill", "Cafe"),
    "shopping": ("Boutique", "Books", "Sports"),
    "health": ("Dental", "Physio", "Apotheke"),
    "entertainment": ("Club", "Theatre"),
    "home": ("Plumbing", "Florist", "Hardware"),
}
_SILENT = ("& Sons", "GmbH", "Ltd", "& Co", "Inc")


def local_merchants(rng: np.random.Generator) -> tuple[Merchant, ...]:
    """The small merchants of a household's neighbourhood; the names of some tell nothing."""
    merchants = []
    for category, words in _TELLING.items():
        for _ in range(2):
            tail = rng.choice(words) if rng.random() < 0.6 else rng.choice(_SILENT)
            merchants.append(Merchant(f"{rng.choice(SURNAMES)} {tail}", {category: 1.0}))
    return tuple(merchants)


def merchants_of(category: str, merchants: Sequence[Merchant]) -> tuple[list[Merchant], np.ndarray]:
    """Who sells what belongs to a category, and how much of it, as shares."""
    sellers = [merchant for merchant in merchants if category in merchant.sales]
    weights = np.array([merchant.sales[category] for merchant in sellers])
    return sellers, weights / weights.sum()


def person(rng: np.random.Generator) -> str:
    """A private person, as statements name one."""
    return f"{INITIALS[rng.integers(len(INITIALS))]} {SURNAMES[rng.integers(len(SURNAMES))]}"
