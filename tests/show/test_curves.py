from dataclasses import replace

import numpy as np
import pytest

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.curves import curves, loss_scale, time_axis


def pixels(figure):
    return np.asarray(figure.image().convert("RGB"))


def test_curves_leave_out_what_was_not_played_and_may_be_logarithmic(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(replace(recipe, steps_in="epochs"))
    for step in range(6):
        d_plays = step % 2 == 0
        row = {"step": 10 * step, "kimg": 1.0, "seconds": 1.0, "real_probability": 0.6 if d_plays else None}
        losses = {"d_loss": 10.0**-step if d_plays else None, "g_loss": None if d_plays else 2.0}
        run.append_log({**row, **losses, "fake_probability": 0.4})
    figure = curves(run)
    assert "loss of D 0.00, loss of G 2.00" in figure.alt
    shown = pixels(figure).astype(int)
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (np.abs(shown - colour).sum(2) < 30).sum() > 500  # a line, not only its entry in the legend
    assert loss_scale(run.log()) == "log"
    assert loss_scale(run.log()[:2]) == "linear"
    nobody = [{"d_loss": None, "g_loss": None}]
    assert loss_scale(nobody) == "linear"


def test_curves_run_over_pictures_or_over_steps(tmp_path, recipe):
    for name, changes, axis in (
        ("a", {}, "kimg"),
        ("b", {"d_steps": 2}, "step"),
        ("c", {"steps_in": "epochs"}, "step"),
    ):
        run = Run(tmp_path / name)
        run.start(replace(recipe, **changes))
        assert time_axis(run) == axis


def test_curves_draw_and_describe(run):
    figure = curves(run)
    shown = pixels(figure)
    assert shown.shape[1] == 1000
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (np.abs(shown.astype(int) - colour).sum(2) < 30).sum() > 100
    assert figure.alt.endswith("loss of D 1.00, loss of G 4.70, D(x) 0.60, D(G(z)) 0.40.")


def test_a_log_without_two_rows_is_a_sentence(tmp_path, recipe):
    run = Run(tmp_path / "empty")
    run.start(recipe)
    with pytest.raises(GanlibError, match="too short"):
        curves(run)
