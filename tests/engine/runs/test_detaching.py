"""Where detaching cannot hold: what is said of containers, Slurm and logind, and when systemd-run starts a worker."""

import os
import pwd
from pathlib import Path

import pytest

from vislab.engine.runs import detaching
from vislab.engine.runs.detaching import Detachment, look

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes files of a root file system; the person is no root user, and there is no systemd-run."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd(("ada", "x", uid, uid, "", "/", "/bin/sh")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def write(**files: str) -> Path:
        for name, content in {"proc/1/comm": "systemd\n", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return write


def killing(**files: str) -> dict[str, str]:
    return {"proc/self/cgroup": SESSION, "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"} | files


def systemd_run(root: Path, script: str) -> None:
    file = root / "bin" / "systemd-run"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)


def test_a_plain_machine_needs_nothing(machine):
    assert look(machine(), {}) == Detachment()


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_a_container_is_known_by_its_mark(machine, mark):
    found = look(machine(**{mark: ""}), {})
    assert found.prefix == () and f"(/{mark})" in found.warning and "ends with this container" in found.warning


def test_a_container_is_known_by_its_first_process(machine):
    assert "process 1 is tini" in look(machine(**{"proc/1/comm": "tini\n"}), {}).warning
    assert look(machine(**{"proc/1/comm": "init(Debian)\n"}), {}) == Detachment()


def test_slurm_ends_its_runs(machine):
    found = look(machine(), {"SLURM_JOB_ID": "4711"})
    assert "Slurm allocation 4711" in found.warning and "--foreground" in found.warning


def test_without_systemd_run_logging_out_ends_the_run(machine):
    found = look(machine(**killing()), {})
    assert found.prefix == () and "KillUserProcesses=yes" in found.warning and "not installed" in found.warning


def test_a_bus_that_cannot_be_reached_is_told(machine):
    root = machine(**killing())
    systemd_run(root, "echo Failed to connect to bus >&2; exit 1")
    found = look(root, {})
    assert found.prefix == () and "(Failed to connect to bus)" in found.warning


def test_a_systemd_run_that_hangs_is_not_waited_for(machine, monkeypatch):
    monkeypatch.setattr(detaching, "_PATIENCE", 0.1)
    root = machine(**killing())
    systemd_run(root, "exec /bin/sleep 5")
    assert "does not answer" in look(root, {}).warning


def test_systemd_run_makes_a_scope_of_its_own(machine):
    root = machine(**killing())
    systemd_run(root, 'echo "$*" >> "$(/usr/bin/dirname "$0")/asked"')
    found = look(root, {})
    assert found.prefix[:3] == ("systemd-run", "--user", "--scope") and "enable-linger" in found.warning
    assert (root / "bin" / "asked").read_text() == " ".join([*found.prefix[1:], "true\n"])
    assert look(machine(**killing(**{"var/lib/systemd/linger/ada": ""})), {}) == Detachment(prefix=found.prefix)


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({"etc/systemd/logind.conf": "#KillUserProcesses=no\n"}, False),
        ({"etc/systemd/logind.conf": "#KillUserProcesses=yes\n"}, True),
        ({"usr/lib/systemd/logind.conf": "#KillUserProcesses=yes\n", "etc/systemd/logind.conf": "[Login]\n"}, False),
        ({"etc/systemd/logind.conf": "# KillUserProcesses=yes\nKillUserProcesses=no\n"}, False),
        ({"etc/systemd/logind.conf.d/10-x.conf": "KillUserProcesses = 1\n"}, True),
        ({"etc/systemd/logind.conf.d/10-x.conf": "#KillUserProcesses=yes\n"}, False),
        (
            {
                "usr/lib/systemd/logind.conf.d/20-x.conf": "KillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/20-x.conf": "KillUserProcesses=no\n",
            },
            False,
        ),
        ({"proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/tmux.scope\n"}, False),
    ],
)
def test_whether_logging_out_kills(machine, files, kills):
    common = {"proc/self/cgroup": SESSION} if files.keys().isdisjoint({"proc/self/cgroup"}) else killing()
    assert bool(look(machine(**common | files), {}).warning) is kills


def test_root_is_left_alone(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert look(machine(**killing()), {}) == Detachment()
