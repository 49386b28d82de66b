"""Which images figures are of."""

import random

from hypothesis import example, given
from hypothesis import strategies as st

from vislab.engine.analysis import judged_images
from vislab.engine.analysis.predictions import Prediction, Predictions
from vislab.engine.data import splits
from vislab.engine.runs.state import fold
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec

IMAGES = st.lists(st.tuples(st.text(max_size=3), st.sampled_from("ab")), max_size=6)


def test_the_role_of_images_that_choose_and_are_reported_on_is_called_as_split_csv_calls_it():
    assert judged_images.BOTH == splits._BOTH


@given(IMAGES, IMAGES, st.randoms())
@example([("", "a"), ("", "b"), ("0", "b")], [("", "b"), ("", "b"), ("0", "a")], random.Random(0))
@example([("x", "a"), ("y", "b")], [("x", "b"), ("y", "a")], random.Random(0))
def test_the_word_of_what_was_answered_is_that_of_its_images_in_any_order(one, other, order):
    def word(images, answer="a"):
        return judged_images.of_predictions(fold([]), Predictions(Prediction(*image, answer, 0.5) for image in images))

    shuffled = order.sample(one, len(one))
    assert word(one) == word(shuffled, "b")
    assert (word(one) == word(other)) == (sorted(one) == sorted(other))
    assert bool(word(one)) == bool(one)


def test_the_word_of_a_role_is_that_of_its_images_in_any_order(tmp_path, history):
    def words(*rows):
        run = create(tmp_path, Spec(name="x"))
        run.split.write_text("\n".join(["index,name,label,role", *rows, ""]))
        return [judged_images.of_role(run, state, role) for role in ("validation", "test")]

    state = fold(history([0.5], val_accuracy=[0.5], test_counts=(1,)))
    validation, test = words("0,x,a,train", "1,y,a,validation", "2,z,b,validation+test")
    assert validation and validation == words("0,z,b,validation", "1,y,a,validation")[0]
    assert validation not in (words("0,z,a,validation", "1,y,a,validation")[0], words("0,z,b,validation")[0])
    assert test != validation
