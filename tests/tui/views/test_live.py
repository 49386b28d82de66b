"""Bars, device line, finding line and the end of a run, as sentences."""

import os
import time
from dataclasses import replace
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.findings import Finding
from vislab.engine.runs.events import DecisionMade, EpochEnded, Phase, RunEnded, RunStarted, StepsLogged
from vislab.engine.runs.meters import FAMILY_EVERY, Meter, Reading
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.state import RunState, fold
from vislab.engine.runs.store import RunStatus
from vislab.tui.following import Look
from vislab.tui.live_frame import frame
from vislab.tui.views import curves, live, text
from vislab.tui.widgets.live_figure import Options, figure, heading, title

STARTED = RunStarted(
    environment={},
    classes=("a", "b"),
    counts={"train": (50, 50), "validation": (5, 5)},
    split="",
    selected_on_test=False,
    parameters=1,
    trained_parameters=1,
    head=(),
    batch_size=10,
    steps_per_epoch=10,
    epochs=4,
    log_every=1,
    evaluated_weights="raw",
)
DEVICE = DecisionMade(what="device", choice="cuda:0", why="", details={"name": "A100"})


def steps(count: int, waiting: float = 0.25) -> list[StepsLogged]:
    return [
        StepsLogged(
            step=number,
            epoch=(number + 9) // 10,
            loss=1.0,
            accuracy=0.5,
            learning_rate=1.0,
            gradient_norm=1.0,
            images_per_second=100.0,
            waiting=waiting,
            elapsed=float(number),
        )
        for number in range(1, count + 1)
    ]


def epoch(number: int) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        step=10 * number,
        train_loss=1.0,
        train_accuracy=0.5,
        train_top5=1.0,
        val_loss=1.0,
        val_accuracy=0.5,
        val_top5=1.0,
        val_macro_f1=0.5,
        learning_rate=1.0,
        best=number == 1,
        seconds=10.0,
        val_seconds=1.0,
        train_images_per_second=100.0,
        elapsed=10.0 * number,
    )


def position(**changes: object) -> Progress:
    given = {"phase": "training", "epoch": 2, "step": 15, "done": 5, "total": 10, "images_per_second": 412.0}
    return Progress(time=1.0, pid=1, host="h", elapsed=15.0, **(given | changes))  # type: ignore[arg-type]


def state(*more: object) -> RunState:
    return fold([DEVICE, STARTED, *steps(15), epoch(1), *more])  # type: ignore[list-item]


@given(st.floats(-1, 2), st.integers(0, 200))
def test_a_bar_always_fills_its_width(share: float, width: int) -> None:
    filled, empty = live.bar(share, width)
    assert len(filled + empty) == width
    if share <= 0:
        assert not filled
    if share >= 1:
        assert not empty


@pytest.mark.parametrize("width", [80, 60, 200, 30])
def test_bars_of_a_live_run(width: int) -> None:
    rows = ["".join(parts) for parts in live.bars(state(), position(), "training", width)]
    assert [text.cells(row) for row in rows] == [width] * 2
    if width >= 60:
        assert rows[0].startswith("Run    epoch   2/4") and rows[0].endswith("38 %  0:15, 0:25 left")
        assert rows[1].startswith("Epoch  step   5/10") and rows[1].endswith("50 %  412 img/s")


@pytest.mark.parametrize("width", [60, 80])
def test_bars_of_a_run_whose_worker_is_silent_promise_nothing(width: int) -> None:
    def bars(silence: float, **changes: object) -> list[str]:
        given = live.bars(state(), position(**changes), "training", width, silence=silence)
        return ["".join(parts).rstrip() for parts in given]

    assert "left" in bars(59.0)[0] and "img/s" in bars(59.0)[1]
    run, part = bars(130.0)
    assert run.endswith("38 %  0:15") and part == "Epoch  step   5/10: no sign of life for 2 min"
    building = bars(130.0, phase="building", done=0, total=0)[1]
    assert building == "Model  builds the model: no sign of life for 2 min"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_counts_of_epochs_are_never_cut(width: int) -> None:
    run = live.bars(fold([msgspec.structs.replace(STARTED, epochs=100_000)]), None, "starting", width)[0]
    assert run[0] == "Run    epoch   0/100000 " and text.cells("".join(run)) == width


