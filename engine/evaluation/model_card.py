"""A model card: what a person who is handed the weights has to know. Markdown."""

import html
import json
import re
from pathlib import Path
from typing import Any

import vislab
from vislab.engine.analysis.intervals import of_accuracy
from vislab.engine.evaluation.trained import Trained
from vislab.engine.evaluation.weights_file import Written
from vislab.engine.models.network import BackboneWithHead
from vislab.engine.runs.events import number

MARK = "<!-- Model card, written by vislab. -->"
"""Beginning of a README.md that may be replaced."""

_FORMATTING = re.compile(r"([\\`*_{}\[\]()#+!|~$^-])")
_RESULTS = ("test", "validation")


def card(model: Trained, written: Written) -> str:
    """The text of README.md beside a file of weights."""
    spec = model.spec
    parts = [
        MARK,
        f"# {_text(model.run.labels().name or spec.name or model.run.id)}",
        f"An image classifier of {len(model.classes)} classes: {_text(spec.architecture.name)} "
        f"(`{_code(spec.architecture.build)}`), {sum(p.numel() for p in model.model.parameters()):,} parameters, "
        f"trained with vislab {vislab.__version__} (run `{_code(model.run.id)}`). The weights are the "
        f"{'moving average' if model.weights == 'ema' else 'raw weights'} after epoch {model.epoch}, "
        f"checkpoint `{model.checkpoint}`, SHA-256 `{model.sha256}`.",
        "## Use\n\n" + _use(model, written),
        "## Preprocessing\n\n" + _preprocessing(model),
        "## Data\n\n" + _data(model),
        "## Results\n\n" + _results(model),
        "## Pretrained weights\n\n" + _pretrained(model),
        "## Classes\n\nIn the order of the logits:\n\n"
        + "\n".join(f"{place}. {_text(name)}" for place, name in enumerate(model.classes)),
    ]
    return "\n\n".join(parts) + "\n"


def _use(model: Trained, written: Written) -> str:
    if written.timm is None:
        return (
            "```python\nfrom model import CLASSES, load\n\nlogits = load()(images)\n```\n\n"
            f"`model.py` lies beside this file and needs vislab {vislab.__version__}."
        )
    arguments = ", ".join(f"{key}={value!a}" for key, value in written.timm.items() if key != "model_name")
    return (
        "```python\nimport timm\n\n"
        f"model = timm.create_model({written.timm['model_name']!a}, {arguments}, "
        f"checkpoint_path={written.file.name!a}).eval()\nlogits = model(images)\n```"
    )


def _preprocessing(model: Trained) -> str:
    given = model.spec.preprocessing
    side = given.image_size
    resized = round(side / given.crop_fraction)
    how = {
        "stretch": f"stretched to {side} × {side} pixels",
        "crop": f"the shorter side resized to {resized} pixels, then the middle {side} × {side} cut out",
        "pad": f"the longer side resized to {side} pixels, then padded with black to {side} × {side}",
    }[given.resize]
    colour = "greyscale (ITU-R 601 luma)" if given.channels == 1 else "RGB"
    smooth = "" if given.antialias else ", without antialiasing"
    return "\n".join(
        [
            f"1. {colour}, turned as EXIF says, transparency laid on white",
            f"2. {how} ({given.interpolation}{smooth})",
            f"3. divided by 255, minus {_numbers(given.mean)}, divided by {_numbers(given.std)}",
            "",
            f"The input is float32 [B, {given.channels}, {side}, {side}], the output logits [B, {len(model.classes)}]; "
            "softmax makes them probabilities.",
        ]
    )


def _numbers(values: tuple[float, ...]) -> str:
    return f"({', '.join(f'{value:.6g}' for value in values)})"


