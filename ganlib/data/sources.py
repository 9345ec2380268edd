"""Where pictures come from: bundled art, a folder, an archive, or a data set from the internet."""

import os
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from ganlib.data import download
from ganlib.data.readers import FolderPictures, Found, Pictures, open_archive
from ganlib.errors import GanlibError
from ganlib.runtime.files import bundled_folder, expand_home

PORTRAITS = "portraits"
PATCHWORK = "patchwork"


def find_pictures(source: str | Path, via: str | None = None) -> Pictures:
    """Find the files of `source`, which is explained at `load_art`; download them if they are not here.

    Raises:
        GanlibError: there is no such source, or it cannot be fetched.
    """
    match via:
        case None if source == PATCHWORK:
            return FolderPictures(bundled_folder() / PATCHWORK)
        case None if source == PORTRAITS:
            raise GanlibError(f"'{PORTRAITS}' are prepared already: train on them by that name.")
        case None:
            place = expand_home(source)
            is_here = os.path.exists(place)  # noqa: PTH110 (it raises at no name)
            return _local(place) if is_here else _from_kaggle(str(source), download.fetch)
        case "kaggle":
            return _from_kaggle(str(source), download.fetch_with_kaggle)
        case "opendatasets":
            return _local(download.fetch_with_opendatasets(str(source)))
        case "huggingface":
            return HuggingFacePictures(str(source))
    raise GanlibError(
        f"There is no way '{via}' to fetch pictures: choose kaggle, opendatasets or huggingface."
    )


class HuggingFacePictures(Pictures):
    """Every picture of every split of a data set on the Hugging Face hub; its bytes go through untouched."""

    def __init__(self, source: str) -> None:
        """Download the data set `source`, "owner/name", unless it is there.

        Raises:
            GanlibError: `datasets` is missing, there is no such set, it is closed, or it holds no pictures.
        """
        super().__init__(source, f"huggingface:{source}")
        splits = {split: _pictures_only(rows, source) for split, rows in _load(source).items()}
        self.files = [
            Found(f"{split}/{row:06d}", partial(_open_row, rows, row), stamp=rows._fingerprint)
            for split, rows in splits.items()
            for row in range(len(rows))
        ]


def _local(place: Path) -> Pictures:
    return FolderPictures(place) if place.is_dir() else open_archive(place)


def _from_kaggle(source: str, fetch: Callable[[str], Path]) -> Pictures:
    handle = download.parse_handle(source)
    if handle is None and "://" in source:
        raise GanlibError(f"'{source}' is a link: fetch it by '--via opendatasets', or yourself.")
    if handle is None:
        raise GanlibError(
            f"There is no art '{source}': name a folder of pictures, a zip or tar file, a data set on Kaggle "
            f"('owner/name' or its address), '{PORTRAITS}' or '{PATCHWORK}'."
        )
    pictures = _local(fetch(handle))
    pictures.name = handle.split("/")[1]
    return pictures


def _load(source: str) -> dict[str, Any]:
    try:
        import datasets

        return dict(datasets.load_dataset(source))
    except ImportError:
        raise GanlibError(
            "The package datasets is not installed: 'python -m pip install datasets'."
        ) from None
    except Exception as error:  # of many packages
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0].rstrip('.')}"
        raise GanlibError(
            f"'{source}' cannot be loaded from Hugging Face ({reason}): check connection and spelling; if "
            f"https://huggingface.co/datasets/{source} asks for consent, give it there, make a token at "
            "https://huggingface.co/settings/tokens and type 'hf auth login'."
        ) from None


def _pictures_only(rows: Any, source: str) -> Any:
    """The column of pictures, not decoded."""
    from datasets import Image

    column = next((name for name, kind in rows.features.items() if isinstance(kind, Image)), None)
    if column is None:
        raise GanlibError(
            f"'{source}' on Hugging Face holds no column of pictures, only {', '.join(rows.column_names)}: "
            "choose another data set."
        )
    return rows.select_columns([column]).cast_column(column, Image(decode=False))


def _open_row(rows: Any, row: int) -> BinaryIO | Path:
    (picture,) = rows[row].values()
    if picture is None:
        raise OSError(None, "this row holds no picture")
    return BytesIO(picture["bytes"]) if picture["bytes"] is not None else Path(picture["path"])
