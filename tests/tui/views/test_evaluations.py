"""Evaluations as they lie in a run's folder: what reading them takes, and what is said of damaged ones."""

import json
import tracemalloc

from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui.views.evaluation import answers
from vislab.tui.views.evaluations import DAMAGED, evaluation_lines, evaluations

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
        assert evaluation_lines(one, 80) == [DAMAGED]
