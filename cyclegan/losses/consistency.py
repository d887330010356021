"""Distance of a picture from the picture that it should equal."""

import torch
from torch import Tensor


def l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of two pictures of equal shape, computed in at least float32.

    Source: the norm in Zhu et al., arXiv 1703.10593, Eq. 2.
    """
    precise = torch.promote_types(target.dtype, torch.float32)
    return (picture.to(precise) - target.to(precise)).abs().mean()
