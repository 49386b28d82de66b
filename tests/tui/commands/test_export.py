"""`vislab export`: what is said of the files that are written. The files themselves: tests/engine/jobs."""

import json
from pathlib import Path

import pytest

from vislab.engine.evaluation import onnx_file
from vislab.tui.html_log import write_html


@pytest.fixture
def quick(monkeypatch):
    """An ONNX file without the seconds that writing one takes; `differ` is what onnxruntime would have said."""

    def settle(largest, passed):
        def write(model, file, real):
            if passed:
                Path(file).write_bytes(b"onnx")
            return {
                "file": str(file),
                "sha256": "0" * 64,
                "bytes": 4,
                "opset": 18,
                "input": {"name": "pixels", "type": "uint8", "shape": ["batch", 3, 16, 16]},
                "output": {"name": "logits", "type": "float32", "shape": ["batch", 3]},
                "versions": {},
                "random_images": 12,
                "real_images": len(real),
                "largest_difference": largest,
                "limit": 1e-4,
                "passed": passed,
            }

        monkeypatch.setattr(onnx_file, "write", write)

    return settle


def test_html_onnx_and_weights_at_once(command, quick, trained_run):
    quick(2.5e-7, True)
    result = command("export", "latest", "--html", "l.html", "--onnx", "new/m.onnx", "--weights", "to/w.safetensors")
    assert result.exit_code == 0, result.stderr
    written = ["l.html", "to/w.safetensors", "to/model.py", "to/README.md", "new/m.onnx"]
    assert result.stdout.splitlines() == written and all(Path(name).is_file() for name in written)
    for part in (
        "torch and onnxruntime: 2.5e-7, within the limit of 1.0e-4, on 12 random images and 32 real ones",
        "opset 18",
        "pixels, uint8 0 to 255, batch × 3 × 16 × 16",
        "model.py, beside the weights, loads it",
    ):
        assert part in result.stderr
    card = Path("to/README.md").read_text()
    test = json.loads((trained_run.results / "test.json").read_text())
    assert f"| test | 12 | {test['accuracy']:.4f} |" in card and "0. =cmd\\(\\)\ufffd\\[31m" in card
    assert "c&lt;script&gt;" in card and "<script" not in card
    assert json.loads((trained_run.results / "onnx.json").read_text())["largest_difference"] == 2.5e-7


def test_a_difference_above_the_limit_fails(command, quick):
    for largest, said in ((0.02, "2.0e-2, above the limit"), (None, "not a number, above the limit")):
        quick(largest, False)
        result = command("export", "latest", "--onnx", "m.onnx")
        assert (result.exit_code, result.stdout) == (1, "") and not Path("m.onnx").exists()
        assert said in result.stderr and "The file is not written." in result.stderr


def reports(command, run):
    """The log without its pictures, the report, and the page of `show`."""
    write_html(run, Path("l.html"))
    assert command("export", run.id, "--markdown", "r.md").exit_code == 0
    return Path("l.html").read_text(), Path("r.md").read_text(), command("show", run.id).stdout


def test_every_report_tells_what_became_of_the_onnx_file(command, quick, trained_run):
    kept = trained_run.results / "onnx.json"
    for found, said in (
        ((2.5e-7, True), "2.5e-7, within"),
        ((0.02, False), "The file is not written."),
        ((), "damaged"),
    ):
        if found:
            quick(*found)
            command("export", "latest", "--onnx", "m.onnx")
        else:
            kept.write_text('{"file": 3}')
        assert all(said in page for page in reports(command, trained_run))
    kept.unlink()


def test_what_was_found_is_told_where_the_runs_results_cannot_be_written(command, quick, trained_run):
    quick(2.5e-7, True)
    kept = trained_run.results.rename(trained_run.path / "kept")
    trained_run.results.write_text("in the way")
    try:
        result = command("export", "latest", "--onnx", "m.onnx")
        assert (result.exit_code, result.stdout) == (0, "m.onnx\n")
        assert "2.5e-7, within" in result.stderr and "Cannot write" in result.stderr
        result = command("evaluate", "latest", "--json")
        assert result.exit_code == 0 and "Cannot write" in result.stderr
        found = json.loads(result.stdout)
        assert found["file"] == "" and found["accuracy"] >= 0 and "Cannot write" in found["not_written"]
    finally:
        trained_run.results.unlink()
        kept.rename(trained_run.results)


def test_damaged_figures_of_the_end_are_told_in_every_report(command, trained_run):
    file = trained_run.results / "test.json"
    whole = file.read_bytes()
    try:
        file.write_text('{"confusion": [], "throughput": []}')
        assert all("damaged" in page for page in reports(command, trained_run))
    finally:
        file.write_bytes(whole)


def test_mistakes(command):
    Path("file").write_text("")
    for arguments, said in (
        ((), "Say what is to be written"),
        (("--html", "."), "this is a folder"),
        (("--weights", "w.bin"), "give the file that ending"),
        (("--html", "l.html", "--onnx", "file/m.onnx"), "--onnx file/m.onnx: the folder"),
    ):
        result = command("export", "latest", *arguments)
        assert result.exit_code == 2 and said in result.stderr, result.stderr
    assert not Path("l.html").exists(), "nothing is written before a refusal"


def test_the_report_and_the_epochs(command, trained_run, tmp_path):
    result = command("export", trained_run.id, "--markdown", "r.md", "--csv", "r.csv")
    assert result.exit_code == 0 and result.stdout == "r.md\nr.csv\n"
    report = (tmp_path / "r.md").read_text()
    for part in ("## Epochs", "★", "| strategy.epochs | 8 | command line |", "vislab run --like", "c\\<script\\>"):
        assert part in report
    assert "\x1b" not in report and "<script>" not in report
    heads, *rows = (line.split(",") for line in (tmp_path / "r.csv").read_text().splitlines())
    epochs = list(trained_run.state().epochs)
    assert [row[heads.index("epoch")] for row in rows] == [str(row.epoch) for row in epochs]
    assert [float(row[heads.index("val_loss")]) for row in rows] == [row.val_loss for row in epochs]
    for option in ("--markdown", "--csv"):
        Path("taken").write_text("")
        result = command("export", trained_run.id, option, "taken/file")
        assert result.exit_code == 2 and "Cannot write taken/file" in result.stderr
