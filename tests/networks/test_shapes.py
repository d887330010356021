"""Sizes, parameters and identities of the networks."""

import pytest
import torch
from torch import nn

from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator
from cyclegan.networks.layers import Norm, Upsampling


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_are_the_papers() -> None:
    assert count(ResnetGenerator()) == 11_378_179
    assert count(ResnetGenerator(blocks=6)) == 7_837_699
    assert count(PatchDiscriminator()) == 2_764_737


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize("halvings", [0, 1, 2])
def test_resnet_keeps_the_size(norm: Norm, upsampling: Upsampling, halvings: int) -> None:
    network = ResnetGenerator(
        width=4, blocks=1, norm=norm, upsampling=upsampling, halvings=halvings, channels=1, dropout=0.1
    )
    for height, width in ((network.smallest, network.smallest), (8 * network.multiple, 12 * network.multiple)):
        output = network(torch.rand(2, 1, height, width) * 2 - 1)
        assert output.shape == (2, 1, height, width)
        assert output.abs().max() <= 1


def test_a_residual_generator_whose_last_layer_is_zero_only_lowers_the_contrast() -> None:
    network = ResnetGenerator(width=4, blocks=1, residual=True)
    last = network.decoder[-1]
    assert isinstance(last, nn.Conv2d)
    picture = torch.rand(2, 3, 16, 24) * 2 - 1
    assert (network(picture) - picture).abs().max() > 0.1
    nn.init.zeros_(last.weight)
    assert torch.allclose(network(picture), 0.9 * picture, atol=1e-6)
    assert torch.allclose(network(3 * picture), 0.9 * (3 * picture).clamp(-1, 1), atol=1e-6)
    last.bias.data.fill_(100)  # type: ignore[union-attr]
    assert (network(picture) == 1).all()


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_unet_keeps_the_size(norm: Norm, upsampling: Upsampling) -> None:
    network = UnetGenerator(width=4, depth=5, norm=norm, upsampling=upsampling, dropout=0.5)
    assert network(torch.rand(2, 3, 64, 96)).shape == (2, 3, 64, 96)


@pytest.mark.parametrize(("layers", "scores", "field"), [(1, 126, 16), (2, 62, 34), (3, 30, 70), (4, 14, 142)])
def test_patches_are_the_papers(layers: int, scores: int, field: int) -> None:
    network = PatchDiscriminator(width=2, layers=layers, norm="none")
    picture = torch.rand(1, 3, 256, 256, requires_grad=True)
    output = network(picture)
    assert output.shape == (1, 1, scores, scores)
    output[0, 0, scores // 2, scores // 2].backward()
    assert picture.grad is not None
    seen = picture.grad[0].abs().sum(0).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [field, field]


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("norm", ["instance", "none"])
def test_the_smallest_picture_gets_a_score(layers: int, norm: Norm) -> None:
    network = PatchDiscriminator(width=2, layers=layers, norm=norm)
    assert network(torch.rand(1, 3, network.smallest, network.smallest)).shape == (1, 1, 1, 1)


def test_a_pixel_is_judged_by_itself() -> None:
    network = PixelDiscriminator(width=4, norm="none")
    picture = torch.rand(1, 3, 5, 7)
    scores = network(picture)
    assert scores.shape == (1, 1, 5, 7)
    picture[0, :, 2, 3] += 1
    assert (network(picture) != scores).nonzero().tolist() == [[0, 0, 2, 3]]


def test_spectral_norm_bounds_every_layer() -> None:
    network = PatchDiscriminator(width=8, norm="none", spectral_norm=True)
    for _ in range(30):
        network(torch.rand(1, 3, 64, 64))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2) < 1.1


@pytest.mark.parametrize("network", [ResnetGenerator, UnetGenerator, PatchDiscriminator, PixelDiscriminator])
def test_an_unknown_norm_is_named(network: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="norm must be instance, batch or none, got 'layer'"):
        network(norm="layer")


@pytest.mark.parametrize("residual", [True, False])
def test_a_residual_generator_keeps_a_flat_picture_flat_up_to_its_borders(residual: bool) -> None:
    torch.manual_seed(0)
    network = ResnetGenerator(width=16, blocks=1, norm="none", upsampling="resize", residual=residual)
    output = network(torch.full((1, 3, 32, 24), 0.3))
    assert output.abs().max() > 0.01
    assert (output.std((2, 3)).max() < 1e-5) == residual