def test_bars_name_what_is_done_now() -> None:
    checking = live.bars(state(), position(phase="validation", done=1, total=4), "training", 80)[1]
    assert checking[0].startswith("Check  batch   1/4") and "25 %" in checking[3]
    assert live.bars(state(), None, "queued", 80)[1][0].startswith("Queued")
    assert len(live.bars(state(), position(), "died", 80)) == 1
    probing = live.bars(state(), position(phase="measuring", done=0, total=0), "starting", 60)[1]
    assert probing[0].startswith("Probe  measures which") and "…" not in probing[0]


def test_a_run_that_prepares_says_for_how_long() -> None:
    begun = fold([DEVICE])

    def bars(phase: Phase, width: int = 60, silence: float = 0.0, **changes: object) -> list[str]:
        given = {"phase": phase, "done": 0, "total": 0, "images_per_second": 0.0, "epoch": 0, "step": 0}
        given |= {"time": 1000.0, "began": 930.0, "elapsed": 0.0}
        beat = msgspec.structs.replace(position(), **(given | changes))
        return ["".join(parts).rstrip() for parts in live.bars(begun, beat, "starting", width, 0, 5, silence)]

    for width in (60, 80, 200):
        run, part = bars("measuring", width, silence=2.4)
        assert run.endswith(" 0 %") and "0:00" not in run, "nothing is trained yet"
        assert part == "Probe  measures which way to compute is fastest, for 1:12"
    assert bars("measuring", began=0.0)[1].endswith("fastest"), "of a worker that does not say since when"
    assert bars("reading data", done=4, total=10)[1].endswith(" 40 %  for 1:10")
    assert bars("features", done=4, total=10, images_per_second=412.0)[1].endswith(" 40 %  412 img/s")
    assert "for" not in bars("training", done=4, total=10)[1]
    assert bars("measuring", 80, silence=61.0)[1].endswith("no sign of life for 1 min")


@pytest.mark.parametrize("status", live.AT_REST)
def test_bars_of_a_run_that_rests_claim_neither_speed_nor_time_left(status: RunStatus) -> None:
    run, part = ("".join(parts) for parts in live.bars(state(), position(phase=status), status, 80))
    assert run.endswith("38 %  0:15") and part.endswith(" 50 %")


def test_a_run_that_starts_has_the_epochs_that_were_asked_for() -> None:
    assert live.bars(fold([]), None, "starting", 80, epochs=30)[0][0].startswith("Run    epoch   0/30")
    assert live.bars(state(), position(), "training", 80, epochs=30)[0][0].startswith("Run    epoch   2/4")
    resumed = position(phase="building", epoch=0, step=0, done=0, total=0)
    assert live.bars(state(), resumed, "starting", 80)[0][0].startswith("Run    epoch   1/4")


def test_the_device_line_says_what_is_known() -> None:
    card = Reading(
        card=True,
        name="A100",
        busy=0.98,
        memory_used=14_000_000_000,
        memory_total=80_000_000_000,
        temperature=61,
        power=300,
    )
    line = live.device_line(state(), card, "training")
    assert line == "cuda:0 A100 · 98 % · 14 of 80 GB · waiting for data 25 % · 61 °C · 300 W"
    assert live.device_line(state(), card, "training", 70) == line.removesuffix(" · 300 W")
    assert live.device_line(state(), card, "training", 20) == "cuda:0 A100 · 98 %"
    assert live.device_line(state(), None, "training") == "cuda:0 A100 · waiting for data 25 %"
    assert live.device_line(fold([]), card, "training") == ""
    assert live.device_line(state(), None, "paused") == "cuda:0 A100"
    processor = Reading(card=False, busy=1.5, cores=2, memory_used=1)
    assert "1.5 of 2 cores" in live.device_line(state(), processor, "training")


