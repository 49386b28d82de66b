import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta as beta_distribution

from vislab.engine.data.augment.mix import COLUMNS, beta_quantile, mix


def draws_of(count: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, COLUMNS, generator=torch.Generator().manual_seed(seed))


OWN, OTHER = torch.zeros(64, 3, 16, 20), torch.ones(64, 3, 16, 20)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    shares = beta_quantile((torch.arange(2000) + 0.5) / 2000, alpha)
    for bound in (0.001, 0.01, 0.1, 0.3, 0.5, 0.6, 0.9, 0.999):
        assert abs((shares <= bound).double().mean() - beta_distribution(alpha, alpha).cdf(bound)) < 1e-3


def test_mixup_blends_each_sample_by_its_own_share() -> None:
    images, share = mix(OWN, OTHER, draws_of(64), mixup=0.4, cutmix=0.0)
    torch.testing.assert_close(images, (1 - share)[:, None, None, None].expand_as(images))
    torch.testing.assert_close(share, beta_quantile(draws_of(64)[:, 1], 0.4))
    assert len(share.unique()) == 64


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), alpha=st.floats(0.1, 5), height=st.integers(1, 20), width=st.integers(1, 20))
def test_cutmix_pastes_one_box_and_counts_its_pixels_exactly(seed: int, alpha: float, height: int, width: int) -> None:
    own, other = torch.zeros(8, 1, height, width), torch.ones(8, 1, height, width)
    images, share = mix(own, other, draws_of(8, seed), mixup=0.0, cutmix=alpha)
    assert set(images.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(share, (images == 0).float().mean((1, 2, 3)))
    for image in images[:, 0]:
        rows, columns = image.any(1).nonzero()[:, 0], image.any(0).nonzero()[:, 0]
        if len(rows) > 0:
            assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_cutmix_leaves_the_share_of_the_draw_when_the_box_is_not_cut_off() -> None:
    draws = torch.tensor([[0.0, 0.36, 0.5, 0.5]])
    images, share = mix(torch.zeros(1, 1, 100, 100), torch.ones(1, 1, 100, 100), draws, mixup=0.0, cutmix=1.0)
    assert share.item() == pytest.approx(0.36) and images[0, 0, 10:90, 10:90].all()


def test_both_alphas_choose_one_by_the_first_draw() -> None:
    draws = draws_of(64)
    both, share = mix(OWN, OTHER, draws, mixup=0.8, cutmix=1.0)
    for alphas, chosen in (((0.8, 0.0), draws[:, 0] < 0.5), ((0.0, 1.0), draws[:, 0] >= 0.5)):
        alone, alone_share = mix(OWN, OTHER, draws, mixup=alphas[0], cutmix=alphas[1])
        assert chosen.any() and torch.equal(both[chosen], alone[chosen])
        assert torch.equal(share[chosen], alone_share[chosen])


def test_no_alpha_changes_nothing() -> None:
    images, share = mix(OWN, OTHER, draws_of(64), mixup=0.0, cutmix=0.0)
    assert torch.equal(images, OWN) and torch.equal(share, torch.ones(64))


def test_pixels_that_are_not_mixed_are_kept_bit_for_bit() -> None:
    own, other = torch.rand(2, 16, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    images, _ = mix(own, other, draws_of(16), mixup=0.0, cutmix=1.0)
    assert ((images == own) | (images == other)).all()


def test_a_sample_does_not_depend_on_its_batch() -> None:
    own, other = torch.rand(2, 16, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    draws = draws_of(16)
    images, share = mix(own, other, draws, mixup=0.8, cutmix=1.0)
    for row in range(16):
        one = slice(row, row + 1)
        alone, alone_share = mix(own[one], other[one], draws[one], mixup=0.8, cutmix=1.0)
        assert torch.equal(alone, images[one]) and np.isclose(alone_share, share[one])
