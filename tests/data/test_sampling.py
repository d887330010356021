"""What a sample contains depends on (seed, epoch, index) alone."""

import os
from collections import Counter
from pathlib import Path

import pytest
import torch

from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from cyclegan.data.sampling import Batches, EpochLoader, Key, Pair, draw
from cyclegan.data.transforms import Flip, RandomCrop, Resize


def data_of(root: Path, workers: int = 0, batch_size: int = 1, seed: int = 3) -> UnpairedData:
    transform = [Resize(36), RandomCrop(32), Flip()]
    sizes = {"load_size": 36, "crop_size": 32, "batch_size": batch_size}
    return UnpairedData(
        Domain("test", transform, [Resize(32)], root=str(root), workers=workers, **sizes),  # type: ignore[arg-type]
        seed,
    )


def stream(loader: EpochLoader, epochs: int) -> list[Pair]:
    return [batch for _ in range(epochs) for batch in loader]


def assert_equal(ones: list[Pair], others: list[Pair]) -> None:
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert torch.equal(one.a, other.a)
        assert torch.equal(one.b, other.b)


def test_samples_are_the_same_with_and_without_workers(domain_root: Path) -> None:
    alone = stream(data_of(domain_root).train_dataloader(), 2)
    helped = stream(data_of(domain_root, workers=2).train_dataloader(), 2)
    assert_equal(alone, helped)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux has it")
def test_loading_waits_for_its_turn_on_the_processor(domain_root: Path) -> None:
    loader = data_of(domain_root, workers=2).train_dataloader()
    list(loader)
    assert {os.sched_getscheduler(each.pid) for each in loader._iterator._workers} == {os.SCHED_BATCH}  # type: ignore[union-attr]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_samples_are_the_same_on_one_and_on_two_ranks(domain_root: Path) -> None:
    data = data_of(domain_root)
    whole = [key for batch in Batches(7, 2) for key in batch]
    ranks = [[key for batch in Batches(7, 1, rank, 2) for key in batch] for rank in (0, 1)]
    assert sorted(ranks[0] + ranks[1]) == whole  # each once; the uneven last one is dropped
    one, other = data.dataset[Key(4, 2)], data_of(domain_root).dataset[Key(4, 2)]
    assert_equal([one], [other])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("played", [1, 4, 5, 7])
def test_a_loader_goes_on_where_its_state_was(domain_root: Path, workers: int, played: int) -> None:
    whole = stream(data_of(domain_root, workers).train_dataloader(), 2)
    first = data_of(domain_root, workers).train_dataloader()
    batches = (batch for _ in range(2) for batch in first)
    before = [next(batches) for _ in range(played)]
    second = data_of(domain_root, workers).train_dataloader()
    second.load_state_dict(first.state_dict())
    assert_equal(whole, before + stream(second, 2 if played < 5 else 1))


def test_an_epoch_shows_every_picture_of_the_larger_look_once() -> None:
    drawn = [draw(0, Key(0, i), 4, 9) for i in range(9)]
    assert sorted(each.a for each in drawn) == sorted(i % 4 for i in range(9))
    drawn = [draw(0, Key(0, i), 9, 4) for i in range(9)]
    assert sorted(each.a for each in drawn) == list(range(9))
    assert {each.b for each in drawn} <= set(range(4))


def test_partners_are_drawn_anew_each_epoch_and_evenly() -> None:
    epochs = [[draw(0, Key(epoch, i), 50, 50) for i in range(50)] for epoch in range(100)]
    pairs = Counter((each.a, each.b) for epoch in epochs for each in epoch)
    assert max(pairs.values()) < 15  # 2 are expected: no fixed pairing
    partners = Counter(each.b for epoch in epochs for each in epoch)
    assert min(partners.values()) > 60  # 100 are expected
    assert [each.a for each in epochs[0]] != [each.a for each in epochs[1]]


def test_another_seed_is_another_order() -> None:
    assert [draw(0, Key(0, i), 50, 50) for i in range(9)] != [draw(1, Key(0, i), 50, 50) for i in range(9)]
