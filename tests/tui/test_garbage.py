"""When garbage is collected."""

import subprocess
import sys

START = """
import gc, weakref
from vislab.tui.garbage import collect_from_now_on

class Knot: ...

gc.disable()
knot = Knot()
knot.self = knot
seen = weakref.ref(knot)
del knot
kept = [[]]
collect_from_now_on()
assert seen() is None and gc.isenabled() and gc.get_freeze_count() > 0
assert not any(thing is kept for thing in gc.get_objects())
"""


def test_garbage_of_the_start_is_not_kept() -> None:
    assert subprocess.run([sys.executable, "-c", START], check=False).returncode == 0
