"""The console on a real pseudo-terminal, read by a terminal emulator: from start to end, and every way out."""

import gc
import os
import random
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from vislab.engine.runs.store import Run, all_runs, create
from vislab.presets.library import resolve
from vislab.presets.settings import Settings
from vislab.tui import start

WORKER = Path(__file__).with_name("live_worker.py")
VISLAB = "import sys; from vislab.tui.start import main; sys.argv[0] = 'vislab'; main()"


class Terminal:
    """`vislab` in a pseudo-terminal, and what an emulator of 80 × 24 shows of it."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path, before: str = "") -> None:
        """Start it.

        Args:
            before: Python that is run first in the same process.
        """
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.process = pexpect.spawn(
            sys.executable,
            ["-c", before + VISLAB, *arguments],
            env=environment,
            cwd=str(folder),
            dimensions=(24, 80),
            timeout=20,
        )
        self.process.delaybeforesend = None
        self.attributes = termios.tcgetattr(self.process.child_fd)

    def read(self, seconds: float = 0.05) -> bool:
        """Take what has arrived; whether there was anything."""
        try:
            data = self.process.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return False
        self.raw += data
        # pyte does not know the sequences of the kitty keyboard protocol and would print their ends.
        for unknown in (b"\x1b[>25u", b"\x1b[<u"):
            data = data.replace(unknown, b"")
        self.stream.feed(data)
        return True

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.screen.display)

    @property
    def last_words(self) -> str:
        """The end of what was written, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.raw[-20_000:].decode(errors="replace"))

    def until(self, reached: Callable[[str], bool], seconds: float = 20.0) -> str:
        """Read until something is on the screen."""
        end = time.monotonic() + seconds
        while not reached(self.text):
            assert time.monotonic() < end, f"not reached within {seconds} s:\n{self.text}"
            self.read()
        return self.text

    def see(self, words: str) -> str:
        """Read until words are on the screen."""
        return self.until(lambda text: words in text)

    def end(self, seconds: float = 5.0) -> int:
        """Read until the process has ended; its exit code."""
        until = time.monotonic() + seconds
        while self.process.isalive():
            assert time.monotonic() < until, self.text
            self.read()
        while self.read(0.2):
            pass
        assert self.process.exitstatus is not None, (
            f"ended by signal {self.process.signalstatus}: {self.raw[-40000:]!r}"
        )
        return self.process.exitstatus

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self.process.child_fd)
        self.process.ptyproc.closed = self.process.closed = True

    def assert_restored(self) -> None:
        """Main screen, cursor, mouse, paste marks and the line discipline are as they were."""
        for on, off in (
            (b"\x1b[?1049h", b"\x1b[?1049l"),
            (b"\x1b[?25l", b"\x1b[?25h"),
            (b"\x1b[?1000h", b"\x1b[?1000l"),
            (b"\x1b[?1003h", b"\x1b[?1003l"),
            (b"\x1b[?1006h", b"\x1b[?1006l"),
            (b"\x1b[?2004h", b"\x1b[?2004l"),
            (b"\x1b[?1004h", b"\x1b[?1004l"),
        ):
            assert on in self.raw and self.raw.rfind(off) > self.raw.rfind(on), (on, off)
        assert b"Traceback" not in self.raw, self.raw[self.raw.find(b"Traceback") :].decode(errors="replace")
        assert termios.tcgetattr(self.process.child_fd)[3] == self.attributes[3]


Open = Callable[..., Terminal]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def vislab(settings: Settings, tmp_path: Path) -> Iterator[Open]:
    """Start `vislab`; ended at the end of the test."""
    folders = {
        "VISLAB_RUNS_DIR": str(settings.runs_dir),
        "VISLAB_DATA_DIR": str(settings.data_dir),
        "VISLAB_CACHE_DIR": str(settings.cache_dir),
        "XDG_CONFIG_HOME": str(settings.config_dir),
        "HOME": str(tmp_path),
        "TERM": "xterm-256color",
    }
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM")}
    opened: list[Terminal] = []

    def start(*arguments: str, before: str = "", **more: str) -> Terminal:
        opened.append(Terminal(list(arguments), kept | folders | more, tmp_path, before))
        return opened[-1]

    yield start
    for terminal in opened:
        if not terminal.process.closed:
            terminal.process.close(force=True)


