import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.events import (
    AnyEvent,
    EpochEnded,
    Notice,
    RunEnded,
    StepsLogged,
    TestFigures,
    all_finite,
    decode,
    encode,
    figure,
    number,
    to_json,
)

KINDS = AnyEvent.__args__


def logged(loss: float, *, step: int = 1) -> StepsLogged:
    return StepsLogged(
        step=step,
        epoch=1,
        loss=figure(loss),
        accuracy=0.5,
        learning_rate=1e-3,
        gradient_norm=figure(loss),
        images_per_second=10.0,
        waiting=0.1,
        elapsed=float(step),
    )


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_comes_back_from_a_line_of_the_log(value):
    back = decode(encode(logged(value)))
    assert isinstance(back, StepsLogged)
    assert same(number(back.loss), value)
    assert (back.loss in ("nan", "inf", "-inf")) == (not math.isfinite(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.25])
def test_figures_inside_the_final_result_come_back_too(value):
    test = TestFigures(
        role="test",
        images=3,
        loss=figure(value),
        accuracy=1.0,
        top5=1.0,
        macro_f1=figure(value),
        weights="raw",
        epoch=1,
    )
    ended = RunEnded(status="done", reason="", step=1, epoch=1, elapsed=1.0, exit_code=0, test=test)
    assert decode(encode(ended)) == ended


@given(
    st.builds(
        Notice, time=st.floats(0, 1e12), level=st.sampled_from(["info", "error"]), topic=st.text(), text=st.text()
    )
)
def test_any_text_stays_one_line_and_comes_back(notice):
    line = encode(notice)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line) == notice


def test_a_file_name_that_is_not_utf8_can_be_logged():
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    back = decode(encode(Notice(level="warning", topic="unreadable", text=f"cannot read {name}", step=4)))
    assert back == Notice(level="warning", topic="unreadable", text="cannot read caf?.png", step=4)


def test_fields_of_a_newer_version_are_ignored():
    line = encode(logged(1.0)).replace(b'"step":1', b'"step":1,"invented_later":{"deep":[1,2]}')
    assert decode(line) == logged(1.0)


def test_a_field_with_a_default_may_be_missing():
    assert decode(b'{"type":"Notice","level":"info","topic":"t","text":"x"}') == Notice(
        level="info", topic="t", text="x"
    )


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"InventedLater","step":3}\n',
        b'{"step":3}\n',
        b'{"type":"Notice","level":"info","topic":"t"}\n',
        b'{"type":"Notice","level":"shout","topic":"t","text":"x"}\n',
        b'{"type":"Notice","level":"info","topic":"t","text":"\xff"}\n',
        b"\x00\x00\x00\n",
        b"[" * 5000 + b"\n",
        b"\n",
        b"null\n",
    ],
)
def test_a_line_that_is_not_understood_is_none(line):
    assert decode(line) is None


@given(st.binary(max_size=60))
def test_no_bytes_raise(line):
    decode(line)


def test_every_kind_of_event_has_its_own_tag():
    tags = {kind.__struct_config__.tag for kind in KINDS}
    assert len(tags) == len(KINDS) and tags == {kind.__name__ for kind in KINDS}


def test_events_cannot_be_changed():
    with pytest.raises(AttributeError):
        logged(1.0).step = 2


def test_to_json_gives_plain_data_that_json_can_write():
    plain = to_json([logged(math.nan)])
    assert plain[0]["loss"] == "nan" and plain[0]["type"] == "StepsLogged"
    assert msgspec.json.decode(msgspec.json.encode(plain)) == plain


def test_all_finite_skips_what_is_not_there():
    assert all_finite([1.0, None])
    assert not all_finite([1.0, "inf"])
    assert not all_finite([None, figure(math.nan)])


def test_an_epoch_without_validation_has_none_not_nan():
    names = {field.name for field in msgspec.structs.fields(EpochEnded)}
    values = dict.fromkeys(names, 1.0) | {"epoch": 1, "step": 1, "best": False, "val_loss": None, "val_accuracy": None}
    back = decode(encode(EpochEnded(**values)))
    assert isinstance(back, EpochEnded) and back.val_loss is None and back.val_accuracy is None
