"""A model goes to the Hub and comes back; the real client talks to a stand-in."""

import time
from dataclasses import replace

import pytest
import torch

import ganlib
from ganlib.errors import GanlibError
from ganlib.nets.dcgan import DCGANGenerator
from ganlib.nets.residual import ResidualGenerator
from ganlib.run import Run
from ganlib.weights import save_generator
from tests.hub.hub_stand_in import serving

NAME = "somebody/portraits"


def painted(source):
    generator, recipe = ganlib.load(source)
    return ganlib.generate(generator, ganlib.sample_latent(3, recipe.latent_dim, 0))


@pytest.mark.parametrize("private", [True, False])
def test_to_the_hub_and_back(run, hub, logged_in, private):
    folder = ganlib.share(run, NAME, licence="CC0 1.0", private=private)
    assert hub.visibility == ("private" if private else "public")
    assert hub.files == {file.name: file.read_bytes() for file in folder.iterdir()}
    assert f'ganlib.load("{NAME}")' in hub.files["README.md"].decode()
    assert b"# portraits\n" in hub.files["README.md"]
    assert torch.equal(painted(NAME), painted(run.folder))


def test_what_was_fetched_is_kept(run, hub, logged_in, point_at, monkeypatch):
    ganlib.share(run, NAME)
    hub.asked.clear()
    first = painted(NAME)
    assert [line for line in hub.asked if line.startswith("GET")] == [
        f"GET /{NAME}/resolve/main/{name}" for name in ("config.json", "model.safetensors")
    ]
    hub.asked.clear()
    painted(NAME)
    assert hub.asked != []
    assert not [line for line in hub.asked if line.startswith("GET")]
    cut_off(point_at, monkeypatch)
    assert torch.equal(painted(NAME), first)


def cut_off(point_at, monkeypatch):
    """Have the client ask where nobody listens any more, and not wait before it asks again."""
    with serving() as gone:
        point_at(gone.url)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def test_what_is_shared_again_replaces_what_was_there(run, hub, logged_in):
    ganlib.share(run, NAME, data="blocks")
    ganlib.share(run, NAME, data="squares")
    assert b"squares" in hub.files["README.md"]
    assert len(hub.files) == 4


def test_what_is_to_be_private_never_goes_where_all_can_see_it(run, hub, logged_in):
    hub.visibility = "public"
    with pytest.raises(GanlibError, match=r"for all to see: choose another name\.$"):
        ganlib.share(run, NAME, private=True)
    assert hub.files == {}
    hub.visibility = "private"
    ganlib.share(run, NAME)  # a model that is there stays as private as it was
    assert hub.visibility == "private"


def test_without_a_login_the_folder_is_made_and_a_sentence_says_what_to_do(run, hub):
    with pytest.raises(GanlibError, match="hf auth login"):
        ganlib.share(run, NAME)
    assert (run.folder / "share" / "README.md").is_file()
    assert hub.asked == []


def test_what_the_hub_does_not_take(run, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "another")
    with pytest.raises(GanlibError, match=r"did not take 'somebody/portraits' \(.*401.* is whole\.$"):
        ganlib.share(run, NAME)
    assert hub.files == {}


@pytest.mark.parametrize("name", ["portraits", "a/b/c", "/portraits", "some body/portraits", "../portraits"])
def test_a_wrong_name_is_seen_before_anything_is_written(run, hub, name):
    with pytest.raises(GanlibError, match=f"called owner/name, not '{name}'"):
        ganlib.share(run, name)
    assert not (run.folder / "share").exists()
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nobody/nothing", "neither a folder nor a model"), (NAME, "holds no weights: it was not shared by")],
)
def test_what_the_hub_does_not_have(hub, name, sentence):
    with pytest.raises(GanlibError, match=sentence):
        ganlib.load(name)


def test_weights_that_are_no_generator_of_ganlib_are_not_even_fetched(hub):
    hub.files |= {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"gigabytes"}
    with pytest.raises(GanlibError, match="names no recipe: it was not shared by ganlib"):
        ganlib.load(NAME)
    assert not any("safetensors" in line for line in hub.asked)


def test_damaged_weights_on_the_hub(run, hub, logged_in):
    ganlib.share(run, NAME)
    hub.files["model.safetensors"] = b"not weights"
    with pytest.raises(GanlibError, match="damaged or cut short"):
        ganlib.load(NAME)


def test_what_version_0_1_shared_still_comes(run, hub, point_at, monkeypatch):
    hub.files["generator.safetensors"] = run.generator_file.read_bytes()
    first = painted(NAME)
    assert torch.equal(first, painted(run.folder))
    cut_off(point_at, monkeypatch)
    assert torch.equal(painted(NAME), first)


@pytest.mark.parametrize(
    ("own", "changes"),
    [
        (DCGANGenerator, {}),
        (DCGANGenerator, {"g_norm": "none", "d_norm": "none"}),
        (ResidualGenerator, {"family": "residual", "init": "default", "g_norm": "none", "d_norm": "none"}),
    ],
)
def test_the_classes_themselves_open_what_was_shared(own, changes, recipe, tmp_path, hub, logged_in):
    run = Run(tmp_path / "run")
    run.start(replace(recipe, **changes))
    torch.manual_seed(3)
    save_generator(run.recipe().generator(), run.recipe(), 1.0, run.generator_file)
    ganlib.share(run, NAME)
    generator, z = own.from_pretrained(NAME), ganlib.sample_latent(3, 8)
    assert type(generator) is own
    assert torch.equal(ganlib.generate(generator, z), ganlib.generate(ganlib.load(NAME)[0], z))
    assert ganlib.generate(generator, z).std() > 0


def test_no_network(hub, point_at, monkeypatch):
    cut_off(point_at, monkeypatch)
    with pytest.raises(GanlibError, match=f"no folder '{NAME}', and the Hub cannot be reached"):
        ganlib.load(NAME)


def test_a_folder_that_is_called_like_a_model_is_a_folder(run, hub, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    folder = ganlib.share(run, out="somebody/portraits")
    assert torch.equal(painted(str(folder)), painted(run.folder))
    assert hub.asked == []


@pytest.mark.parametrize("name", ["a--b/c", "a/b.git", "a/b..c"])
def test_a_name_that_the_hub_gives_nobody_is_not_asked_for(run, hub, name):
    with pytest.raises(GanlibError, match="no run folder, weights file or bundled model"):
        ganlib.load(name)
    with pytest.raises(GanlibError, match="called owner/name, not"):
        ganlib.share(run, name)
