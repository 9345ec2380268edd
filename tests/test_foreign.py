"""Weights that ganlib has not written: PyTorch's DCGAN example opens, and every other file is named."""

import json
import pickle
import random
import resource
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import ganlib
from ganlib.cli import main
from ganlib.errors import GanlibError
from ganlib.hub.onnx import export_onnx
from ganlib.nets.dcgan import DCGANDiscriminator
from ganlib.recipes import Recipe
from ganlib.studio.app import LatentStudio
from ganlib.training.trainer import Trainer
from ganlib.weights import load_generator, save_generator
from tests.test_strangers import changed_bytes


class NetG(nn.Module):
    """The generator of PyTorch's example, which makes what its `main` makes of z, (N, nz, 1, 1)."""

    def __init__(self, nz=10, channels=(32, 16, 8, 4), nc=3):
        super().__init__()
        layers = [nn.ConvTranspose2d(nz, channels[0], 4, 1, 0, bias=False)]
        for before, after in zip(channels, (*channels[1:], nc), strict=True):
            layers += [nn.BatchNorm2d(before), nn.ReLU(True)]
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
        self.main = nn.Sequential(*layers, nn.Tanh())
        self.train()(torch.randn(16, nz))
        self.eval()

    def forward(self, z):
        return self.main(z[:, :, None, None])


@pytest.fixture
def file(tmp_path):
    return tmp_path / "netG_epoch_24.pth"


@pytest.mark.parametrize(
    ("nz", "channels", "size"),
    [(10, (16, 8, 4), 32), (100, (32, 16, 8, 4), 64), (7, (64, 32, 16, 8, 4), 128), (5, (9, 8, 7, 6), 64)],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_of_pytorchs_example_opens_to_the_bit(nz, channels, size, wrapped, file):
    theirs = NetG(nz, channels)
    torch.save((nn.DataParallel(theirs) if wrapped else theirs).state_dict(), file)
    generator, recipe = load_generator(file)
    assert (recipe.name, recipe.size, recipe.latent_dim) == ("netG_epoch_24", size, nz)
    z = ganlib.sample_latent(3, nz)
    with torch.no_grad():
        assert torch.equal(generator(z), theirs(z))


def test_grey_pictures_come_in_three_equal_channels(file):
    theirs = NetG(nc=1)
    torch.save(theirs.state_dict(), file)
    z = ganlib.sample_latent(3, 10)
    pictures = ganlib.generate(load_generator(file)[0], z)
    with torch.no_grad():
        torch.testing.assert_close(pictures, theirs(z).expand(-1, 3, -1, -1))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value, file):
    weights = NetG().state_dict()
    weights["main.3.weight"][0, 0, 0, 0] = value
    torch.save(weights, file)
    with pytest.raises(GanlibError, match="weights that are no numbers"):
        load_generator(file)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_open_in_fp32(kind, file):
    torch.save(NetG().to(kind).state_dict(), file)
    assert load_generator(file)[0].main[0].weight.dtype == torch.float32


def test_a_state_dict_in_safetensors_opens_too(tmp_path):
    theirs = NetG()
    save_file(theirs.state_dict(), tmp_path / "netG.safetensors")
    z = ganlib.sample_latent(3, 10)
    with torch.no_grad():
        assert torch.equal(ganlib.load(tmp_path / "netG.safetensors")[0](z), theirs(z))


def test_everything_that_takes_a_generator_takes_it(file, tmp_path, art, capsys):
    torch.save(NetG(10, (32, 16, 8)).state_dict(), file)
    assert main(["sample", str(file), "--count", "2", "--out", str(tmp_path / "grid.png")]) == 0
    generator, recipe = ganlib.load(str(file))
    assert len(ganlib.sefa_directions(generator, 3)) == 3
    studio = LatentStudio(file)
    assert studio.z.shape == (10,)
    assert export_onnx(file, tmp_path / "netG.onnx").is_file()
    save_generator(generator, recipe, 1.0, tmp_path / "ours.safetensors")
    assert torch.equal(
        load_generator(tmp_path / "ours.safetensors")[0](studio.z[None]), generator(studio.z[None])
    )
    Trainer(
        Recipe("mine", size=32, latent_dim=10, width=8, batch_size=8),
        art,
        tmp_path / "run",
        device="cpu",
        callbacks=[],
        start_from=file,
    )
    assert main(["evaluate", str(file)]) == 2
    assert "says nothing of its pictures: name them by --data" in capsys.readouterr().err


