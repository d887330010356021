"""Options and summary of the translation of a collection."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from cyclegan.inference.passes import Passes
from cyclegan.inference.saved import Facts
from cyclegan.pictures.photo import Photo


class PhotoTranslator(Protocol):
    """Translates photos; implemented by `cyclegan.Translator`."""

    passes: Passes
    facts: Facts
    work_size: int | None

    def photos(self, photos: list[Photo], room: int | None = None, batch_size: int | None = None) -> list[Photo]:
        """Translate photos."""
        ...

    def fingerprint(self) -> str:
        """A hash that changes whenever translations may change."""
        ...


@dataclass(frozen=True)
class Options:
    """How files are read and written.

    Args:
        format: jpg, png, webp, tif, bmp or gif; None: the format of each input file.
        strip: omit EXIF, colour profile and XMP.
        all_frames: translate all frames or pages of a file, not only the first.
        overwrite: translate finished files again, and replace files that this program did not write.
        batch_size: pictures in one pass; None: chosen for the device.
        workers: number of reading threads, and of writing threads.
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
    """Result of the translation of a collection.

    Args:
        translated: number of translated pictures.
        done_before: number of pictures skipped because they were finished earlier.
        failures: pictures that could not be translated.
        first_frame_only: files with several frames or pages, of which only the first was translated.
        large: pictures much larger than the training crops.
        stopped: reason for an early end; None: no early end.
    """

    translated: int = 0
    done_before: int = 0
    failures: list[Failure] = field(default_factory=list)
    first_frame_only: list[Path] = field(default_factory=list)
    large: list[Path] = field(default_factory=list)
    stopped: str | None = None

    def add(self, other: "Summary") -> None:
        """Add the summary of another process."""
        self.translated += other.translated
        self.done_before += other.done_before
        self.failures += other.failures
        self.first_frame_only += other.first_frame_only
        self.large += other.large
        self.stopped = self.stopped or other.stopped
