"""`vislab evaluate`: figures of a run on its own images and on others, and what is written beside it."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from vislab.engine.runs import checkpoints


def written(trained_run):
    return {file.name for file in trained_run.results.glob("evaluation-*")}


def test_its_own_test_images(command, trained_run):
    result = command("evaluate", "latest")
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stdout and "=cmd()␛[31m" in result.stdout
    data = json.loads((trained_run.results / "evaluation-test.json").read_text())["data"]
    for part in (f"the test images of {data['name']}: 12", "macro F1", "expected calibration error", "4 validation"):
        assert part in result.stdout
    assert "images/s on" in result.stdout
    file = Path(result.stderr.strip())
    assert file == trained_run.results / "evaluation-test.json"
    told = json.loads(file.read_text())
    judged = json.loads((trained_run.results / "test.json").read_text())
    for key in ("accuracy", "top5", "macro_f1", "images"):
        assert told[key] == pytest.approx(judged[key])
    assert told["loss"] == pytest.approx(judged["loss"], abs=1e-5)
    assert told["checkpoint"] == judged["checkpoint"] and told["checkpoint_files"] == judged["checkpoint_files"]
    weights = trained_run.checkpoints / told["checkpoint"] / "weights.safetensors"
    assert told["weights_sha256"] == checkpoints.sha256(weights)
    with (trained_run.path / "predictions.csv").open() as rows:
        wrong = sum(row["label"] != row["predicted"] for row in csv.DictReader(rows))
    assert sum(map(sum, told["confusion"])) - sum(told["confusion"][k][k] for k in range(3)) == wrong


def test_the_end_of_a_run_stores_what_evaluate_does_and_every_report_tells_it(command, trained_run):
    assert command("evaluate", "latest").exit_code == 0
    later = json.loads((trained_run.results / "evaluation-test.json").read_text())
    judged = json.loads((trained_run.results / "test.json").read_text())
    assert judged.keys() == later.keys()
    for key in ("accuracy_interval", "top5_interval", "weighted_f1", "confusion", "classes", "weights_sha256", "data"):
        assert judged[key] == later[key], key
    calibration = judged["calibration"]
    assert calibration["temperature"] is None is later["calibration"]["temperature"]  # all four are answered rightly
    assert calibration["why_not"] == later["calibration"]["why_not"] and "bound" in calibration["why_not"]
    assert calibration["fitted_images"] == 4 and calibration["fitted_on_evaluated"] is False
    assert judged["throughput"]["images_per_second"] > 0
    shown = command("show", "latest").stdout
    for part in (
        "weighted F1",
        "recall",
        "expected calibration error",
        "images/s on",
        "with the best weights (raw) of",
    ):
        assert part in shown, part
    assert json.loads(command("show", "latest", "--json").stdout)["results"]["confusion"] == judged["confusion"]
    assert command("export", "latest", "--markdown", "run.md").exit_code == 0
    page = Path("run.md").read_text()
    for part in (
        "## Results on test images",
        "| class | precision |",
        "### Confusion matrix",
        "## Later evaluation: ev",
    ):
        assert part in page, part


def test_validation_images_and_flips_are_told_apart(command, trained_run):
    told = json.loads(command("evaluate", "latest", "--split", "validation", "--tta", "--json").stdout)
    assert (told["role"], told["images"], told["tta"]) == ("validation", 4, True)
    assert told["calibration"]["fitted_on_evaluated"] and told["calibration"]["fitted_images"] == 4
    assert "evaluation-validation-tta.json" in written(trained_run)
    page = command("evaluate", "latest", "--split", "validation", "--tta").stdout
    assert "each image with its mirror image" in page and "the best epoch was selected on them" in page


def test_another_folder_with_some_of_the_classes(command, trained_run, pictures, tmp_path):
    names = sorted(folder.name for folder in (pictures / "test").iterdir())
    for name in names[1:]:
        shutil.copytree(pictures / "test" / name, tmp_path / "other" / name)
    told = json.loads(command("evaluate", "latest", "--data", "other", "--json").stdout)
    assert (told["role"], told["images"], told["data"]["name"]) == ("all", 8, "other")
    assert [row["support"] for row in told["classes"]] == [0, 4, 4]
    assert told["classes"][0]["recall"] is None and told["calibration"]["fitted_images"] == 4
    own = json.loads(command("evaluate", "latest", "--json").stdout)
    assert told["confusion"][1:] == own["confusion"][1:]
    assert f"evaluation-other-{told['data']['fingerprint'][:8]}-all.json" in written(trained_run)
    (tmp_path / "other" / names[1] / "bad.png").write_bytes(b"nothing")
    result = command("evaluate", "latest", "--data", "other")
    assert result.exit_code == 2 and "1 of 9 images cannot be read" in result.stderr
    result = command("evaluate", "latest", "--data", "other", "--skip-unreadable")
    assert "all labelled images of other: 8" in result.stdout and "bad.png: not an image" in result.stderr
    (tmp_path / "other" / names[1] / "bad.png").unlink()
    assert "all labelled images of other: 8" in command("evaluate", "latest", "--data", "other").stdout


def test_mistakes(command, pictures, tmp_path):
    shutil.copytree(pictures / "test" / "[bold]b", tmp_path / "strange" / "[cow]\x1b")
    for arguments, said in (
        (("--data", "strange"), "does not know: [cow]␛. It knows: =cmd()"),
        (("--data", "nowhere"), "nowhere"),
        (("--data", str(pictures), "--split", "validation"), "has no labelled validation image"),
        (("--split", "train"), "train"),
    ):
        result = command("evaluate", "latest", *arguments)
        assert result.exit_code == 2 and said in result.stderr, result.stderr
        assert "\x1b" not in result.stderr


def test_images_that_the_run_was_trained_or_selected_on_are_told(command, trained_run, pictures):
    result = command("evaluate", "latest", "--data", str(pictures), "--json")
    told = json.loads(result.stdout)
    assert (told["trained_on"], told["images"]) == (0, 12) and "warning" not in result.stderr  # its test part
    with trained_run.split.open(newline="") as file:
        roles = {row["name"]: row["role"] for row in csv.DictReader(file)}
    trained = sum(role == "train" for role in roles.values())
    for name in roles:
        to = Path("copies") / ("all" if roles[name] != "validation" else "held") / Path(name).parent.name
        for folder in {to, Path("copies/all") / to.name}:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(pictures / name.lstrip("'"), folder / name.replace("/", "-"))
    result = command("evaluate", "latest", "--data", "copies/all")
    assert result.stdout.count(f"warning: the run was trained on {trained} of these {len(roles)} images") == 1
    result = command("evaluate", "latest", "--data", "copies/all", "--json")
    assert json.loads(result.stdout)["trained_on"] == trained and f"trained on {trained} of" in result.stderr
    told = json.loads(command("evaluate", "latest", "--data", "copies/held", "--json").stdout)
    assert told["trained_on"] == 0 and told["calibration"]["fitted_on_evaluated"] is True
    for file in trained_run.results.glob("evaluation-all-*"):
        file.unlink()
