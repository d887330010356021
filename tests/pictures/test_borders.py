"""Properties that hold for all inputs: pixels in and out, padding and cropping, samplers."""

from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from cyclegan import Translator
from cyclegan.data.sampling import Batches, Key, draw
from cyclegan.data.transforms import RandomCrop, Resize, Transform
from cyclegan.inference.saved import Facts
from cyclegan.pictures.images import read, to_pixels, to_tensor

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


class Steps(nn.Module):
    """Changes nothing, but takes only sizes that are multiples of a number, and at least another."""

    def __init__(self, multiple: int, smallest: int) -> None:
        super().__init__()
        self.multiple, self.smallest = multiple, smallest

    def forward(self, x: Tensor) -> Tensor:
        assert all(side % self.multiple == 0 and side >= self.smallest for side in x.shape[-2:])
        return x


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 4), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_padding_is_cropped_away(height: int, width: int, halvings: int, least: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    translator = Translator(Steps(2**halvings, least * 2**halvings), Facts("Steps", {}, "a", "b", 16))
    assert (translator(pixels) == pixels).all()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.booleans(), st.integers(0, 2**32 - 1))
def test_crops_have_their_size_and_are_parts_of_the_picture(
    height: int, width: int, size: int, keep_aspect: bool, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    crop = Transform([Resize(size, keep_aspect), RandomCrop(size)])(pixels, seed)
    assert crop.shape == (size, size, 3)
    if keep_aspect and min(height, width) == size:
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
        assert (windows == crop).all(axis=(2, 3, 4)).any()


@settings(deadline=None)
@given(SIDES, SIDES, st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]), st.sampled_from([1, 3]))
def test_pictures_of_every_mode_are_read(height: int, width: int, mode: str, channels: int) -> None:
    ramp = np.linspace(0, 255, height * width * 3).reshape(height, width, 3).astype(np.uint8)
    image = Image.fromarray(ramp[..., 0].astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(ramp)
    with NamedTemporaryFile(suffix=".tif" if mode == "CMYK" else ".png") as file:
        image.convert(mode).save(file.name)
        pixels = read(Path(file.name), channels)
    assert pixels.shape == (height, width, channels)
    assert pixels.dtype == np.uint8
    if mode in ("RGB", "RGBA") and channels == 3:
        assert (pixels == ramp).all()
