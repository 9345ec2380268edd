"""What notebook 10 counts and builds is what ganlib holds, its claims hold, and its checks are fair."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import avg_pool2d

import ganlib
from ganlib.costs import cost
from ganlib.nets.subpixel import SubpixelGenerator
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny

PAGE = {name: cell.source for name, cell in cells_of("10_large_canvas").items()}
CODE = {name: cell.source for name, cell in cells_of("10_large_canvas").items() if cell.cell_type == "code"}
EXERCISES = {one.name.removeprefix("exercise-"): one for one in exercises_of("10_large_canvas")}
GALLERY = ganlib.get_recipe("gallery512")
SHEET = Path(__file__).parents[2] / "docs" / "gallery512.webp"


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define before it trains, with the exercises still to be done."""
    names = list(CODE)
    return names_in_tiny(CODE[name] for name in names[: names.index("train")])


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


@pytest.mark.parametrize(
    "recipe",
    [
        GALLERY,
        replace(GALLERY, size=128, width=16, d_norm_first=False),
        replace(GALLERY, size=32, d_norm="none", d_norm_first=False),
        ganlib.get_recipe("portraits64"),
    ],
    ids=["gallery512", "128 px", "no norm", "portraits64"],
)
def test_the_layers_are_counted_as_the_library_counts_them(lesson, recipe):
    with torch.device("meta"):
        g_rows, fake = lesson["count"](recipe.generator(), torch.randn(2, recipe.latent_dim))
        d_rows, _ = lesson["count"](recipe.discriminator(), fake)
    theirs = cost(replace(recipe, fakes="shared"))
    g_flop, d_flop = ([flop for *_, flop, _ in rows] for rows in (g_rows, d_rows))
    assert 3 * sum(g_flop) - g_flop[0] + 8 * sum(d_flop) - 2 * d_flop[0] == theirs.flops
    parameters = sum(count for _, count, *_ in g_rows + d_rows)
    norms = theirs.generator_parameters + theirs.discriminator_parameters - parameters
    assert 0 <= norms < 0.01 * parameters


def test_a_step_costs_what_the_page_says_of_its_layers(lesson):
    g_rows, d_rows = lesson["g_rows"], lesson["d_rows"]
    whole = cost(GALLERY)
    for rows in (g_rows, d_rows):
        assert round(sum(flop for _, _, flop, _ in rows) / 1e9, 2) == 4.13
    assert round(12 * 4.13) == 50
    assert whole.flops == pytest.approx(12 * 4.13e9, rel=0.01)
    kept = 4 * (sum(row[-1] for row in g_rows) + 3 * sum(row[-1] for row in d_rows))
    assert whole.activation_bytes == pytest.approx(2 * kept, rel=0.01)
    assert max(g_rows, key=lambda row: row[-1])[0] == 256
    assert [side for side, parameters, *_ in g_rows if parameters > 1e6] == [4, 8, 16, 32]


def test_parts_of_a_batch_make_the_whole_only_without_batchnorm(lesson):
    images = torch.rand(12, 3, 64, 64)
    for norm, equal in (("none", True), ("batch", False)):
        net = ganlib.DCGANDiscriminator(size=64, width=8, norm=norm)
        whole, parts = lesson["gradients"](net, images, parts=1), lesson["gradients"](net, images, parts=3)
        assert torch.allclose(whole, parts, atol=1e-6) is equal


def test_the_correlation_finds_a_period(lesson):
    tile = torch.randn(4, 3, 64, 16)
    pictures = tile.repeat(1, 1, 1, 4)
    assert lesson["self_correlation"](pictures, 16) == pytest.approx(1, abs=1e-5)
    assert abs(lesson["self_correlation"](pictures, 7)) < 0.2
    flipped = torch.cat([tile, -tile, tile, -tile], dim=3)
    assert lesson["self_correlation"](flipped, 16) == pytest.approx(-1, abs=1e-2)


def test_the_receptive_field_of_five_layers_is_what_the_page_says():
    field, jump = 1, 1
    for layer in ganlib.DCGANDiscriminator(64, 2).main:
        if isinstance(layer, nn.Conv2d):
            field, jump = field + (layer.kernel_size[0] - 1) * jump, jump * layer.stride[0]
    assert field == 94
    assert "sees 94 pixels" in PAGE["field-text"]


