"""The image pool behaves as the reference's."""

import torch
from torch import Tensor

from cyclegan.methods.image_pool import ImagePool


def numbered(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).reshape(-1, 1, 1, 1)


def test_a_pool_of_none_passes_everything_through() -> None:
    fakes = numbered(1, 2).requires_grad_()
    assert torch.equal(ImagePool(0)(fakes), fakes)
    assert not ImagePool(0)(fakes).requires_grad


def test_a_pool_returns_what_it_is_given_until_it_is_full() -> None:
    pool = ImagePool(5)
    assert pool(numbered(1, 2, 3)).flatten().tolist() == [1, 2, 3]
    assert pool(numbered(4, 5)).flatten().tolist() == [4, 5]


def test_a_full_pool_exchanges_half_of_the_pictures() -> None:
    pool = ImagePool(50)
    pool(numbered(*range(50)))
    lent = [float(pool(numbered(number))) for number in range(50, 2050)]
    old = [number for number, given in zip(lent, range(50, 2050), strict=True) if number != given]
    assert 900 < len(old) < 1100
    assert len(old) == len(set(old))  # what is lent leaves the pool
    assert len(pool.images) == 50


def test_a_pool_detaches() -> None:
    fakes = numbered(1, 2).requires_grad_()
    assert not ImagePool(1)(fakes).requires_grad


def test_a_restored_pool_goes_on_as_the_first_would_have() -> None:
    first = ImagePool(4, seed=1)
    first(numbered(*range(9)))
    second = ImagePool(4, seed=2)
    second.load_state_dict(first.state_dict())
    assert all(torch.equal(first(numbered(n)), second(numbered(n))) for n in range(10, 60))
    empty = ImagePool(4)
    empty.load_state_dict(ImagePool(4, seed=3).state_dict())
    assert empty.images == []