def test_a_long_name_of_a_device_has_the_room_that_the_rest_leaves() -> None:
    name = "Intel(R) Xeon(R) Platinum 8480C Processor"
    decided = DecisionMade(time=0, what="device", choice="cpu", why="", details={"name": name})
    told = fold([decided])
    processor = Reading(card=False, busy=1.5, cores=2, memory_used=1_000_000_000, memory_total=2_000_000_000)
    rest = " · 1.5 of 2 cores · 1.0 GB"
    assert live.device_line(told, processor, "training") == f"cpu {name}{rest}"
    assert live.device_line(told, processor, "training", 120) == f"cpu {name}{rest}"
    assert live.device_line(told, processor, "training", 60) == f"cpu Intel(R) Xeon(R) Platinum 848…{rest}"
    assert live.device_line(told, processor, "training", 54) == f"cpu Intel(R) Xeon(R) Platin…{rest}"
    assert live.device_line(told, processor, "training", 50) == "cpu Intel(R) Xeon(R) Platinum 84… · 1.5 of 2 cores"
    assert live.device_line(told, processor, "training", 20) == "cpu Intel(R) Xeon(R) Platin…"


def test_the_first_finding_and_how_many_there_are() -> None:
    found = [Finding("plateau", "warning", "Flat\x1b.", "Stop."), Finding("imbalance", "info", "Uneven.", "Weigh.")]
    assert live.finding_line(found) == "! (1 of 2) Flat␛."
    assert live.finding_line(found[1:]) == "· Uneven."
    assert live.finding_line([]) == ""


def test_the_end_has_its_reason() -> None:
    assert live.ending(state(), "training") == live.ending(state(), "queued") == ""
    assert live.ending(state(), "died", "cosmic ray\x1b").endswith(
        "died after 1 of 4 epochs, 15 s of work: cosmic ray␛"
    )
    over = state(RunEnded(status="failed", reason="No luck.", step=15, epoch=1, elapsed=15.0, exit_code=1))
    assert live.ending(over, "failed", "said").endswith(": No luck.")


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60))
def test_smoothing_keeps_gaps_and_stays_between_the_values(ys: list[float]) -> None:
    ys = [y if abs(y) < 1e6 else y * float("inf") for y in ys]
    smooth = curves.smoothed(curves.Series("x", list(range(len(ys))), ys, "▪", 32)).ys
    finite = [y for y in ys if y == y and abs(y) != float("inf")]
    for raw, value in zip(ys, smooth, strict=True):
        assert (value == value) == (raw in finite)
        if value == value:
            assert min(finite) - 1e-6 <= value <= max(finite) + 1e-6


def test_the_last_epochs_of_the_axis() -> None:
    long = fold([STARTED, *(epoch(number) for number in range(1, 41))])
    assert curves.last_epochs(long, 0) == (1.0, 40.0)
    assert curves.last_epochs(long, 10) == (31.0, 40.0)
    assert curves.last_epochs(long, 10, "step") == (30.0, 40.0)
    assert curves.last_epochs(fold([STARTED, *steps(15)]), 3, "step") == (0.0, 2.0)
    inside = [STARTED, *(epoch(number) for number in range(1, 41)), *steps(406)]
    assert curves.last_epochs(fold(inside), 10, "step") == (31.0, 41.0)
    stopped = RunEnded(status="stopped", reason="", step=406, epoch=40, elapsed=15.0, exit_code=0)
    assert curves.last_epochs(fold([*inside, stopped]), 10, "step") == (31.0, 40.6)


