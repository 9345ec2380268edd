"""Where others get ganlib from."""

import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path


def home() -> str:
    """The address of the project's repository, or "" while it is published nowhere.

    It is read from pyproject.toml, in a checkout, or from what was installed.
    """
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.is_file():
        urls = tomllib.loads(project.read_text(encoding="utf-8"))["project"].get("urls", {})
        return str(urls.get("Repository", ""))
    return _installed()


def _installed() -> str:
    """Metadata has lines such as "Project-URL: Repository, https://..."."""
    try:
        lines = metadata("ganlib").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    urls = dict(line.split(", ", 1) for line in lines)
    return urls.get("Repository", "")
