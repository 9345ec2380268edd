"""A browser, and a folder for what a person may want to look at."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.launching import launch


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, ended with the module: its event loop would stand in the way of other tests."""
    with sync_playwright() as playwright:
        started = launch(playwright)
        if started is None:
            pytest.skip("There is no Chromium: apt-get install chromium, or playwright install chromium")
        yield started


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots and times are left: the folder GANLIB_ARTEFACTS, or a temporary one."""
    named = os.environ.get("GANLIB_ARTEFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
