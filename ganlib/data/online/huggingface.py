"""Data sets from the Hugging Face hub, as pictures to read."""

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from ganlib.data.readers import Found
from ganlib.errors import GanlibError

_ROWS_AT_ONCE = 1000
_NO_PICTURE = "this row holds no picture"
_NO_CONNECTION = ("LocalEntryNotFoundError", "ConnectionError", "TransportError")
_HOW_TO_LOG_IN = "make a token at https://huggingface.co/settings/tokens and type 'hf auth login'"


class HuggingFacePictures:
    """Every picture of every split of a data set on the Hugging Face hub; its bytes go through untouched."""

    def __init__(self, source: str) -> None:
        """Download the data set `source`, "owner/name", unless it is there.

        Raises:
            GanlibError: `datasets` is missing, there is no such set, it is closed, or it holds no pictures.
        """
        self.name = source
        self.place = f"huggingface:{source}"
        loaded = _load(source)
        self._fingerprint = " ".join(
            f"{name}:{len(rows)}:{rows._fingerprint}" for name, rows in loaded.items()
        )
        self._splits = {name: _pictures_only(rows, source) for name, rows in loaded.items()}

    def fingerprint(self) -> str:
        """Text that changes when the data set does."""
        return self._fingerprint

    def __len__(self) -> int:
        """How many rows there are in all splits."""
        return sum(len(rows) for rows in self._splits.values())

    def __iter__(self) -> Iterator[Found]:
        """Every row, split by split."""
        for split, rows in self._splits.items():
            for row, (name, filled) in enumerate(_names(rows)):
                path = f"{split}/{row:06d}" + (f"-{name}" if name else "")
                yield Found(path, _opener(rows, row)) if filled else Found(path, problem=_NO_PICTURE)


def _load(source: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise GanlibError(
            "The package datasets is not installed: 'python -m pip install datasets'."
        ) from error
    try:
        return dict(datasets.load_dataset(source))
    except Exception as error:
        raise _explain(error, source) from None


def _pictures_only(rows: Any, source: str) -> Any:
    """The column of pictures, not decoded."""
    import datasets

    column = next((name for name, kind in rows.features.items() if isinstance(kind, datasets.Image)), None)
    if column is None:
        raise GanlibError(
            f"'{source}' on Hugging Face holds no column of pictures, only {', '.join(rows.column_names)}: "
            "choose another data set."
        )
    return rows.select_columns([column]).cast_column(column, datasets.Image(decode=False))


def _names(rows: Any) -> Iterator[tuple[str, bool]]:
    """The file's own name of every row, and whether there is a picture; the bytes stay on the disk."""
    import pyarrow.compute

    for table in rows.with_format("arrow").iter(_ROWS_AT_ONCE):
        column = table.column(0)
        paths = pyarrow.compute.struct_field(column, "path").to_pylist()
        filled = pyarrow.compute.is_valid(pyarrow.compute.struct_field(column, "bytes")).to_pylist()
        for path, has_bytes in zip(paths, filled, strict=True):
            yield PurePosixPath((path or "").replace("\\", "/")).name, has_bytes or bool(path)


def _opener(rows: Any, row: int) -> Callable[[], BinaryIO | Path]:
    return partial(_open, rows, row)


def _open(rows: Any, row: int) -> BinaryIO | Path:
    (picture,) = rows[row].values()
    return BytesIO(picture["bytes"]) if picture["bytes"] is not None else Path(picture["path"])


def _explain(error: Exception, source: str) -> GanlibError:
    text = (str(error).splitlines() or [""])[0].rstrip(".")
    page = f"https://huggingface.co/datasets/{source}"
    if "is a gated dataset" in text or _came_from(error, ("GatedRepoError",)):
        return GanlibError(
            f"'{source}' is closed until you ask: open {page}, accept its terms, {_HOW_TO_LOG_IN}."
        )
    if type(error).__name__ == "DatasetNotFoundError":
        return GanlibError(
            f"There is no data set '{source}' at Hugging Face, or it is closed: check the spelling ({page}), "
            f"and if it is yours, {_HOW_TO_LOG_IN}."
        )
    if _came_from(error, _NO_CONNECTION) or _NO_CONNECTION[0] in str(error):
        return GanlibError(f"Hugging Face cannot be reached for '{source}': check the connection to the net.")
    return GanlibError(
        f"'{source}' cannot be loaded from Hugging Face ({type(error).__name__}: {text}): see {page}."
    )


def _came_from(error: BaseException | None, names: tuple[str, ...]) -> bool:
    while error is not None:
        if any(kind.__name__ in names for kind in type(error).__mro__):
            return True
        error = error.__cause__
    return False
