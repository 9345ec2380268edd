"""A run goes out as a folder, with a card, and comes back."""

import shutil

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin
from PIL import Image
from torch import nn

import ganlib
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.grids import grid_image
from ganlib.weights import save_generator

FILES = ["README.md", "config.json", "model.safetensors", "samples.png"]


def painted(source):
    generator, recipe = ganlib.load(source)
    return ganlib.generate(generator, ganlib.sample_latent(3, recipe.latent_dim, 0))


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_the_folder_has_all_that_is_needed_and_comes_back(run, tmp_path):
    folder = ganlib.share(run)
    assert folder == run.folder / "share"
    assert names(folder) == FILES
    shutil.move(folder, tmp_path / "elsewhere")
    for source in (tmp_path / "elsewhere", tmp_path / "elsewhere" / "model.safetensors"):
        assert torch.equal(painted(source), painted(run.folder))
        assert ganlib.load(source)[1] == run.recipe()


def test_what_version_0_1_shared_still_opens(run, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    for file in (run.generator_file, run.recipe_file):
        shutil.copy(file, old)
    assert torch.equal(painted(old), painted(run.folder))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"recipe": 3}', "is damaged"),
        ('{"recipe": {"name": "a", "secret": 1}}', "it has the field 'secret'"),
        ('{"recipe": {"name": "wide", "width": 256}}', "not hold the weights that its recipe 'wide' asks"),
    ],
)
def test_a_recipe_that_does_not_fit_is_seen_before_any_memory_is_taken(run, config, message):
    folder = ganlib.share(run)
    (folder / "config.json").write_text(config)
    with pytest.raises(GanlibError, match=message):
        ganlib.load(folder)


class Mine(nn.Module):
    """A net of somebody's own, without anything of ganlib's or of the Hub's."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 3 * 32 * 32), nn.Tanh())

    def forward(self, z):
        return self.layers(z).reshape(-1, 3, 32, 32)


class MineOnTheHub(Mine, PyTorchModelHubMixin):
    """The same with the methods of huggingface_hub."""


@pytest.mark.parametrize("own", [Mine, MineOnTheHub])
def test_a_net_of_one_s_own_is_shared_and_loaded_into_another_of_its_class(own, run):
    net = own()
    save_generator(net, run.recipe(), 1.0, run.generator_file)
    folder = ganlib.share(run, generator=own())
    assert names(folder) == FILES
    assert f"generator={own.__name__}())" in (folder / "README.md").read_text(encoding="utf-8")
    generator, recipe = ganlib.load(folder, generator=own())
    assert recipe == run.recipe()
    z = ganlib.sample_latent(3, 8)
    assert torch.equal(ganlib.generate(generator, z), ganlib.generate(net, z))
    assert torch.equal(ganlib.generate(ganlib.load(run.folder, own())[0], z), ganlib.generate(net, z))
    with pytest.raises(GanlibError, match=rf"in Python, pass generator={own.__name__}\(\)"):
        ganlib.load(folder)


def test_the_samples_are_the_first_seeds(run):
    picture = Image.open(ganlib.share(run) / "samples.png")
    generator, recipe = ganlib.load(run.folder)
    first = ganlib.generate(generator, ganlib.sample_latent(36, recipe.latent_dim, 0))
    assert picture.tobytes() == grid_image(first, scale=4).tobytes()
    assert picture.width == 6 * 4 * 34 + 8


def test_what_was_shared_is_shared_again(run, tmp_path):
    first = ganlib.share(run, out=tmp_path / "mine")
    before = {file.name: file.read_bytes() for file in first.iterdir()}
    assert ganlib.share(str(run.folder), out=str(tmp_path / "mine")) == first
    assert {file.name: file.read_bytes() for file in first.iterdir()} == before
    with pytest.raises(GanlibError, match=r"is no run folder: it has no recipe\.json"):
        ganlib.share(first, out=tmp_path / "yours")


def test_a_run_folder_is_found_at_home(run, monkeypatch):
    monkeypatch.setenv("HOME", str(run.folder.parent))
    monkeypatch.setenv("USERPROFILE", str(run.folder.parent))
    assert names(ganlib.share("~/soft", out="~/mine")) == FILES
    assert (run.folder.parent / "mine" / "README.md").is_file()


@pytest.mark.parametrize("name", ["me.jpg", "README.md", ".git"])
def test_a_folder_with_other_things_is_left_alone(run, tmp_path, name):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / name).write_text("mine")
    with pytest.raises(GanlibError, match=f"other files, such as {name}"):
        ganlib.share(run, out=tmp_path / "photos")
    assert names(tmp_path / "photos") == [name]
    assert (tmp_path / "photos" / name).read_text() == "mine"


@pytest.mark.parametrize("there_before", [True, False])
def test_a_share_that_was_cut_off_stands_in_no_way(run, there_before):
    folder = run.folder / "share"
    folder.mkdir()
    (folder / ".model.part.safetensors").write_bytes(b"half")
    if there_before:
        (folder / "model.safetensors").write_bytes(b"whole")
    ganlib.share(run)
    assert names(folder) == FILES


def test_something_beside_what_was_shared_is_left_alone(run):
    folder = ganlib.share(run)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(GanlibError, match=r"such as notes\.txt"):
        ganlib.share(run)


def test_the_run_folder_itself_is_no_place(run):
    with pytest.raises(GanlibError, match=r"such as \.lock|such as checkpoint\.pt"):
        ganlib.share(run, out=run.folder)


def test_a_run_without_a_generator(tmp_path, recipe, monkeypatch):
    Run(tmp_path / "portraits").start(recipe)
    monkeypatch.chdir(tmp_path)
    for name in ("portraits", tmp_path / "portraits"):  # there are bundled weights of that name
        with pytest.raises(GanlibError, match="train there first"):
            ganlib.share(name)
    assert not (tmp_path / "portraits" / "share").exists()


def test_what_is_no_run_is_named_and_nothing_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanlibError, match="'portraits' is no run folder"):
        ganlib.share("portraits")
    assert list(tmp_path.iterdir()) == []
