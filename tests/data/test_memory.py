"""Preparing stays within its memory, whatever the files are; what does not fit is refused with a reason."""

import ast
import gzip
import os
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ganlib.data.decode import decode
from ganlib.data.manifest import Settings, read_manifest
from ganlib.data.opening import RefusedError, open_picture, refusals
from ganlib.data.prepare import prepare
from ganlib.data.readers import open_archive
from ganlib.errors import GanlibError
from ganlib.runtime.memory import most_memory
from tests.data import bombs
from tests.data.hostile import painting, saved
from tests.data.pictures import noise

ROOT = Path(__file__).parents[2]
FEW = Settings(32, at_least=0)
PREPARE = """
import os, sys, time
from pathlib import Path
from PIL import Image
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.data.sources import find_pictures

Image.init()
os.cpu_count = lambda: 16
source, out, crop = sys.argv[1:]


def peak():  # not that of getrusage, which a process has from the one that started it
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


before, begin = peak(), time.process_time()
prepare(find_pictures(source), Settings(32, crop, at_least=0), Path(out))
print(peak() - before, time.process_time() - begin)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "art").mkdir()
    return tmp_path / "art"


linux = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux tells it")


def taken(source, out, crop="centre", gib=0.25):
    """MiB and seconds of the CPU that preparing takes, with sixteen threads and `gib` of memory."""
    environment = os.environ | {"GANLIB_MEMORY_GIB": str(gib), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PREPARE, source, out, crop]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


@linux
@pytest.mark.parametrize("crop", ["centre", "tiles"])
def test_many_large_pictures_take_turns(folder, tmp_path, crop):
    for name, make in bombs.HONEST.items():
        content = make()
        for copy in range(2):
            (folder / f"{copy} {name}").write_bytes(content)
    mebibytes, _ = taken(folder, tmp_path / "out", crop)
    assert mebibytes < 256  # together they would be 1,200
    assert not list(read_manifest(tmp_path / "out").refused())


@linux
def test_one_of_the_largest_pictures_takes_less_than_a_gibibyte(folder, tmp_path):
    (folder / "a.png").write_bytes(bombs.large_png(16, 6, 9999))
    mebibytes, _ = taken(folder, tmp_path / "out", gib=1)
    assert mebibytes < 900
    assert not list(read_manifest(tmp_path / "out").refused())


@linux
def test_bombs_take_neither_memory_nor_time(folder, tmp_path):
    for name, (make, _) in bombs.REFUSED.items():
        (folder / name).write_bytes(make())
    mebibytes, seconds = taken(folder, tmp_path / "out")
    assert mebibytes < 128
    assert seconds < 4
    entries = {entry.path: entry.reason or "" for entry in read_manifest(tmp_path / "out").files}
    assert {name: reason for name, (_, reason) in bombs.REFUSED.items() if reason not in entries[name]} == {}


@pytest.mark.parametrize("crop", ["centre", "tiles"])
def test_a_line_cut_into_tiles_is_refused_if_they_are_too_many(monkeypatch, crop):
    monkeypatch.setenv("GANLIB_MEMORY_GIB", "0.25")
    content = saved(Image.new("RGB", (32, 500_000)), "PNG")
    if crop == "centre":
        assert decode(BytesIO(content), 32, crop)
        return
    claimed = []
    decode(BytesIO(content), 32, crop, claim=claimed.append)
    assert claimed[0] > most_memory()


def test_the_limit_can_be_raised_and_must_be_a_number(monkeypatch):
    content = saved(Image.new("RGB", (4000, 4000)), "JPEG2000")
    monkeypatch.setenv("GANLIB_MEMORY_GIB", "0.25")
    with pytest.raises(RefusedError, match="raise GANLIB_MEMORY_GIB"):
        decode(BytesIO(content), 32)
    monkeypatch.setenv("GANLIB_MEMORY_GIB", "2")
    assert decode(BytesIO(content), 32)
    monkeypatch.setenv("GANLIB_MEMORY_GIB", "much")
    with pytest.raises(GanlibError, match="GANLIB_MEMORY_GIB is a number of GiB"):
        most_memory()


# Archives


@linux
@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_what_waits_for_the_threads_is_bounded(tmp_path, kind):
    content = saved(painting(), "PNG") + bytes(20_000_000)
    path = tmp_path / f"art.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for place in range(20):
                archive.writestr(f"{place}.png", content)
    else:
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for place in range(20):
                member = tarfile.TarInfo(f"{place}.png")
                member.size = len(content)
                archive.addfile(member, BytesIO(content))
    mebibytes, _ = taken(path, tmp_path / "out")
    assert mebibytes < 200  # 20 files of 20 MB, of which a packed one is held twice while it is unpacked
    assert len(list(read_manifest(tmp_path / "out").used())) == 20


@pytest.mark.parametrize(
    "content",
    [
        bombs.sparse_tar(30, 500_000_000),
        bombs.pax_tar({"a.png": {"GNU.sparse.map": "0,0", "GNU.sparse.size": "500000000"}}),
        bombs.pax_tar(
            {"a.png": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "500000000"}}
        ),
    ],
    ids=["GNU", "PAX 0.1", "PAX 1.0"],
)
def test_files_with_holes_in_a_tar_are_refused_unread(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(GanlibError, match="files with holes is not read: unpack it"):
        open_archive(tmp_path / "a.tar")


EMPTY = bombs.tar_header("a", tarfile.REGTYPE, 0)
LIES = {
    "a name of a terabyte": bombs.tar_header("a", tarfile.GNUTYPE_LONGNAME, 2**32) + bytes(9000),
    "a header of a terabyte": bombs.tar_header("a", tarfile.XHDTYPE, 2**32) + bytes(9000),
    "a header for all of a terabyte": bombs.tar_header("a", tarfile.XGLTYPE, 2**32) + bytes(9000),
    "holes without an end": bombs.tar_header("a", tarfile.GNUTYPE_SPARSE, 0, bytes(96) + b"\1" + b"7" * 11),
    "a size in words": bombs.pax_tar({"a.png": {"size": "many"}}),
    "a size below zero": bombs.pax_tar({"a.png": {"size": "-5"}}),
    "a size that leads back": EMPTY + bombs.tar_header("b", tarfile.REGTYPE, -512) + bytes(1024),
    "holes that lead back": EMPTY + bombs.tar_header("b", tarfile.GNUTYPE_SPARSE, -512, bytes(97)),
    "a size beyond all": bombs.pax_tar({"a.png": {"size": "9" * 400}}),
    "a map in words": bombs.pax_tar({"a.png": {"GNU.sparse.map": "a,b", "GNU.sparse.size": "5"}}),
    "a damaged header behind": bombs.pax_tar({"a.png": {}})[:512] + b"\1" * 512,
    "half a header behind": bombs.pax_tar({"a.png": {}})[:512] + b"\1" * 100,
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("packed", [False, True])
def test_a_tar_that_lies_is_a_sentence(tmp_path, content, packed):
    (tmp_path / "a.tar").write_bytes(gzip.compress(content) if packed else content)
    try:
        entries = read_manifest(prepare(open_archive(tmp_path / "a.tar"), FEW)).files
    except GanlibError as error:
        assert "archive" in str(error)
    else:
        assert all(entry.reason for entry in entries)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("damage", ["cut", "sum"])
def test_a_packed_tar_whose_end_is_wrong_is_refused(tmp_path, kind, damage):
    path = tmp_path / f"a.tar.{kind}"
    noise(0).save(tmp_path / "a.png")
    with tarfile.open(path, f"w:{kind}") as archive:
        archive.add(tmp_path / "a.png", "a.png")
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-6:]
    else:
        content[-7] ^= 1
    path.write_bytes(content)
    with pytest.raises(GanlibError, match=r"a\.tar.*(fetch it again)"):
        open_archive(path)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_file_in_a_zip_is_refused_however_it_is_packed(tmp_path, method):
    noise(0).save(buffer := BytesIO(), "PNG")
    for place in range(45, 300, 15):
        path = tmp_path / f"{place}.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.png", buffer.getvalue())
        content = bytearray(path.read_bytes())
        content[place] ^= 255
        path.write_bytes(content)
        (entry,) = read_manifest(prepare(open_archive(path), FEW)).files
        assert "the archive is damaged here" in entry.reason


# One function opens pictures


def uses_of_image_open(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "open"]
    return [node for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "Image"]


def test_one_function_opens_pictures():
    files = [path for package in ("ganlib", "tools", "benchmarks") for path in (ROOT / package).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in files if uses_of_image_open(path)}
    assert len(files) > 80
    assert found == {"ganlib/data/opening.py"}
    assert len(uses_of_image_open(ROOT / "ganlib/data/opening.py")) == 1


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n"


def test_a_picture_that_is_a_program_is_opened_by_nobody(tmp_path, monkeypatch):
    from PIL import EpsImagePlugin

    from ganlib.data.dataset import read_photo
    from ganlib.show.figure import Figure
    from ganlib.show.grids import open_sample
    from ganlib.show.live import _grid
    from ganlib.show.report import report

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("a program was run"))
    path = tmp_path / "art" / "000012.jpg"
    path.parent.mkdir()
    path.write_bytes(POSTSCRIPT)
    out = prepare(path.parent, FEW)
    assert "PostScript" in report(out).read_text()
    for read in (open_sample, _grid, lambda path: read_photo(path, 32)):
        with pytest.raises(GanlibError, match="PostScript"):
            read(path)
    for file in (path, BytesIO(POSTSCRIPT)):
        with pytest.raises(RefusedError, match="PostScript"), refusals(file):
            open_picture(file)
    with pytest.raises(Exception, match="cannot identify"):
        Figure(POSTSCRIPT, "").image()