def test_the_axis_of_a_run_that_ended_inside_an_epoch_ends_there() -> None:
    stopped = RunEnded(status="stopped", reason="", step=6, epoch=0, elapsed=6.0, exit_code=0)
    over = fold([STARTED, *steps(6), stopped])
    assert curves.x_range(over, "step") == (0.0, 0.6)
    assert "→ 0.6/" in figure(over, "loss", Options(), 60, 10, colour=False)[0]


def test_why_points_are_missing() -> None:
    curve = curves.Series("x", [1, 2, 3], [1.0, float("nan"), 0.0], "▪", 32)
    assert curves.not_shown([curve]) == "1 not finite"
    assert curves.not_shown([curve], log_y=True) == "1 not finite, 1 not above 0"
    assert curves.not_shown([curve], log_y=True, x_range=(2, 3)) == "1 not finite, 1 not above 0"
    assert curves.not_shown([curve], log_y=True, x_range=(1, 1)) == "" == curves.not_shown([])
    zero = fold([STARTED, *(msgspec.structs.replace(epoch(number), train_loss=0.0, val_loss=0.0) for number in (1, 2))])
    drawn = figure(zero, "loss", Options(log_loss=True, last=1), 80, 10, colour=False)
    assert "! 2 not above 0" in drawn[0], "of the epochs that are shown"
    assert "-0.5" not in "".join(figure(zero, "loss", Options(), 60, 10, colour=False)), "no loss lies below 0"


def test_a_meter_knows_the_share_of_a_process_at_its_second_look() -> None:
    meter = Meter()
    first = meter.read(os.getpid(), "cpu")
    assert first is not None and first.busy is None and first.memory_used
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    second = meter.read(os.getpid(), "cpu")
    assert second is not None and second.busy is not None and second.busy > 0.1
    assert meter.read(2**22 + 1, "cpu") is None


def test_a_meter_seldom_reads_all_processes_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    family: list[psutil.Process] = []
    reads: list[bool] = []
    monkeypatch.setattr(psutil.Process, "children", lambda _, recursive: reads.append(recursive) or family)
    meter = Meter()
    alone = meter.read(os.getpid(), "cpu")
    family.append(psutil.Process(os.getppid()))
    found = [meter.read(os.getpid(), "cpu") for _ in range(2 * FAMILY_EVERY)]
    assert reads == [True] * 3
    assert alone is not None and alone.memory_used and found[-1] is not None
    assert found[-1].memory_used is not None and found[-1].memory_used > alone.memory_used


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (200, 60)])
def test_one_frame_fits_the_screen(width: int, height: int) -> None:
    seen = Look(
        state=state(*(epoch(number) for number in range(2, 5))),
        progress=position(),
        status="training",
        reading=None,
        findings=(Finding("plateau", "warning", "Flat." * 60, "Stop."),),
        log=(),
        result=(),
    )
    lines = frame(seen, "run · data", width, height)
    assert len(lines) < height and all(text.cells(line) <= width for line in lines)
    words = "\n".join(lines)
    for part in ("● training", "Run    epoch", "loss", "acc", "★ 1", "cuda:0 A100", "! Flat."):
        assert part in words
    assert "\x1b" not in words
    assert "\x1b[38;5;" in "\n".join(frame(seen, "run", width, height, colour=True))


def test_the_plan_is_told_where_the_axis_ends_before_it() -> None:
    state = fold([STARTED, *steps(15)])
    assert "→ 2/4" in heading(state, "loss", [], Options(), 80, ends=(0.0, 2.0))
    assert "→ <0.1/4" in heading(state, "loss", [], Options(), 80, ends=(0.0, 0.05))
    assert "→" not in heading(state, "loss", [], Options(), 80, ends=(0.0, float(state.epochs_planned)))


