"""How far a picture is from the one it should equal."""

import torch
from torch import Tensor


def l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of two pictures of one shape, in the units of their values, in at least float32.

    Source: the norm of Zhu et al., arXiv 1703.10593, Eq. 2.
    """
    exact = torch.promote_types(target.dtype, torch.float32)
    return (picture.to(exact) - target.to(exact)).abs().mean()
