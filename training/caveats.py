"""What a reader of answers must know: which part of a range was not trained or tested, what a model cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from training.fit import Fitted
from training.learnable import has_seasons, known_share
from training.population import Population

FEWEST = 30
"""So many training rows must lie at the end of a range for it to count as trained, so many test rows as tested."""
SEASONS = 360
"""A test of fewer days has not seen every season."""

DRIFTED = 0.05
OTHERS = 0.5
"""An input that is known of so much more, or less, of everybody than of the test rows makes them another population."""
NAMED = 3
HARDLY = 0.1

Range = tuple[float, float]


def trained_ranges(fitted: Fitted) -> dict[str, Range]:
    """Of each input that a request gives, the range that the model was trained on."""
    return {
        each.name: _range(fitted.rows.matrix[fitted.split.train, fitted.inputs.columns.index(each.name)])
        for each in fitted.inputs.each
        if each.view == "request"
    }


def caveats(
    fitted: Fitted,
    population: Population | None = None,
    unlearnable: Mapping[str, float] = MappingProxyType({}),
    no_population_because: str = "",
) -> tuple[str, ...]:
    """A sentence each. `unlearnable` are the inputs that it was trained without, as few training rows have them."""
    of_test = (*_ranges(fitted), *fitted.spec.task.caveats(fitted), *_span(fitted), *_of_the_few(unlearnable))
    if population is None:
        return (*of_test, *_without_population(no_population_because))
    return (*of_test, *_missing(fitted, population), *_known_prices(population))


def _without_population(reason: str) -> Iterator[str]:
    if reason:
        yield f"the test rows were not compared with all entities at the end of the data: {reason}"


def _ranges(fitted: Fitted) -> Iterator[str]:
    for name, (low, high) in trained_ranges(fitted).items():
        tested = _range(fitted.rows.matrix[fitted.test, fitted.inputs.columns.index(name)])[1]
        yield f"{name}: trained from {low:.1f} to {high:.1f}, and not answered beyond" + (
            f"; tested up to {tested:.1f}, beyond which only cross-validation by entity speaks for it"
            if tested < high - 1
            else ""
        )


def _span(fitted: Fitted) -> Iterator[str]:
    asked = fitted.rows.asked[fitted.test]
    days = int((asked.max() - asked.min()) / np.timedelta64(1, "D"))
    if days < SEASONS:
        yield f"tested over {days} days: not every season was seen"
    season = {*fitted.spec.season}
    if season and not season & {*fitted.inputs.names} and not has_seasons(fitted.rows.asked[fitted.split.train]):
        yield (
            f"trained without the season ({', '.join(fitted.spec.season)}): the training rows span less than two "
            "years, in which it cannot be told from the trend"
        )


def _of_the_few(shares: Mapping[str, float]) -> Iterator[str]:
    if shares:
        names = list(shares)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield (
            f"trained without {', '.join(names[:NAMED])}{more}: known of at most {max(shares.values()):.0%} of the "
            "training rows and of nearly everybody who can be asked about; those few are no sample of the others"
        )


def rarely_known(fitted: Fitted, population: Population | None) -> dict[str, float]:
    """The number that most of everybody has and the test lacks, most of all such, with the share of test rows."""
    if population is None or not len(population.features):
        return {}
    tested = fitted.training_set.table.filter(pa.array(fitted.test))
    shares = {
        each.name: (known_share(tested, each.name), known_share(population.features, each.name))
        for each in fitted.inputs.each
        if each.view != "request" and each.kind == "number"
    }
    gaps = {name: now - then for name, (then, now) in shares.items() if then < HARDLY and now - then > OTHERS}
    return {name: shares[name][0] for name in sorted(gaps, key=lambda each: -gaps[each])[:1]}


def _missing(fitted: Fitted, population: Population) -> Iterator[str]:
    """Inputs that nearly all who can be asked about have and the test rows lack, or the reverse."""
    tested, everybody = fitted.training_set.table.filter(pa.array(fitted.test)), population.features
    if not len(everybody):
        return
    shares = {
        each.name: (known_share(tested, each.name), known_share(everybody, each.name))
        for each in fitted.inputs.each
        if each.view != "request"
    }
    others = {name: both for name, both in shares.items() if abs(both[0] - both[1]) > OTHERS}
    if others:
        name = max(others, key=lambda each: abs(others[each][0] - others[each][1]))
        more = [each for each in others if each != name]
        rest = f" ({', '.join(more[:NAMED])}{f' and {len(more) - NAMED} more' if len(more) > NAMED else ''} likewise)"
        yield (
            f"{name} is known of {others[name][0]:.0%} of the test rows and of {others[name][1]:.0%} of the "
            f"{len(everybody):,} entities with features at {population.moment:%Y-%m-%d}{rest if more else ''}: the "
            "figures of the test say little of most who can be asked about"
        )


def _known_prices(population: Population) -> Iterator[str]:
    """Answers for those whose price is known: nobody needs a model to see that they are off."""
    at = f"at {population.moment:%Y-%m-%d}"
    for whose, known, better, ratios in (
        (f"entities whose price had just become known {at}", "price paid", "that price", population.just_settled),
        (f"entities with an estimate {at}", "estimate", "that estimate", population.to_estimate),
    ):
        if len(ratios) >= FEWEST and abs(float(np.median(ratios)) - 1) > DRIFTED:
            low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
            yield (
                f"of {len(ratios):,} {whose} the median of value to {known} is {middle:.2f} (a tenth below {low:.2f}, "
                f"a tenth above {high:.2f}): where the test has few such rows, {better} is the better answer"
            )


def _range(values: np.ndarray) -> Range:
    order = np.sort(values[~np.isnan(values)])
    if not len(order):
        return 0.0, 0.0
    return float(order[0]), float(order[-min(FEWEST, len(order))])
