"""A domain as a LightningDataModule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from cyclegan.console.errors import UsageError
from cyclegan.console.places import default_cache
from cyclegan.data.domain import Domain
from cyclegan.data.duplicates import leaking
from cyclegan.data.folders import (
    FEWEST,
    Sides,
    UnpairedDataset,
    collate,
    find_sides,
    look_names,
    split_folders,
)
from cyclegan.data.lost_pictures import listed, most_lost, too_many
from cyclegan.data.opening import Cache, Opened, open_pictures
from cyclegan.data.pixel_cache import ROOM, KeptPictures
from cyclegan.data.sampling import Batches, EpochLoader, Key, Pair
from cyclegan.data.transforms import Transform
from cyclegan.pictures.images import read, to_tensor

T = TypeVar("T")


class Tests(NamedTuple):
    """Test files of both looks; if they are aligned, the ones at the same place show the same thing."""

    a: list[Path]
    b: list[Path]
    aligned: bool


class UnpairedData(LightningDataModule):
    """Batches of `Pair` from a domain's training pictures, and its test pictures one by one.

    Args:
        domain: where the pictures are and how they are prepared.
        seed: decides, with the epoch and the index, what each sample holds.

    Attributes:
        lost: training pictures that broke or went after the start of the run, with the reason, as far as it is known.
    """

    def __init__(self, domain: Domain, seed: int = 0) -> None:
        super().__init__()
        self.domain = domain
        self.seed = seed
        self.a, self.b = look_names(domain)
        folder = Path(domain.cache_dir) if domain.cache_dir else default_cache()
        self.cache = Cache(folder, domain.load_size)
        self.lost: dict[Path, str] = {}
        self._fixed: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    @cached_property
    def found(self) -> Sides:
        """All picture files, whole or broken."""
        return find_sides(self.domain)

    @cached_property
    def known(self) -> Sides:
        """All picture files that the run has known since its beginning, there or not."""
        return self.found

    @cached_property
    def opened(self) -> Opened:
        """What opening each of them once has shown; see `open_each`."""
        return self.open_each()

    @cached_property
    def sides(self) -> Sides:
        """The picture files to use: no broken ones, no leaking tests where `exclude_leaks` is on; see `open_all`."""
        return self.open_all()

    def open_each(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Opened:
        """Find the pictures and open each once, whatever comes to light.

        Args:
            progress: is told how many files of how many were opened.
        """
        self.opened = open_pictures(self.found.everything(), self.cache, progress)
        return self.opened

    def open_all(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Sides:
        """Find the pictures and open each once.

        Args:
            progress: is told how many files of how many were opened.

        Raises:
            UsageError: if some are broken and `skip_broken` is off, or too few are whole or no leaks.
        """
        broken = self.open_each(progress).broken
        if broken and not self.domain.skip_broken:
            raise UsageError(
                f"{len(broken)} of {len(self.found.everything())} pictures cannot be read: {listed(broken)}. "
                "Mend or remove them, or leave them out with domain.skip_broken=true."
            )
        whole = self.found.without(broken)
        if min(len(whole.train_a), len(whole.train_b)) < FEWEST:
            raise UsageError(f"Each look must have at least {FEWEST} whole training pictures. Add more pictures.")
        self.sides = self._without_leaks(whole) if self.domain.exclude_leaks else whole
        return self.sides

    def state_dict(self) -> dict[str, Any]:
        """The run's pictures, for the checkpoint: names, by split, of those in use and of all that it knows."""
        folders = split_folders(self.domain)
        used, found = (
            {
                split: [str(file.relative_to(folders[split])) for file in files]
                for split, files in sides.by_split().items()
            }
            for sides in (self.sides, self.known)
        )
        return {"used": used, "found": found}

    def resume_with(
        self, state: Mapping[str, Any], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        """Take a run's pictures, as its checkpoint names them, wherever they are now; some may be lost.

        Args:
            state: what `state_dict` gave.
            progress: is told how many files of how many were opened.

        Raises:
            UsageError: if there are others, or too many are lost.
        """
        folders = split_folders(self.domain)
        used, found = (
            Sides(*([folders[split] / name for name in names] for split, names in state[which].items()))
            for which in ("used", "found")
        )
        others = sorted(set(self.found.everything()) - set(found.everything()))
        if others:
            raise UsageError(
                f"{len(others)} pictures have come since the run began, such as {others[0]}: they cannot join it. "
                "Move them away, or start a new run with init_from."
            )
        self.known = found  # those that are lost may come back
        opened = self.open_each(progress)
        self.lost = {file: opened.broken.get(file, "it is gone") for file in used.training() if file not in opened.good}
        if len(self.lost) > most_lost(len(used.training())):
            raise too_many(self.lost, len(used.training()))
        tests = ([file for file in files if file in opened.good] for files in (used.test_a, used.test_b))
        self.sides = Sides(used.train_a, used.train_b, *tests)

    @cached_property
    def dataset(self) -> UnpairedDataset:
        """Training samples."""
        transform = Transform(self.domain.transform)
        read_whole = partial(self.cache.read, channels=self.domain.channels)
        kept = KeptPictures(read_whole, ROOM // max(1, self.domain.workers))
        return UnpairedDataset((self.sides.train_a, self.sides.train_b), transform, self.seed, kept)

    def train_dataloader(self) -> EpochLoader:
        """This rank's batches, from a place that can be saved."""
        workers = self.domain.workers
        return EpochLoader(
            self.dataset,
            self.lost,
            collate_fn=collate,
            batch_sampler=self.batches(self.trainer.global_rank, self.trainer.world_size)
            if self.trainer
            else self.batches(),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def blank_batch(self, batch: int, crop: int) -> Pair:
        """A batch like those of training, of so many samples and of crops of so many pixels, all zero."""
        return Pair(*torch.zeros(2, batch, self.domain.channels, crop, crop).unbind())

    @property
    def kept_bytes(self) -> int:
        """The most that decoded pictures will take in memory."""
        sizes = (self.opened.good[file].size for file in self.sides.training() if file in self.opened.good)
        return min(ROOM, sum(width * height * self.domain.channels for width, height in sizes))

    def try_sample(self) -> None:
        """Make one sample, and prepare a test picture, before anything is written.

        Raises:
            UsageError: if the transforms cannot, or do not give pictures of `crop_size`.
        """
        domain, first = self.domain, Key(epoch=0, sample=0)
        with _applicable("domain.test_transform"):
            self.test_pictures(self.tests(1).a)
        with _applicable("domain.transform"):
            shape = tuple(self.dataset[first].a.shape)
        if shape != (domain.channels, domain.crop_size, domain.crop_size):
            raise UsageError(
                f"domain.transform must give pictures of {domain.crop_size}x{domain.crop_size} with {domain.channels} "
                f"channels, got {shape[2]}x{shape[1]} with {shape[0]}. Change it, or domain.crop_size."
            )

    def batches(self, rank: int = 0, ranks: int = 1) -> Batches:
        """The keys of one process's batches.

        Raises:
            UsageError: if the pictures do not make one batch for each process.
        """
        count, size = len(self.dataset), self.domain.batch_size
        if count < size * ranks:
            where = f" on {ranks} devices" if ranks > 1 else ""
            raise UsageError(
                f"domain.batch_size must be at most {count // ranks} for {count} pictures{where}, got {size}."
            )
        return Batches(count, size, rank, ranks)

    def test_pictures(self, files: Sequence[Path]) -> list[Tensor]:
        """Pictures (C, H, W) in [-1, 1], prepared as the domain's tests are."""
        transform = Transform(self.domain.test_transform)
        return [to_tensor(transform(read(file, self.domain.channels), seed=0)) for file in files]

    def fixed_pictures(self, count: int) -> tuple[list[Tensor], list[Tensor]]:
        """Test pictures of both looks (training pictures where there are no tests), spread evenly; read but once."""
        if count not in self._fixed:
            sides = self.sides
            files = (sides.test_a or sides.train_a, sides.test_b or sides.train_b)
            a, b = (self.test_pictures(spread(each, count)) for each in files)
            self._fixed[count] = a, b
        return self._fixed[count]

    def tests(self, count: int | None = None) -> Tests:
        """At most `count` test pictures of each look, spread evenly; training pictures of a look without tests.

        Raises:
            UsageError: if the tests should be aligned, but no two of them have the same name.
        """
        sides = self.sides
        if not (self.domain.paired_test and sides.test_a and sides.test_b):
            a, b = (spread(files, count) for files in (sides.test_a or sides.train_a, sides.test_b or sides.train_b))
            return Tests(a, b, aligned=False)
        b_files = {file.name: file for file in sides.test_b}
        both = [(a, b_files[a.name]) for a in sides.test_a if a.name in b_files]
        if not both:
            raise UsageError(
                f"Aligned test pictures must have the same names in both looks, got {sides.test_a[0].name} and "
                f"{sides.test_b[0].name}. Rename them, or set domain.paired_test=false."
            )
        chosen = spread(both, count)
        return Tests([a for a, _ in chosen], [b for _, b in chosen], aligned=True)

    def _without_leaks(self, sides: Sides) -> Sides:
        known, tests = self.opened.good, [*sides.test_a, *sides.test_b]
        train = [known[file] for file in (*sides.train_a, *sides.train_b)]
        leaks = set(compress(tests, leaking(train, [known[file] for file in tests])))
        if self.domain.paired_test:  # a leak takes its partner along
            names = {file.name for file in leaks}
            leaks = {file for file in tests if file.name in names}
        kept = replace(
            sides,
            test_a=[file for file in sides.test_a if file not in leaks],
            test_b=[file for file in sides.test_b if file not in leaks],
        )
        for name, before, after in ((self.a, sides.test_a, kept.test_a), (self.b, sides.test_b, kept.test_b)):
            if before and not after:
                raise UsageError(
                    f"All {len(before)} test pictures of {name} are copies of training pictures. "
                    "Add others, or set domain.exclude_leaks=false."
                )
        return kept


@contextmanager
def _applicable(option: str) -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # whatever a user's own transform raises
        raise UsageError(f"{option} cannot be applied ({' '.join(str(error).split())}). Change it.") from error


def spread(items: list[T], count: int | None) -> list[T]:
    """At most `count` of the items, evenly spread, always the same."""
    if count is None or count >= len(items):
        return items
    return [items[i * len(items) // count] for i in range(count)]
