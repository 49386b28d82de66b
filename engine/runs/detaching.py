"""What would end a detached worker all the same, and how to start it where logging out would."""

import functools
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")
_PATIENCE = 5.0  # seconds that systemd-run may take to answer
_INITS = ("systemd", "init", "launchd", "runit", "openrc-init", "s6-svscan", "dinit", "shepherd")
_SETTING = re.compile(r"^(#?)\s*KillUserProcesses\s*=\s*(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Detachment:
    """How a worker is detached here.

    Attributes:
        prefix: a command that the worker's own is put behind; mostly empty.
        warning: a sentence that says what ends the run although it is detached; mostly empty.
    """

    prefix: tuple[str, ...] = ()
    warning: str = ""


@functools.cache
def here() -> Detachment:
    """How a worker of this process is detached; looked at once."""
    return look(Path("/"), os.environ)


def look(root: Path, environment: Mapping[str, str]) -> Detachment:
    """Look at what this process lives in: a Slurm allocation, a container, a session that systemd's logind clears up.

    Args:
        root: of the file system.
        environment: variables of this process.
    """
    if job := environment.get("SLURM_JOB_ID"):
        return Detachment(
            warning=f"Inside Slurm allocation {job}: the run ends with it (time limit, scancel, end of the batch "
            "script). In a batch script: #SBATCH --signal=B:USR1@60, and then exec vislab run --foreground"
        )
    if mark := _container(root):
        return Detachment(warning=f"The run ends with this container ({mark}).")
    if not _logging_out_kills(root):
        return Detachment()
    if trouble := _trouble_with_scopes():
        return Detachment(
            warning="Logging out ends the run: systemd's logind is set to KillUserProcesses=yes, and "
            f"systemd-run --user does not work here ({trouble})."
        )
    if _lingers(root):
        return Detachment(prefix=_SCOPE)
    return Detachment(
        prefix=_SCOPE,
        warning="The run outlives this session, but ends with the last of your sessions on this machine. To keep it: "
        "loginctl enable-linger",
    )


def _container(root: Path) -> str:
    """What shows that this is a container; empty when nothing does."""
    for mark in (".dockerenv", "run/.containerenv"):
        if (root / mark).exists():
            return f"/{mark}"
    try:
        first = (root / "proc/1/comm").read_text().strip()
    except OSError:  # no Linux, or hidden from users: then an init has hidden it
        return ""
    # WSL calls it init(Debian).
    return "" if first.partition("(")[0] in _INITS else f"process 1 is {first}"


def _logging_out_kills(root: Path) -> bool:
    """Whether logind ends this process when its session ends. It leaves root's processes alone."""
    try:
        in_session = re.search(r"/session-[^/]+\.scope", (root / "proc/self/cgroup").read_text()) is not None
    except OSError:
        return False
    return in_session and os.geteuid() != 0 and _kills_user_processes(root)


def _kills_user_processes(root: Path) -> bool:
    main = next(
        (f for f in (root / "etc/systemd/logind.conf", root / "usr/lib/systemd/logind.conf") if f.exists()), None
    )
    drop_ins: dict[str, Path] = {}
    for folder in ("usr/lib", "run", "etc"):  # a file takes the place of one with its name in an earlier folder
        drop_ins |= {file.name: file for file in (root / folder / "systemd/logind.conf.d").glob("*.conf")}
    explicit, built = "", "no"
    for file in [*filter(None, [main]), *(drop_ins[name] for name in sorted(drop_ins))]:
        for commented, found in _SETTING.findall(file.read_text(errors="replace")):
            if not commented:
                explicit = found
            elif file == main:  # a comment there shows how logind was built
                built = found
    return (explicit or built).lower() in ("yes", "true", "on", "1")


def _trouble_with_scopes() -> str:
    """Why systemd-run cannot start a scope of the user's own; empty when it can."""
    if shutil.which(_SCOPE[0]) is None:
        return "it is not installed"
    try:
        done = subprocess.run(
            [*_SCOPE, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return "it does not answer"
    said = done.stderr.strip().splitlines()[-1:] or [f"it ends with {done.returncode}"]
    return "" if done.returncode == 0 else said[0]


def _lingers(root: Path) -> bool:
    user = pwd.getpwuid(os.geteuid()).pw_name
    return (root / "var/lib/systemd/linger" / user).exists()
