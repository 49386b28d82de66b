from vislab.tui.views import evaluation

FOUND = {
    "checkpoint": "best-12",
    "run": "r",
    "weights": "raw",
    "epoch": 3,
    "tta": False,
    "device_name": "cpu",
    "role": "validation",
    "data": {"name": "d"},
    "images": 4,
    "selected_on_test": False,
    **dict.fromkeys(("accuracy", "top5", "macro_f1", "weighted_f1"), 0.75),
    **{key: [0.5, 1.0] for key in ("accuracy_interval", "top5_interval")},
    "loss": 0.25,
    "cross_entropy": 0.5,
    "calibration": {
        "error": 0.2,
        "bins": 15,
        "temperature": 2.0,
        "error_scaled": 0.1,
        "loss_scaled": 0.4,
        "fitted_images": 4,
        "fitted_on_evaluated": True,
    },
    "throughput": {"images_per_second": 9.0, "reading_seconds": 1.0, "batch": 4},
    "precision": "fp32",
}


def test_the_runs_own_loss_is_told_apart_from_the_cross_entropy_that_a_temperature_changes():
    _, figures, calibration, _ = evaluation.summary(FOUND)
    assert figures.endswith("loss 0.2500, cross-entropy 0.5000")
    assert calibration == (
        "expected calibration error 0.2000 (15 bins); 0.1000 and cross-entropy 0.4000 (without 0.5000) at temperature "
        "2, fitted on 4 validation images, which are the images evaluated"
    )
    alike = evaluation.summary(FOUND | {"loss": 0.5})[1]
    assert alike.endswith("loss 0.5000"), "of one kind they are told once"
