import numpy as np
import pytest

from ganlib.data.prepare import NpyWriter, select_rows


def write(path, count):
    writer = NpyWriter(path, 2)
    images = np.random.default_rng(count).integers(0, 256, (count, 2, 2, 3), dtype=np.uint8)
    for image in images:
        writer.append(image)
    writer.close()
    return images


@pytest.mark.parametrize("count", [0, 1, 9, 10, 12345])
def test_what_was_written_is_read_whatever_the_count(tmp_path, count):
    images = write(tmp_path / "a.npy", count)
    assert np.array_equal(np.load(tmp_path / "a.npy"), images)
    assert np.load(tmp_path / "a.npy", mmap_mode="r").shape == (count, 2, 2, 3) if count else True


def test_an_image_that_is_not_contiguous_is_written_as_it_looks(tmp_path):
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::2]
    with_gaps = NpyWriter(tmp_path / "a.npy", 2)
    with_gaps.append(image)
    with_gaps.close()
    with_gaps.close()
    assert np.array_equal(np.load(tmp_path / "a.npy")[0], image)


@pytest.mark.parametrize("rows", [[], [0], [7, 3, 3], list(range(0, 20, 2))])
def test_rows_are_selected_in_their_order(tmp_path, rows):
    images = write(tmp_path / "a.npy", 20)
    select_rows(tmp_path / "a.npy", rows)
    assert np.array_equal(np.load(tmp_path / "a.npy"), images[rows])
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