@pytest.fixture
def live(settings: Settings) -> Iterator[Run]:
    """A run with a worker that trains nothing, slowly."""
    run = create(settings.runs_dir, resolve(recipe="digits-lenet5", settings=settings))
    fake = {"VISLAB_FAKE_EPOCHS": "100000", "VISLAB_FAKE_PAUSE": "0.03"}
    with run.worker_log.open("ab") as log:
        worker = subprocess.Popen([sys.executable, str(WORKER), str(run.path)], stdout=log, env=os.environ | fake)
    while not run.worker():
        time.sleep(0.01)
    yield run
    worker.kill()
    worker.wait()


def points(text: str) -> int:
    return text.count("▪") + text.count("●")


def test_a_live_run_is_watched_left_watched_again_and_exported(vislab: Open, live: Run, tmp_path: Path) -> None:
    terminal = vislab()
    terminal.see("1 run training now")
    terminal.process.send("\r")
    before = points(terminal.see("● training"))
    terminal.until(lambda text: "★" in text and points(text) > before + 3)
    terminal.process.send("d")
    terminal.until(lambda text: "digits-lenet5 · digits" not in text)
    terminal.process.send("V")
    terminal.see("1 run training now")
    terminal.process.send("\r")
    terminal.see("● training")
    terminal.process.send("x")
    terminal.see("Write this run as one HTML file to:")
    terminal.process.send("\r")
    terminal.see("Written:")
    assert "<html" in (tmp_path / f"{live.id}.html").read_text()
    begun = time.monotonic()
    terminal.process.send("q\r")  # Enter, in one piece with q, takes the first answer: the run goes on
    assert terminal.end() == 0
    assert time.monotonic() - begun < 1.5
    terminal.assert_restored()
    assert live.worker()


def test_from_an_empty_start_to_an_exported_log(vislab: Open, settings: Settings, tmp_path: Path) -> None:
    folder = settings.config_dir / "vislab"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[defaults]\nstrategy.epochs = 500\nthreads = 1\n")
    terminal = vislab(OMP_NUM_THREADS="1")
    terminal.see("What will run")
    terminal.see("emnist")
    for words in ("digits", "lenet5", "scratch"):
        terminal.process.send("/")
        terminal.see("type to find")
        terminal.process.send(words)
        terminal.see(f"▸ {words}")
        terminal.process.send("\r")
        terminal.until(lambda text: "type to find" not in text and "g start" in text)  # Enter goes on to the next part
    terminal.until(lambda text: "digits" in text and "1,797 images" in text and "500 epochs" in text, 60)
    terminal.process.send("g")
    terminal.until(lambda text: "● training" in text and "★" in text, 90)
    (run,) = all_runs(settings.runs_dir)
    spec = run.spec()
    assert (spec.dataset.name, spec.architecture.name, spec.strategy.name) == ("digits", "lenet5", "scratch")
    before = run.state().epochs[-1].epoch
    terminal.until(
        lambda text: re.search(r"★ +(\d+)", text) is not None and run.state().epochs[-1].epoch > before + 2, 60
    )
    drawn = points(terminal.text)
    assert drawn > 2, terminal.text
    terminal.process.send("d")
    terminal.see("What will run")
    assert run.worker()
    terminal.process.send("V")
    terminal.see("1 run training now")
    terminal.process.send("\r")
    terminal.see("● training")
    terminal.process.send("x")
    terminal.see("Write this run as one HTML file to:")
    terminal.process.send("\r")
    terminal.until(lambda text: "Written:" in text, 60)
    assert "<html" in (tmp_path / f"{run.id}.html").read_text()
    terminal.process.send("s")
    terminal.see("Stop this run?")
    terminal.process.send("s")
    terminal.until(lambda text: "stopped" in text, 60)
    terminal.process.send("q")
    assert terminal.end() == 0
    terminal.assert_restored()
    assert not run.worker() and run.status() == "stopped"


def test_attach_opens_the_live_view_and_detach_ends_it(vislab: Open, live: Run) -> None:
    terminal = vislab("attach", "latest")
    terminal.see("● training")
    terminal.process.send("d")
    assert terminal.end() == 0
    terminal.assert_restored()
    assert live.worker()
    assert f"Still training: {live.id}. To watch: vislab attach" in terminal.last_words.rpartition("\n")[0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGUSR1, 138)])
def test_a_signal_leaves_the_terminal_as_it_was(vislab: Open, live: Run, number: signal.Signals, code: int) -> None:
    terminal = vislab("attach")
    terminal.see("● training")
    terminal.process.kill(number)
    assert terminal.end() == code
    terminal.assert_restored()
    assert live.worker()


