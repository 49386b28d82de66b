import msgspec
import pytest

from vislab.engine.runs import studies
from vislab.engine.runs.store import create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import load_settings


def spec(**keys) -> Spec:
    return msgspec.convert({"name": "x", "recipe": "study-b-cnn"} | keys, Spec)


def test_an_id_follows_from_settings_and_code_alone(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("a = 1")
    one = studies.identity(spec(), [])
    assert one.startswith("study-b-cnn.s0.") and one == studies.identity(spec(origins={"seed": "ours"}, name="y"), [])
    others = {
        studies.identity(spec(seed=2), []),
        studies.identity(spec(strategy={"folds": 5, "fold": 2}), []),
        studies.identity(spec(dataset={"path": "/elsewhere"}), []),
        with_code := studies.identity(spec(), [own]),
    }
    own.write_text("a = 2")
    others.add(studies.identity(spec(), [own]))
    assert len(others) == 5 and one not in others and with_code in others
    assert any(".s0.f2." in identity for identity in others) and any(".s2." in identity for identity in others)


@pytest.mark.parametrize("recipe", ["", "x" * 300, "<b>[red]", "../../etc", "名"])
def test_an_id_is_safe_whatever_the_recipe_is_called(recipe):
    assert len(studies.identity(spec(recipe=recipe, seed=2**63 - 1), [])) <= 100


def test_a_study_is_noted_and_its_deleted_runs_are_missing(tmp_path):
    runs_dir = tmp_path / "runs"
    run = create(runs_dir, spec(), identity="a.s0")
    record = studies.Record(name="../<b>", command=("vislab", "study", "../<b>"), runs=("gone", run.id))
    studies.save(runs_dir, record)
    studies.save(runs_dir, studies.Record(name="b"))
    assert studies.load(runs_dir, "../<b>") == record and studies.load(runs_dir, "b").runs == ()
    assert [found.id for found in studies.runs_of(runs_dir, record)] == [run.id]
    settings = load_settings(tmp_path, environment={})
    assert studies.again(record, settings) == ["vislab study '../<b>'", "vislab compare --study '../<b>'"]
    settings = load_settings(tmp_path, runs_dir, environment={})
    assert studies.again(record, settings)[1] == f"vislab compare --study '../<b>' --runs-dir {runs_dir}"
    assert {file.parent.name for file in tmp_path.rglob("*.json")} == {studies.FOLDER}


def test_a_study_that_is_not_there_or_damaged_is_said(tmp_path):
    with pytest.raises(InputError, match="No study 'x' was run"):
        studies.load(tmp_path, "x")
    studies.save(tmp_path, studies.Record(name="x"))
    (tmp_path / studies.FOLDER / "x.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        studies.load(tmp_path, "x")
