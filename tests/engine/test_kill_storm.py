"""A few rounds of the storm of kills; benchmarks/kill_storm.py runs as many as asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

STORM = Path(__file__).parents[2] / "benchmarks" / "kill_storm.py"


def test_killed_runs_end_alike_and_no_save_breaks(tmp_path):
    storm = subprocess.run(
        [sys.executable, str(STORM), "--kills", "4", "--save-kills", "40", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert storm.returncode == 0, storm.stdout + storm.stderr
    counts = json.loads(storm.stdout)
    assert counts["runs"]["kills"] >= 4 and counts["runs"]["different_runs"] == 0
    assert counts["saves"]["kills"] == 40 and counts["saves"]["saves"] > 0
