"""Published data sets: downloaded, unpacked safely, and compared with what was published."""

import os
import re
import shutil
import stat
import zlib
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import SPLITS, Domain, Source
from cyclegan.files.download import Progress, fetch, reason_of
from cyclegan.pictures.finding import find_images

MAX_BYTES = 20 * 2**30  # of an unpacked set
MAX_RATIO = 100  # of an unpacked set to its archive: pictures hardly shrink, zip bombs shrink a thousandfold
CLUTTER = re.compile(r"(^|/)(\.|__MACOSX/|Thumbs\.db$|desktop\.ini$)")  # files that are not unpacked
WINDOWS = os.name == "nt"
ILLEGAL = re.compile(r'[<>:"|?*]|[. ]+(?=/|$)')  # in file names on Windows; official names contain colons
AGAIN = "Delete it and run the same command again."


def obtain(domain: Domain, progress: Progress) -> list[str]:
    """Bring a published set to the domain's root, unless pictures are there already.

    An archive that a user has put beside the root is used instead of a download.

    Returns:
        What `verify` finds in the new set.

    Raises:
        UsageError: if the set cannot be downloaded or is not what was published; the root is left as it was.
    """
    if domain.root is None or domain.source is None:
        raise UsageError(f"Domain {domain.name} must have a root and a source to be fetched. Choose a published one.")
    root, source = Path(domain.root), domain.source
    if any(find_images(root / split) for split in SPLITS):
        return []
    archive = root.parent / PurePosixPath(unquote(urlsplit(source.url).path)).name
    downloaded = not archive.exists()
    if downloaded:
        fetch(source.url, archive, progress)
    unpack(archive, root)
    if wrong := _miscounts(root, source):
        shutil.rmtree(root.resolve())
        raise UsageError(f"{archive} is not the published set: {wrong}. {AGAIN}")
    if downloaded:
        archive.unlink()
    return verify(root, source)


def unpack(archive: Path, root: Path) -> None:
    """Unpack a zip whose one folder holds trainA, trainB, testA and testB to the root: completely or not at all.

    Raises:
        UsageError: if the zip is broken, an entry is not safe, or other files are at the root.
    """
    root = root.resolve()
    fresh = root.with_name(f".{root.name}.unpacking")
    shutil.rmtree(fresh, ignore_errors=True)  # a killed process may have left it
    try:
        if root.is_dir():
            root.rmdir()  # fails unless empty
        with ZipFile(archive) as packed:
            _extract(packed, fresh, room=min(MAX_BYTES, MAX_RATIO * archive.stat().st_size))
        fresh.replace(root)
    except (BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise UsageError(f"{archive} is broken ({reason_of(error)}). {AGAIN}") from error
    except OSError as error:
        raise UsageError(f"Could not unpack {archive} ({reason_of(error)}). {root} must be free and empty.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def verify(root: Path, source: Source) -> list[str]:
    """Compare a set with what was published.

    A split's digest is the SHA-256 of the sorted SHA-256 digests of its files, lower-case, joined by newlines.

    Returns:
        A line for each split whose contents differ from the published ones, such as a re-encoded copy.

    Raises:
        UsageError: if a split has more or fewer pictures than published.
    """
    if wrong := _miscounts(root, source):
        raise UsageError(f"{root} must hold the published pictures, got {wrong}. Move it away and prepare it again.")
    differing = [split for split, digest in source.digests.items() if _digest(root / split) != digest]
    return [f"{split}: {source.counts[split]} pictures, contents differ from the published ones" for split in differing]


def _extract(packed: ZipFile, folder: Path, room: int) -> None:
    """Unpack all splits into a folder, if all entries are safe and take no more than `room` bytes."""
    places: dict[Path, ZipInfo] = {}
    found = set()
    for entry in packed.infolist():
        top, *parts = PurePosixPath(ILLEGAL.sub("_", entry.filename) if WINDOWS else entry.filename).parts
        place, room = folder.joinpath(*parts), room - entry.file_size
        if fault := _fault(entry, room) or ("is there twice" if place in places else None):
            raise UsageError(f"{packed.filename} is not safe to unpack: {entry.orig_filename!r} {fault}. {AGAIN}")
        if not entry.is_dir() and parts[1:] and parts[0] in SPLITS and not CLUTTER.search("/".join(parts)):
            places[place] = entry
            found.add((top, parts[0]))
    if len({top for top, _ in found}) != 1 or not {"trainA", "trainB"} <= {split for _, split in found}:
        raise UsageError(f"{packed.filename} must hold one folder with trainA, trainB, testA, testB, got others.")
    for place, entry in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(entry) as source, place.open("xb") as file:
            shutil.copyfileobj(source, file)


def _fault(entry: ZipInfo, room: int) -> str | None:
    """Why an entry must not be unpacked; None if it is safe."""
    name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    faults = {
        "has an absolute path": re.match(r"/|[A-Za-z]:", name),
        "leads out of the folder": ".." in name.split("/"),
        "has an odd character in its name": re.search(r"[\\\x00-\x1f]", name),
        "is a link or a device": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is packed in an unusual way": entry.flag_bits & 1 or entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED),
        "is much too large": room < 0,
    }
    return next((fault for fault, found in faults.items() if found), None)


def _miscounts(root: Path, source: Source) -> str:
    counts = {split: (len(find_images(root / split)), wanted) for split, wanted in source.counts.items()}
    return ", ".join(f"{n} in {split} instead of {wanted}" for split, (n, wanted) in counts.items() if n != wanted)


def _digest(folder: Path) -> str:
    digests = sorted(sha256(path.read_bytes()).hexdigest() for path in find_images(folder))
    return sha256("\n".join(digests).encode()).hexdigest()
