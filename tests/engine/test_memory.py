"""Memory available, with the limits of control groups."""

from pathlib import Path

import psutil
import pytest

from vislab.engine.memory import available


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_of_a_group_or_of_one_above_counts(tmp_path: Path, version: int) -> None:
    own, groups = tmp_path / "own", tmp_path / "groups"
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    top = groups if version == 2 else groups / "memory"
    write(own, "0::/job/step\n" if version == 2 else "3:cpu:/x\n5:memory:/job/step\n")
    write(top / "job" / "step" / names[0], "max\n" if version == 2 else f"{2**63 - 4096}\n")
    write(top / "job" / names[0], "1000000\n")
    write(top / "job" / names[1], "700000\n")
    write(top / "job" / "memory.stat", f"{'' if version == 2 else 'total_'}inactive_file 50000\n")
    assert available(groups, own) == 350_000


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    machine = psutil.virtual_memory()
    assert 0 < available(tmp_path, tmp_path / "none") <= machine.total
