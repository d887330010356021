"""A loader continues where it was, and its worker processes change nothing about the samples."""

import os
from pathlib import Path

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import Domain
from cyclegan.data.loader import EpochLoader
from cyclegan.data.module import UnpairedData
from cyclegan.data.sampling import Pair
from cyclegan.data.transforms import Flip, RandomCrop, Resize

BATCHES = 5  # of an epoch of `domain_root`


def loader_of(root: Path, workers: int = 0, batch_size: int = 1) -> EpochLoader:
    domain = Domain(
        name="test",
        transform=[Resize(36), RandomCrop(32), Flip()],
        test_transform=[Resize(32)],
        root=str(root),
        load_size=36,
        crop_size=32,
        batch_size=batch_size,
        workers=workers,
    )
    return UnpairedData(domain, seed=3).train_dataloader()


def stream(loader: EpochLoader, epochs: int) -> list[Pair]:
    return [batch for _ in range(epochs) for batch in loader]


def assert_equal(ones: list[Pair], others: list[Pair]) -> None:
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert torch.equal(one.a, other.a)
        assert torch.equal(one.b, other.b)


@pytest.mark.parametrize(("workers", "used"), [(0, 1), (0, BATCHES), (0, 7), (2, 4)])
def test_a_loader_continues_where_its_state_was(domain_root: Path, workers: int, used: int) -> None:
    whole = stream(loader_of(domain_root), 2)
    first = loader_of(domain_root, workers)
    batches = (batch for _ in range(2) for batch in first)
    before = [next(batches) for _ in range(used)]
    second = loader_of(domain_root, workers)
    second.load_state_dict(first.state_dict())
    assert_equal(whole, before + stream(second, 2 if used < BATCHES else 1))


def test_a_loader_of_other_batches_cannot_continue(domain_root: Path) -> None:
    with pytest.raises(UsageError, match="must have 5 batches as when saved, got 2"):
        loader_of(domain_root, batch_size=2).load_state_dict(loader_of(domain_root).state_dict())


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only on Linux")
def test_workers_have_a_low_priority(domain_root: Path) -> None:
    loader = loader_of(domain_root, workers=2)
    list(loader)
    assert {os.sched_getscheduler(each.pid) for each in loader._iterator._workers} == {os.SCHED_BATCH}  # type: ignore[union-attr]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
