"""Nets of one's own, of plain PyTorch, train, go on, are sampled and measured like those of a recipe."""

import json
from dataclasses import replace

import pytest
import torch
from onnxruntime import InferenceSession
from torch import nn
from torch.utils.data import Dataset

import ganlib
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe
from ganlib.training.callbacks import Callback
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")
RECIPE = Recipe(
    "own", size=32, latent_dim=6, batch_size=8, d_norm="none", penalty=(0.1, 0.1), penalty_every=2
)


class OwnGenerator(nn.Module):
    def __init__(self, latent_dim=6, side=8):
        super().__init__()
        self.start = nn.Sequential(nn.Linear(latent_dim, 16 * side**2), nn.ReLU())
        self.side = side
        self.paint = nn.ModuleDict({"last": nn.Conv2d(1, 3, 3, padding=1)})

    def forward(self, z):
        x = self.start(z).unflatten(1, (16, self.side, self.side))
        x = nn.functional.pixel_shuffle(x, 4)  # (N, 1, 4 * side, 4 * side)
        return torch.tanh(self.paint["last"](x))


class OwnDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(512, 1))
        self.unused = nn.Parameter(torch.zeros(3))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, images):
        return self.net(images).flatten()


def train(folder, art, kimg, **nets):
    trainer = Trainer(RECIPE, art, folder, device="cpu", callbacks=[], **nets)
    trainer.fit(kimg=kimg)
    return trainer


def own_nets(seed=0):
    torch.manual_seed(seed)
    return {"generator": OwnGenerator(), "discriminator": OwnDiscriminator()}


