import hashlib
import json
import zlib
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from ganlib.data.dataset import ImageDataset, as_image_dataset, load_art, read_photo, to_bytes, to_float
from ganlib.data.decode import CropPosition
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.errors import GanlibError
from ganlib.runtime.files import bundled_folder
from tests.data.pictures import fill, noise


def test_the_split_follows_the_rule_and_nothing_else(art):
    held_out = [i for i, image in enumerate(art.images) if zlib.crc32(image.tobytes()) % 20 < 3]
    assert art.held_out.tolist() == held_out
    assert sorted([*art.train, *art.held_out]) == list(range(len(art)))
    backwards = ImageDataset(art.images[::-1], "backwards")
    assert sorted(len(art) - 1 - backwards.held_out) == held_out


def test_about_fifteen_per_cent_of_the_portraits_are_held_out():
    portraits = load_art("portraits")
    assert 0.14 <= len(portraits.held_out) / len(portraits) <= 0.16


def test_bytes_to_floats_and_back_loses_nothing():
    pictures = torch.arange(256, dtype=torch.uint8).repeat(12)[: 2 * 8 * 8 * 3 * 8].reshape(-1, 8, 8, 3)
    images = to_float(pictures)
    assert images.shape[1:] == (3, 8, 8)
    assert (images.min().item(), images.max().item()) == (-1.0, 1.0)
    assert torch.equal(to_bytes(images), pictures)


def test_a_set_says_what_it_is(art):
    assert repr(art) == "ImageDataset 'blocks': 60 pictures of 32 px, 51 to train on, 9 held out"
    assert art.tensor(np.array([3])).shape == (1, 3, 32, 32)


def test_a_set_opens_from_its_folder_without_reading_the_pictures(tmp_path):
    out = prepare(fill(tmp_path / "art", 3), Settings(32, at_least=1))
    art = ImageDataset.open(out, "three")
    assert isinstance(art.images, np.memmap)
    assert (art.name, len(art), art.folder) == ("three", 3, out)
    assert [entry.index for entry in art.manifest.used()] == [0, 1, 2]
    assert art.tensor(slice(1, 3)).shape == (2, 3, 32, 32)


def test_a_damaged_set_is_a_sentence(tmp_path):
    out = prepare(fill(tmp_path / "art", 3), Settings(32, at_least=1))
    (out / "images.npy").write_bytes((out / "images.npy").read_bytes()[:-1])
    with pytest.raises(GanlibError, match="damaged: remove it"):
        ImageDataset.open(out)


def test_the_content_hash_sees_every_bit_and_the_order(art):
    changed = art.images.copy()
    changed[7, 3, 2, 1] ^= 1
    hashes = {ImageDataset(images, "x").content_hash for images in (art.images, changed, art.images[::-1])}
    assert len(hashes) == 3
    assert art.content_hash == ImageDataset(art.images.copy(), "other name").content_hash


def test_a_set_is_a_dataset_of_tensors(art):
    assert art[0].shape == (3, 32, 32)
    assert torch.equal(art[7], art.tensor(np.array([7]))[0])
    assert torch.equal(torch.stack(list(art)), art.tensor())
    assert len(list(art)) == len(art)
    with pytest.raises(IndexError):
        _ = art[60]
    batches = list(DataLoader(art, batch_size=16, shuffle=True))
    assert [batch.shape[0] for batch in batches] == [16, 16, 16, 12]
    small = ImageDataset(art.images, "small", transform=lambda picture: picture[:, ::2, ::2])
    assert next(iter(DataLoader(small, batch_size=5))).shape == (5, 3, 16, 16)


def test_an_image_folder_becomes_bytes_once(tmp_path):
    fill(tmp_path / "all" / "some", 30)
    shape = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32)])
    plain = as_image_dataset(ImageFolder(tmp_path / "all", shape), 32)
    assert plain.images.shape == (30, 32, 32, 3)
    normal = transforms.Compose([shape, transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    assert np.array_equal(as_image_dataset(ImageFolder(tmp_path / "all", normal), 32).images, plain.images)
    assert as_image_dataset(plain, 32) is plain


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "no length, or none above 0"),
        ([torch.zeros(())], r"holds \(\), and a picture is \(3, H, W\)"),
        (["words"], "holds str, and a picture"),
        ([torch.zeros(4, 8, 9)], r"holds \(4, 8, 9\), and a picture"),
        ([torch.full((3, 8, 8), torch.nan)], r"numbers outside \[-1, 1\]: normalise"),
        ([torch.rand(3, 8, 8)], r"lie in \[0, 1\].*add transforms.Normalize"),
        ([torch.zeros(3, 8, 8), torch.zeros(3, 4, 4)], "differ in size"),
        ([-torch.ones(3, 8, 8)], "wants pictures of 32 px, and 'list' has 8 px"),
    ],
)
def test_a_dataset_that_does_not_fit_is_a_sentence(items, message):
    with pytest.raises(GanlibError, match=message):
        as_image_dataset(items, 32)


