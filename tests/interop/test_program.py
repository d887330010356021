"""Generators as programs: any size, and both formats."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cyclegan.inference.saved import Facts
from cyclegan.interop.program import Format, Program, trace
from cyclegan.networks import UnetGenerator
from cyclegan.translator import Translator


class Negative(nn.Module):
    """Takes only pictures whose sides are multiples of a number, and at least another number."""

    def __init__(self, multiple: int, smallest: int) -> None:
        super().__init__()
        self.multiple, self.smallest = multiple, smallest

    def forward(self, x: Tensor) -> Tensor:
        assert not any(side % self.multiple or side < self.smallest for side in x.shape[-2:])
        return -x


@settings(max_examples=30)
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(1, 9), st.integers(1, 30))
def test_every_size_is_padded_to_one_that_fits_and_cropped_back(
    size: tuple[int, int], multiple: int, smallest: int
) -> None:
    generator = Negative(multiple, smallest)
    x = torch.rand(2, 3, *size) * 2 - 1
    assert torch.equal(Program(generator, Format())(x), -x)
    levels = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    assert torch.equal(Program(generator, Format(uint8=True))(levels), 255 - levels)


def test_a_program_pads_as_a_translator_does() -> None:
    generator = UnetGenerator(width=2, depth=3)
    translator = Translator(generator, Facts("UnetGenerator", {}, "a", "b", 64))
    program = trace(generator, 3, Format()).module()
    for shape in ((1, 3, 5, 19), (3, 3, 33, 8)):
        x = torch.rand(shape) * 2 - 1
        assert (program(x) - translator.translate(x)).abs().max() < 1e-5


def test_half_precision_gives_nearly_the_same() -> None:
    generator = UnetGenerator(width=2, depth=3).eval()
    x = torch.rand(1, 3, 9, 20) * 2 - 1
    half, full = Program(generator, Format(fp16=True))(x), Program(generator, Format())(x)
    assert half.dtype == torch.float32
    assert 0 < (half - full).abs().max() < 0.01
    assert next(generator.parameters()).dtype == torch.float32  # it was copied
