"""Augmentation is the reference's, and resizing is PIL's."""

import numpy as np
import pytest
from PIL import Image

from cyclegan.data.transforms import CenterCrop, Flip, RandomCrop, Resize, Transform, Turn

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def test_resizing_is_pils_antialiased_bicubic() -> None:
    ours = Transform([Resize(30)])(PIXELS, seed=0)
    pils = np.asarray(Image.fromarray(PIXELS).resize((30, 30), Image.Resampling.BICUBIC))
    assert (ours == pils).all()


def test_the_aspect_is_kept_if_asked_for() -> None:
    assert Transform([Resize(30, keep_aspect=True)])(PIXELS, seed=0).shape == (30, 40, 3)
    assert Transform([Resize(30, keep_aspect=True), CenterCrop(30)])(PIXELS, seed=0).shape == (30, 30, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_kept(channels: int) -> None:
    steps = [Resize(36), RandomCrop(32), Flip(), Turn()]
    assert Transform(steps)(PIXELS[:, :, :channels], seed=0).shape == (32, 32, channels)


def test_the_seed_decides_everything() -> None:
    steps = [Resize(36), RandomCrop(32), Flip(), Turn()]
    one, other = Transform(steps), Transform([Resize(36), RandomCrop(32), Flip(), Turn()])
    results = [one(PIXELS, seed) for seed in range(20)]
    assert all((other(PIXELS, seed) == results[seed]).all() for seed in reversed(range(20)))
    assert len({result.tobytes() for result in results}) > 15


def test_half_of_the_pictures_are_flipped() -> None:
    flip = Transform([Flip()])
    flipped = sum(bool((flip(PIXELS, seed) == PIXELS[:, ::-1]).all()) for seed in range(400))
    assert 150 < flipped < 250


def test_crops_reach_every_place() -> None:
    ramp = np.arange(8, dtype=np.uint8)[None, :, None].repeat(8, axis=0)
    crop = Transform([RandomCrop(6)])
    assert {int(crop(ramp, seed)[0, 0, 0]) for seed in range(100)} == {0, 1, 2}
