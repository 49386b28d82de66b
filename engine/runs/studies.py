"""Runs that belong to a study: ids by which the same command finds them again, and a note of which they were."""

import contextlib
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vislab.engine.runs import naming
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.store import ANOTHER_FOLDER, Run
from vislab.engine.runs.summary import DEFAULTS, settings_of
from vislab.presets.errors import InputError
from vislab.presets.layers import COMMAND_LINE
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

if TYPE_CHECKING:
    import hashlib

FOLDER = ".studies"
_LONGEST = 50  # characters of a recipe's name in an id


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A study as it was last asked for, in RUNS_DIR/.studies/<name>.json."""

    name: str
    question: str = ""
    command: tuple[str, ...] = ()
    """The words of the command that runs it again."""
    runs: tuple[str, ...] = ()
    """Ids of all its runs, in the order of the study."""


def identity(spec: Spec, code: Sequence[Path]) -> str:
    """The id of the run that a study makes of a spec: the same for the same settings and the same code of one's own.

    Such as `study-b-cnn.s0.1f3a90c2`: recipe, seed, fold where there are folds, 32 bits of a checksum of the settings
    that are not the schema's defaults (so that a new setting in a newer version repeats nothing) and of the files.

    Args:
        code: files that the spec names.
    """
    settings = {key: value for key, value in settings_of(spec).items() if value != DEFAULTS.get(key)}
    checksum = _checksum(msgspec.json.encode(settings, order="sorted"))
    for file in code:
        checksum.update(file.read_bytes())
    name = naming.slug(spec.recipe or spec.name)[:_LONGEST]
    fold = f".f{spec.strategy.fold}" if spec.strategy.folds else ""
    return naming.safe_id(f"{name}.s{spec.seed}{fold}.{checksum.hexdigest()}")


def save(runs_dir: Path, record: Record) -> None:
    """Note what a study consists of; an earlier note of the same study is replaced.

    Raises:
        InputError: it cannot be written.
    """
    try:
        (runs_dir / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(_file(runs_dir, record.name), msgspec.json.encode(record))
    except OSError as error:
        raise InputError(f"Cannot write into {runs_dir}: {error.strerror}. {ANOTHER_FOLDER}") from error


def load(runs_dir: Path, name: str) -> Record:
    """A study as it was last asked for.

    Raises:
        InputError: it was never run here, or its note is damaged.
    """
    file = _file(runs_dir, name)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except FileNotFoundError as error:
        raise InputError(f"No study {name!r} was run in {runs_dir}. Run it with: vislab study {name}") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{file} is damaged: {error}. Run the study again: vislab study {name}") from error


def records(runs_dir: Path) -> list[Record]:
    """All studies that were run here, by name; damaged notes are left out."""
    found = []
    for file in sorted((runs_dir / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found.append(msgspec.json.decode(file.read_bytes(), type=Record))
    return found


def again(record: Record, settings: Settings) -> list[str]:
    """Command lines that run it again, and compare it again, in the folder of runs that the settings name."""
    return [_line(record.command, settings), _line(["vislab", "compare", "--study", record.name], settings)]


def compared_again(identities: Iterable[str], settings: Settings) -> str:
    """The command line that compares runs which are no study again."""
    return _line(["vislab", "compare", *identities], settings)


def _line(words: Iterable[str], settings: Settings) -> str:
    """A command line, with the folder of runs where that was given on the command line: nothing else tells it."""
    given = settings.origins.get("runs_dir") == COMMAND_LINE
    # As in the words of a study: a file holds no bytes that are not UTF-8.
    folder = str(settings.runs_dir).encode(errors="replace").decode()
    return shlex.join([*words, *(["--runs-dir", folder] if given else [])])


def runs_of(runs_dir: Path, record: Record) -> list[Run]:
    """The runs of a study that are there, in its order; those that were deleted are missing."""
    runs = [Run(runs_dir / identity) for identity in record.runs]
    return [run for run in runs if (run.path / "spec.toml").is_file() and not run.path.is_symlink()]


def _checksum(data: bytes) -> "hashlib.blake2b":
    import hashlib  # it loads OpenSSL, 4 MB, which those who only look at runs do without

    return hashlib.blake2b(data, digest_size=4)


def _file(runs_dir: Path, name: str) -> Path:
    # A study is called as its preset's file, which may hold anything; a checksum keeps names apart that look alike.
    plain = naming.slug(name)
    mark = "" if plain == name else "-" + _checksum(name.encode(errors="surrogateescape")).hexdigest()
    return runs_dir / FOLDER / f"{plain}{mark}.json"
