import shlex

import pytest

from vislab.engine.runs.events import ControlApplied, DecisionMade
from vislab.engine.runs.state import fold
from vislab.presets.library import resolve
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy
from vislab.presets.settings import Settings
from vislab.tui.html_log import document
from vislab.tui.views.run_report import markdown
from vislab.tui.views.spec import changed_again, run_again, sections, value_text


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def test_sections_hold_every_setting_and_its_origin() -> None:
    spec = Spec(
        seed=3,
        dataset=Dataset(name="a\x1b[31mb", options={"size": 3}),
        strategy=Strategy(augment=("rotation(degrees=15)", "horizontal_flip")),
        origins={"seed": "command line", "dataset.options.size": "data set preset a"},
    )
    shown = {f"{section}.{row.key}": (row.value, row.origin) for section, rows in sections(spec) for row in rows}
    assert [section for section, _ in sections(spec)] == [
        "run",
        "dataset",
        "architecture",
        "strategy",
        "preprocessing",
    ]
    assert shown["run.seed"] == ("3", "command line")
    assert shown["dataset.name"] == ("a␛[31mb", "")
    assert shown["dataset.path"] == ("-", "")
    assert shown["dataset.options.size"] == ("3", "data set preset a")
    assert shown["strategy.augment"] == ("rotation(degrees=15), horizontal_flip", "")
    assert shown["strategy.learning_rate"] == ("0.001", "")
    assert not any("help" in key or "origins" in key for key in shown)


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "true"), (1e-5, "1e-05"), (0.1234567890123, "0.1234567890123"), (5, "5"), ("", "")]
)
def test_values_as_they_are_set(value: object, shown: str) -> None:
    assert value_text(value) == shown


def test_the_line_with_the_preset_makes_the_same_spec_again(settings) -> None:
    sets = ["strategy.epochs=3", "seed=4", "strategy.augment=rotation(degrees=15), horizontal_flip", "precision=bf16"]
    spec = resolve(recipe="digits-lenet5", sets=sets, name="it's mine; rm -rf", settings=settings)
    like, preset, file = run_again(spec, "20251122-a-run")
    assert like == "vislab run --like 20251122-a-run"
    assert file == "vislab run --spec spec.toml"
    words = shlex.split(preset)
    assert words[:4] == ["vislab", "run", "--preset", "digits-lenet5"]
    options = list(zip(words[4::2], words[5::2], strict=True))
    again = resolve(
        recipe=words[3],
        name=dict(options)["--name"],
        sets=[value for option, value in options if option == "--set"],
        settings=settings,
    )
    assert again == spec


def test_what_was_changed_on_the_way_is_told_to_be_changed_again(history):
    longer = DecisionMade(what="epochs", choice="9", why="", details={"extensions": "5 hold, 9 restart"})
    slower = ControlApplied(request="r", action="set_learning_rate", value="1e-4", step=2)
    state = fold([*history([1.0]), slower, longer])
    lines = changed_again(state)
    assert lines == [
        "vislab set latest strategy.learning_rate=0.0001  # at step 2",
        "vislab resume latest --epochs 5 --schedule hold",
        "vislab resume latest --epochs 9 --schedule restart",
    ]
    pages = markdown(state, Spec(), run_id="id", status="done"), document(state, Spec(), run_id="id", status="done")
    assert all(line in page for line in lines for page in pages)
    assert changed_again(fold(history([1.0]))) == []


def test_no_line_with_a_preset_where_it_would_not_be_the_same(settings) -> None:
    by_hand = resolve(dataset="digits", architecture="lenet5", settings=settings)
    other = resolve(recipe="digits-lenet5", architecture="mlp", settings=settings)
    like = resolve(like=resolve(recipe="digits-lenet5", sets=["seed=1"], settings=settings), settings=settings)
    for spec in (by_hand, other, like, Spec()):
        assert not any("--preset" in line for line in run_again(spec, "id"))
    assert run_again(Spec()) == ["vislab run --spec spec.toml"]
