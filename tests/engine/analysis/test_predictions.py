import math

import pytest

from vislab.engine.analysis.predictions import Prediction, of_run, read
from vislab.engine.runs.events import RunEnded, RunResumed, TestFigures
from vislab.engine.runs.state import fold
from vislab.engine.runs.store import create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec


def test_names_with_commas_quotes_lines_and_bytes_come_back(tmp_path):
    (tmp_path / "predictions.csv").write_bytes(
        b'name,label,predicted,confidence\r\n"a,b.jpg","x ""y""","[red]",0.5\r\n"two\nlines",\xff,b,nan\r\n'
    )
    first, second = read(tmp_path)
    assert first == Prediction("a,b.jpg", 'x "y"', "[red]", 0.5) and not first.right
    assert second.name == "two\nlines" and second.label == "\udcff" and math.isnan(second.confidence)


def test_a_run_without_predictions_has_none(tmp_path):
    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    "content",
    [
        *("", "a,b\n", "\x01\x7f," * 9999),
        *("name,label,predicted,confidence\na,b,c\n", "name,label,predicted,confidence\na,b,c,d\n"),
    ],
)
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "predictions.csv").write_text(content)
    with pytest.raises(InputError, match=r"predictions\.csv.*damaged") as said:
        read(tmp_path)
    assert len(str(said.value)) < len(str(tmp_path)) + 100


def test_answers_of_earlier_weights_are_refused_until_the_run_is_judged_again(tmp_path, history):
    run = create(tmp_path, Spec(name="x"))
    (run.path / "predictions.csv").write_text("name,label,predicted,confidence\n1.png,a,a,0.5\n")
    test = TestFigures(role="test", images=1, loss=0.1, accuracy=1, top5=1, macro_f1=1, weights="raw", epoch=2)
    done = history([1.0, 0.5], val_accuracy=[0.5, 0.7], test=test)
    resumed = [*done, RunResumed(checkpoint="20", step=20, epochs=9, environment={})]
    stopped = [*resumed, RunEnded(status="stopped", reason="", step=30, epoch=3, elapsed=9.0, exit_code=130)]
    for events in (resumed, stopped):
        with pytest.raises(InputError, match="resumed since"):
            of_run(run, fold(events))
    for events in (done, [*stopped, resumed[-1], done[-1]]):
        assert of_run(run, fold(events)) == (Prediction("1.png", "a", "a", 0.5),)
    (run.path / "predictions.csv").unlink()
    assert of_run(run, fold(resumed)) == ()
