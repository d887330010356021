"""From folders of pictures to samples of pairs."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from torch.utils.data import Dataset, default_collate

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import SPLITS, Domain
from cyclegan.data.lost_pictures import read_or_replace
from cyclegan.data.sampling import Key, Pair, Sample, draw
from cyclegan.data.transforms import Transform
from cyclegan.pictures.finding import find_images
from cyclegan.pictures.images import SUFFIXES, Pixels, to_tensor

FEWEST = 2  # pictures of one look that make a look


@dataclass(frozen=True)
class Sides:
    """The picture files of a domain; the tests may be empty."""

    train_a: list[Path]
    train_b: list[Path]
    test_a: list[Path]
    test_b: list[Path]

    def everything(self) -> list[Path]:
        """All of them."""
        return [file for split in self.by_split().values() for file in split]

    def training(self) -> list[Path]:
        """Those to train on."""
        return [*self.train_a, *self.train_b]

    def by_split(self) -> dict[str, list[Path]]:
        """All of them, by the name of their split."""
        return dict(zip(SPLITS, (self.train_a, self.train_b, self.test_a, self.test_b), strict=True))

    def without(self, files: Collection[Path]) -> "Sides":
        """The same but for some files."""
        return Sides(*([file for file in split if file not in files] for split in self.by_split().values()))


def split_folders(domain: Domain) -> dict[str, Path]:
    """The folder in which each split's pictures are."""
    if domain.root is not None:
        return {split: Path(domain.root) / split for split in SPLITS}
    return {split: Path((domain.a_dir if split.endswith("A") else domain.b_dir) or "") for split in SPLITS}


def find_sides(domain: Domain) -> Sides:
    """Where a domain's pictures are.

    Raises:
        UsageError: if a folder is missing, or a look has fewer than two training pictures.
    """
    if domain.root is not None and domain.a_dir is None and domain.b_dir is None:
        sides = _from_root(domain, Path(domain.root))
    elif domain.root is None and domain.a_dir is not None and domain.b_dir is not None:
        sides = _from_two_folders(domain, Path(domain.a_dir), Path(domain.b_dir))
    else:
        given = [name for name in ("root", "a_dir", "b_dir") if getattr(domain, name) is not None]
        raise UsageError(
            f"A domain must have either domain.root, or domain.a_dir and domain.b_dir, got {given or 'none of them'}. "
            "Give the folder that holds trainA and trainB as domain.root, or one folder for each look."
        )
    return sides


def look_names(domain: Domain) -> tuple[str, str]:
    """Human names of both looks: the domain's, else the folders', else a and b.

    Raises:
        UsageError: if both are the same, or one could not be a file name.
    """
    folder_a = Path(domain.a_dir).resolve().name if domain.a_dir else "a"
    folder_b = Path(domain.b_dir).resolve().name if domain.b_dir else "b"
    a, b = domain.a or folder_a, domain.b or folder_b
    if a == b:
        raise UsageError(f"The two looks must have different names, got {a!r} twice. Set domain.a and domain.b.")
    for name in (a, b):
        if not name or name.startswith(".") or set(name) & set("/\\:\0"):
            raise UsageError(f"A look's name must be usable as a file name, got {name!r}. Set domain.a and domain.b.")
    return a, b


class UnpairedDataset(Dataset[Pair]):
    """Samples by `Key`, each a picture of look a and an unrelated one of look b.

    Args:
        files: training pictures of look a, and of look b.
        transform: augmentation, drawn separately for the two.
        seed: with the key, decides what a sample holds.
        read: gives a file's pixels.
    """

    def __init__(
        self,
        files: tuple[Sequence[Path], Sequence[Path]],
        transform: Transform,
        seed: int,
        read: Callable[[Path], Pixels],
    ) -> None:
        self.a, self.b = files
        self.transform = transform
        self.seed = seed
        self.read = read

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def __getitem__(self, key: Key) -> Pair:
        return self.sample(key).pair

    def __getitems__(self, keys: Sequence[Key]) -> list[Sample]:
        """What a DataLoader asks for."""
        return [self.sample(key) for key in keys]

    def sample(self, key: Key) -> Sample:
        """The pair of a key. Files that broke or went since they were found are replaced by others."""
        chosen, lost = draw(self.seed, key, len(self.a), len(self.b)), dict[Path, str]()
        a = read_or_replace(self.a, chosen.a, chosen.seed_a, self.read, lost)
        b = read_or_replace(self.b, chosen.b, chosen.seed_b, self.read, lost)
        a, b = self.transform(a, chosen.seed_a), self.transform(b, chosen.seed_b)
        return Sample(Pair(to_tensor(a), to_tensor(b)), lost)


def collate(samples: Sequence[Sample]) -> tuple[Pair, dict[Path, str]]:
    """A batch of pairs, and the files of all samples that could not be read."""
    lost = {file: reason for sample in samples for file, reason in sample.lost.items()}
    return default_collate([sample.pair for sample in samples]), lost


def _from_root(domain: Domain, root: Path) -> Sides:
    train_a, train_b, test_a, test_b = (root / split for split in SPLITS)
    return Sides(
        _enough(train_a, domain, domain.files_a),
        _enough(train_b, domain, domain.files_b),
        find_images(test_a),
        find_images(test_b),
    )


def _from_two_folders(domain: Domain, a_dir: Path, b_dir: Path) -> Sides:
    train_a, test_a = _hold_out(_enough(a_dir, domain, domain.files_a), a_dir, domain.held_out)
    train_b, test_b = _hold_out(_enough(b_dir, domain, domain.files_b), b_dir, domain.held_out)
    return Sides(train_a, train_b, test_a, test_b)


def _enough(folder: Path, domain: Domain, pattern: str) -> list[Path]:
    if not folder.is_dir():
        fetch = f'Run "python -m cyclegan.prepare domain={domain.name}" or set' if domain.source else "Set"
        raise UsageError(f"There is no folder {folder}. {fetch} domain.root, or domain.a_dir and domain.b_dir.")
    files = [file for file in find_images(folder) if fnmatch(file.name, pattern)]
    if not files:
        looked = f"looked for {' '.join(SUFFIXES)}" + ("" if pattern == "*" else f" named {pattern}")
        raise UsageError(f"No images in {folder} ({looked}). Put pictures there or name another folder.")
    if len(files) < FEWEST:
        raise UsageError(f"{folder} must hold at least {FEWEST} pictures, got one. Add more pictures of that look.")
    return files


def _hold_out(files: list[Path], folder: Path, part: float) -> tuple[list[Path], list[Path]]:
    """Training and test files. A file's place depends on its name alone, so that new files hardly move old ones."""
    count = min(max(1, round(part * len(files))), len(files) - FEWEST) if part > 0 else 0
    by_name = sorted(files, key=lambda file: hashlib.sha256(file.relative_to(folder).as_posix().encode()).digest())
    held = set(by_name[: max(0, count)])
    return [file for file in files if file not in held], [file for file in files if file in held]
