"""What a sample contains depends on (seed, epoch, index) alone."""

from collections import Counter

from cyclegan.data.sampling import Batches, Key, draw


def test_two_processes_share_an_epoch() -> None:
    whole = [key for batch in Batches(7, 2) for key in batch]
    ranks = [[key for batch in Batches(7, 1, rank, 2) for key in batch] for rank in (0, 1)]
    assert sorted(ranks[0] + ranks[1]) == whole == [Key(0, i) for i in range(6)]  # the incomplete batch is dropped


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
