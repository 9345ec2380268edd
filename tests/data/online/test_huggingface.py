import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import datasets
import huggingface_hub.constants
import pytest

from ganlib.data.online.huggingface import HuggingFacePictures
from ganlib.data.readers import Found
from ganlib.errors import GanlibError

datasets.disable_progress_bars()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """The package reads these while it is imported."""
    folder = tmp_path / "hf"
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(folder))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "datasets")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", folder / "downloads")
    monkeypatch.setattr(datasets.config, "EXTRACTED_DATASETS_PATH", folder / "extracted")
    monkeypatch.setattr(datasets.config, "HF_MODULES_CACHE", folder / "modules")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(folder / "token"))
    hub_is_at(monkeypatch, "http://127.0.0.1:9")


def hub_is_at(monkeypatch, url):
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def write(folder: Path, split: str, **columns: list) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    features = datasets.Features(
        {name: datasets.Image() if name == "image" else datasets.Value("string") for name in columns}
    )
    rows = datasets.Dataset.from_dict(columns, features=features)
    rows.to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))
    return str(folder)


def picture(content: bytes | None, name: str | None = None) -> dict:
    return {"bytes": content, "path": name}


@contextmanager
def hub(status: int, code: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def bytes_of(found: Found) -> bytes:
    opened = found.open()
    return opened.read_bytes() if isinstance(opened, Path) else opened.read()


def test_every_row_of_every_split_is_a_file(tmp_path):
    content = [b"no picture at all, and handed on as it is", b"b" * 70_000, b"c"]
    source = write(
        tmp_path / "set",
        "train",
        title=["x", "y"],
        image=[picture(content[0], "sub/deep.png"), picture(content[1])],
    )
    write(tmp_path / "set", "test", title=["z"], image=[picture(content[2], "win\\dows.jpg")])
    pictures = HuggingFacePictures(source)
    found = list(pictures)
    assert [entry.path for entry in found] == [
        "train/000000-deep.png",
        "train/000001",
        "test/000000-dows.jpg",
    ]
    assert [bytes_of(entry) for entry in found] == content
    assert isinstance(found[0].open(), BytesIO)
    assert len(pictures) == 3
    assert pictures.name == source
    assert pictures.place == f"huggingface:{source}"


def test_a_row_without_a_picture_says_so(tmp_path):
    source = write(tmp_path / "set", "train", image=[picture(b"a"), None, picture(b"c")])
    found = list(HuggingFacePictures(source))
    assert [bool(entry.open) for entry in found] == [True, False, True]
    assert found[1] == Found("train/000001", problem="this row holds no picture")


def test_more_rows_than_are_read_at_once(tmp_path):
    rows = [picture(str(index).encode(), f"{index}.png") for index in range(2345)]
    found = list(HuggingFacePictures(write(tmp_path / "set", "train", image=rows)))
    assert [entry.path for entry in found] == [f"train/{index:06d}-{index}.png" for index in range(2345)]
    assert [bytes_of(found[index]) for index in (0, 999, 1000, 2344)] == [b"0", b"999", b"1000", b"2344"]


def test_files_that_lie_beside_the_table_are_opened_there(tmp_path):
    folder = tmp_path / "set"
    (folder / "cats").mkdir(parents=True)
    (folder / "cats" / "0.png").write_bytes(b"cat")
    (found,) = HuggingFacePictures(str(folder))
    assert bytes_of(found) == b"cat"
    assert found.path == "train/000000-0.png"


def test_the_fingerprint_is_that_of_the_files(tmp_path):
    source = write(tmp_path / "set", "train", image=[picture(b"a")])
    first = HuggingFacePictures(source).fingerprint()
    assert HuggingFacePictures(source).fingerprint() == first
    write(tmp_path / "set", "train", image=[picture(b"a"), picture(b"b")])
    assert HuggingFacePictures(source).fingerprint() != first


def test_a_set_without_pictures_is_a_sentence(tmp_path):
    with pytest.raises(GanlibError, match="no column of pictures, only title, text"):
        HuggingFacePictures(write(tmp_path / "set", "train", title=["a"], text=["b"]))


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (
            403,
            "GatedRepo",
            "closed until you ask: open https://huggingface.co/datasets/ada/gated.*hf auth login",
        ),
        (404, "RepoNotFound", "no data set 'ada/gated' at Hugging Face.*spelling"),
        (401, "RepoNotFound", "no data set 'ada/gated' at Hugging Face.*hf auth login"),
    ],
)
def test_a_closed_or_missing_set_is_a_sentence(monkeypatch, status, code, words):
    with hub(status, code) as url:
        hub_is_at(monkeypatch, url)
        with pytest.raises(GanlibError, match=words):
            HuggingFacePictures("ada/gated")


def test_no_connection_is_a_sentence():
    with pytest.raises(GanlibError, match="Hugging Face cannot be reached for 'ada/away'"):
        HuggingFacePictures("ada/away")


def test_an_empty_folder_is_a_sentence(tmp_path):
    (tmp_path / "set").mkdir()
    with pytest.raises(GanlibError, match="cannot be loaded from Hugging Face"):
        HuggingFacePictures(str(tmp_path / "set"))


def test_without_the_package_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(GanlibError, match="'python -m pip install datasets'"):
        HuggingFacePictures("ada/art")
