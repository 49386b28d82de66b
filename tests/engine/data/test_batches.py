"""The order and the content of training batches."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vislab.engine.data.augment import Pipeline
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.preprocessing import normalise
from vislab.presets.schema.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(image_size=6, channels=1, mean=(0.3,), std=(0.2,))
AUGMENT = ("random_crop(padding=2)", "rotation(degrees=30)", "horizontal_flip", "rand_augment")


def pixels_of(count, size=6):
    return torch.randint(0, 256, (count, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def batches(count=20, *, augment=(), seed=0, batch_size=4, size=6, **keys):
    """Labels are the images' numbers, so that a batch tells which images it holds."""
    return TrainingBatches(
        pixels_of(count, size),
        torch.arange(count),
        preprocessing=PREPROCESSING,
        pipeline=Pipeline(augment, image_size=6),
        seed=seed,
        batch_size=batch_size,
        **keys,
    )


def order(made, epoch=1):
    return torch.cat([batch.labels for batch in made.epoch(epoch)]).tolist()


def by_sample(made, epoch=1):
    """Everything that a batch holds of each sample, by the sample's number."""
    found = {}
    for batch in made.epoch(epoch):
        for row, label in enumerate(batch.labels.tolist()):
            mixed = batch.partner_labels is not None
            found[label] = (
                batch.images[row],
                batch.partner_labels[row] if mixed else None,
                batch.share[row] if mixed else None,
            )
    return found


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 60), st.integers(1, 70), st.integers(1, 5))
def test_every_sample_is_in_an_epoch_exactly_once(count, batch_size, epoch):
    made = batches(count, batch_size=batch_size)
    sizes = [len(batch) for batch in made.epoch(epoch)]
    assert sorted(order(made, epoch)) == list(range(count))
    assert len(sizes) == made.steps_per_epoch
    assert all(size == batch_size for size in sizes[:-1])
    assert sizes[-1] <= batch_size + 1
    assert min(sizes) > 1 or batch_size == 1, "a batch of one breaks batch norm"
    assert made.steps_per_epoch in (math.ceil(count / batch_size), max(1, count // batch_size))


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else():
    assert order(batches(seed=1)) == order(batches(seed=1, batch_size=7, augment=AUGMENT, mixup=1.0))
    orders = {tuple(order(batches(seed=seed), epoch)) for seed in range(4) for epoch in range(1, 5)}
    assert len(orders) == 16
    assert order(batches(seed=2**62)) != order(batches(seed=2**62 + 2**40))


@pytest.mark.parametrize("keys", [{}, {"augment": AUGMENT}, {"augment": AUGMENT, "mixup": 0.5, "cutmix": 1.0}], ids=str)
def test_an_epoch_taken_up_at_any_batch_gives_the_same_batches(keys):
    made = batches(18, **keys)
    whole = list(made.epoch(3))
    for start in range(made.steps_per_epoch + 1):
        rest = list(made.epoch(3, start=start))
        assert len(rest) == len(whole) - start
        for expected, found in zip(whole[start:], rest, strict=True):
            for field in ("images", "labels", "partner_labels", "share"):
                one, other = getattr(expected, field), getattr(found, field)
                assert (one is None and other is None) or torch.equal(one, other), field


@pytest.mark.parametrize("mixing", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}], ids=str)
def test_a_mixed_sample_depends_on_no_batch(mixing):
    reference = by_sample(batches(18, augment=AUGMENT, batch_size=18, **mixing))
    for batch_size in (1, 4, 5, 17):
        for label, (image, partner, share) in by_sample(
            batches(18, augment=AUGMENT, batch_size=batch_size, **mixing)
        ).items():
            expected_image, expected_partner, expected_share = reference[label]
            assert partner == expected_partner and share == expected_share
            torch.testing.assert_close(image, expected_image, rtol=1e-5, atol=1e-5)


def test_the_partner_is_the_next_in_the_epochs_order_and_the_last_ones_the_first():
    made = batches(10, batch_size=4, mixup=1.0)
    visited = order(made)
    partners = {label: int(partner) for label, (_, partner, _) in by_sample(made).items()}
    assert [partners[label] for label in visited] == visited[1:] + visited[:1]


def test_mixup_mixes_each_image_with_its_partner_by_its_share():
    made = batches(10, batch_size=10, mixup=1.0)
    plain = {label: image for label, (image, _, _) in by_sample(batches(10, batch_size=10)).items()}
    shares = set()
    for label, (image, partner, share) in by_sample(made).items():
        torch.testing.assert_close(
            image, share * plain[label] + (1 - share) * plain[int(partner)], rtol=1e-4, atol=1e-4
        )
        shares.add(float(share))
    assert len(shares) == 10, "each sample has its own share"


def test_without_augmentation_images_are_normalised_and_nothing_else():
    expected = normalise(pixels_of(20), PREPROCESSING)
    for label, (image, partner, share) in by_sample(batches()).items():
        assert torch.equal(image, expected[label]) and partner is None and share is None
    assert next(batches().epoch(1)).images.dtype == torch.float32


def test_stored_pixels_of_another_size_are_brought_to_the_models():
    assert next(batches(size=9).epoch(1)).images.shape == (4, 1, 6, 6)
    assert next(batches(size=9, augment=("random_resized_crop",)).epoch(1)).images.shape == (4, 1, 6, 6)


def test_augmentation_differs_by_epoch_sample_and_seed():
    first, again = by_sample(batches(augment=AUGMENT)), by_sample(batches(augment=AUGMENT))
    assert all(torch.equal(first[label][0], again[label][0]) for label in first)
    for other in (by_sample(batches(augment=AUGMENT), epoch=2), by_sample(batches(augment=AUGMENT, seed=1))):
        assert sum(torch.equal(first[label][0], other[label][0]) for label in first) <= 1


@pytest.mark.parametrize("mixing", [{}, {"cutmix": 1.0}], ids=str)
def test_images_come_in_the_memory_format_asked_for(mixing):
    pixels = torch.zeros(6, 3, 6, 6, dtype=torch.uint8)
    made = TrainingBatches(
        pixels,
        torch.zeros(6, dtype=torch.int64),
        preprocessing=Preprocessing(image_size=6),
        pipeline=Pipeline((), image_size=6),
        seed=0,
        batch_size=3,
        memory_format=torch.channels_last,
        **mixing,
    )
    assert all(batch.images.is_contiguous(memory_format=torch.channels_last) for batch in made.epoch(1))


def test_the_stored_pixels_are_never_written_to():
    pixels = pixels_of(8)
    before = pixels.clone()
    made = TrainingBatches(
        pixels,
        torch.arange(8),
        preprocessing=PREPROCESSING,
        pipeline=Pipeline(AUGMENT, image_size=6),
        seed=0,
        batch_size=3,
        mixup=1.0,
    )
    list(made.epoch(1))
    assert torch.equal(pixels, before)
