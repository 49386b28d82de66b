import math

import pytest

from vislab.engine.analysis.predictions import Prediction, read
from vislab.presets.errors import InputError


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
    "content", ["", "a,b\n", "name,label,predicted,confidence\na,b,c\n", "name,label,predicted,confidence\na,b,c,d\n"]
)
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "predictions.csv").write_text(content)
    with pytest.raises(InputError, match=r"predictions\.csv.*damaged"):
        read(tmp_path)
