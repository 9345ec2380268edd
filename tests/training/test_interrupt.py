import signal

import pytest

from ganlib.training.budget import Interrupt

ENDING = [signal.SIGTERM, signal.SIGHUP] if hasattr(signal, "SIGHUP") else [signal.SIGTERM]


@pytest.fixture(params=ENDING)
def ending(request):
    """A signal that asks a process to end, and what has come of it."""
    heard = []
    before = signal.signal(request.param, lambda number, _: heard.append(number))
    yield request.param, heard
    signal.signal(request.param, before)


def test_a_request_to_end_is_noted_and_passed_on_when_all_is_done(ending):
    number, heard = ending
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(number)
        assert interrupt.requested
        assert heard == []
    assert heard == [number]


def test_a_second_request_to_end_does_not_break_into_the_saving(ending):
    number, heard = ending
    with Interrupt():
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert heard == []
    assert heard == [number]


def test_an_error_is_heard_before_a_request_to_end(ending):
    number, heard = ending
    with pytest.raises(ZeroDivisionError), Interrupt():
        signal.raise_signal(number)
        _ = 1 / 0
    assert heard == []


def test_the_first_ctrl_c_is_noted_and_the_second_stops_at_once():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_ctrl_c_that_arrives_twice_is_noted_once_where_a_launcher_passes_it_on():
    before = signal.getsignal(signal.SIGINT)
    with Interrupt(processes=2) as interrupt:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_that_a_notebook_has_forked_ends_when_all_is_saved(monkeypatch):
    monkeypatch.setattr("multiprocessing.parent_process", lambda: "the notebook")
    saved = []
    with pytest.raises(KeyboardInterrupt), Interrupt(processes=2):
        signal.raise_signal(signal.SIGINT)
        saved.append("all")
    assert saved == ["all"]
    with Interrupt(processes=2):
        pass


def test_what_was_to_be_ignored_is_ignored():
    """`nohup` starts a process with one signal ignored."""
    before = signal.signal(ENDING[-1], signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            signal.raise_signal(ENDING[-1])
            assert not interrupt.requested
        assert signal.getsignal(ENDING[-1]) is signal.SIG_IGN
    finally:
        signal.signal(ENDING[-1], before)
