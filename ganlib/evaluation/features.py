"""Features of pictures, as a trained net sees them: by these, pictures are compared."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganlib.errors import GanlibError
from ganlib.nets.lite import WEIGHTS, load_lite, read_weights
from ganlib.runtime.device import detect

EXTRACTORS = ("lite0", "lite2", "inception")
_MIDDLE, _RANGE = 127.0, 128.0  # of the bytes that the Lite nets were trained on
_MOST_AT_ONCE_ON_A_CPU = 16  # more do not fit its cache, and half of the speed is lost
_MOST_AT_ONCE = 256
_INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class Lite(nn.Module):
    """Compute features (N, 1280) of pictures (N, 3, 96, 96) that hold the values of bytes, from 0 to 255."""

    def __init__(self, name: str) -> None:
        """Read the weights of the net called `name`; raise `GanlibError` if they are missing or damaged."""
        super().__init__()
        self._net = load_lite(name)

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute the features."""
        return self._net((pictures - _MIDDLE) / _RANGE)


class Extractor:
    """Compute features of pictures by a net; `name` says which net, `side` at how many px it looks."""

    def __init__(
        self, name: str, side: int, net: nn.Module, device: torch.device, *, resizes: bool = False
    ) -> None:
        """Keep `net`, which makes features (N, D) of (N, 3, side, side) with values from 0 to 255.

        One of torch-fidelity `resizes`: it takes bytes of any size, brings them to `side` px in its own way,
        and gives a tuple.
        """
        self.name = name
        self.side = side
        self._resizes = resizes
        self._net = net.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._device = device

    @torch.inference_mode()
    def __call__(self, pictures: Tensor, watch: Callable[[int], object] | None = None) -> Tensor:
        """Compute features (N, D), float32 on the CPU, of pictures (N, 3, S, S) in [-1, 1].

        Pictures are rounded to bytes, as a file would hold them, and brought to `side` px by bilinear
        interpolation: with antialiasing where they shrink, but as TensorFlow 1 did it where the net comes
        from torch-fidelity, so that figures are those of other people. `watch` is told the number of
        pictures that have been looked at after each batch.

        Raises:
            GanlibError: there are none, or what is given are no pictures: another shape, or a NaN in them.
        """
        check_pictures(pictures)
        features = []
        for batch in pictures.split(_MOST_AT_ONCE_ON_A_CPU if self._device.type == "cpu" else _MOST_AT_ONCE):
            features.append(self._look(batch.to(self._device)).float().cpu())
            if watch:
                watch(len(batch))
        return torch.cat(features)

    def _look(self, pictures: Tensor) -> Tensor:
        bytes_ = pictures.float().add(1).mul(127.5).round().clamp(0, 255)
        if self._resizes:
            return self._net(bytes_.to(torch.uint8, memory_format=torch.channels_last))[0]
        bytes_ = interpolate(bytes_, (self.side, self.side), mode="bilinear", antialias=True)
        return self._net(bytes_.contiguous(memory_format=torch.channels_last))


def get_extractor(name: str = "lite0", device: str | torch.device | None = None) -> Extractor:
    """Return the extractor of that name, on the best device there is unless told.

    `lite0` and `lite2` are EfficientNets (Tan & Le 2019) at 96 px, whose weights are installed; `inception`
    is the Inception v3 of the FID paper (Heusel et al. 2017) at 299 px, whose weights, some 90 MB, are
    fetched once.

    Raises:
        GanlibError: there is no such name, a package is missing, or the weights are missing or damaged.
    """
    place = detect(device).device if device is None or isinstance(device, str) else device
    if name in WEIGHTS:
        return Extractor(name, 96, Lite(name), place)
    if name == "inception":
        return Extractor(name, 299, _inception(), place, resizes=True)
    raise GanlibError(f"There is no extractor '{name}': choose one of {', '.join(EXTRACTORS)}.")


def check_pictures(pictures: Tensor) -> None:
    """Raise `GanlibError` unless these are pictures, (N, 3, S, S), of plain numbers."""
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[1] != 3 or not len(pictures):  # noqa: PLR2004 (planes and colours)
        raise GanlibError(f"Pictures are (N, 3, S, S), one or more, not {shape}: stack them first.")
    broken = int((~pictures.isfinite()).flatten(1).any(1).sum())
    if broken:
        raise GanlibError(
            f"{broken} of {len(pictures)} pictures contain a NaN or an infinity: the generator has "
            "diverged, so use an earlier generator."
        )


def _inception() -> nn.Module:
    """Build the net of torch-fidelity, which itself would run code that a file of weights holds."""
    try:
        from torch_fidelity import FeatureExtractorInceptionV3, feature_extractor_inceptionv3
    except ImportError as error:
        raise GanlibError(f"A package is missing ({error}); type: pip install torch-fidelity") from error
    path = _fetched(feature_extractor_inceptionv3.URL_INCEPTION_V3)
    remedy = "delete it, connect to the internet and try again, or use the extractor lite0"
    checked = BytesIO()
    torch.save(read_weights(path, _INCEPTION_SHA256, remedy), checked)
    checked.seek(0)
    return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], checked)


def _fetched(url: str) -> Path:
    path = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), _INCEPTION_SHA256)
    except (OSError, RuntimeError) as error:
        raise GanlibError(
            f"The weights of inception could not be downloaded ({error}): connect to the internet and try "
            "again, or use the extractor lite0, which needs no network."
        ) from error
    return path
