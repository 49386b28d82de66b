"""The batch size of a run whose spec says `auto`: none before the decision, then that number everywhere."""

import msgspec
import pytest

from vislab.engine.runs import batch_size, died, store
from vislab.engine.runs.events import DecisionMade, encode
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.state import fold
from vislab.presets.errors import InputError
from vislab.presets.library import resolve
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy

AUTO = Spec(name="made", strategy=Strategy(batch_size="auto"))
DECIDED = DecisionMade(what=batch_size.DECISION, choice="256", why="measured")


def test_before_the_decision_there_is_none_and_after_it_the_rest_sees_a_number() -> None:
    before, after = fold([]), fold([DECIDED])
    assert batch_size.of_run(AUTO, before) is None and batch_size.settled(AUTO, before) == AUTO
    assert batch_size.of_run(AUTO, after) == 256
    assert batch_size.settled(AUTO, after).strategy.decided_batch_size == 256
    with pytest.raises(AssertionError, match="before it is decided"):
        _ = AUTO.strategy.decided_batch_size


def test_what_a_spec_says_is_what_a_run_has() -> None:
    spec = Spec(strategy=Strategy(batch_size=7))
    assert batch_size.of_run(spec, fold([])) == 7 and batch_size.settled(spec, fold([DECIDED])) is spec


def test_a_list_of_runs_and_the_advice_after_a_death_know_it_as_soon_as_it_is_decided(tmp_path) -> None:
    run = store.create(tmp_path, AUTO)
    assert run.summary().batch_size is None
    assert run.spec() == AUTO
    writer = EventWriter(run.events)
    writer.append(msgspec.structs.replace(DECIDED, choice="2"))
    writer.close()
    assert run.summary().batch_size == 2
    assert died.look(run, run.state()).accumulate == 0  # two images make no micro-batches of two


def test_the_log_is_read_only_where_the_spec_leaves_the_number_open(tmp_path) -> None:
    run = store.create(tmp_path, AUTO)
    run.events.write_bytes(encode(DECIDED))
    assert batch_size.settled_spec(run).strategy.batch_size == 256
    run.events.unlink()
    run.events.mkdir()  # cannot be read
    with pytest.raises(OSError, match="directory"):
        batch_size.settled_spec(run)
    spec = Spec(name="made", strategy=Strategy(batch_size=7))
    fixed = store.create(tmp_path, spec)
    fixed.events.unlink(missing_ok=True)
    fixed.events.mkdir()
    assert batch_size.settled_spec(fixed) == spec


@pytest.mark.parametrize("value", ["autoo", "0", "-4", "2.5", "true", "[]"])
def test_a_wrong_value_gets_one_clear_message(tmp_path, value) -> None:
    with pytest.raises(InputError) as found:
        resolve(recipe="digits-lenet5", sets=[f"strategy.batch_size={value}"])
    (line,) = str(found.value).splitlines()
    assert line.startswith("command line: strategy.batch_size = ")
    assert "must be a whole number >= 1 or auto" in line
    assert ("did you mean 'auto'?" in line) == (value == "autoo")


def test_it_can_be_written_in_toml_and_on_the_command_line(tmp_path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text('[strategy]\nbatch_size = "auto"\naccumulate = 100\n')
    assert resolve(spec_file=file, dataset="digits", architecture="mlp").strategy.batch_size == "auto"
    assert resolve(recipe="digits-mlp", sets=["strategy.batch_size=auto"]).strategy.batch_size == "auto"
