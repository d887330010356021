"""Instance norm does not depend on how a picture lies in memory."""

import pytest
import torch

from cyclegan.networks.layers import InstanceNorm


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.04)])
@pytest.mark.parametrize("size", [(9, 7), (512, 512)])
def test_instance_norm_is_one_in_every_layout(dtype: torch.dtype, tolerance: float, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = (torch.randn(2, 4, *size) * 3 + 2).to(dtype)
    exact = x.double()
    mean, variance = exact.mean((2, 3), keepdim=True), exact.var((2, 3), correction=0, keepdim=True)
    exact = (exact - mean) / (variance + 1e-5).sqrt()
    for layout in (torch.contiguous_format, torch.channels_last):
        assert (InstanceNorm(4)(x.contiguous(memory_format=layout)) - exact).abs().max() < tolerance
