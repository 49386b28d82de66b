"""Who uses which device."""

from pathlib import Path

from vislab.engine.runs.devices import Device
from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.progress import write as write_progress
from vislab.engine.runs.store import Run, create
from vislab.engine.runs.used import UsedDevices
from vislab.presets.schema.spec import Spec


def test_who_is_on_a_device_of_this_machine(tmp_path: Path, monkeypatch) -> None:
    def make(name: str, choice: str, uuid: str = "") -> Run:
        run = create(tmp_path, Spec(name=name))
        run.lock.write_text("pid 7\nstarted now\n")
        writer = EventWriter(run.events)
        writer.append(DecisionMade(what="device", choice=choice, why="", details={"uuid": uuid} if uuid else {}))
        writer.close()
        write_progress(run.progress_file, Progress(time=0.0, pid=7, host="", phase="training"))
        return run

    live = [make("one", "cpu"), make("two", "cuda:0", "GPU-0"), make("other", "cuda:0", "GPU-1"), make("away", "cpu")]
    starting, damaged = create(tmp_path, Spec(name="starting")), create(tmp_path, Spec(name="damaged"))
    (damaged.path / "spec.toml").write_text("=")
    monkeypatch.setattr(Run, "worker", lambda self: -1 if self.id == live[3].id else 7)
    used = UsedDevices()

    def on(device: Device) -> list[str]:
        return [run.spec().name for run in used.on(device, [*live, starting, damaged])]

    assert on(Device("cpu", 0, "Xeon")) == ["one"]
    assert on(Device("cuda", 0, "A100", "GPU-1")) == ["other"]
    assert on(Device("mps", 0, "M4")) == []
