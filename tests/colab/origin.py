"""The project as if it were published: a bare repository of what the working tree holds now."""

import subprocess
from pathlib import Path

from tools.publish import Address, read_address

_SOMEBODY = (
    "-c",
    "user.name=Somebody",
    "-c",
    "user.email=somebody@example.org",
    "-c",
    "commit.gpgSign=false",
)


def bare_repository(root: Path, repository: Path) -> Address:
    """Make `repository` of all files under `root` that git would not ignore; says where it can be cloned."""
    tag = read_address(root).tag
    subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
    _git(repository, root, "add", "--all", ".")
    _git(repository, root, *_SOMEBODY, "commit", "--quiet", "--message=As it stands")
    _git(repository, root, "tag", tag)
    return Address(repository.as_uri(), tag)


def _git(repository: Path, root: Path, *arguments: str) -> None:
    command = ["git", f"--git-dir={repository}", f"--work-tree={root}", *arguments]
    subprocess.run(command, check=True, cwd=root)
