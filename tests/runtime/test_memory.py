import threading

import pytest

from ganlib.errors import GanlibError
from ganlib.runtime.memory import Memory, most_memory, most_waiting

MUCH = 2**20


def test_it_is_given_out_in_turn_and_only_as_much_as_there_is():
    memory, order = Memory(3 * MUCH), []

    def work(turn, amount):
        memory.take(turn, amount)
        order.append(turn)

    threads = [threading.Thread(target=work, args=(turn, 2 * MUCH)) for turn in (2, 1, 0)]
    for thread in threads:
        thread.start()
    for turn in range(3):
        while len(order) <= turn:
            pass
        assert order == list(range(turn + 1))
        memory.give_back(2 * MUCH)
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("named", "gib"), [("", 1), ("2", 2), ("0.5", 0.5), ("0", 0.25), ("1e9", 1024)])
def test_the_environment_says_how_much_there_is(monkeypatch, named, gib):
    monkeypatch.setenv("GANLIB_MEMORY_GIB", named)
    assert most_memory() == gib * 2**30 * 3 // 4
    assert most_waiting() == gib * 2**30 * 3 // 16


@pytest.mark.parametrize("named", ["much", "nan", "1 GiB"])
def test_what_is_no_number_is_a_sentence(monkeypatch, named):
    monkeypatch.setenv("GANLIB_MEMORY_GIB", named)
    with pytest.raises(GanlibError, match="GANLIB_MEMORY_GIB is a number of GiB"):
        most_memory()