def _data(model: Trained) -> str:
    state, dataset = model.run.state(), model.spec.dataset
    assert state.started is not None
    lines = [f"- {_text(dataset.name or 'data set')}{': ' + _text(dataset.help) if dataset.help else ''}"]
    lines.append(f"- licence of the images: {_text(dataset.licence) if dataset.licence else 'not known to vislab'}")
    counts = {role: sum(images) for role, images in state.started.counts.items() if sum(images)}
    lines.append("- images: " + ", ".join(f"{images:,} {role}" for role, images in counts.items()))
    if state.copies:
        lines.append(f"- of the training images {state.copies:,} are augmented copies, made to balance the classes")
    lines.append(f"- split: {_text(state.started.split)}")
    if state.started.selected_on_test:
        lines.append("- **The best epoch was selected on the test images:** their figures are too good.")
    return "\n".join(lines)


def _results(model: Trained) -> str:
    """What is in the run's results of these weights, a row a file."""
    rows = []
    for file in sorted(model.run.results.glob("*.json")):
        row = _row(file, model.checkpoint)
        rows += [row] if row else []
    if not rows:
        return "The weights have not been judged on images that they were not trained on."
    titles = ["images judged", "number", "accuracy", "95 % interval", "top-5", "macro F1"]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *rows))


def _row(file: Path, checkpoint: str) -> list[str]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if found.get("checkpoint") != checkpoint or "accuracy" not in found:
        return []
    if f"evaluation-{found['role']}" == file.stem and file.with_name(f"{found['role']}.json").exists():
        return []  # the same as at the end of the run
    what = found["role"] if file.stem in _RESULTS else f"{found['data']['name']} ({found['role']})"
    if found.get("tta"):
        what += ", each with its mirror image"
    if found.get("trained_on"):
        what += f"; the model was trained on {found['trained_on']:,} of them"
    elif found.get("calibration", {}).get("fitted_on_evaluated"):
        what += "; the best epoch was chosen on them"
    low, high = of_accuracy(number(found["accuracy"]), found["images"])
    return [
        _text(what),
        f"{found['images']:,}",
        f"{number(found['accuracy']):.4f}",
        f"{low:.4f} to {high:.4f}",
        f"{number(found['top5']):.4f}",
        "none" if found["macro_f1"] is None else f"{number(found['macro_f1']):.4f}",
    ]


def _pretrained(model: Trained) -> str:
    decisions = [row for row in model.run.state().decisions if row.what == "pretrained weights"]
    if not decisions:
        return "None: the training began with random weights."
    decision = decisions[0]
    source = decision.why.removeprefix("found as ")
    checksum = f"SHA-256 `{_code(str(decision.details.get('sha256', '')))}`"
    if source in ("file", "run"):
        return (
            f"The training began with weights of {'an earlier run' if source == 'run' else 'a file'}, "
            f"`{_code(Path(decision.choice).name)}`, {checksum}. Their licence is that of where they come from, which "
            "vislab does not know."
        )
    network = model.model.backbone if isinstance(model.model, BackboneWithHead) else model.model
    config: Any = getattr(network, "pretrained_cfg", None) or {}
    name = ".".join(filter(None, (config.get("architecture"), config.get("tag"))))
    licence = config.get("license") or "not stated by timm; ask their authors"
    address = f"https://huggingface.co/{config['hf_hub_id']}" if config.get("hf_hub_id") else config.get("url") or ""
    origin = config.get("origin_url") or ""
    lines = [
        f"The training began with the weights `{_code(name)}` that timm publishes, {checksum}.",
        "",
        f"- licence: {_text(str(licence))}",
    ]
    lines += [f"- {word}: {place}" for word, place in (("from", address), ("origin", origin)) if place]
    return "\n".join(lines)


def _text(words: str) -> str:
    """Text from outside as text in Markdown: no markup, no HTML, one line."""
    line = "".join(character if character.isprintable() else "\ufffd" for character in words)
    return _FORMATTING.sub(r"\\\1", html.escape(line, quote=False))


def _code(words: str) -> str:
    return "".join(character if character.isprintable() and character != "`" else "\ufffd" for character in words)