def test_a_name_with_a_transform_is_a_dataset_too():
    art = load_art("portraits", transform=lambda picture: picture[:, ::2, ::2])
    assert art[0].shape == (3, 32, 32)
    assert as_image_dataset("portraits", 64).images.shape == (4000, 64, 64, 3)


def test_the_portraits_are_four_thousand_different_pictures():
    portraits = load_art("portraits")
    assert portraits.images.shape == (4000, 64, 64, 3)
    assert len({image.tobytes() for image in portraits.images}) == 4000
    assert portraits.images.std((1, 2, 3)).min() > 20
    assert portraits.manifest is None


def test_the_atlas_is_the_one_that_was_made():
    atlas = bundled_folder() / "portraits.webp"
    facts = json.loads((bundled_folder() / "portraits.json").read_text(encoding="utf-8"))
    assert hashlib.sha256(atlas.read_bytes()).hexdigest() == facts["sha256"]
    assert facts["sha256"] in (bundled_folder() / "README.md").read_text(encoding="utf-8")
    assert atlas.stat().st_size <= 4_000_000


def test_the_patchwork_is_complete():
    files = sorted((bundled_folder() / "patchwork").glob("*.png"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    facts = json.loads((bundled_folder() / "patchwork.json").read_text(encoding="utf-8"))
    assert digest == facts["sha256"]
    assert sum(path.stat().st_size for path in files) <= 4_000_000
    patchwork = load_art("patchwork", 32)
    assert patchwork.images.shape == (300, 32, 32, 3)
    assert patchwork.name == "patchwork"
    assert patchwork.manifest.duplicates() == 0
    with Image.open(files[0]) as picture:
        assert picture.size == (512, 512)


def test_portraits_come_at_other_sizes():
    small = load_art("portraits", 32).images
    large = load_art("portraits", 64).images
    halved = large[:50].reshape(50, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(small[:50] - halved).mean() < 6


def test_a_folder_is_art_too(tmp_path):
    folder = fill(tmp_path / "mine", 66, ".tif")
    noise(99, 100, 64).save(folder / "large.png")
    art = load_art(folder, 32)
    assert (len(art), art.name, art.size) == (67, "mine", 32)
    assert [entry.path for entry in art.manifest.files][-1] == "large.png"
    with pytest.raises(GanlibError, match=r"Too few pictures: 1 from 67 files, .* 66 smaller than 64 px\."):
        load_art(str(folder))


def test_the_crop_is_chosen(tmp_path):
    folder = tmp_path / "tall"
    folder.mkdir()
    for index in range(64):
        Image.new("RGB", (40, 80), (index * 3, 0, 0)).save(folder / f"{index}.png")
    assert load_art(folder, 32, crop="pad").images[5][16, 0].tolist() == [255, 255, 255]
    assert load_art(folder, 32).images[5][16, 0].tolist() != [255, 255, 255]
    assert len(load_art(folder, 32, crop="tiles")) == 128


def test_a_prepared_set_is_opened_as_it_is(tmp_path):
    out = prepare(fill(tmp_path / "mine", 64), Settings(32), tmp_path / "set")
    for size in (None, 32):
        art = load_art(out, size)
        assert (len(art), art.name, art.folder) == (64, "set", out)
    with pytest.raises(GanlibError, match=r"prepared with 32 px, not 64: prepare them again"):
        load_art(str(out), 64)


@pytest.mark.parametrize("size", [100, 16, 2048, 0])
def test_a_size_that_no_net_paints_is_a_sentence(size):
    with pytest.raises(GanlibError, match="power of two"):
        load_art("portraits", size)


def test_an_unknown_source_is_a_sentence():
    with pytest.raises(GanlibError, match="'portraits' or 'patchwork'"):
        load_art("portrait")


RED = (255, 0, 0)


def photo(size, kind="PNG", mode="RGB", colour=RED, **settings):
    file = BytesIO()
    Image.new(mode, size, colour).save(file, kind, **settings)
    file.seek(0)
    return file


@pytest.mark.parametrize("crop", ["centre", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (20, 9), (32, 32), (31, 900), (1200, 700)])
def test_a_photo_of_any_size_becomes_a_square(size, crop):
    image = read_photo(photo(size), 32, crop)
    assert image.shape == (3, 32, 32)
    middle = image[:, 16, 16]
    assert image.dtype == torch.float32
    if crop != "pad" or min(size) * 32 > 2 * max(size):  # else the picture is a thin line on white
        assert middle.tolist() == pytest.approx([1, -1, -1], abs=0.02)


def test_it_is_upright_on_white_and_plain():
    left_black = Image.new("RGB", (64, 64), "white")
    left_black.paste("black", (0, 0, 32, 64))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right by a quarter
    file = BytesIO()
    left_black.save(file, "PNG", exif=exif)
    image = read_photo(file, 64)
    assert image[:, 10].mean() == pytest.approx(-1, abs=0.01)
    assert image[:, 50].mean() == pytest.approx(1, abs=0.01)
    clear = read_photo(photo((40, 40), mode="RGBA", colour=(0, 0, 0, 0)), 64)
    assert clear.min() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_it_may_be_of_many_formats_from_a_file_or_from_memory(kind, tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(photo((20, 50), kind).getvalue())
    assert torch.equal(read_photo(path, 32), read_photo(BytesIO(path.read_bytes()), 32))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("wide", [(300, 100), (100, 300)])
def test_the_crop_of_a_photo_is_where_it_is_asked_for(tmp_path, kind, wide):
    """The photo rises from black to white along its longer side; its brightness tells what was cut out."""
    picture = Image.linear_gradient("L").resize((300, 300)).convert("RGB")
    path = tmp_path / "photo"
    (picture.rotate(90) if wide[0] > 100 else picture).resize(wide).save(path, kind)

    def ends(**place):
        image = (read_photo(path, 32, place=CropPosition(**place)) + 1) / 2
        lines = image.mean((0, 1) if wide[0] > 100 else (0, 2))
        return lines[0].item(), lines[-1].item()

    axis, still = ("across", "down") if wide[0] > 100 else ("down", "across")
    close = {"abs": 0.03}
    assert torch.equal(read_photo(path, 32), read_photo(path, 32, place=CropPosition()))
    assert ends() == pytest.approx((1 / 3, 2 / 3), **close)
    assert ends(**{axis: 0.0}) == pytest.approx((0, 1 / 3), **close)
    assert ends(**{axis: 1.0}) == pytest.approx((2 / 3, 1), **close)
    assert ends(**{still: 1.0}) == pytest.approx((1 / 3, 2 / 3), **close)
    assert ends(zoom=3.0) == pytest.approx((4 / 9, 5 / 9), **close)
    assert ends(**{axis: 1.0, "zoom": 2.0}) == pytest.approx((5 / 6, 1), **close)


def test_a_crop_that_is_zoomed_is_as_sharp_as_the_photo(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    corner = read_photo(tmp_path / "photo.png", 32, place=CropPosition(1.0, 0.0, 3.0))
    assert torch.equal(to_bytes(corner[None])[0], torch.from_numpy(noise[:32, 64:]))


def test_a_small_one_is_enlarged_and_a_large_one_reduced_alike():
    small = read_photo(photo((8, 8)), 64)
    assert torch.allclose(small, read_photo(photo((500, 500)), 64), atol=0.02)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"hello", "not a picture"),
        (b"%PDF-1.7", "PDF"),
        (photo((90, 90)).getvalue()[:-30], "truncated"),
        (photo((9, 9)).getvalue()[:-30], "truncated"),
    ],
)
def test_what_is_no_picture_is_a_sentence(content, reason, tmp_path):
    with pytest.raises(GanlibError, match=f"This file is no picture to work with .*{reason}"):
        read_photo(BytesIO(content), 64)
    path = tmp_path / "mine.jpg"
    path.write_bytes(content)
    with pytest.raises(GanlibError, match=r"mine\.jpg' is no picture"):
        read_photo(path, 64)


def test_a_photo_that_is_not_there_is_a_sentence(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(GanlibError, match="cannot be read"):
            read_photo(path, 64)
    with pytest.raises(GanlibError, match="choose one of centre, pad, stretch"):
        read_photo(photo((90, 90)), 64, "tiles")