class RanError(Exception):
    """Code of a file has run."""


def explode():
    raise RanError


class Bomb:
    def __reduce__(self):
        return explode, ()


def write_torch(path, value, **settings):
    torch.save(value, path, **settings)


def write_zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")


OTHERS = {
    "module": (lambda path: write_torch(path, NetG()), "is a whole module in a pickle .*netG.state_dict"),
    "bomb": (lambda path: write_torch(path, {"main.0.weight": Bomb()}), "holds more than numbers .*explode"),
    "old": (
        lambda path: write_torch(path, NetG().state_dict(), _use_new_zipfile_serialization=False),
        "PyTorch's format of before version 1.6: open it there",
    ),
    "pickle": (lambda path: path.write_bytes(pickle.dumps(Bomb())), "is a pickle, as StyleGAN's"),
    "several": (
        lambda path: write_torch(path, {"netG": NetG().state_dict(), "netD": {}, "epoch": 3}),
        "a dictionary of netG, netD, epoch: save the state dict of G alone",
    ),
    "empty dictionary": (lambda path: write_torch(path, {}), "a dictionary of nothing"),
    "optimiser": (
        lambda path: write_torch(path, torch.optim.Adam(NetG().parameters()).state_dict()),
        "a dictionary of state, param_groups",
    ),
    "discriminator": (
        lambda path: write_torch(path, DCGANDiscriminator(32, 4).state_dict()),
        "is the discriminator of a DCGAN",
    ),
    "other net": (
        lambda path: write_torch(path, nn.Linear(3, 4).state_dict()),
        "weights of another library or net, such as 'bias'",
    ),
    "other layers": (
        lambda path: write_torch(path, {**NetG().state_dict(), "main.3.weight": torch.zeros(5, 5, 4, 4)}),
        "of another library or net",
    ),
    "two channels": (lambda path: write_torch(path, NetG(nc=2).state_dict()), "2 channels"),
    "16 px": (
        lambda path: write_torch(path, NetG(10, (8, 4)).state_dict()),
        "size of 16 px does not fit",
    ),
    "wide": (lambda path: write_torch(path, NetG(2000, (16, 8, 4)).state_dict()), "latent_dim cannot be"),
    "broken down": (
        lambda path: write_torch(path, {k: v * float("nan") for k, v in NetG().state_dict().items()}),
        "of another library or net|no numbers",
    ),
    "picture.png": (lambda path: Image.new("RGB", (9, 9)).save(path), "is a picture: name a run folder"),
    "picture.jpg": (lambda path: Image.new("RGB", (9, 9)).save(path), "is a picture"),
    "picture.webp": (lambda path: Image.new("RGB", (9, 9)).save(path), "is a picture"),
    "picture.gif": (lambda path: Image.new("RGB", (9, 9)).save(path), "is a picture"),
    "picture.bmp": (lambda path: Image.new("RGB", (9, 9)).save(path), "is a picture"),
    "picture.tiff": (lambda path: Image.new("RGB", (9, 9)).save(path), "is a picture"),
    "picture.avif": (lambda path: path.write_bytes(b"\0\0\0\x1cftypavif"), "is a picture"),
    "film.mp4": (lambda path: path.write_bytes(b"\0\0\0\x1cftypisom"), "is a film"),
    "keras.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"), "is weights of another library"),
    "keras.keras": (lambda path: write_zip(path, "config.json", "model.weights.h5"), "of another library"),
    "arrays.npz": (lambda path: np.savez(path, a=np.zeros(3)), "is weights of another library"),
    "arrays.npy": (lambda path: np.save(path, np.zeros(3)), "is weights of another library"),
    "script": (
        lambda path: torch.jit.script(nn.Linear(2, 2)).save(str(path)),
        "is a TorchScript model, which holds code",
    ),
    "pictures.zip": (lambda path: write_zip(path, "1.png", "2.png"), "is a zip archive: unpack it"),
    "weights.tar.gz": (lambda path: path.write_bytes(b"\x1f\x8b\x08"), "is an archive: unpack it"),
    "pointer.safetensors": (
        lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
        "is a placeholder of Git LFS: fetch the file itself",
    ),
    "page.pth": (lambda path: path.write_bytes(b"\n<!DOCTYPE html><html>"), "is a web page: download"),
    "recipe.json": (lambda path: path.write_text('{"size": 64}'), "is a JSON file: name a run folder"),
    "text.txt": (lambda path: path.write_text("mine"), "is of a kind that ganlib does not know: name a run"),
    "empty.pth": (lambda path: path.write_bytes(b""), "is empty: name a run folder"),
    "diffusers.safetensors": (
        lambda path: save_file({"unet.conv.weight": torch.zeros(3)}, path, {"format": "pt"}),
        "of another library or net, such as 'unet.conv.weight': it names no recipe of ganlib",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_file_is_named_for_what_it_is(name, tmp_path, capsys):
    write, sentence = OTHERS[name]
    write(tmp_path / name)
    with pytest.raises(GanlibError, match=sentence) as caught:
        ganlib.load(tmp_path / name)
    assert "damaged" not in str(caught.value)
    assert main(["sample", str(tmp_path / name)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_onnx_model_is_named(file, tmp_path):
    torch.save(NetG(10, (16, 8, 4)).state_dict(), file)
    export_onnx(file, tmp_path / "netG.onnx")
    with pytest.raises(GanlibError, match="is an ONNX model, which other programs run: name a run folder"):
        ganlib.load(tmp_path / "netG.onnx")


def test_a_checkpoint_leads_to_its_run_folder(recipe, art, tmp_path):
    run = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[]).fit(kimg=0.02)
    for name in ("checkpoint.pt", "renamed.pth"):
        path = run.checkpoint_file.rename(run.folder / name)
        with pytest.raises(GanlibError, match=r"checkpoint of ganlib: name its run folder, '.*run'\.$"):
            ganlib.load(path)
        path.rename(run.checkpoint_file)


def test_weights_of_another_library_beside_their_config_are_not_damaged(tmp_path):
    save_file({"layer.weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(GanlibError, match="of another library or net"):
        ganlib.load(tmp_path)


def test_what_is_damaged_is_called_so(file):
    torch.save(NetG().state_dict(), file)
    whole = file.read_bytes()
    for changed in (whole[: len(whole) // 2], whole[:5000] + b"\xff\xff\xff" + whole[5003:]):
        file.write_bytes(changed)
        with pytest.raises(GanlibError, match="damaged"):
            ganlib.load(file)


def test_a_list_of_contents_that_is_none_is_damage(file):
    write_zip(file, "netG/data.pkl", "netG/version")
    with pytest.raises(GanlibError, match="damaged"):
        ganlib.load(file)


def test_tensors_that_claim_more_than_the_file_holds_take_no_memory(file):
    weights = NetG(10, (16, 8, 4)).state_dict()
    weights["main.0.weight"] = torch.zeros(1).expand(1000, 60_000, 7, 7)
    torch.save(weights, file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(GanlibError, match="claim more memory than the file has bytes"):
        ganlib.load(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_two_hundred_changed_files_open_or_are_a_sentence(file):
    torch.save(NetG(10, (16, 8, 4)).state_dict(), file)
    content, luck = file.read_bytes(), random.Random(0)
    for _ in range(200):
        file.write_bytes(changed_bytes(content, luck))
        try:
            load_generator(file)
        except GanlibError:
            continue