def test_gallery512_is_as_deep_as_the_page_says(solved):
    assert sum(isinstance(layer, nn.Conv2d) for layer in GALLERY.discriminator().main) == 8
    assert solved["layers_needed"](512, 4) == 8
    assert "need eight layers" in PAGE["ends-text"]


def test_a_large_picture_is_spared_as_much_as_the_page_says():
    small, large = (cost(replace(GALLERY, size=size)) for size in (64, 512))
    assert round(large.activation_bytes / small.activation_bytes) == 65
    assert round(large.flops / small.flops) == 77
    assert [round(500 * 261 / (share * 65e12 / cost(GALLERY).flops) / 60) for share in (0.05, 0.2)] == [33, 8]
    whole, ends, inside = (
        cost(ganlib.get_recipe(name)) for name in ("gallery512", "modern512-cpu", "modern128-cpu")
    )
    assert round(whole.flops / ends.flops) == 15
    assert ends.activation_bytes + ends.penalty_bytes < whole.activation_bytes / 2
    assert 1 - inside.flops / ends.flops == pytest.approx(1 / 5, abs=0.03)


def test_a_block_becomes_as_many_channels_as_the_page_says():
    first = ganlib.get_recipe("modern512-cpu").discriminator().main[0]
    assert (first.in_channels * 4 * 4, first.out_channels) == (48, 12)
    assert first.kernel_size == first.stride == (4, 4)


def test_the_real_samples_of_gallery512_repeat_themselves_where_the_page_says(lesson):
    sheet = torch.from_numpy(np.array(Image.open(SHEET).convert("RGB"))).permute(2, 0, 1).float()
    rows = [
        torch.stack([sheet[:, top:, left:][:, :512, :512] for left in (2, 516, 1030)]) for top in (2, 516)
    ]
    whole, narrow = ({d: lesson["self_correlation"](row, d) for d in (32, 64, 127, 128)} for row in rows)
    assert round(whole[128], 2) == 0.85
    assert whole[127] < 0.5
    assert narrow[64] == max(narrow.values())


@pytest.mark.parametrize("name", ["PixelEnd", "SolvedPixelEnd"])
def test_the_end_of_the_generator_is_that_of_the_library_to_the_bit(solved, name):
    torch.manual_seed(0)
    library = SubpixelGenerator(512, 10, 24).main[-7:]
    ours = solved[name](12, 4)
    ours.load_state_dict(dict(zip(ours.state_dict(), library.state_dict().values(), strict=True)))
    maps = torch.randn(2, 12, 20, 20)
    assert torch.equal(ours(maps), library(maps))


def test_the_eight_positions_are_all_different_and_hold_the_picture(lesson):
    source = CODE["copies"].split("\n\n\nknown")[0]
    names = {"torch": torch}
    exec(source, names)
    picture = torch.rand(1, 3, 5, 5)
    eight = names["eight_positions"](picture)
    assert eight.shape == (8, 3, 5, 5)
    assert torch.equal(eight[0], picture[0])
    assert torch.cdist(eight.flatten(1), eight.flatten(1)).add(torch.eye(8)).min() > 0.1


def test_what_the_page_says_of_copies_and_half_turns_is_measured(lesson):
    art = ganlib.load_art("patchwork")
    train, held_out = (avg_pool2d(art.tensor(part), 8) for part in (art.train, art.held_out))
    assert (train - train.rot90(2, (2, 3))).abs().max() < 0.1  # so half of the eight positions are new
    names = {"torch": torch}
    exec(CODE["copies"].split("\n\n\nknown")[0], names)
    known = names["eight_positions"](train).flatten(1)
    made = ganlib.generate(ganlib.load_generator("patchwork")[0], ganlib.sample_latent(6, 128, seed=1))
    samples = avg_pool2d(made, 8)
    near = [torch.cdist(part.flatten(1), known).amin(1).median() for part in (samples, held_out)]
    turned = [lesson["correlate"](part, part.rot90(2, (2, 3))) for part in (held_out, samples)]
    said = PAGE["copies-read"]
    assert [f"({value:.0f})" in said for value in near] == [True, True]
    assert [f"({value:.1f})" in said for value in turned] == [True, True]


