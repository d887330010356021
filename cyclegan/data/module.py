"""A domain as a LightningDataModule: training batches and test pictures."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from cyclegan.console.errors import UsageError
from cyclegan.console.places import default_cache
from cyclegan.data.dataset import UnpairedDataset, collate
from cyclegan.data.domain import Domain
from cyclegan.data.duplicates import leaking
from cyclegan.data.folders import FEWEST, Sides, find_sides, look_names, split_folders
from cyclegan.data.loader import EpochLoader
from cyclegan.data.lost_pictures import listed, most_lost, too_many
from cyclegan.data.opening import Cache, Opened, Progress, open_pictures
from cyclegan.data.pixel_cache import ROOM, PixelCache
from cyclegan.data.sampling import Batches, Key, Pair
from cyclegan.data.transforms import Transform
from cyclegan.pictures.images import read, to_tensor

T = TypeVar("T")


class Tests(NamedTuple):
    """Test files of both looks. If they are aligned, those with the same index show the same thing."""

    a: list[Path]
    b: list[Path]
    aligned: bool


class UnpairedData(LightningDataModule):
    """Batches of `Pair` from a domain's training pictures, and single test pictures.

    Args:
        domain: where the pictures are and how they are prepared.
        seed: decides, with the epoch and the index, what each sample holds.

    Attributes:
        lost: training pictures that broke or vanished after the start of the run and were noticed, with the reason.
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
        """All picture files, whole or broken; those that a resumed run began with, even if some are gone."""
        return find_sides(self.domain)

    @cached_property
    def opened(self) -> Opened:
        """The result of opening each picture once; see `open_each`."""
        return self.open_each()

    @cached_property
    def sides(self) -> Sides:
        """The picture files to use: no broken ones, and with `exclude_leaks` no leaking tests; see `open_all`."""
        return self.open_all()

    def open_each(self, progress: Progress = lambda done, total: None) -> Opened:
        """Find the pictures and open each once. Broken ones are no error."""
        self.opened = open_pictures(self.found.everything(), self.cache, progress)
        return self.opened

    def open_all(self, progress: Progress = lambda done, total: None) -> Sides:
        """Find the pictures, open each once, and choose those to use.

        Raises:
            UsageError: if some are broken and `skip_broken` is off, if too few are whole, or if all tests are leaks.
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
        """The run's pictures, for its checkpoints: file names by split, of all that were found and of those in use."""
        folders = split_folders(self.domain)
        return {
            key: {
                split: [str(file.relative_to(folders[split])) for file in files]
                for split, files in sides.by_split().items()
            }
            for key, sides in {"used": self.sides, "found": self.found}.items()
        }

    def resume_with(self, state: Mapping[str, Any], progress: Progress = lambda done, total: None) -> None:
        """Use the pictures that `state_dict` gave to a checkpoint, wherever the folders are now. A few may be lost.

        Raises:
            UsageError: if there are new pictures, or too many are lost.
        """
        folders = split_folders(self.domain)
        used, found = (
            Sides(*([folders[split] / name for name in names] for split, names in state[key].items()))
            for key in ("used", "found")
        )
        if new := sorted(set(self.found.everything()) - set(found.everything())):
            raise UsageError(
                f"{len(new)} pictures have come since the run began, such as {new[0]}: they cannot join it. "
                "Move them away, or start a new run with init_from."
            )
        self.found = found  # lost pictures may come back
        broken = self.open_each(progress).broken
        training = used.training()
        self.lost = {file: broken[file] for file in training if file in broken}
        if len(self.lost) > most_lost(len(training)):
            raise too_many(self.lost, len(training))
        tests = ([file for file in files if file not in broken] for files in (used.test_a, used.test_b))
        self.sides = Sides(used.train_a, used.train_b, *tests)

    @cached_property
    def dataset(self) -> UnpairedDataset:
        """Training samples."""
        read_reduced = partial(self.cache.read, channels=self.domain.channels)
        cached = PixelCache(read_reduced, ROOM // max(1, self.domain.workers))
        files = (self.sides.train_a, self.sides.train_b)
        return UnpairedDataset(files, Transform(self.domain.transform), self.seed, cached)

    def train_dataloader(self) -> EpochLoader:
        """This process's training batches; the loader's position can be saved."""
        ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else ()
        return EpochLoader(
            self.dataset,
            self.lost,
            collate_fn=collate,
            batch_sampler=self.batches(*ranks),
            num_workers=self.domain.workers,
            persistent_workers=self.domain.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def blank_batch(self, batch: int, crop: int) -> Pair:
        """A batch of zeros with the shapes of a training batch, for a batch size and a crop size in pixels."""
        return Pair(*torch.zeros(2, batch, self.domain.channels, crop, crop).unbind())

    @property
    def kept_bytes(self) -> int:
        """The most bytes that the memory cache of decoded pictures will take."""
        known = (self.opened.good[file] for file in self.sides.training() if file in self.opened.good)
        return min(ROOM, sum(each.width * each.height * self.domain.channels for each in known))

    def try_sample(self) -> None:
        """Prepare one test picture and one training sample, to find mistakes before anything is written.

        Raises:
            UsageError: if the transforms fail, or do not give pictures of `crop_size`.
        """
        domain = self.domain
        with _blaming("domain.test_transform"):
            self.test_pictures(self.tests(1).a)
        with _blaming("domain.transform"):
            channels, height, width = self.dataset[Key(epoch=0, sample=0)].a.shape
        if (channels, height, width) != (domain.channels, domain.crop_size, domain.crop_size):
            raise UsageError(
                f"domain.transform must give pictures of {domain.crop_size}x{domain.crop_size} with {domain.channels} "
                f"channels, got {width}x{height} with {channels}. Change it, or domain.crop_size."
            )

    def batches(self, rank: int = 0, ranks: int = 1) -> Batches:
        """The keys of one process's batches.

        Raises:
            UsageError: if there are too few pictures for one batch in each process.
        """
        count, size = len(self.dataset), self.domain.batch_size
        if count < size * ranks:
            where = f" on {ranks} devices" if ranks > 1 else ""
            raise UsageError(
                f"domain.batch_size must be at most {count // ranks} for {count} pictures{where}, got {size}."
            )
        return Batches(count, size, rank, ranks)

    def test_pictures(self, files: Sequence[Path]) -> list[Tensor]:
        """Pictures (C, H, W) in [-1, 1], prepared with the domain's test transform."""
        transform = Transform(self.domain.test_transform)
        return [to_tensor(transform(read(file, self.domain.channels), seed=0)) for file in files]

    def fixed_pictures(self, count: int) -> tuple[list[Tensor], list[Tensor]]:
        """The pictures of `tests(count)`. They are read once, so that they stay the same if a file is lost."""
        if count not in self._fixed:
            tests = self.tests(count)
            self._fixed[count] = self.test_pictures(tests.a), self.test_pictures(tests.b)
        return self._fixed[count]

    def tests(self, count: int | None = None) -> Tests:
        """At most `count` test pictures of each look, evenly spread; training pictures for a look without tests.

        Raises:
            UsageError: if `paired_test` is set, but no two test pictures have the same name.
        """
        a, b = self.sides.test_a, self.sides.test_b
        if not (self.domain.paired_test and a and b):
            a, b = a or self.sides.train_a, b or self.sides.train_b
            return Tests(spread(a, count), spread(b, count), aligned=False)
        by_name = {file.name: file for file in b}
        pairs = spread([(file, by_name[file.name]) for file in a if file.name in by_name], count)
        if not pairs:
            raise UsageError(
                f"Aligned test pictures must have the same names in both looks, got {a[0].name} and {b[0].name}. "
                "Rename them, or set domain.paired_test=false."
            )
        return Tests([a for a, _ in pairs], [b for _, b in pairs], aligned=True)

    def _without_leaks(self, sides: Sides) -> Sides:
        known, tests = self.opened.good, [*sides.test_a, *sides.test_b]
        leaks = set(
            compress(tests, leaking([known[each] for each in sides.training()], [known[each] for each in tests]))
        )
        if self.domain.paired_test:  # a picture without its partner is of no use
            names = {file.name for file in leaks}
            leaks = {file for file in tests if file.name in names}
        kept = []
        for look, files in ((self.a, sides.test_a), (self.b, sides.test_b)):
            kept.append([file for file in files if file not in leaks])
            if files and not kept[-1]:
                raise UsageError(
                    f"All {len(files)} test pictures of {look} are copies of training pictures. "
                    "Add others, or set domain.exclude_leaks=false."
                )
        return Sides(sides.train_a, sides.train_b, *kept)


@contextmanager
def _blaming(option: str) -> Iterator[None]:
    """Turn whatever a user's own transform raises into a line that names the option."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{option} cannot be applied ({' '.join(str(error).split())}). Change it.") from error


def spread(items: list[T], count: int | None) -> list[T]:
    """At most `count` of the items, evenly spread, always the same."""
    if count is None or count >= len(items):
        return items
    return [items[i * len(items) // count] for i in range(count)]
