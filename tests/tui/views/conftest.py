import msgspec
import pytest

from vislab.engine.runs.events import RunEnded, encode
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui.views.listed import look


@pytest.fixture
def listed(tmp_path, history):
    """Makes a run with a log, and reads what the list says of it."""

    def make(
        name="run", accuracies=(0.5, 0.9), *, end="done", reason="", labels=None, test=None, on_test=False, **spec
    ):
        run = create(tmp_path, msgspec.convert({"name": name} | spec, Spec), labels=labels)
        losses = [1.0] * len(accuracies)
        events = history(losses, val_accuracy=list(accuracies), selected_on_test=on_test) if accuracies else []
        if end:
            events.append(RunEnded(status=end, reason=reason, step=9, epoch=2, elapsed=61.0, exit_code=0, test=test))
        run.events.write_bytes(b"".join(map(encode, events)))
        return look(run)

    return make
