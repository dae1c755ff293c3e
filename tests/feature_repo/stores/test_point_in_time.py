"""Every promise, asked of every store: ours keeps all, stock stores break just those that they are known to break."""

from __future__ import annotations

import pytest
from point_in_time.case import View, day
from point_in_time.known_faults import FAULTS, fault_of
from point_in_time.oracle import answer
from point_in_time.promises import CASES, PROMISES, verdict_on
from point_in_time.repo import declared, entities_of, open_store, write
from point_in_time.stores import ASOF_KNOWN, STOCK, STORES


class BrokenPromiseError(AssertionError):
    """A store does what it is known to do instead."""


def asked_of_all_stores():
    for promise in PROMISES:
        for store in STORES:
            fault = fault_of(store, promise.name)
            marks = [pytest.mark.filterwarnings(warning) for warning in store.warns]
            if fault:
                marks.append(pytest.mark.xfail(raises=BrokenPromiseError, strict=True, reason=str(fault)))
            yield pytest.param(promise, store, fault, marks=marks, id=f"{promise.name}-{store.name}")


@pytest.mark.parametrize(("promise", "store", "fault"), list(asked_of_all_stores()))
def test_the_promise_is_kept(promise, store, fault, tmp_path):
    verdict = verdict_on(promise, store, tmp_path)
    if fault and verdict.wrong is fault.wrong:
        raise BrokenPromiseError(str(verdict))
    assert verdict.wrong is None, str(verdict)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if case.knowledge_time])
def test_knowledge_time_may_be_a_setting_of_ours(case, tmp_path):
    verdict = verdict_on(case, ASOF_KNOWN, tmp_path)
    assert verdict.wrong is None, str(verdict)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if case.given != "dates"])
def test_the_oracle_says_what_the_tables_say(case):
    assert answer(case) == case.expected


def test_each_promise_is_known_by_its_name():
    names = [promise.name for promise in PROMISES]
    assert len(set(names)) == len(names)
    for store in STOCK:
        assert set(FAULTS[store]) <= set(names)


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(store, id=store.name, marks=[pytest.mark.filterwarnings(warning) for warning in store.warns])
        for store in STORES
    ],
)
def test_what_is_materialized_is_served(store, tmp_path):
    view = View(((1, day(1), day(1), 11), (1, day(3), day(3), 13), (2, day(2), day(2), None), (3, day(9), day(9), 39)))
    write(view, tmp_path)
    opened = open_store(store, tmp_path, online=True)
    opened.apply([*entities_of(view), declared(view, tmp_path)])
    opened.materialize(day(1), day(4))
    served = opened.get_online_features(["account:balance"], [{"customer": number} for number in (1, 2, 3)]).to_dict()
    assert served == {"customer": [1, 2, 3], "balance": [13, None, None]}
