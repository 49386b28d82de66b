"""Parameter groups: every parameter once, with the rate and the weight decay that are its own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vislab.engine.training.optim import implementation, make_optimizer, set_learning_rates
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy

CPU = torch.device("cpu")


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 2))


GROUPS = (("0.weight", "0.bias"), ("1.weight", "1.bias", "2.weight", "2.bias"), ("4.weight", "4.bias"))


def made(model=None, groups=GROUPS, **keys):
    model = model or network()
    optimizer = make_optimizer(Strategy(**keys), model, groups, CPU)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rows = [
        (names[id(parameter)], group["base"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    return optimizer, {name: (base, decay) for name, base, decay in rows}, rows


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["none", "gradual"]),
    st.floats(1e-5, 1),
    st.sampled_from([0.0, 0.03]),
    st.sampled_from([0.0, 0.75, 1.0]),
    st.sampled_from(["adamw", "sgd", "momentum", "adam"]),
)
def test_every_parameter_is_trained_by_exactly_one_group(freeze, rate, head_rate, layer_decay, name):
    _, found, rows = made(
        freeze=freeze,
        learning_rate=rate,
        head_learning_rate=head_rate,
        layer_decay=layer_decay,
        weight_decay=0.1,
        optimizer=name,
    )
    assert len(rows) == len(found) and found.keys() == {name for group in GROUPS for name in group}
    for depth, names in enumerate(reversed(GROUPS)):
        expected = ((head_rate or rate) if depth == 0 else rate) * (layer_decay**depth if layer_decay else 1)
        for member in names:
            assert found[member][0] == pytest.approx(expected)


def test_norms_and_biases_do_not_decay():
    _, found, _ = made(weight_decay=0.1)
    decays = {name for name, (_, decay) in found.items() if decay}
    assert decays == {"0.weight", "2.weight", "4.weight"}
    assert {found[name][1] for name in decays} == {0.1}


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        ({"weight_decay": 0.0}, 1),
        ({"weight_decay": 0.1}, 2),
        ({"weight_decay": 0.1, "head_learning_rate": 0.5}, 4),
        ({"weight_decay": 0.1, "layer_decay": 0.5}, 6),
    ],
)
def test_parameters_that_are_updated_alike_are_one_group(keys, groups):
    optimizer, _, _ = made(learning_rate=0.1, **keys)
    assert len(optimizer.param_groups) == groups


def test_only_the_head_is_handed_over_where_the_backbone_is_frozen():
    _, found, _ = made(freeze="backbone")
    assert found.keys() == {"4.weight", "4.bias"}


def test_rates_of_an_update_follow_each_groups_base():
    optimizer, _, _ = made(learning_rate=0.1, head_learning_rate=1.0, layer_decay=0.5)
    assert set_learning_rates(optimizer, 0.0, 0.5) == pytest.approx(0.5)
    assert sorted({round(group["lr"], 6) for group in optimizer.param_groups}) == [0.0125, 0.025, 0.5]
    assert set_learning_rates(optimizer, 0.0, 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "expected"), [({}, "fused"), ({"foreach": True}, "foreach"), ({"fused": False}, "default")]
)
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_the_implementation_is_torchs_fastest_unless_chosen(name, options, expected):
    optimizer, _, _ = made(optimizer=name, optimizer_options=options)
    assert implementation(optimizer) == expected


def test_sgd_is_nesterovs_and_momentum_is_not():
    for name, nesterov in (("sgd", True), ("momentum", False)):
        optimizer, _, _ = made(optimizer=name, momentum=0.8)
        assert (optimizer.defaults["nesterov"], optimizer.defaults["momentum"]) == (nesterov, 0.8)
    optimizer, _, _ = made(optimizer="sgd", momentum=0.0)
    assert optimizer.defaults["nesterov"] is False


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw", "adam"])
def test_ours_update_as_timms_of_the_same_name(name):
    from timm.optim import create_optimizer_v2

    results = []
    for ours in (True, False):
        torch.manual_seed(0)
        model = network()
        if ours:
            optimizer, _, _ = made(model, optimizer=name, learning_rate=0.01, weight_decay=0.1)
        else:
            decayed = [p for p in model.parameters() if p.ndim >= 2]
            others = [p for p in model.parameters() if p.ndim < 2]
            groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
            keys = {"momentum": 0.9} if name in ("sgd", "momentum") else {}
            optimizer = create_optimizer_v2(groups, opt=name, lr=0.01, **keys)
        for _ in range(3):
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
        results.append([parameter.detach() for parameter in model.parameters()])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_an_unknown_option_is_refused_with_those_there_are(name):
    with pytest.raises(InputError, match=rf"optimizer_options: {name} has no option 'speed'; it has .*betas"):
        made(optimizer=name, optimizer_options={"speed": 3})


def test_a_value_that_the_optimizer_refuses_is_said():
    with pytest.raises(InputError, match="refuses its options"):
        made(optimizer="adamw", optimizer_options={"betas": [2.0, 0.9]})


def test_an_optimizer_that_the_installed_timm_does_not_have_yet_is_said():
    with pytest.raises(InputError, match=r"strategy\.optimizer: timm \S+ has no tomorrow.*newer timm"):
        made(optimizer="tomorrow")


def test_lists_become_the_tuples_that_optimizers_expect():
    optimizer, _, _ = made(optimizer="adamw", optimizer_options={"betas": [0.8, 0.95]})
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.95)


def test_normalisation_layers_may_have_a_rate_of_their_own():
    _, found, rows = made(learning_rate=0.1, norm_learning_rate=6.4, weight_decay=0.1, layer_decay=0.5, optimizer="sgd")
    assert len(rows) == 8
    assert found["1.weight"] == found["1.bias"] == (pytest.approx(6.4 * 0.5), 0.0)
    assert found["2.weight"] == (pytest.approx(0.1 * 0.5), 0.1)
    assert found["2.bias"] == (pytest.approx(0.1 * 0.5), 0.0)