def test_they_learn_and_go_on_to_the_bit(art, tmp_path):
    nets = own_nets()
    before = nets["generator"].start[0].weight.clone()
    whole = train(tmp_path / "whole", art, 0.2, **nets)
    assert not torch.equal(before, nets["generator"].start[0].weight)  # the learner's own nets, in place
    train(tmp_path / "parts", art, 0.1, **own_nets())
    parts = train(tmp_path / "parts", art, 0.2, **own_nets(seed=1))
    for one, other in zip(whole.state.nets().values(), parts.state.nets().values(), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not nets["discriminator"].frozen.weight.requires_grad  # what was frozen stays so


def test_a_recipe_fills_in_the_net_that_is_missing(art, tmp_path):
    trainer = train(tmp_path / "run", art, 0.05, generator=OwnGenerator())
    assert type(trainer.state.nets()["discriminator"]).__name__ == "DCGANDiscriminator"


def test_they_are_loaded_sampled_measured_and_explored(art, tmp_path):
    run = train(tmp_path / "run", art, 0.1, **own_nets()).run
    generator, recipe = ganlib.load_generator(run.folder, generator=OwnGenerator())
    assert recipe == RECIPE and not generator.training
    pictures = ganlib.generate(generator, ganlib.sample_latent(4, generator.latent_dim))
    assert pictures.shape == (4, 3, 32, 32)
    assert torch.equal(
        ganlib.load(run.folder, generator=OwnGenerator())[0].start[0].bias, generator.start[0].bias
    )
    assert len(ganlib.sefa_directions(generator, count=3)) == 3
    assert len(ganlib.ganspace_directions(generator, count=3, samples=16)) == 3
    assert ganlib.project(generator, pictures[0], steps=2, shown=False).z.shape == (6,)
    quality = ganlib.measure_quality(generator, art, count=20, progress=False)
    assert (quality.count, quality.pictures) == (20, "blocks")
    studio = ganlib.LatentStudio(run.folder, generator=OwnGenerator())
    assert torch.equal(studio.z, ganlib.sample_latent(1, 6)[0])


def test_they_are_exported_for_other_programs(art, tmp_path):
    run = train(tmp_path / "run", art, 0.05, **own_nets()).run
    file = ganlib.export_onnx(run.folder, tmp_path / "own.onnx", generator=OwnGenerator())
    generator, _ = ganlib.load(run.folder, generator=OwnGenerator())
    z = ganlib.sample_latent(3, 6)
    (pictures,) = InferenceSession(file).run(None, {"z": z.numpy()})
    assert torch.allclose(torch.from_numpy(pictures), ganlib.generate(generator, z), atol=1e-4)


def test_without_the_nets_a_sentence_names_their_class(art, tmp_path):
    run = train(tmp_path / "run", art, 0.05, **own_nets()).run
    with pytest.raises(GanlibError, match=r"as a OwnGenerator: in Python, pass generator=OwnGenerator\(\)"):
        ganlib.load_generator(run.folder)
    with pytest.raises(GanlibError, match="other weights than those of your OwnGenerator"):
        ganlib.load_generator(run.folder, generator=OwnGenerator(side=4))
    with pytest.raises(GanlibError, match="a run with nets of your own needs the same nets"):
        Trainer(RECIPE, art, run.folder, device="cpu", callbacks=[])


@pytest.mark.parametrize(
    ("nets", "message"),
    [
        ({"generator": OwnGenerator(side=16)}, r"turns z \(2, 6\) into \(2, 3, 64, 64\): a recipe of 32 px"),
        (
            {"generator": OwnGenerator(latent_dim=5)},
            r"Your generator does not take a tensor of shape \(2, 6\)",
        ),
        ({"generator": nn.Flatten()}, r"into \(2, 6\)"),
        ({"discriminator": nn.Conv2d(3, 1, 32)}, r"into \(2, 1, 1, 1\).*one logit for each picture"),
        ({"discriminator": nn.Linear(4, 1)}, "Your discriminator does not take"),
    ],
)
def test_a_wrong_shape_is_a_sentence(art, tmp_path, nets, message):
    with pytest.raises(GanlibError, match=message):
        Trainer(RECIPE, art, tmp_path / "run", device="cpu", callbacks=[], **nets)
    assert not (tmp_path / "run").exists()


class Squares(Dataset):
    """A Dataset as other people write them: (picture, label), the picture in [-1, 1]."""

    def __init__(self, shift=0.0, size=32, count=60):
        self.shift, self.size, self.count = shift, size, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        random = torch.Generator().manual_seed(index)
        return torch.rand(3, self.size, self.size, generator=random) * 2 - 1 + self.shift, index % 2


def test_any_dataset_is_trained_on_and_known_again(tmp_path):
    train(tmp_path / "run", Squares(), 0.05)
    assert train(tmp_path / "run", Squares(), 0.1).state.kimg >= 0.1
    with pytest.raises(GanlibError, match="other pictures"):
        train(tmp_path / "run", Squares(count=50), 0.2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Squares(shift=1.0), "outside"),
        (Squares(size=64), "has 64 px"),
        (Squares(count=0), "none above 0"),
        ([torch.rand(3, 32, 32)] * 20, r"lie in \[0, 1\].*Normalize\(0.5, 0.5\)"),
        ([torch.rand(1, 32, 32)] * 20, r"holds \(1, 32, 32\), and a picture is \(3, H, W\)"),
        ([torch.rand(3, 32, 32), torch.rand(3, 64, 64)], "differ in size"),
        (["a.png"] * 20, "holds str"),
        ([torch.full((3, 32, 32), 300)] * 20, r"holds torch\.int64: give bytes \(uint8\) or floats"),
    ],
)
def test_what_is_no_dataset_of_pictures_is_a_sentence(tmp_path, data, message):
    with pytest.raises(GanlibError, match=message):
        Trainer(RECIPE, data, tmp_path / "run", device="cpu", callbacks=[])


def test_a_callback_stops_training_and_the_run_goes_on_later(art, tmp_path):
    class Stop(Callback):
        def on_step(self, trainer):
            if trainer.state.step % 3 == 0:
                trainer.stop()

    trainer = Trainer(RECIPE, art, tmp_path / "run", device="cpu", callbacks=[Stop()])
    assert (trainer.clock.speed(), trainer.clock.spent(), trainer.clock.steps) == (0.0, 0.0, 0)
    trainer.fit(kimg=1)
    assert (trainer.state.step, trainer.interrupted) == (3, False)
    trainer.fit(kimg=1)
    assert trainer.state.step == 6
    again = Trainer(RECIPE, art, tmp_path / "run", device="cpu", callbacks=[])
    assert again.state.step == 6


def test_a_json_file_is_a_recipe_wherever_a_name_is(art, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"size": 32, "width": 4, "batch_size": 8}))
    trainer = Trainer(file, art, tmp_path / "run", device="cpu", callbacks=[])
    assert trainer.recipe == Recipe("mine", size=32, width=4, batch_size=8)
    file.write_text(json.dumps(replace(RECIPE, name="another").to_json()))
    assert ganlib.get_recipe(str(file)).name == "another"
    for text, message in (("[1]", "is damaged"), ("{", "is damaged"), ('{"wdith": 3}', "'wdith'")):
        file.write_text(text)
        with pytest.raises(GanlibError, match=message):
            ganlib.get_recipe(file)
