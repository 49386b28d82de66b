"""Published files: found beside the data, or downloaded, checked and unpacked."""

import contextlib
import hashlib
import http.client
import os
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from vislab.engine.runs.reserve import has_no_room
from vislab.presets.errors import InputError
from vislab.presets.sizes import amount

Listener = Callable[[str, int, int], None]

TIMEOUT = 6.0  # seconds without an answer or a byte
_BITE = 1 << 18
_TELL_EVERY = 0.5  # seconds between two reports


class NotHereError(InputError):
    """A published file is not here, and is not to be downloaded now: a run would."""


@dataclass(frozen=True)
class Remote:
    """A published file.

    Attributes:
        urls: where it is, mirrors after the first; the last part of the first is its name.
        md5: of the file, in hex, as published.
    """

    urls: tuple[str, ...]
    md5: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.urls[0].rpartition("/")[2]


def _say(name: str, done: int, total: int) -> None:
    of = f" of {amount(total)}" if total else ""
    print(f"downloading {name}: {amount(done)}{of}", file=sys.stderr, flush=True)


_listener: ContextVar[Listener] = ContextVar("listener", default=_say)


_forbidden: ContextVar[bool] = ContextVar("forbidden", default=False)


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Forbid downloads: `fetch` then takes what is there, and raises `NotHereError` for the rest."""
    token = _forbidden.set(True)
    try:
        yield
    finally:
        _forbidden.reset(token)


@contextlib.contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Send reports of downloads, (file name, bytes done, bytes in all or 0), to `listener` instead of stderr.

    An exception that the listener raises ends the download and leaves no half file.
    """
    token = _listener.set(listener) if listener is not None else None
    try:
        yield
    finally:
        if token is not None:
            _listener.reset(token)


@contextlib.contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Tell which folder cannot take the data, and what else there is."""
    try:
        yield
    except OSError as error:
        file = f" ({error.filename})" if error.filename else ""
        raise InputError(
            f"the data cannot be kept in {folder}: {error.strerror or error}{file}. Make room there and see who may "
            "write (df, ls -ld), name another data folder with VISLAB_DATA_DIR=FOLDER, or give the folder that holds "
            "the files with --data FOLDER"
        ) from error


def fetch(folder: Path, remotes: Sequence[Remote]) -> list[Path]:
    """Paths of published files in `folder`, in order; those that are not there are downloaded.

    Raises:
        InputError: not there and not to be had, with what to put where; a file of another checksum; or the folder
            cannot take them.
    """
    with _kept_in(folder):
        return [_fetched(folder, remote, remotes) for remote in remotes]


def _fetched(folder: Path, remote: Remote, remotes: Sequence[Remote]) -> Path:
    path = folder / remote.name
    if path.is_file():
        if _md5(path) != remote.md5:
            raise InputError(f"{path} is damaged or another file (its MD5 is not {remote.md5}); remove it")
        return path
    if _forbidden.get():
        raise NotHereError(f"{path.name} is not in {folder}; it is downloaded when a run needs it")
    reasons = []
    for url in remote.urls:
        try:
            _download(url, path, remote.md5)
        except (urllib.error.URLError, http.client.HTTPException) as error:
            reasons.append(f"{url}: {getattr(error, 'reason', None) or error}")
        except OSError as error:
            if error.filename is not None or has_no_room(error):
                raise  # the disk refused; errors of the network name no file
            reasons.append(f"{url}: {error}")
        else:
            return path
    raise InputError(_unreachable(folder, remotes, reasons))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar.gz, .tgz or .zip file; what it holds on top appears in `folder` only when all is unpacked.

    Raises:
        InputError: the archive is damaged, would write outside the folder, or does not fit into it.
    """
    with _kept_in(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as name:
        try:
            if archive.suffix == ".zip":
                with zipfile.ZipFile(archive) as zipped:
                    zipped.extractall(name)
            else:
                with tarfile.open(archive, "r:*") as tar:
                    tar.extractall(name, filter="data")
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise InputError(f"{archive} cannot be unpacked: {error}; remove it and try again") from error
        for entry in Path(name).iterdir():
            target = folder / entry.name
            if target.is_dir():
                shutil.rmtree(target)
            entry.replace(target)


def _download(url: str, path: Path, md5: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    tell = _listener.get()
    digest = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(url, headers={"User-Agent": "vislab"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response, part.open("wb") as file:
            total = int(response.headers.get("Content-Length") or 0)
            done = 0
            told = 0.0
            while bite := response.read(_BITE):
                file.write(bite)
                digest.update(bite)
                done += len(bite)
                if time.monotonic() - told >= _TELL_EVERY or done == total:
                    told = time.monotonic()
                    tell(path.name, done, total)
        if digest.hexdigest() != md5:
            raise ConnectionError(f"got {done:,} bytes whose MD5 is {digest.hexdigest()}, not the published {md5}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _unreachable(folder: Path, remotes: Sequence[Remote], reasons: Sequence[str]) -> str:
    files = "\n".join(f"  {remote.name}  from {remote.urls[0]}" for remote in remotes)
    return (
        f"the data is not in {folder} and cannot be downloaded ({'; '.join(reasons)}). "
        f"Without a network, give the folder that holds the files with --data FOLDER, or put into {folder}:\n{files}"
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
