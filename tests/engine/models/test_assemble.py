"""From an architecture to a model: seeds, options, the user's own code, and every refusal in words."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.models.heads import LinearHead
from vislab.engine.models.network import BackboneWithHead
from vislab.presets.errors import InputError
from vislab.presets.schema.architecture import Architecture

LENET = Architecture(name="lenet5", build="vislab.engine.models.lenet:build")
STUDY_B = "vislab.engine.models.heads:study_b"


def timm_model(model: str, **fields: Any) -> Architecture:
    return Architecture(name=model, build="vislab.engine.models.zoo:build", options={"model": model}, **fields)


def small(architecture: Architecture, **arguments: Any) -> Assembled:
    return assemble(
        architecture, **({"num_classes": 3, "in_channels": 3, "image_size": 32, "pretrained": False} | arguments)
    )


def same(a: nn.Module, b: nn.Module) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[name], other[name]) for name in mine)


@pytest.mark.parametrize("architecture", [LENET, timm_model("resnet18"), timm_model("resnet18", head=STUDY_B)])
def test_initial_weights_follow_from_the_seed_alone(architecture: Architecture) -> None:
    torch.manual_seed(1)
    first = small(architecture, seed=5).model
    torch.manual_seed(2)
    assert same(first, small(architecture, seed=5).model)
    assert not same(first, small(architecture, seed=6).model)


def test_assembling_leaves_torchs_generator_and_the_models_state_alone() -> None:
    before = torch.get_rng_state()
    model = small(timm_model("resnet18")).model
    assert torch.equal(torch.get_rng_state(), before)
    assert model.get_buffer("bn1.num_batches_tracked") == 0
    assert not model.get_buffer("bn1.running_mean").any()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_options_reach_the_function_and_wrong_ones_are_named() -> None:
    padded = small(Architecture(name="l", build=LENET.build, options={"padding": 0}))
    assert padded.model.get_parameter("neck.1.weight").shape == (120, 16 * 5 * 5)
    with pytest.raises(InputError, match=r"architecture 'l'.*unknown option 'pading'.*did you mean 'padding'"):
        small(Architecture(name="l", build=LENET.build, options={"pading": 0}))
    with pytest.raises(InputError, match="padding = 'two' must be a whole number"):
        small(Architecture(name="l", build=LENET.build, options={"padding": "two"}))


def test_dropout_and_stochastic_depth_come_from_the_strategy() -> None:
    head = small(LENET, drop_rate=0.25).model.get_submodule("head")
    assert isinstance(head, LinearHead) and head.drop_rate == 0.25
    assert small(LENET).model.get_submodule("head").drop_rate == 0.0
    deep = small(timm_model("resnet18"), drop_path=0.3).model
    assert any(getattr(module, "drop_prob", 0.0) for module in deep.modules())
    with pytest.raises(InputError, match=r"'lenet5' does not take drop_path; set strategy.drop_path to 0"):
        small(LENET, drop_path=0.1)
    with pytest.raises(InputError, match=r"timm model 'vgg11' has no stochastic depth"):
        small(timm_model("vgg11"), drop_path=0.1)


@pytest.mark.parametrize(
    ("model", "head"),
    [
        ("resnet18", "fc"),
        ("tf_efficientnet_lite0", "classifier"),
        ("mobilenetv3_small_050", "classifier"),
        ("rexnet_100", "head.fc"),
        ("vit_tiny_patch16_224", "head"),
        ("densenet121", "classifier"),
    ],
)
def test_a_timm_heads_dropout_follows_the_heads_mode(model: str, head: str) -> None:
    assembled = small(timm_model(model), drop_rate=0.5)
    assert assembled.head == (head,)
    images = torch.rand(2, 3, 32, 32)
    network = assembled.model.eval()
    still = network(images)
    assert torch.equal(network(images), still)
    network.get_submodule(head).train()  # what the strategy `transfer` does
    assert not torch.equal(network(images), network(images))
    network.train()
    network.get_submodule(head).eval()
    assert not any(type(module) is nn.Dropout and module.p == 0.5 for module in network.modules())


def test_moving_dropout_changes_no_name_and_no_value() -> None:
    plain, dropped = small(timm_model("vit_tiny_patch16_224")), small(timm_model("vit_tiny_patch16_224"), drop_rate=0.5)
    assert same(plain.model, dropped.model)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(plain.model.eval()(images), dropped.model.eval()(images))


def test_a_distilled_model_has_two_heads() -> None:
    assembled = small(timm_model("deit_tiny_distilled_patch16_224"))
    assert assembled.head == ("head", "head_dist")
    assert set(assembled.groups[-1]) == {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"}


def test_a_head_of_ones_own_sits_on_the_last_map_or_the_pooled_vector() -> None:
    on_map = small(timm_model("resnet18", head=STUDY_B, head_options={"width": 4}), drop_rate=0.5)
    assert isinstance(on_map.model, BackboneWithHead) and on_map.head == ("head",)
    assert on_map.model.get_parameter("head.0.weight").shape == (4, 512, 3, 3)
    assert on_map.model.get_submodule("head.11").drop_rate == 0.5
    on_vector = small(timm_model("vit_tiny_patch16_224", head="vislab.engine.models.heads:linear"))
    assert on_vector.model.get_parameter("head.weight").shape == (3, 192)
    channels_last = small(timm_model("swin_tiny_patch4_window7_224", head=STUDY_B), image_size=56)
    assert channels_last.model.get_parameter("head.0.weight").shape[1] == 768


def test_a_head_that_cannot_read_the_backbone_is_refused() -> None:
    with pytest.raises(InputError, match=r"takes a map, but .* gives a tensor \[2, 5, 192\]; choose a head that takes"):
        small(timm_model("vit_tiny_patch16_224", head=STUDY_B))
    with pytest.raises(InputError, match=r"head: unknown option 'wide'"):
        small(timm_model("resnet18", head=STUDY_B, head_options={"wide": 4}))


@pytest.mark.parametrize("architecture", [timm_model("inception_v3"), Architecture(name="a", build="mine.py:build")])
def test_images_that_are_too_small_are_refused_in_words(architecture: Architecture, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def build(num_classes, *, in_channels):\n"
        "    return nn.Sequential(nn.Conv2d(in_channels, 4, 40), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                         nn.Linear(4, num_classes))\n"
    )
    with pytest.raises(InputError, match=r"cannot read images of 3 × 16 × 16 px: .*Set preprocessing.image_size"):
        small(architecture, image_size=16, folder=tmp_path)


@pytest.mark.parametrize("model", ["resnet81", "hf-hub:timm/resnet18", "resnet18/../x"])
def test_names_that_timm_does_not_know_are_refused(model: str) -> None:
    with pytest.raises(InputError, match=r"timm .* has no model"):
        small(timm_model(model))


def test_the_nearest_model_and_the_known_tags_are_named() -> None:
    with pytest.raises(InputError, match=r"did you mean .*resnet18"):
        small(timm_model("resnet1"))
    with pytest.raises(InputError, match=r"no weights tagged 'a9'; tags: .*a1_in1k"):
        small(timm_model("resnet18.a9"))


OWN = '''
from torch import nn

class Odd(nn.Module):
    def __init__(self, num_classes, in_channels, width):
        super().__init__()
        self.body = nn.Conv2d(in_channels, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.top = nn.Linear(width, num_classes)
    def forward(self, images):
        return self.top(self.norm(self.body(images)).mean((2, 3)))

def build(num_classes, *, in_channels, image_size, width: int = 6):
    """A network of mine."""
    assert image_size == 32
    return Odd(num_classes, in_channels, width)

def sequence(num_classes, *, in_channels: int = 3):
    return nn.Sequential(nn.Conv2d(in_channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, num_classes))

def wrong_shape(num_classes):
    return nn.Flatten()

def no_module(num_classes):
    return 3

def needy(num_classes, *, colour):
    return nn.Identity()

def broken(num_classes):
    raise ValueError("out of paint")
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


def test_ones_own_architecture_takes_the_same_road(own: Path) -> None:
    mine = Architecture(name="mine", build="./mine.py:build", options={"width": 5})
    assembled = small(mine, folder=own)
    assert assembled.head == ("top",), "the last layer, since no module has a usual name"
    assert assembled.groups == (("body.weight", "body.bias", "norm.weight", "norm.bias"), ("top.weight", "top.bias"))
    assert assembled.model.get_parameter("body.weight").shape[0] == 5


def test_ones_own_sequence_is_grouped_by_its_layers(own: Path) -> None:
    assembled = small(Architecture(name="mine", build="./mine.py:sequence"), folder=own, in_channels=1)
    assert assembled.groups == (("0.weight", "0.bias"), ("4.weight", "4.bias"))
    assert assembled.head == ("4",)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong_shape", r"must return logits \[B, 3\], but returned a tensor \[2, 3072\]"),
        ("no_module", r"must return a torch.nn.Module, but returned a int"),
        ("needy", "keyword arguments that nothing supplies: colour"),
        ("broken", "cannot be built: ValueError: out of paint"),
        ("absent", "has no function 'absent'"),
    ],
)
def test_faults_of_ones_own_code_are_told(own: Path, function: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(Architecture(name="mine", build=f"./mine.py:{function}"), folder=own)


def test_a_new_head_on_pretrained_weights_starts_small(tmp_path: Path) -> None:
    model, file = "tf_efficientnet_lite0", str(tmp_path / "elsewhere.safetensors")
    elsewhere = small(timm_model(model), num_classes=7).model
    save_file(elsewhere.state_dict(), file)
    pretrained = small(timm_model(model, weights=file), pretrained=True).model.get_submodule("classifier")
    limit = pretrained.weight.shape[1] ** -0.5
    assert 0.9 * limit < pretrained.weight.abs().max() <= limit
    assert small(timm_model(model)).model.get_submodule("classifier").weight.abs().max() > 3 * limit, "timm's own"
    again = small(timm_model(model, weights=file), pretrained=True).model.get_submodule("classifier")
    assert torch.equal(again.weight, pretrained.weight)
    fitting = small(timm_model(model, weights=file), pretrained=True, num_classes=7).model
    assert same(fitting, elsewhere), "a head that fits is taken over"
