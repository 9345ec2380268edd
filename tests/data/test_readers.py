import gzip
import io
import os
import re
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from ganlib.data import readers as module
from ganlib.data.dataset import ImageDataset
from ganlib.data.manifest import Settings, read_manifest
from ganlib.data.prepare import prepare
from ganlib.data.readers import FolderPictures, open_archive
from ganlib.errors import GanlibError
from tests.data.pictures import fill, noise

FEW = Settings(32, at_least=1)
NAMES = ["deep/002.png", "000.png", "deep/er/001.png"]


@pytest.fixture
def folder(tmp_path):
    folder = fill(tmp_path / "art", 3)
    fill(folder / "deep" / "deeper", 2)
    return folder


def paths(folder):
    return [found.path for found in FolderPictures(folder)]


def test_files_come_by_path_from_every_depth(folder):
    assert paths(folder) == ["000.png", "001.png", "002.png", "deep/deeper/000.png", "deep/deeper/001.png"]
    assert len(FolderPictures(folder)) == 5
    assert [found.open().read_bytes()[1:4] for found in FolderPictures(folder)] == [b"PNG"] * 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make links")
def test_links_to_files_and_folders_are_followed_once(folder, tmp_path):
    elsewhere = fill(tmp_path / "elsewhere", 1)
    (folder / "file-link.png").symlink_to(elsewhere / "000.png")
    (folder / "folder-link").symlink_to(elsewhere, target_is_directory=True)
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    met = {found.path: found.problem for found in FolderPictures(folder)}
    assert met["file-link.png"] == met["folder-link/000.png"] == ""
    assert met["deep/up"] == "a folder that was already looked through"
    assert len(met) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make links")
def test_the_fingerprint_changes_with_the_files_and_with_nothing_else(folder):
    seen = [FolderPictures(folder).fingerprint()]
    assert FolderPictures(folder).fingerprint() == seen[0]
    (folder / "000.png").touch()
    seen.append(FolderPictures(folder).fingerprint())
    (folder / "000.png").rename(folder / "zzz.png")
    seen.append(FolderPictures(folder).fingerprint())
    os.truncate(folder / "zzz.png", 10)
    seen.append(FolderPictures(folder).fingerprint())
    (folder / "zzz.png").unlink()
    seen.append(FolderPictures(folder).fingerprint())
    (folder / "broken").symlink_to("nowhere")
    seen.append(FolderPictures(folder).fingerprint())
    assert len(set(seen)) == 6


