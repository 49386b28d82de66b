"""A run that is started over SSH does not notice that the connection is cut.

    python benchmarks/ssh_drop.py

Needs openssh-server. Starts a server of its own on loopback (own configuration, port, host key and user key, all in a
temporary folder), then, each line with what was seen:

1. starts `vislab run` over `ssh -tt` and waits for its first epochs;
2. cuts the connection by SIGKILL, once of the client, once of the server's process of this session;
3. sees that the worker goes on, in no session of the server;
4. attaches over a new connection, presses Ctrl+C there, which leaves the run alone;
5. stops the run over a third one, and compares the log: no epoch is missing, no resume, steps never jump.

Ends with 1 where a line does not hold.
"""

import contextlib
import getpass
import itertools
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from vislab.engine.runs.store import Run, find

PATIENCE = 60.0
RECIPE = ("--preset", "digits-lenet5", "--set", "strategy.epochs=5000", "--set", "device=cpu")


def main() -> int:
    """Both ways of cutting; the exit code."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as connect:
        lines = [
            line
            for victim in ("client", "server's process")
            for line in scene(victim, Path(folder) / f"runs-{victim[:6]}", connect)
        ]
    for holds, line in lines:
        print(f"{'ok  ' if holds else 'FAIL'}  {line}")
    print(f"{sum(holds for holds, _ in lines)} of {len(lines)} lines hold")
    return 0 if all(holds for holds, _ in lines) else 1


def scene(victim: str, runs: Path, connect: Callable[[str], "subprocess.Popen[str]"]) -> list[tuple[bool, str]]:
    """One run: started, cut off, attached to, stopped."""
    vislab = f"{shlex.quote(sys.executable)} -c 'from vislab.tui.cli import main; main()'"
    where = f"--runs-dir {shlex.quote(str(runs))}"
    first = connect(f"{vislab} run {shlex.join(RECIPE)} {where} --plain")
    said = read_until(first, "epoch    2/")
    run = find(runs, "latest")
    worker = run.worker()
    epochs_before = len(run.state().epochs)
    lines = [(worker > 0 and "epoch" in said, f"cut at the {victim}: started over ssh -tt, worker {worker} trains")]

    follower = [p for p in psutil.process_iter(["cmdline"]) if str(runs) in " ".join(p.info["cmdline"] or ())]
    (session,) = {parent.pid for p in follower for parent in p.parents() if "sshd" in parent.name()} & newest_sshd()
    os.kill(first.pid if victim == "client" else session, signal.SIGKILL)
    first.wait(PATIENCE)
    gone = wait_for(lambda: not any(p.is_running() and p.pid != worker for p in follower if runs_of(p, runs)))
    lines.append((gone, "the follower ended with its connection"))
    more = wait_for(lambda: len(run.state().epochs) >= epochs_before + 5)
    lines.append((more and run.worker() == worker, "the same worker trained 5 epochs more"))
    parents = [parent.name() for parent in psutil.Process(worker).parents()]
    alone = os.getsid(worker) == worker and not any("sshd" in name for name in parents)
    lines.append((alone, f"it has a session of its own; above it: {', '.join(parents) or 'nobody'}"))

    second = connect(f"{vislab} attach --plain {where}")
    seen = len(run.state().epochs)
    said = read_until(second, f"epoch {seen + 2:>4}/")
    lines.append((f"epoch {seen + 2:>4}/5000" in said, f"attached over a new connection, saw epoch {seen + 2} end"))
    assert second.stdin is not None
    second.stdin.write("\x03")
    second.stdin.flush()
    code = second.wait(PATIENCE)
    lines.append((code == 0 and run.worker() == worker, f"Ctrl+C there ended the view only (exit code {code})"))

    third = connect(f"{vislab} stop {run.id} {where}")
    code = third.wait(PATIENCE)
    state = run.state()
    lines.append((code == 0 and run.status() == "stopped", "stopped over a third connection"))
    whole = [row.epoch for row in state.epochs] == list(range(1, len(state.epochs) + 1))
    steps = [row.step for row in state.steps]
    assert state.started is not None
    steady = max(b - a for a, b in itertools.pairwise(steps)) <= 2 * state.started.log_every
    pause = max(b.time - a.time for a, b in itertools.pairwise(state.epochs))
    lines.append(
        (
            whole and steady and not state.resumes,
            f"it never stopped: {len(state.epochs)} epochs in order, no resume, {pause:.1f} s between two at most",
        )
    )
    return lines


def runs_of(process: psutil.Process, runs: Path) -> bool:
    """Whether a process still lives and works on these runs."""
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE and str(runs) in " ".join(process.cmdline())
    return False


def newest_sshd() -> set[int]:
    """The server's processes that serve one session each: those that have a terminal's process below them."""
    return {p.pid for p in psutil.process_iter(["name"]) if "sshd" in (p.info["name"] or "") and is_session(p)}


def is_session(process: psutil.Process) -> bool:
    """Whether a process of the server is the one right above the commands of a session."""
    return any("sshd" not in child.name() for child in process.children())


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """A server of our own; gives a function that runs a command over `ssh -tt`."""
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(sshd).exists():
        sys.exit("sshd is missing: apt-get install openssh-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)  # sshd asks for it when it is started by root
    serving = subprocess.Popen([sshd, "-D", "-f", folder / "sshd_config", "-E", folder / "sshd.log"])

    def connect(command: str) -> "subprocess.Popen[str]":
        options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=QUIET", "IdentitiesOnly=yes"]
        return subprocess.Popen(
            [
                *("ssh", "-tt", "-F", "none", "-p", str(port), "-i", str(folder / "user")),
                *(part for option in options for part in ("-o", option)),
                f"{getpass.getuser()}@127.0.0.1",
                command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    try:
        answers = wait_for(lambda: connect("true").wait(PATIENCE) == 0)
        if not answers:
            sys.exit("the server does not answer:\n" + (folder / "sshd.log").read_text())
        yield connect
    finally:
        serving.terminate()
        serving.wait()
        for path in folder.glob("runs-*/*"):
            if (worker := Run(path).worker()) > 0:
                os.kill(worker, signal.SIGKILL)


def read_until(process: "subprocess.Popen[str]", begin: str) -> str:
    """What a command said up to the line that begins so."""
    assert process.stdout is not None
    said = ""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and (line := process.stdout.readline()):
        said += line
        if line.startswith(begin):
            break
    return said


def wait_for(true: Callable[[], bool]) -> bool:
    """Whether something became true in time."""
    until = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    sys.exit(main())
