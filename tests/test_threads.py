"""One thread while something small is computed, and as many as before afterwards."""

import pytest
import torch

from ganlib.runtime.device import one_thread


@pytest.fixture(autouse=True)
def three_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


def test_one_thread_and_then_as_many_as_before():
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_as_many_as_before_after_an_error_too():
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 3


def test_a_function_can_be_held_to_one_thread_every_time_it_is_called():
    threads = one_thread()(torch.get_num_threads)
    assert [threads(), threads()] == [1, 1]
    assert torch.get_num_threads() == 3
