"""A run with five samples and five rows."""

import pytest
from PIL import Image

from ganlib.run import Run


@pytest.fixture
def run(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(recipe)
    for index in range(5):
        Image.new("RGB", (40, 40), (index * 50, 0, 0)).save(run.sample_file(index * 16))
        row = {
            "step": index,
            "kimg": index + 1.0,
            "seconds": 1.0,
            "d_loss": 1.4 - index / 10,
            "g_loss": 0.7 + index,
        }
        run.append_log({**row, "real_probability": 0.6, "fake_probability": 0.4})
    return run
