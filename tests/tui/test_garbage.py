"""When garbage is collected."""

import subprocess
import sys

START = """
import gc, weakref
from vislab.tui.garbage import IDLE, collect_from_now_on

class Knot: ...

def is_frozen():
    return gc.isenabled() and gc.get_freeze_count() > 0 and not any(thing is kept for thing in gc.get_objects())

gc.disable()
knot = Knot()
knot.self = knot
seen = weakref.ref(knot)
del knot
kept = [[]]
waits = []
idle = iter([0.1, IDLE])
collect_from_now_on(lambda seconds, call: waits.append(call), lambda: next(idle))
assert is_frozen()
waits.pop()()
assert seen() is not None and is_frozen()  # somebody types
waits.pop()()
assert seen() is None and is_frozen() and not waits
"""

LEFT = """
import gc, weakref
from vislab.tui.garbage import PAUSE, Leavings

class Knot: ...

def tied():
    knot = Knot()
    knot.self = knot
    return weakref.ref(knot)

gc.disable()
seen = tied()
waits = []
quiet = iter([PAUSE, 0.1, PAUSE, PAUSE])
leavings = Leavings(lambda seconds, call: waits.append(call), lambda: next(quiet))
leavings.collect_soon()
waits.pop()()
assert seen() is not None and not waits  # the console has just started
gc.enable()
leavings.collect_soon()
leavings.collect_soon()
assert len(waits) == 1
waits.pop()()
assert seen() is not None and len(waits) == 1  # somebody types
leavings.collect_soon()
assert len(waits) == 1
waits.pop()()
assert seen() is None and not waits
leavings.collect_soon()
assert len(waits) == 1
"""


def test_what_screens_leave_is_collected_once_while_nobody_types() -> None:
    assert subprocess.run([sys.executable, "-c", LEFT], check=False).returncode == 0


def test_garbage_of_the_start_is_collected_once_while_nobody_types() -> None:
    assert subprocess.run([sys.executable, "-c", START], check=False).returncode == 0
