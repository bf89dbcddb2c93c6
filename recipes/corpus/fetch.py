"""Find the packages in a folder, or fetch them with the registries' ordinary clients.

Debian packages lie in ``SOURCES/debs`` (``apt-get download``; ``SOURCES`` itself is looked at too), npm packages in
``SOURCES/npm`` (``npm pack``).
"""

import subprocess
from pathlib import Path
from typing import final

from recipes.corpus.packages import NPM_VERSIONS

__all__ = ["Sources"]


@final
class Sources:
    """A folder of downloaded packages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deb(self, package: str) -> Path:
        """The package's file.

        Raises:
            FileNotFoundError: it is not there and cannot be downloaded.
        """
        debs = self._folder / "debs"
        found = [*sorted(self._folder.glob(f"{package}_*.deb")), *sorted(debs.glob(f"{package}_*.deb"))]
        if not found:
            debs.mkdir(parents=True, exist_ok=True)
            _run(["apt-get", "download", "--quiet", "--quiet", package], debs)
            found = sorted(debs.glob(f"{package}_*.deb"))
        if not found:
            raise FileNotFoundError(f"no {package}_*.deb in {debs}; run `apt-get update`, or put it there")
        return found[-1]

    def npm(self, package: str) -> Path:
        """The package's archive, in the version that ``packages.py`` names.

        Raises:
            FileNotFoundError: it is not there and cannot be downloaded.
        """
        version = NPM_VERSIONS[package]
        place = self._folder / "npm" / f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            _run(["npm", "pack", "--silent", f"{package}@{version}"], place.parent)
        if not place.exists():
            raise FileNotFoundError(f"no {place.name} in {place.parent}; is npm installed, and its registry reachable?")
        return place


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
