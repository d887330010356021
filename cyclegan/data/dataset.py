"""From picture files to samples, and from samples to batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch.utils.data import Dataset, default_collate

from cyclegan.data.lost_pictures import read_or_replace
from cyclegan.data.sampling import Key, Pair, draw
from cyclegan.data.transforms import Transform
from cyclegan.pictures.images import Pixels, to_tensor


class Sample(NamedTuple):
    """A pair of pictures, and the files that could not be read for it, with the reason."""

    pair: Pair
    lost: dict[Path, str]


@dataclass(eq=False)
class UnpairedDataset(Dataset[Pair]):
    """Samples by `Key`: a picture of look a and an unrelated one of look b."""

    files: tuple[Sequence[Path], Sequence[Path]]  # training pictures of look a, and of look b
    transform: Transform  # augmentation, drawn separately for each picture
    seed: int  # decides, with the key, what a sample holds
    read: Callable[[Path], Pixels]

    def __len__(self) -> int:
        return max(map(len, self.files))

    def __getitem__(self, key: Key) -> Pair:
        return self.sample(key).pair

    def __getitems__(self, keys: Sequence[Key]) -> list[Sample]:
        """The samples of one batch; a DataLoader calls this."""
        return [self.sample(key) for key in keys]

    def sample(self, key: Key) -> Sample:
        """The sample of a key. Files that broke or vanished during the run are replaced by others."""
        (files_a, files_b), lost = self.files, dict[Path, str]()
        chosen = draw(self.seed, key, len(files_a), len(files_b))
        a = read_or_replace(files_a, chosen.a, chosen.seed_a, self.read, lost)
        b = read_or_replace(files_b, chosen.b, chosen.seed_b, self.read, lost)
        a, b = self.transform(a, chosen.seed_a), self.transform(b, chosen.seed_b)
        return Sample(Pair(to_tensor(a), to_tensor(b)), lost)


def collate(samples: Sequence[Sample]) -> tuple[Pair, dict[Path, str]]:
    """A batch of pairs, and the files that could not be read for it."""
    lost = {file: reason for sample in samples for file, reason in sample.lost.items()}
    return default_collate([sample.pair for sample in samples]), lost
