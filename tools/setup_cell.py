# @title Setup: find ganlib or bring it, and see what this machine has
GANLIB_FROM = ""  # @param {type: "string"}
# @markdown a folder to take it from, such as a data set that you added on Kaggle: /kaggle/input/NAME
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

ADDRESS, TAG = "", ""  # of the project, once it is published
PACKAGE = "ganlib/__init__.py"
LARGEST, MOST = 500_000_000, 5_000  # bytes and files in a zip
LEADS_ELSEWHERE = re.compile(r"(^|/)(\.{0,2}/|\.{1,2}$)|[\\:]")


def is_project(folder):
    """Tell whether a folder, on the disk or in a zip, is this project, by its name and version."""
    facts = folder / "pyproject.toml"
    try:
        project = facts.is_file() and tomllib.loads(facts.open("rb").read(100_000).decode())["project"]
        return project["name"] == "ganlib" and "version" in [*project, *project.get("dynamic", [])]
    except Exception:  # whatever is wrong with it, it is something else
        return False


def find_project():
    """The folder with ganlib: one that you name, this one, the one around it, or one in it."""
    here, named = Path.cwd(), Path(GANLIB_FROM).resolve()
    yours = [named, *named.glob("*/"), *named.glob("*/*/")] if GANLIB_FROM else []
    places = [*yours, here, here.parent, *here.glob("*/")]
    return next((place for place in places if (place / PACKAGE).is_file() and is_project(place)), None)


def unpack(archive):
    """Unpack a zip into a new folder if it is the project, of a decent size, and nothing leads elsewhere."""
    with zipfile.ZipFile(archive) as packed, TemporaryDirectory(dir=Path.cwd()) as new:
        names, size = packed.namelist(), sum(member.file_size for member in packed.infolist())
        if len(names) > MOST or size > LARGEST or any(map(LEADS_ELSEWHERE.search, names)):
            return None
        tops = [name.removesuffix(PACKAGE) for name in names if name.endswith(PACKAGE)]
        if not tops or not is_project(zipfile.Path(packed, top := min(tops, key=len))):
            return None
        packed.extractall(new)
        free = next(path for k in range(1, 1000) if not (path := Path.cwd() / f"ganlib-{k}").exists())
        return (Path(new) / top).rename(free)


def bring_project():
    """Unpack a zip of the project that lies beside this notebook, or fetch what is published."""
    zips = (path for path in Path().glob("*.zip") if path.is_file() and zipfile.is_zipfile(path))
    if project := next(filter(None, map(unpack, zips)), None):
        return project
    if ADDRESS and shutil.which("git"):
        subprocess.run(["git", "clone", "-qc", "advice.detachedHead=false", "--depth=1", "-b", TAG, ADDRESS])
    return find_project()


if getattr(find_spec("ganlib"), "origin", None) is None:  # a mere folder of that name has no origin
    project = find_project() or bring_project()
    if project is None:
        raise FileNotFoundError(
            "No ganlib: turn the network on, upload the project's zip beside this, or name its folder in "
            "GANLIB_FROM."
        )
    sys.path.insert(0, str(project))

import ganlib

ganlib.set_up()
