import asyncio

from ganlib.studio.widgets import Debounce


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