def test_the_markers_are_explained_where_the_figures_have_no_room() -> None:
    seen = state(*steps(10), epoch(1))
    shown = curves.series(seen, "loss")
    whole, log = Options(along="epoch"), Options(along="epoch", log_loss=True)
    assert heading(seen, "loss", shown, whole, 28, colour=False) == "loss  ▪ train  ● val  ★ e1"
    assert heading(seen, "loss", shown, log, 28, colour=False) == "log  ▪ train  ● val  ★ e1"
    small = [replace(curve, ys=[6e-5]) for curve in shown]
    assert "▪ train 6e-5  ● val 6e-5" in heading(seen, "loss", small, whole, 39, colour=False)
    late = replace(seen, best=epoch(16))
    told = heading(late, "loss", [replace(curve, ys=(0.00598,)) for curve in shown], whole, 37, colour=False)
    assert told == "loss ▪ train 0.006 ● val 0.006 ★ e16", "figures before gaps"


def test_what_a_figure_leaves_out_is_told_at_every_width() -> None:
    seen = state(*steps(10), epoch(1))
    bad = [*[float("nan")] * 31, *[1e300] * 10, 0.5]
    train, val = curves.series(seen, "loss")
    shown = [replace(train, xs=range(42), ys=bad), replace(val, xs=[1.0], ys=[0.5])]

    def told(width: int, along: curves.Along = "epoch") -> str:
        return heading(seen, "loss", shown, Options(along=along), width, colour=False)

    reasons = "! 31 not finite, 10 too large to draw"
    assert told(120) == f"loss  {reasons}  ▪ train 0.5000  ● val 0.5000  ★ 1.0000 e1"
    assert told(58) == "loss  ! 41 left out  ▪ train 0.500  ● val 0.500  ★ e1", "the markers before the reasons"
    assert told(38) == "loss ! 41 left out ▪ train ● val ★ e1"
    assert told(38, "step") == "loss ! 41 left out ▪ steps ● val ★ e1"
    assert told(28) == "loss ! 41 left out ▪ train"
    for width in range(20, 120):
        assert "! 41 left out" in told(width) or reasons in told(width)
        assert text.cells(told(width)) <= width


def test_the_title_tells_how_curves_are_drawn_at_every_width() -> None:
    seen = state(*steps(40), *(epoch(number) for number in range(1, 5)))

    def told(width: int, **options: Any) -> str:
        return title(seen, "accuracy", Options(**options), width, colour=False)

    assert told(38) == told(38, along="epoch") != told(38, along="step")
    assert told(90, along="step", smooth=True).startswith("accuracy, smooth  ▪ train steps 0.5000  ● val ")
    for width in (28, 34, 38, 48):
        assert "▪ train" in told(width) and "steps" in told(width, along="step")
        assert told(width, smooth=True, along="step").startswith("~acc") and told(width).startswith("acc")


def test_the_title_says_smoothed_only_where_a_curve_is() -> None:
    few = state(*steps(19), *(epoch(number) for number in range(1, 5)))
    for width in (90, 38):
        assert "smooth" not in (told := title(few, "loss", Options(along="step", smooth=True), width, colour=False))
        assert "~" not in told and told == title(few, "loss", Options(along="step"), width, colour=False)
    many = state(*steps(20), epoch(1))
    assert title(many, "loss", Options(along="step", smooth=True), 90, colour=False).startswith("loss, smooth")
    gaps = [msgspec.structs.replace(row, loss="nan") for row in steps(20)]
    told = title(fold([STARTED, *gaps]), "loss", Options(along="step", smooth=True), 90, colour=False)
    assert "smooth" not in told, "nothing that could be"


@pytest.mark.parametrize("words", ["a reason " * 40, "名" * 200])
def test_the_end_of_a_run_fits_the_frame(words: str) -> None:
    seen = Look(
        state=state(RunEnded(status="failed", reason=words, step=15, epoch=1, elapsed=15.0, exit_code=1)),
        progress=None,
        status="failed",
        reading=None,
        findings=(),
        log=(),
        result=(),
    )
    lines = frame(seen, "run", 60, 24)
    assert len(lines) < 24 and all(text.cells(line) <= 60 for line in lines)
    assert sum(words[:8] in line for line in lines) > 1
