"""Properties that hold for all inputs: pixels in and out, samplers, configuration values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclegan.data.images import to_pixels, to_tensor
from cyclegan.data.sampling import Batches, Key, draw

SIDES = st.integers(1, 9)


@given(SIDES, SIDES, st.sampled_from([1, 3]), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 2**32 - 1))
def test_whole_numbers_come_back_unchanged(height: int, width: int, channels: int, dtype: type, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, True)
    tensor = to_tensor(pixels)
    assert tensor.shape == (channels, height, width)
    assert -1 <= tensor.min() <= tensor.max() <= 1
    assert (to_pixels(tensor, dtype) == pixels).all()


@given(SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_floats_come_back_to_rounding(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    assert to_pixels(to_tensor(pixels), np.float32) == pytest.approx(pixels, abs=2e-7)


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4))
def test_ranks_share_an_epoch_without_overlap(count: int, size: int, ranks: int) -> None:
    shares = [list(Batches(count, size, rank, ranks)) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    keys = [key.sample for share in shares for batch in share for key in batch]
    assert sorted(keys) == list(range(count // (size * ranks) * size * ranks))


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.integers(0, 99), st.integers(1, 30), st.integers(1, 30))
def test_an_epoch_shows_every_picture_of_the_larger_look(seed: int, epoch: int, count_a: int, count_b: int) -> None:
    drawn = [draw(seed, Key(epoch, i), count_a, count_b) for i in range(max(count_a, count_b))]
    assert {each.a for each in drawn} == set(range(count_a))
    assert all(0 <= each.b < count_b for each in drawn)
