import numpy as np
import pytest
import torch

from ganlib.data.dataset import to_bytes
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.grids import before_after, check_grid, contact_sheet, grid, grid_image, resize, to_image
from ganlib.sizes import Size

IMAGES = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def pixels(figure):
    return np.asarray(figure.image().convert("RGB"))


def test_a_grid_shows_every_picture_as_it_is():
    shown = pixels(grid(IMAGES))
    assert shown.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    wanted = to_bytes(IMAGES).numpy()
    for index in range(5):
        y, x = 2 + 34 * (index // 3), 2 + 34 * (index % 3)
        assert np.array_equal(shown[y : y + 32, x : x + 32], wanted[index])


def test_a_grid_can_be_enlarged_and_have_columns():
    assert pixels(grid(IMAGES, columns=5, scale=3)).shape == (3 * 36, 3 * (5 * 34 + 2), 3)


@pytest.mark.parametrize(("columns", "scale"), [(1, 0), (1, -1), (0, 1), (1, 1000)])
def test_a_grid_of_no_size_or_too_large_is_a_sentence(columns, scale):
    with pytest.raises(GanlibError):
        check_grid(5, Size(32, 32), columns, scale)


def test_enlarging_makes_squares_or_slopes():
    image = torch.tensor([-1.0, 1.0]).repeat(3, 2, 1)[None]  # (1, 3, 2, 2): black beside white
    squares = resize(image, 8)
    assert squares.shape == (1, 8, 8, 3)
    assert squares[0, 3, :, 0].tolist() == [0] * 4 + [255] * 4
    slope = resize(image, 8, smooth=True)[0, 3, :, 0].tolist()
    assert slope == sorted(slope)
    assert len(set(slope)) > 3
    assert torch.equal(resize(image, 2, smooth=True), resize(image, 2))


def test_the_lines_of_a_smooth_grid_stay_white_and_where_they_are():
    images = torch.rand(4, 3, 8, 8) * 2 - 1
    squares, smooth = (np.asarray(grid_image(images, scale=3, smooth=smooth)) for smooth in (False, True))
    assert squares.shape == smooth.shape == (3 * 22, 3 * 22, 3)
    for pixels in (squares, smooth):
        assert (pixels[:6] == 255).all()
        assert (pixels[:, 30:36] == 255).all()
    assert not np.array_equal(squares, smooth)


def test_one_picture_is_what_it_is_in_a_grid():
    assert np.array_equal(np.asarray(to_image(IMAGES[0], 2)), resize(IMAGES[:1], 64)[0].numpy())


def test_a_contact_sheet_has_gaps_between_and_nothing_where_pictures_run_out():
    pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = np.asarray(contact_sheet(pictures, 2, gap=4))
    assert sheet.shape == (196, 196, 4)
    assert [sheet[y, x].tolist() for y, x in ((0, 0), (95, 195), (195, 95))] == [
        [shade, shade, shade, 255] for shade in (10, 20, 30)
    ]
    assert not sheet[96:100].any()
    assert not sheet[100:, 96:].any()


def test_before_and_after_are_the_first_and_the_last_samples(run):
    figure = before_after(run)
    shown = pixels(figure)
    assert shown.shape == (40, 96, 3)
    assert (shown[:, :40] == (0, 0, 0)).all()
    assert (shown[:, 40:56] == 255).all()
    assert (shown[:, 56:] == (200, 0, 0)).all()
    assert "after 64 steps" in figure.alt


def test_a_run_without_two_samples_has_no_before_and_after(tmp_path, recipe, run):
    empty = Run(tmp_path / "empty")
    empty.start(recipe)
    with pytest.raises(GanlibError, match="no samples"):
        before_after(empty)
    for sample in run.samples()[1:]:
        sample.unlink()
    with pytest.raises(GanlibError, match="only one grid of samples"):
        before_after(run)