def test_a_folder_that_cannot_be_opened_is_met_with_its_reason(folder, monkeypatch):
    scan = os.scandir

    def closed(path):
        if str(path).endswith("deeper"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("ganlib.data.readers.os.scandir", closed)
    met = {found.path: found.problem for found in FolderPictures(folder)}
    assert met["deep/deeper"] == "cannot be opened: Permission denied"
    assert len(met) == 4


def png(seed):
    buffer = io.BytesIO()
    noise(seed).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def prepared(path):
    out = prepare(open_archive(path), FEW)
    return ImageDataset.open(out), {entry.path: entry.reason for entry in read_manifest(out).refused()}


FILES = [(name, png(seed)) for seed, name in enumerate(NAMES)]


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_gives_what_its_folder_gives(tmp_path, ending):
    path = tmp_path / f"art.v2.{ending}"
    zipped(path, FILES) if ending == "zip" else tarred(path, FILES, f"w:{ending.partition('.')[2]}")
    folder = fill(tmp_path / "folder", 3)
    expected = sorted(image.tobytes() for image in np.load(prepare(folder, FEW) / "images.npy"))
    art, refused = prepared(path)
    assert sorted(image.tobytes() for image in art.images) == expected
    assert not refused
    assert open_archive(path).name == "art"
    assert len(open_archive(path)) == 3


def test_a_zip_is_ordered_by_name_and_a_tar_as_it_lies(tmp_path):
    by_name = prepare(open_archive(zipped(tmp_path / "a.zip", FILES)), FEW)
    as_it_lies = prepare(open_archive(tarred(tmp_path / "a.tar", FILES)), FEW)
    assert [entry.path for entry in read_manifest(by_name).files] == sorted(NAMES)
    assert [entry.path for entry in read_manifest(as_it_lies).files] == NAMES


def test_the_name_of_an_archive_does_not_matter_but_its_content_does(tmp_path):
    path = zipped(tmp_path / "no-ending", FILES)
    assert len(prepared(path)[0]) == 3
    before = open_archive(path).fingerprint()
    os.utime(path, ns=(1, 1))
    assert open_archive(path).fingerprint() != before


@pytest.mark.parametrize("name", ["../../evil.png", "/tmp/evil.png", "C:\\evil.png", "a/../../evil.png"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_name_makes_anything_be_written_anywhere(tmp_path, name, pack):
    place = tmp_path / "deep" / "deeper"
    place.mkdir(parents=True)
    path = pack(place / "art.any", [*FILES, (name, png(9))])
    before = sorted(tmp_path.rglob("*"))
    art, _ = prepared(path)
    assert len(art) == 4
    cache = tmp_path / "cache"
    assert sorted(file for file in tmp_path.rglob("*") if cache not in [file, *file.parents]) == before


def test_a_link_in_a_zip_is_not_followed(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    path = zipped(tmp_path / "art.zip", [*FILES, (link, b"/etc/passwd")])
    art, refused = prepared(path)
    assert len(art) == 3
    assert refused == {"link.png": "not a file but a link, a pipe or a device"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_in_a_tar_is_not_followed(tmp_path, kind):
    path = tarred(tmp_path / "art.tar", FILES)
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("odd.png")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    art, refused = prepared(path)
    assert len(art) == 3
    assert refused == {"odd.png": "not a file but a link, a pipe or a device"}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(module, "most_waiting", lambda: 50_000)
    path = pack(tmp_path / "bomb.any", [*FILES, ("bomb.png", bytes(50_001))])
    art, refused = prepared(path)
    assert len(art) == 3
    assert refused == {"bomb.png": "too large: raise GANLIB_MEMORY_GIB"}


def test_a_table_of_contents_that_lies_about_sizes_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "most_waiting", lambda: 50_000)
    path = zipped(tmp_path / "liar.zip", [*FILES, ("bomb.png", bytes(200_000))])
    packed = bytearray(path.read_bytes())
    entry = packed.rfind(b"PK\1\2")
    packed[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(packed)
    art, refused = prepared(path)
    assert len(art) == 3
    assert list(refused) == ["bomb.png"]


def test_a_file_damaged_within_a_zip_is_refused_alone(tmp_path):
    path = zipped(tmp_path / "art.zip", FILES)
    packed = bytearray(path.read_bytes())
    packed[200] ^= 255
    path.write_bytes(packed)
    art, refused = prepared(path)
    assert len(art) == 2
    assert list(refused) == ["deep/002.png"]
    assert "the archive is damaged here" in refused["deep/002.png"]


def test_a_locked_file_is_refused_with_a_reason(tmp_path):
    path = zipped(tmp_path / "art.zip", FILES)
    packed = bytearray(path.read_bytes())
    packed[packed.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(packed)
    art, refused = prepared(path)
    assert len(art) == 2
    assert refused == {"deep/002.png": "locked with a password"}


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_half_an_archive_is_never_taken_for_a_whole_one(tmp_path, ending, share):
    path = tmp_path / f"art.{ending}"
    zipped(path, FILES) if ending == "zip" else tarred(path, FILES, f"w:{ending.partition('.')[2]}")
    data = path.read_bytes() if ending != "tar" else path.read_bytes().rstrip(b"\0")
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(GanlibError, match=r"'.*art.*' is damaged|neither"):
        prepared(path)


PAGE = b"<!DOCTYPE html><title>Please log in</title>"
SOURCES = {
    "empty.zip": (b"", "an empty file: fetch it again"),
    "text.zip": (b"some text", "neither a folder nor a zip or tar archive: fetch it again"),
    "page.zip": (PAGE, "a web page: fetch it again, or name the folder that holds the pictures"),
    "page.tar.gz": (PAGE, "a web page"),
    "art.rar": (b"Rar!\x1a\7\1\0" + bytes(900), "a RAR archive: unpack it"),
    "art.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(900), "a 7z archive: unpack it"),
    "art.npy": (b"\x93NUMPY\1\0" + bytes(900), "an array of NumPy: save what it holds as PNG files"),
    "film.mp4": (b"\0\0\0\x18ftypisom" + bytes(900), "a film: save its frames"),
    "film.mkv": (b"\x1aE\xdf\xa3" + bytes(900), "a film"),
    "film.avi": (b"RIFF\0\0\0\0AVI LIST" + bytes(900), "a film"),
    "one.png": (png(0), "one picture: name the folder that it lies in"),
    "cut.png": (png(0)[:300], "one picture"),
    "one.heic": (b"\0\0\0\x18ftypheic" + bytes(900), "one picture"),
    "pointer.zip": (
        b"version https://git-lfs.github.com/spec/v1\noid",
        "a Git LFS pointer: run 'git lfs pull'",
    ),
    "page.gz": (gzip.compress(PAGE), "a packed file: unpack it"),
    "paper.pdf": (b"%PDF-1.7\n" + bytes(900), "a PDF document"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_no_archive_is_named_for_what_it_is(tmp_path, name):
    content, named = SOURCES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GanlibError) as told:
        open_archive(tmp_path / name)
    text = str(told.value)
    assert text.startswith(f"'{tmp_path / name}' is {named}")
    assert "\n" not in text
    assert not re.search(r"damaged|header|ReadError|successfully|gzip|method", text)


def test_half_a_zip_is_damaged_and_says_so(tmp_path):
    path = zipped(tmp_path / "a.zip", FILES)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(GanlibError, match=r"^The archive '.*a\.zip' is damaged: fetch it again\.$"):
        open_archive(path)


RUN = {"recipe.json": b"{}", "samples/000100.png": png(50), "quality.png": png(51)}
BY_GANLIB = {
    "run, begun": RUN | {"log.jsonl": b""},
    "run, its log lost": RUN | {"checkpoint.pt": b""},
    "run, its checkpoint lost": RUN | {"generator.safetensors": b""},
    "set": {"manifest.json": b"{}", "images.npy": b"", "of.png": png(52)},
    "share": {"config.json": b"{}", "model.safetensors": b"", "samples.png": png(53)},
}
NOT_BY_GANLIB = {"a/recipe.json": b"{}", "a/0.png": png(60), "b/manifest.json": b"{}", "c/config.json": b"{}"}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_what_ganlib_wrote_is_set_aside_wherever_it_lies(tmp_path, kind):
    written = {f"deep/{at}/{name}": data for at, files in BY_GANLIB.items() for name, data in files.items()}
    files = [*FILES, *NOT_BY_GANLIB.items(), *written.items()]
    if kind == "folder":
        for name, data in files:
            (tmp_path / "art" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "art" / name).write_bytes(data)
        out = prepare(tmp_path / "art", FEW)
    else:
        path = tmp_path / f"art.{kind}"
        zipped(path, files) if kind == "zip" else tarred(path, files, f"w:{kind.partition('.')[2]}")
        out = prepare(open_archive(path), FEW)
    manifest = read_manifest(out)
    assert {entry.path for entry in manifest.used()} == {*NAMES, "a/0.png"}
    assert {e.path for e in manifest.refused() if e.reason == "written by ganlib"} == set(written)
    assert f"{len(written):6} refused: written by ganlib" in manifest.summary().splitlines()


def test_more_of_a_run_changes_no_fingerprint_but_the_first_of_it_does(folder):
    before = FolderPictures(folder).fingerprint()
    for name, data in BY_GANLIB["run, begun"].items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(data)
    first = FolderPictures(folder).fingerprint()
    (folder / "run" / "samples" / "000200.png").write_bytes(png(7))
    assert first == FolderPictures(folder).fingerprint() != before


def test_what_macos_puts_beside_a_file_is_no_file(tmp_path):
    folder = fill(tmp_path / "art", 2)
    (folder / "._0.png").write_bytes(b"\0\5\x16\7")
    with zipfile.ZipFile(tmp_path / "art.zip", "w") as archive:
        archive.write(folder / "000.png", "art/0.png")
        archive.writestr("__MACOSX/art/._0.png", b"\0\5\x16\7")
        archive.writestr("art/._1.png", b"\0\5\x16\7")
    with tarfile.open(tmp_path / "art.tar", "w") as archive:
        archive.add(folder / "000.png", "art/0.png")
        archive.add(folder / "._0.png", "art/._0.png")
    assert len(FolderPictures(folder)) == 2
    for name in ("art.zip", "art.tar"):
        assert [found.path for found in open_archive(tmp_path / name).files] == ["art/0.png"]
