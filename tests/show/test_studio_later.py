import asyncio

from ganlib.studio.widgets import Debounce


def test_without_a_loop_the_work_is_done_at_once():
    done = []
    later = Debounce(lambda: done.append(len(done)), seconds=60)
    later.ask()
    later.ask()
    assert done == [0, 1]


def test_in_a_loop_what_was_overtaken_is_left_out():
    newest, done = [0], []

    async def drag():
        later = Debounce(lambda: done.append(newest[0]), seconds=0)
        for move in range(200):
            newest[0] = move
            later.ask()
        assert done == []
        await asyncio.sleep(0.01)
        assert done == [199]
        newest[0] = 500
        later.ask()
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
        later = Debounce(work, seconds=0)
        later.ask()
        await asyncio.sleep(0.01)
        later.ask()
        await asyncio.sleep(0.01)

    asyncio.run(twice())
    assert done == [0, 1]
