"""The stream's ear at Redis: whoever is told to stop stops, whatever it was doing at that moment."""

from __future__ import annotations

import asyncio

import pytest

from zmq_bridge.live.listener import Listener

MOMENTS = 40
"""Steps of the event loop, more than one round of hearing takes."""
ENDS_WITHIN_S = 3.0


def test_a_task_that_is_cancelled_while_it_hears_ends_whenever_that_is(redis_url):
    assert asyncio.run(those_that_go_on(redis_url)) == []


async def those_that_go_on(url: str) -> list[int]:
    """The moments of cancellation after which a task went on."""
    return [moment for moment in range(MOMENTS) if not await ends_when_cancelled(url, moment)]


async def ends_when_cancelled(url: str, moment: int) -> bool:
    """Cancel a task that hears, after so many steps of the loop; say whether it ended."""
    ear = Listener(url)
    await ear.follow(["news"])
    task = asyncio.create_task(hear_for_ever(ear))
    for _ in range(moment):
        await asyncio.sleep(0)
    task.cancel()
    rounds = 0
    while not task.done() and rounds < ENDS_WITHIN_S / 0.01:
        await asyncio.sleep(0.01)
        rounds += 1
    ended = task.done()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.003)
    with pytest.raises(asyncio.CancelledError):
        await task
    await ear.close()
    return ended


async def hear_for_ever(ear: Listener) -> None:
    """As the stream does, on a connection that is asked every time whether it lives."""
    while True:
        assert ear._channels.connection is not None
        ear._channels.connection.next_health_check = 0.0
        await ear.hear(0.005)
