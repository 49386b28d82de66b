"""Which images figures are of."""

from vislab.engine.analysis import judged_images
from vislab.engine.data import splits


def test_the_role_of_images_that_choose_and_are_reported_on_is_called_as_split_csv_calls_it():
    assert judged_images.BOTH == splits._BOTH
