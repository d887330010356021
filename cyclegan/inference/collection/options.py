"""What can be chosen about the files that are written, and what is told in the end."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from cyclegan.inference.passes import Passes
from cyclegan.inference.saved import Facts
from cyclegan.pictures.photo import Photo


class PhotoTranslator(Protocol):
    """What translates photos: `cyclegan.Translator`."""

    passes: Passes
    facts: Facts
    work_size: int | None

    def photos(self, photos: list[Photo], room: int | None = None, batch_size: int | None = None) -> list[Photo]:
        """Translations of photos."""
        ...

    def fingerprint(self) -> str:
        """Changes when translations would."""
        ...


@dataclass(frozen=True)
class Options:
    """How files are read and written.

    Args:
        format: jpg, png, webp, tif, bmp or gif; null keeps each file's.
        strip: leave out EXIF, colour profile and XMP.
        all_frames: every frame or page of a file that holds several, not the first alone.
        overwrite: do again what is done, and replace files that were not made here.
        batch_size: pictures in one pass; null: as suits the device.
        workers: threads that read, and as many that write.
    """

    format: str | None = None
    strip: bool = False
    all_frames: bool = False
    overwrite: bool = False
    batch_size: int | None = None
    workers: int = 2


class Failure(NamedTuple):
    """A picture that was not translated, and why."""

    source: Path
    reason: str


@dataclass
class Summary:
    """What became of a collection.

    Args:
        translated: pictures.
        done_before: pictures that were left as they are.
        failures: pictures that were left out.
        first_frame_only: files of several frames or pages, of which the first was taken.
        large: pictures many times as large as those of the training.
        stopped: why the work ended early; null: it did not.
    """

    translated: int = 0
    done_before: int = 0
    failures: list[Failure] = field(default_factory=list)
    first_frame_only: list[Path] = field(default_factory=list)
    large: list[Path] = field(default_factory=list)
    stopped: str | None = None

    def add(self, other: "Summary") -> None:
        """Take in what another process did."""
        self.translated += other.translated
        self.done_before += other.done_before
        self.failures += other.failures
        self.first_frame_only += other.first_frame_only
        self.large += other.large
        self.stopped = self.stopped or other.stopped
