"""Instance norm is the same in every layout."""

import pytest
import torch
from torch import Tensor, nn

from cyclegan.hardware.cpu import instance_norm

LAYOUTS = (torch.contiguous_format, torch.channels_last)
MANY = instance_norm.LARGEST_BATCH + 1


def make() -> nn.InstanceNorm2d:
    norm = nn.InstanceNorm2d(4)
    instance_norm.replace_forward(norm)
    return norm


def normalised(x: Tensor) -> Tensor:
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.04)])
@pytest.mark.parametrize("size", [(9, 7), (512, 512)])
def test_outputs_without_gradients(dtype: torch.dtype, tolerance: float, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = (torch.randn(2, 4, *size) * 3 + 2).to(dtype)
    with torch.no_grad():
        for layout in LAYOUTS:
            norm = make()(x.contiguous(memory_format=layout))
            assert (norm - normalised(x.double())).abs().max() < tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 0.1)])
@pytest.mark.parametrize("batch", [1, 3, MANY])
@pytest.mark.parametrize("size", [(5, 4), (64, 96)])
def test_outputs_and_gradients_keep_their_layout(
    dtype: torch.dtype, tolerance: float, batch: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    x = (torch.randn(batch, 4, *size) * 3 + 2).to(dtype)
    push = torch.randn_like(x)
    exact = x.double().clone().requires_grad_()
    normalised(exact).backward(push.double())  # type: ignore[no-untyped-call]
    for layout in LAYOUTS:
        laid_out = x.clone(memory_format=layout).requires_grad_()
        norm = make()(laid_out)
        norm.backward(push)
        assert batch == MANY or norm.is_contiguous(memory_format=layout)
        assert (norm - normalised(x.double())).abs().max() < tolerance
        assert laid_out.grad is not None
        assert exact.grad is not None
        assert (laid_out.grad - exact.grad).abs().max() < tolerance
        assert batch == MANY or laid_out.grad.is_contiguous(memory_format=layout)


def test_norms_with_parameters_of_their_own_stay_as_they_are() -> None:
    norm = nn.InstanceNorm2d(4, affine=True)
    instance_norm.replace_forward(norm)
    assert "forward" not in vars(norm)