COUNT = EXERCISES["count"].answer
FITS = EXERCISES["fits"].answer
END = EXERCISES["end"].answer
DEPTH = EXERCISES["depth"].answer
DEEP = "def layers_needed(size, kernel):\n    return next(n for n in range(99) if "
COUNTED = "def largest_batch(recipe, usable, mixed):\n    needs, batch = cost(recipe).memory, 0\n"
COUNTED += "    while needs(batch + 1, mixed={}) <= usable:\n        batch += 1\n    return batch"
CALLED = """
class PixelEnd(nn.Module):
    def __init__(self, channels, side):
        super().__init__()
        self.side = side
        self.one, self.two = nn.Conv2d(channels, 16, 1), nn.Conv2d(16, 8, 1)
        self.three = nn.Conv2d(8, 3, 3, padding=1)
    def forward(self, x):
        x = interpolate(self.one(x), scale_factor=self.side, mode="bilinear")
        leaky = nn.functional.leaky_relu
        return self.three(leaky(self.two(leaky(x, 0.2)), 0.2)).tanh()
"""
INHERITED = """
class PixelEnd(nn.Sequential):
    def __init__(self, channels, side):
        super().__init__(
            nn.Conv2d(channels, 16, kernel_size=1), nn.UpsamplingBilinear2d(scale_factor=side),
            nn.LeakyReLU(0.2), nn.Conv2d(16, 8, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(8, 3, 3, padding="same"), nn.Tanh())
"""

ENLARGED_FIRST = """
class PixelEnd(nn.Module):
    def __init__(self, channels, side):
        super().__init__()
        self.main = nn.Sequential(
            nn.Upsample(scale_factor=side, mode="bilinear"), nn.Conv2d(channels, 16, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(16, 8, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(8, 3, 3, 1, 1, padding_mode="reflect"), nn.Tanh())
    def forward(self, maps):
        return self.main(maps)
"""
FIRST_LEAKY = """            nn.LeakyReLU(0.2),
            nn.Conv2d(16, 8, 1),
"""
UPSAMPLE = '            nn.Upsample(scale_factor=side, mode="bilinear"),\n'

RIGHT = {
    "count": [
        COUNT,
        "layer_cost = lambda a, b, k, i, o: [k * k * a * b, 2.0 * k * k * a * b * min(i, o) ** 2, b * o * o]",
        "def layer_cost(a, b, kernel, x, y):\n    p = torch.tensor(kernel * kernel * a * b)\n"
        "    return p, p * 2 * (x if x < y else y) ** 2, b * y**2",
    ],
    "fits": [
        FITS,
        COUNTED.format("mixed"),
        edited(FITS, ("int((usable - state) // picture)", "(usable - state) // picture")),
    ],
    "end": [END, CALLED, INHERITED, ENLARGED_FIRST],
    "depth": [
        DEPTH,
        DEEP + "1 + (kernel - 1) * (2**n - 1) >= size)",
        "from math import *\nlayers_needed = lambda size, k: ceil(log2((size - 1) / (k - 1) + 1))",
    ],
}