def test_an_end_that_does_not_come_is_seen_to(vislab: Open, live: Run) -> None:
    terminal = vislab(
        "attach", before="import vislab.tui.app as app\napp.Console.exit = lambda *arguments, **words: None\n"
    )
    terminal.see("● training")
    terminal.process.kill(signal.SIGTERM)
    assert terminal.end() == 143
    terminal.assert_restored()


INTERRUPT = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"


@pytest.mark.parametrize("module", ["vislab.tui.commands.console", "vislab.tui.app", "textual.app", "vislab.tui.cli"])
def test_an_interrupt_while_modules_are_imported_says_nothing(vislab: Open, module: str) -> None:
    interrupting = f"""import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""
    terminal = vislab(*(["--help"] if module.endswith("cli") else []), before=interrupting)
    assert terminal.end() == 130
    assert b"Traceback" not in terminal.raw and b"1049h" not in terminal.raw


def test_almost_nothing_is_imported_before_ctrl_c_is_answered() -> None:
    code = "import sys; before = set(sys.modules); import vislab.tui.start; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(found) <= {"gc", "vislab", "vislab.tui", "vislab.tui.start"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_there_is_a_screen_ends_the_console(vislab: Open, number: signal.Signals, code: int) -> None:
    kill = "import os\nimport vislab.tui.app as app\nmake = app.Console.__init__\n"
    kill += f"def first(*arguments, **words):\n    os.kill(os.getpid(), {int(number)})\n    make(*arguments, **words)\n"
    terminal = vislab(before=kill + "app.Console.__init__ = first\n")
    begun = time.monotonic()
    assert terminal.end() == code
    assert time.monotonic() - begun < 5 and b"1049h" not in terminal.raw


@pytest.mark.parametrize("variables", [{}, {"STY": "1234.pts-0.host"}])
def test_within_gnu_screen_that_has_no_alternate_screen_nothing_stays_behind_the_prompt(
    vislab: Open, variables: dict[str, str]
) -> None:
    terminal = vislab(**variables)
    terminal.see("q quit")
    terminal.process.send("q")
    assert terminal.end() == 0
    terminal.assert_restored()
    empty = not "".join(terminal.screen.display).strip()  # pyte has no alternate screen either
    assert empty == bool(variables)
    emptied, back = terminal.raw.rfind(b"\x1b[2J\x1b[H"), terminal.raw.rfind(b"\x1b[?1049l")
    assert emptied < back, "the main screen is left alone"


def test_an_interrupt_from_outside_is_as_ctrl_c(vislab: Open, live: Run) -> None:
    terminal = vislab("attach")
    terminal.see("● training")
    terminal.process.kill(signal.SIGINT)
    terminal.see("Still training")
    terminal.process.send("n")
    terminal.until(lambda text: "Still training" not in text)
    terminal.process.kill(signal.SIGINT)
    terminal.see("Still training")
    terminal.process.kill(signal.SIGINT)
    assert terminal.end() == 0
    terminal.assert_restored()
    assert live.worker()


def test_a_second_interrupt_ends_a_console_that_does_not_answer(vislab: Open, live: Run) -> None:
    hang = "import time\nimport vislab.tui.app as app\napp.Console.look_for_live_runs = lambda self: time.sleep(30)\n"
    terminal = vislab("attach", before=hang)
    while b"1049h" not in terminal.raw:
        terminal.read()
    for _ in range(2):
        time.sleep(0.3)
        terminal.process.kill(signal.SIGINT)
    assert terminal.end() == 130
    terminal.assert_restored()


def test_broken_settings_are_told_and_do_not_keep_the_console_from_starting(vislab: Open, settings: Settings) -> None:
    file = settings.config_dir / "vislab" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("runs_dir = [oops\n")
    terminal = vislab()
    terminal.see("config.toml")
    terminal.see("q quit")
    terminal.process.send("q")
    assert terminal.end() == 0
    terminal.assert_restored()


def test_a_terminal_that_reads_nothing_does_not_keep_the_console(vislab: Open, live: Run) -> None:
    terminal = vislab("attach")
    terminal.see("● training")
    for _ in range(30):  # repaints the whole screen again and again; nobody reads
        terminal.process.setwinsize(24, 79)
        terminal.process.setwinsize(24, 80)
        time.sleep(0.02)
    terminal.process.kill(signal.SIGTERM)
    time.sleep(3.0)
    assert terminal.end() == 143
    terminal.assert_restored()
    assert live.worker()


def test_a_terminal_that_goes_away_ends_the_console_and_no_run(vislab: Open, live: Run) -> None:
    terminal = vislab("attach")
    terminal.see("● training")
    pid = terminal.process.pid
    terminal.hang_up()
    until = time.monotonic() + 5
    ended = 0
    while not ended and time.monotonic() < until:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    assert ended == pid
    assert live.worker()


def test_a_thousand_random_keys_sizes_and_mouse_bytes(vislab: Open, live: Run) -> None:
    terminal = vislab("attach", "latest")
    terminal.see("● training")
    rng = random.Random(1)
    letters = "pcefotymzvw[]?:RLHS\r\t \x1b"  # not those that stop or leave
    mouse = [
        "\x1b[<0;{x};{y}M",
        "\x1b[<0;{x};{y}m",
        "\x1b[<64;{x};{y}M",
        "\x1b[<35;{x};{y}M",
        "\x1b[M !!",
        "\x1b[M \udcf0\udcff",  # bytes that are no UTF-8
        "\x1b[99999999;1u",  # a key that is no character
        "\x1b[200~x\x1b[201~",
    ]
    for _ in range(1000):
        kind = rng.random()
        if kind < 0.05:
            terminal.process.setwinsize(rng.randint(1, 100), rng.randint(1, 300))
        elif kind < 0.2:
            report = rng.choice(mouse).format(x=rng.randint(1, 80), y=rng.randint(1, 24))
            terminal.process.send(report.encode(errors="surrogateescape"))
        else:
            terminal.process.send(rng.choice(letters))
        terminal.read(0.001)
        if not terminal.process.isalive():  # the mouse has hit `quit` or `detach`
            assert terminal.end() == 0, terminal.last_words
            terminal.assert_restored()
            terminal = vislab("attach", "latest")
            terminal.see("digits-lenet5")
    terminal.process.setwinsize(24, 80)
    for _ in range(5):
        # Once more: the first may end an unfinished escape sequence. Not too soon: once the terminal is as it was, its
        # driver throws away what was not read yet when Ctrl+C comes.
        terminal.process.sendcontrol("c")
        until = time.monotonic() + 5
        while terminal.process.isalive() and time.monotonic() < until:
            terminal.read()
        if not terminal.process.isalive():
            break
    assert terminal.end() == 0, terminal.last_words
    terminal.assert_restored()
    assert live.status() in ("training", "paused", "stopped")  # stopped, where the keys have asked for it


@pytest.mark.parametrize(
    ("shell", "reason"),
    [
        ("{} </dev/null", "input is redirected"),
        ("{} | cat", "output is redirected"),
        ("{} 2>error.txt", "stderr is redirected"),
        ("{} --runs-dir=none 2>error.txt", "stderr is redirected"),
        ("{} attach some-run 2>error.txt", "There are no runs"),
        ("TERM=dumb {}", "TERM is dumb"),
    ],
)
def test_without_a_terminal_there_is_a_sentence(settings: Settings, tmp_path: Path, shell: str, reason: str) -> None:
    script = tmp_path / "vislab"
    script.write_text(f"#!{sys.executable}\nfrom vislab.tui.start import main\nmain()\n")
    script.chmod(0o755)
    environment = os.environ | {"TERM": "xterm", "VISLAB_RUNS_DIR": str(settings.runs_dir), "HOME": str(tmp_path)}
    process = pexpect.spawn(
        "bash", ["-c", shell.format(script)], cwd=str(tmp_path), env=environment, timeout=20, encoding="utf-8"
    )
    process.expect(pexpect.EOF)
    words = " ".join(str(process.before).split())
    assert reason in words and "vislab run" in words and "\x1b[?1049h" not in words


def test_a_file_that_the_console_cannot_use_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(folder: Path | None, *, attach: str) -> None:
        raise PermissionError(13, "Permission denied", "/closed")

    monkeypatch.setattr("vislab.tui.commands.console.open_console", closed)
    monkeypatch.setattr(gc, "disable", lambda: None)
    with pytest.raises(SystemExit) as ended:
        start._console(None)
    assert ended.value.code == 1 and capsys.readouterr().err.startswith("error: /closed: Permission denied. Look at")
