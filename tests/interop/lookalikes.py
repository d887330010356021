"""Networks with the module layout of the reference, for weight files that no golden case has."""

from typing import Any

import torch
from torch import Tensor, nn

NORMS: dict[str, Any] = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d, "none": lambda _: nn.Identity()}


class Block(nn.Module):
    def __init__(self, channels: int, norm: str, dropout: bool) -> None:
        super().__init__()
        biased = norm == "instance"
        once = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=biased), NORMS[norm](channels)]
        again = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=biased), NORMS[norm](channels)]
        self.conv_block = nn.Sequential(*once, nn.ReLU(), *([nn.Dropout(0.5)] * dropout), *again)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class Resnet(nn.Module):
    def __init__(self, channels: int, width: int, blocks: int, norm: str, dropout: bool, resize: bool = False) -> None:
        super().__init__()
        biased, make = norm == "instance", NORMS[norm]
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7, bias=biased), make(width), nn.ReLU()]
        for n in (width, 2 * width):
            layers += [nn.Conv2d(n, 2 * n, 3, 2, 1, bias=biased), make(2 * n), nn.ReLU()]
        layers += [Block(4 * width, norm, dropout) for _ in range(blocks)]
        for n in (4 * width, 2 * width):
            if resize:
                layers += [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(n, n // 2, 3, bias=biased)]
            else:
                layers += [nn.ConvTranspose2d(n, n // 2, 3, 2, 1, 1, bias=biased)]
            layers += [make(n // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Unet(nn.Module):
    """One level of the U-Net, with the deeper ones inside."""

    def __init__(self, outer: int, widths: list[int], norm: str, outermost: bool = True) -> None:
        super().__init__()
        inner, biased, make = widths[0], norm == "instance", NORMS[norm]
        deeper = [Unet(inner, widths[1:], norm, outermost=False)] if len(widths) > 1 else []
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=biased)
        up = nn.ConvTranspose2d(inner * (1 + bool(deeper)), outer, 4, 2, 1, bias=biased or outermost)
        if outermost:
            layers = [down, *deeper, nn.ReLU(), up, nn.Tanh()]
        else:
            layers = [nn.LeakyReLU(0.2), down, *([make(inner)] if deeper else []), *deeper, nn.ReLU(), up, make(outer)]
        self.outermost, self.model = outermost, nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class WholeUnet(nn.Module):
    def __init__(self, channels: int, width: int, depth: int, norm: str) -> None:
        super().__init__()
        self.model = Unet(channels, [width * min(8, 2**level) for level in range(depth)], norm)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def settled(network: nn.Module, picture: Tensor) -> nn.Module:
    """In evaluation mode, with norms that have seen something."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
    with torch.no_grad():
        network.train()(picture)
    return network.eval()
