"""Where the art and the weights that come with ganlib lie."""

from pathlib import Path


def bundled_folder() -> Path:
    """The folder of bundled art and weights, in an installed package or in a checkout."""
    package = Path(__file__).parent
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parent / "data"
