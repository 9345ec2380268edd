"""JupyterLab hands some widgets' messages to a second thread of the kernel."""

from threading import Event, Thread

import torch

from ganlib.latent.sampling import sample_latent
from tests.studio.driver import RECIPE

A_MOMENT = 0.2  # seconds for a thread that does not wait for its turn


def click_next_and_meanwhile_set(driver, monkeypatch, handle, value):
    """One thread clicks and is stopped while it paints; another sets a value; then the first goes on."""
    renderer = driver.studio._renderer
    is_painting, go_on = Event(), Event()
    picture = renderer.picture

    def slow(z):
        is_painting.set()
        go_on.wait()
        return picture(z)

    monkeypatch.setattr(renderer, "picture", slow)
    one = Thread(target=driver.click, args=("next",), daemon=True)
    other = Thread(target=driver.set, args=(handle, value), daemon=True)
    one.start()
    is_painting.wait()
    other.start()
    other.join(A_MOMENT)
    go_on.set()
    one.join()
    other.join()


def test_what_a_thread_is_told_while_another_paints_is_not_lost(driver, monkeypatch):
    click_next_and_meanwhile_set(driver, monkeypatch, "seed", "7")
    assert driver["seed"].value == "7"
    assert "seed 7" in driver.status
    assert torch.equal(driver.studio.z, sample_latent(1, RECIPE.latent_dim, 7)[0])


def test_a_slider_is_not_put_back_under_the_hand_that_moves_it(driver, monkeypatch):
    values = []
    driver["direction-1"].observe(lambda change: values.append(change["new"]), "value")
    click_next_and_meanwhile_set(driver, monkeypatch, "direction-1", 2.0)
    assert values == [2.0]
    assert driver.status.endswith("seed 1, direction 1 +2.0</p>")
