"""A range test in words and as curves."""

import math

from vislab.tui.views import learning_rates

FOUND = {
    "rates": [1e-4, 1e-3, 1e-2, 1e-1],
    "losses": [2.0, 1.0, 0.5, 9.0],
    "smoothed": [2.0, 1.2, 0.8, 2.5],
    "diverged": 1.0,
    "steepest": 1e-3,
    "lowest": 1e-2,
    "learning_rate": 5e-3,
    "batch_size": 64,
    "images": 1438,
    "precision": "fp32",
    "device": "cpu",
    "device_name": "a\x1b[31m processor",
}


def test_words_say_both_suggestions_and_what_the_spec_has() -> None:
    words = "\n".join(learning_rates.words(FOUND))
    for part in ("4 updates on 1,438 images", "1.0e-3", "1.0e-2", "a tenth is safe: 1.0e-3", "1.0e0", "5.0e-3"):
        assert part in words
    assert "\x1b" not in words


def test_a_loss_that_never_fell_suggests_nothing() -> None:
    words = "\n".join(learning_rates.words(FOUND | {"steepest": None, "lowest": None, "diverged": None}))
    assert "nothing can be suggested" in words
    assert "left" not in words


def test_curves_are_over_the_logarithm_and_leave_out_what_would_flatten_them() -> None:
    raw, smoothed = learning_rates.curves(FOUND)
    assert list(raw.xs) == [-4.0, -3.0, -2.0, -1.0]
    assert math.isnan(raw.ys[3]) and list(smoothed.ys) == FOUND["smoothed"]
    assert all(not curve.xs for curve in learning_rates.curves(FOUND | {"rates": [], "losses": [], "smoothed": []}))
