"""What speed and memory are measured against: CycleGAN's step as its paper and the first implementations have it.

Plain PyTorch: float32, eager, channels first, each padding, norm and activation a layer of its own, six passes of the
generators and six of the discriminators, each by itself, unfused Adam. Nothing here is the package's; a test compares
the networks with its own.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels))
        other = (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels))
        self.body = nn.Sequential(*half, nn.ReLU(True), *other)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def generator(width: int, blocks: int) -> nn.Sequential:
    """The ResNet generator."""
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU(True)]
    for channels in (width, 2 * width):
        half = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        layers += [half, nn.InstanceNorm2d(2 * channels), nn.ReLU(True)]
    layers += [Block(4 * width) for _ in range(blocks)]
    for channels in (4 * width, 2 * width):
        double = nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1)
        layers += [double, nn.InstanceNorm2d(channels // 2), nn.ReLU(True)]
    return drawn(nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()))


def discriminator(width: int) -> nn.Sequential:
    """The 70x70 PatchGAN."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
    for channels, wider, stride in ((width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1)):
        conv = nn.Conv2d(channels, wider, 4, stride=stride, padding=1)
        layers += [conv, nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2, True)]
    return drawn(nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, padding=1)))


def drawn(network: nn.Sequential) -> nn.Sequential:
    """With weights from N(0, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


def textbook(size: int, width: int, blocks: int, batch: int, device: torch.device) -> Callable[[], None]:
    """Make networks and random pictures; gives what plays one step after another with these."""
    to_b, to_a = (generator(width, blocks).to(device) for _ in range(2))
    disc_a, disc_b = (discriminator(width).to(device) for _ in range(2))
    generators, discriminators = (
        torch.optim.Adam([*x.parameters(), *y.parameters()], lr=2e-4, betas=(0.5, 0.999), foreach=False)
        for x, y in ((to_b, to_a), (disc_a, disc_b))
    )
    a, b = (torch.rand(batch, 3, size, size, device=device) * 2 - 1 for _ in range(2))
    l1 = nn.functional.l1_loss

    def judge(disc: nn.Module, real: Tensor, fake: Tensor) -> None:
        loss = ((disc(real) - 1).square().mean() + disc(fake.detach()).square().mean()) / 2
        loss.backward()

    def step() -> None:
        for parameter in (*disc_a.parameters(), *disc_b.parameters()):
            parameter.requires_grad_(False)
        fake_b, fake_a = to_b(a), to_a(b)
        gan = (disc_b(fake_b) - 1).square().mean() + (disc_a(fake_a) - 1).square().mean()
        cycle = 10 * l1(to_a(fake_b), a) + 10 * l1(to_b(fake_a), b)
        same = 5 * l1(to_b(b), b) + 5 * l1(to_a(a), a)
        generators.zero_grad()
        (gan + cycle + same).backward()
        generators.step()
        for parameter in (*disc_a.parameters(), *disc_b.parameters()):
            parameter.requires_grad_(True)
        discriminators.zero_grad()
        judge(disc_a, a, fake_a)
        judge(disc_b, b, fake_b)
        discriminators.step()

    return step
