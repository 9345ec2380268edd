"""Chromium without a window."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]  # for root, in a container


def launch(playwright: Playwright) -> Browser | None:
    """Start what is installed, or what Playwright has downloaded; nothing, if there is neither."""
    found = next(filter(None, map(shutil.which, _NAMES)), None) or playwright.chromium.executable_path
    if not Path(found).exists():
        return None
    return playwright.chromium.launch(executable_path=found, args=_OPTIONS)
