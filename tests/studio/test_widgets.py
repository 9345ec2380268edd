import asyncio
from functools import partial

from ganlib.studio.widgets import Debounce, Idle


def test_without_a_loop_the_work_is_done_at_once():
    done = []
    request = Debounce(lambda: done.append(len(done)), seconds=60)
    request()
    request()
    assert done == [0, 1]


def test_in_a_loop_what_was_overtaken_is_left_out():
    newest, done = [0], []

    async def drag():
        request = Debounce(lambda: done.append(newest[0]), seconds=0)
        for move in range(200):
            newest[0] = move
            request()
        assert done == []
        await asyncio.sleep(0.01)
        assert done == [199]
        newest[0] = 500
        request()
        await asyncio.sleep(0.01)

    asyncio.run(drag())
    assert done == [199, 500]


def test_work_that_fails_is_asked_for_again():
    done = []

    def work():
        done.append(len(done))
        if len(done) == 1:
            raise ValueError("the first time")

    async def twice():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        request = Debounce(work, seconds=0)
        request()
        await asyncio.sleep(0.01)
        request()
        await asyncio.sleep(0.01)

    asyncio.run(twice())
    assert done == [0, 1]


def test_idle_work_is_done_piece_by_piece_and_a_new_request_takes_its_place():
    done = []

    async def main():
        ended = asyncio.Event()
        idle = Idle(0.001)
        idle([partial(done.append, "overtaken")])
        idle([partial(done.append, "a"), partial(done.append, "b"), ended.set])
        assert done == []
        await ended.wait()

    asyncio.run(main())
    assert done == ["a", "b"]
    Idle(10)([partial(done.append, "at once without a loop")])
    assert done[2:] == ["at once without a loop"]
