import pytest
import torch

from ganlib.augment import AUGMENTATIONS, Augment, _gathered, _sliced, colour, cutout, flip, translate
from ganlib.errors import GanlibError

IMAGES = torch.rand(200, 3, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_flip_mirrors_some_pictures_and_leaves_the_others():
    flipped = flip(IMAGES)
    mirrored = [torch.equal(after, before.flip(2)) for after, before in zip(flipped, IMAGES, strict=True)]
    same = [torch.equal(after, before) for after, before in zip(flipped, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


def test_translate_moves_whole_pixels_and_fills_with_grey():
    moved = translate(IMAGES, 0.125)
    padded = torch.nn.functional.pad(IMAGES, (3, 3, 2, 2))
    places = set()
    for picture, source in zip(moved, padded, strict=True):
        found = [
            (y, x)
            for y in range(5)
            for x in range(7)
            if torch.equal(picture, source[:, y : y + 16, x : x + 24])
        ]
        assert len(found) == 1
        places.add(found[0])
    assert {y for y, _ in places} == set(range(5))
    assert {x for _, x in places} == set(range(7))


def test_both_ways_to_move_pictures_agree_down_to_the_second_derivative():
    images = IMAGES[:6].double()
    tops, lefts = torch.tensor([0, 4, 1, 2, 3, 0]), torch.tensor([6, 0, 3, 1, 2, 5])
    found = []
    for cut in (_sliced, _gathered):
        padded = torch.nn.functional.pad(images, (3, 3, 2, 2)).requires_grad_()
        moved = cut(padded, tops, lefts, 16, 24)
        (gradient,) = torch.autograd.grad(moved.pow(3).sum(), padded, create_graph=True)
        (second,) = torch.autograd.grad(gradient.pow(2).sum(), padded)
        found.append((moved, gradient, second))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_colour_keeps_the_drawing():
    changed = colour(IMAGES)
    for after, before in zip(changed[:20], IMAGES[:20], strict=True):
        grey_after, grey_before = after.mean(0).flatten(), before.mean(0).flatten()
        correlation = torch.corrcoef(torch.stack([grey_after, grey_before]))[0, 1]
        assert correlation.item() == pytest.approx(1, abs=1e-4)
    contrast = changed.mean(1).flatten(1).std(1) / IMAGES.mean(1).flatten(1).std(1)
    assert 0.5 <= contrast.min() < 0.6 < 1.4 < contrast.max() <= 1.5
    moved = (changed.mean((1, 2, 3)) - IMAGES.mean((1, 2, 3))).abs()
    assert 0.4 < moved.max() <= 0.5


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_pass_twice(name):
    images = IMAGES[:4].clone().requires_grad_()
    changed = Augment([name])(images)
    (gradient,) = torch.autograd.grad(changed.square().sum(), images, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), images)
    assert gradient.abs().sum() > 0
    assert second.abs().sum() > 0


def test_no_names_change_nothing():
    assert Augment()(IMAGES) is IMAGES


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(GanlibError, match="flip, translate, colour, cutout"):
        Augment(["blur"])


def test_cutout_paints_one_grey_square_anywhere():
    images = torch.ones(500, 3, 16, 24)
    cut = cutout(images, 0.5)
    areas = set()
    for picture in cut:
        assert torch.equal(picture[0], picture[1])
        rows, columns = torch.nonzero(picture[0] == 0, as_tuple=True)
        height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
        assert len(rows) == height * width
        areas.add((int(height), int(width)))
    assert max(areas) == (7, 7)
    assert min(area[0] for area in areas) < 7  # some lie over the edge
    assert 0.5 < (cut == 1).float().mean().item() < 0.95


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_each_picture_is_changed_with_the_chance_given(chance):
    images = torch.rand(2000, 3, 4, 4)
    changed = (Augment(["colour"], chance)(images) != images).flatten(1).any(1).float().mean().item()
    assert chance - 0.04 <= changed <= chance + 0.04


def test_a_changed_picture_is_whole():
    images = torch.rand(50, 3, 8, 8)
    halved = Augment(["flip"], 0.5)
    halved.steps = [torch.neg]
    after = halved(images)
    assert all(torch.equal(a, b) or torch.equal(a, -b) for a, b in zip(after, images, strict=True))
