"""Evaluations as they lie in a run's folder: what reading them takes, and what is said of damaged ones."""

import json
import tracemalloc

from vislab.engine.runs.events import RunEnded, TestFigures, encode
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui import headless
from vislab.tui.commands.show import page
from vislab.tui.death import full_report
from vislab.tui.html_log import write_html
from vislab.tui.views.evaluation import answers
from vislab.tui.views.evaluations import DAMAGED, evaluation_lines, evaluations, judged, summary_lines

CLASSES = 1000


def written(tmp_path, **found):
    run = create(tmp_path, Spec())
    run.results.mkdir(exist_ok=True)
    (run.results / "evaluation-test.json").write_text(json.dumps(found))
    return run


def test_a_confusion_matrix_of_a_thousand_classes_is_read_cell_by_cell(tmp_path):
    dense = [[0] * CLASSES for _ in range(CLASSES)]
    dense[3][5], dense[7][7] = 2, 300
    run = written(tmp_path, time=1.5, confusion=dense, classes=[{"name": str(index)} for index in range(CLASSES)])
    tracemalloc.start()
    (one,) = evaluations(run)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found = answers(one.found)
    assert one.time == 1.5 and found.right == 300
    assert [(pair.label, pair.predicted, pair.images) for pair in found.confusions] == [("3", "5", 2)]
    size = (run.results / "evaluation-test.json").stat().st_size
    assert peak < size + 2e6, "its lists of numbers would take 8 MB"
    assert kept < 1e6


def test_a_matrix_that_is_none_is_damaged(tmp_path):
    for confusion in ("words", [[1], 2], [["a"]], {"a": 1}):
        (one,) = evaluations(written(tmp_path, time=1.5, confusion=confusion))
        assert evaluation_lines(one, 80) == [f"evaluation-test.json {DAMAGED}"]


def test_a_run_whose_last_evaluation_is_damaged_says_so(tmp_path, history):
    run = create(tmp_path, Spec())
    test = TestFigures(role="test", images=1, loss=1, accuracy=0, top5=1, macro_f1=0, weights="raw", epoch=1)
    end = RunEnded(status="done", reason="", step=9, epoch=1, elapsed=1.0, exit_code=0, test=test)
    run.events.write_bytes(b"".join(map(encode, [*history([1.0]), end])))
    (run.path / "predictions.csv").write_text("name,label,predicted,confidence\na,cat,dog,0.5\n")
    assert judged(run, test) is None, "an older version left none"
    run.results.mkdir(exist_ok=True)
    file = run.results / "test.json"
    file.write_text('{"accuracy": 0.5}')
    assert judged(run, test) is None, "an older version left less"
    said = f"test.json {DAMAGED}"
    for damaged in ('{"confusion": [[1]]}', '{"confusion": [[1]], "classes": ["cat"]}', '{"accuracy": '):
        file.write_text(damaged)
        assert summary_lines(judged(run, test)) == [said]
        assert said in page(run)
        assert headless._evaluation(run, run.state()) == [said]
        write_html(run, run.path / "log.html")
        log = (run.path / "log.html").read_text()
        assert said in log and "accuracy 0.0000" in log
    assert full_report(run)["results"] is None
