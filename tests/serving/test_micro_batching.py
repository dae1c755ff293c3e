"""Questions asked at the same time are answered together, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from serving.micro_batching import MicroBatcher


class Slow:
    """Doubles numbers, takes its time, and remembers what came together; 13 it cannot do."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def doubled(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        await self.may_answer.wait()
        if 13 in numbers:
            raise ValueError("13 cannot be doubled")
        return [2 * number for number in numbers]


async def waiting(grouped: MicroBatcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(grouped.submit(number)))
        await asyncio.sleep(0)
    return tasks


def test_what_comes_while_one_is_answered_goes_together():
    async def told() -> None:
        slow = Slow()
        tasks = await waiting(MicroBatcher(slow.doubled, most=3), 1, 2, 3, 4, 5)
        assert slow.groups == [[1]]
        slow.may_answer.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
        assert slow.groups == [[1], [2, 3, 4], [5]]

    asyncio.run(told())


def test_when_idle_a_question_is_answered_at_once():
    async def told() -> None:
        slow = Slow()
        slow.may_answer.set()
        grouped = MicroBatcher(slow.doubled)
        assert [await grouped.submit(1), await grouped.submit(2)] == [2, 4]
        assert slow.groups == [[1], [2]]

    asyncio.run(told())


def test_a_fault_is_told_to_its_group_and_the_next_is_answered():
    async def told() -> None:
        slow = Slow()
        tasks = await waiting(MicroBatcher(slow.doubled, most=2), 1, 13, 3, 4)
        slow.may_answer.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert (answers[0], answers[3]) == (2, 8)
        assert [str(answer) for answer in answers[1:3]] == ["13 cannot be doubled"] * 2

    asyncio.run(told())


def test_who_goes_away_does_not_hold_up_the_others():
    async def told() -> None:
        slow = Slow()
        tasks = await waiting(MicroBatcher(slow.doubled), 1, 2, 3)
        tasks[0].cancel()
        tasks[1].cancel()
        slow.may_answer.set()
        assert await tasks[2] == 6
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]

    asyncio.run(told())


def test_of_many_at_once_each_gets_its_own_answer(address, ids):
    customers = [str(customer) for customer in ids["move_probability"][:60]]

    def answer(customer: str) -> tuple[str, float]:
        found = httpx2.post(f"{address}/v1/predict/move-probability", json={"entity_id": customer}).json()
        return found["entity_id"], found["predicted_value"]

    alone = dict(map(answer, customers))
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(answer, customers * 5))
    assert [customer for customer, _ in together] == customers * 5
    assert all(value == pytest.approx(alone[customer], rel=1e-6) for customer, value in together)