HINTS = [
    ("count", edited(COUNT, ("min(side_in, side_out)", "side_out")), "4 times as many FLOP"),
    ("count", edited(COUNT, ("kernel**2 * ", "")), "0.0625 times as many parameters"),
    ("count", edited(COUNT, ("2 * parameters", "parameters")), "0.5 times as many FLOP"),
    ("count", edited(COUNT, (", channels_out * side_out**2", "")), "returns 2 numbers"),
    ("count", edited(COUNT, ("channels_out * side_out**2", "channels_in * side_in**2")), "kept numbers"),
    ("count", edited(COUNT, ("channels_in * channels_out", "channels_in")), "a kernel for every pair"),
    ("count", "layer_cost = lambda *_: (0, 0, 0)", "0 times as many parameters"),
    ("count", "layer_cost = lambda *_: 3", "stops with TypeError"),
    ("fits", COUNTED.format("True"), "did you pass `mixed` on"),
    ("fits", COUNTED.format("mixed") + " - 1", "one more fits"),
    ("fits", COUNTED.format("mixed") + " or 1", "0 if not even one"),
    ("fits", COUNTED.format("mixed") + " + 0.5", "a whole number"),
    ("fits", edited(COUNTED.format("mixed"), ("+= 1", "+= 8"), ("batch + 1", "batch + 8")), "one more fits"),
    ("fits", COUNTED.format("mixed").replace("<= usable", "< usable"), "just what 700 pictures need"),
    (
        "fits",
        edited(FITS, ("max(0, int((usable - state) // picture))", "(usable - state) // picture")),
        "but it is 0",
    ),
    ("fits", "largest_batch = None", "stops with TypeError"),
    ("end", edited(END, (', mode="bilinear"', "")), "a block of even colour"),
    ("end", edited(END, ("            nn.Tanh(),\n", "")), "between -1 and 1"),
    ("end", edited(END, ("nn.Tanh()", "nn.Sigmoid()")), "between -1 and 1"),
    ("end", edited(END, ("8, 3, 3, 1, 1", "8, 3, 3")), "not (2, 3, 20, 24)"),
    ("end", edited(END, ("return self.main(maps)", "self.main(maps)")), "returns nothing"),
    (
        "end",
        edited(
            END,
            ('            nn.Upsample(scale_factor=side, mode="bilinear"),\n', ""),
            (
                "            nn.Tanh()",
                '            nn.Upsample(scale_factor=side, mode="bilinear"), nn.Tanh()',
            ),
        ),
        "before the maps are enlarged",
    ),
    (
        "end",
        edited(
            END,
            ('nn.Upsample(scale_factor=side, mode="bilinear")', "nn.ConvTranspose2d(16, 16, side, side)"),
        ),
        "even picture",
    ),
    (
        "end",
        edited(END, ("channels, 16, 1", "channels, 32, 1"), ("16, 8, 1", "32, 8, 1")),
        "the layers are not",
    ),
    ("end", edited(END, ("8, 3, 3, 1, 1", "8, 3, 3, 1, 1, bias=False")), "with bias"),
    ("end", edited(END, ("nn.LeakyReLU(0.2)", "nn.LeakyReLU()")), "Compare the order, the slopes"),
    ("end", edited(END, ("nn.LeakyReLU(0.2)", "nn.ReLU()")), "Compare the order, the slopes"),
    (
        "end",
        edited(END, (FIRST_LEAKY, "            nn.Conv2d(16, 8, 1),\n")),
        "Compare the order, the slopes",
    ),
    ("end", edited(END, ("bilinear", "bicubic")), "the way of enlarging"),
    (
        "end",
        edited(END, (UPSAMPLE, ""), (FIRST_LEAKY, FIRST_LEAKY.replace("2),\n", "2),\n" + UPSAMPLE, 1))),
        "Compare the order, the slopes",
    ),
    ("end", "PixelEnd = None", "stops with TypeError"),
    ("depth", DEEP + "1 + (kernel - 1) * n >= size)", "is deeper than"),
    ("depth", DEEP + "2**n >= size)", "is deeper than"),
    ("depth", DEEP + "1 + (kernel - 1) * (2**n - 1) >= size) + 0.5", "is whole"),
    ("depth", DEEP + "1 + (kernel - 1) * (2**n - 1) >= size) - 1", "pixels, not"),
    ("depth", DEEP + "1 + kernel * (2**n - 1) >= size)", "pixels, not"),
    ("depth", "layers_needed = lambda size, kernel: 10**9", "is deeper than"),
    ("depth", DEPTH.replace("field < size", "field <= size"), "is deeper than"),
    ("depth", "layers_needed = None", "stops with TypeError"),
]


@each_right(RIGHT)
def test_a_right_answer_is_accepted(lesson, exercise, answer):
    expect_right(lesson, PAGE, exercise, answer)


@pytest.mark.parametrize(("exercise", "answer", "hint"), HINTS)
def test_a_wrong_answer_gets_a_hint_that_fits(lesson, exercise, answer, hint):
    expect_hint(lesson, PAGE, exercise, answer, hint)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_that_was_not_begun_says_so(lesson, exercise):
    expect_your_turn(lesson, PAGE, exercise)
