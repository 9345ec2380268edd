"""Where pictures come from: bundled art, a folder, an archive, or a data set in the net."""

from pathlib import Path

from ganlib.assets import bundled_folder
from ganlib.data.archive import open_archive
from ganlib.data.folder import FolderPictures
from ganlib.data.pictures import Pictures
from ganlib.errors import GanlibError
from ganlib.files import expand_home

PORTRAITS = "portraits"
PATCHWORK = "patchwork"
_WAYS = ("opendatasets", "huggingface")


def find_pictures(source: str | Path, via: str | None = None) -> Pictures:
    """The files of `source`, fetched if they are not on this machine; what it may be stands at `load_art`.

    Raises:
        GanlibError: there is no such source, or it cannot be fetched.
    """
    if via is not None:
        return _fetched(str(source), via)
    if source == PATCHWORK:
        return FolderPictures(bundled_folder() / PATCHWORK)
    if source == PORTRAITS:
        raise GanlibError(f"'{PORTRAITS}' are prepared already: train on them by that name.")
    place = expand_home(source)
    return _local(place) if place.exists() else _from_kaggle(str(source))


def _local(place: Path, name: str | None = None) -> Pictures:
    pictures = FolderPictures(place) if place.is_dir() else open_archive(place)
    if name:
        pictures.name = name
    return pictures


def _from_kaggle(source: str) -> Pictures:
    from ganlib.data.online import kaggle
    from ganlib.data.online.handle import parse_handle

    handle = parse_handle(source)
    if handle is None:
        raise GanlibError(
            f"There is no art '{source}': name a folder of pictures, a zip or tar file, a data set on Kaggle "
            f"('owner/name' or its address), '{PORTRAITS}' or '{PATCHWORK}'."
        )
    return _local(kaggle.downloaded(handle) or kaggle.fetch(handle), handle.name)


def _fetched(source: str, via: str) -> Pictures:
    if via == "huggingface":
        from ganlib.data.online.huggingface import HuggingFacePictures

        return HuggingFacePictures(source)
    if via == "opendatasets":
        from ganlib.data.online import open_datasets

        return _local(open_datasets.fetch(source))
    raise GanlibError(f"There is no way '{via}' to fetch pictures: choose one of {', '.join(_WAYS)}.")
