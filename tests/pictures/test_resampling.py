"""Resizing by taps is bicubic resizing, in any bands."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from cyclegan.pictures.resampling import add_lines, resampling, resize_lines


@pytest.mark.parametrize("new_size", [1, 7, 30, 64, 200])
def test_lines_are_resized_as_pillow_does(new_size: int) -> None:
    line = torch.rand(1, 64)
    wanted = Image.fromarray(line.numpy()).resize((new_size, 1), Image.Resampling.BICUBIC)
    assert (resize_lines(line, resampling(64, new_size)) - torch.tensor(list(wanted.getdata()))).abs().max() < 1e-5


@pytest.mark.parametrize(("size", "new_size"), [(50, 13), (13, 50), (20, 20), (3, 1)])
@pytest.mark.parametrize("rows", [1, 4, 7, 100])
def test_bands_add_up_to_the_whole(size: int, new_size: int, rows: int) -> None:
    picture, taps = torch.rand(2, 5, size), resampling(size, new_size)
    whole = resize_lines(picture, taps)
    summed: Tensor = torch.zeros_like(whole)
    for top in range(0, size, rows):
        add_lines(summed, picture[..., top : top + rows], taps, top)
    assert (summed - whole).abs().max() < 1e-5
    parts = [resize_lines(picture, taps, slice(top, top + rows)) for top in range(0, new_size, rows)]
    assert torch.equal(torch.cat(parts, dim=-1), whole)
