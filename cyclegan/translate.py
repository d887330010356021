"""Translate pictures: ``python -m cyclegan.translate RUN INPUT OUTPUT --to winter``."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from PIL import Image

from cyclegan.cli import Parser, friendly, natural, positive
from cyclegan.console import progress_bar, say
from cyclegan.data.folders import find_images
from cyclegan.data.images import RGB, SUFFIXES, BrokenImageError, flatten, load, to_image
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.hardware import usable_device
from cyclegan.translator import Translator

JPEG = (".jpg", ".jpeg")
OPAQUE = (*JPEG, ".bmp")  # formats without transparency: shown on white


def translate_files(
    translator: Translator, jobs: Sequence[tuple[Path, Path]], batch_size: int, workers: int
) -> list[str]:
    """Translate files, each (input, output); pictures of one size that follow each other are batched.

    Args:
        translator: the direction.
        jobs: pairs of an existing file and the file to write, in that name's format.
        batch_size: most pictures in one pass.
        workers: threads that read; 0 reads in one.

    Returns:
        What went wrong, a line per picture that could not be read.
    """
    problems: list[str] = []
    with (
        ThreadPoolExecutor(max(1, workers)) as pool,
        progress_bar("translating", "picture", total=len(jobs), delay=1) as bar,
    ):
        for chunk in _chunks(jobs, batch_size):
            loaded = pool.map(_try_load, [source for source, _ in chunk])
            targets = [target for _, target in chunk]
            problems += _translate_chunk(translator, list(zip(loaded, targets, strict=True)))
            bar.update(len(chunk))
    return problems


def _translate_chunk(translator: Translator, chunk: Sequence[tuple[Image.Image | str, Path]]) -> list[str]:
    by_size: dict[tuple[int, int], list[tuple[Image.Image, Path]]] = defaultdict(list)
    for image, target in chunk:
        if isinstance(image, Image.Image):
            by_size[image.size].append((image, target))
    for group in by_size.values():
        for result, (_, target) in zip(translator.batch([image for image, _ in group]), group, strict=True):
            _save(result, target)
    return [problem for problem, _ in chunk if isinstance(problem, str)]


def plan(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """What to translate into what: a file into a file or folder; a folder into the same tree.

    Raises:
        UsageError: if there is nothing to translate.
    """
    if source.is_dir():
        inside = target.resolve()
        if inside == source.resolve():
            raise UsageError(f"OUTPUT must not be INPUT, got {target} for both: it would overwrite your pictures.")
        files = [file for file in find_images(source) if inside not in file.resolve().parents]
        if not files:
            raise UsageError(f"No images in {source}. Name a picture, or a folder that holds some.")
        return [(file, target / file.relative_to(source)) for file in files]
    if not source.is_file():
        raise UsageError(f"There is no file or folder {source}. Name a picture, or a folder that holds some.")
    if target.is_dir() or not target.suffix:
        return [(source, target / source.name)]
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{target} must end in one of {' '.join(SUFFIXES)}. Name such a file, or a folder.")
    return [(source, target)]


def _chunks(jobs: Sequence[tuple[Path, Path]], size: int) -> Iterator[list[tuple[Path, Path]]]:
    remaining = iter(jobs)
    while chunk := list(islice(remaining, size)):
        yield chunk


def _try_load(path: Path) -> Image.Image | str:
    try:
        return load(path)
    except BrokenImageError as error:
        return str(error)


def _save(image: Image.Image, target: Path) -> None:
    suffix = target.suffix.lower()
    options = {"quality": 95, "subsampling": 0} if suffix in JPEG else {}
    image = to_image(flatten(image, RGB)) if suffix in OPAQUE and image.mode in ("LA", "RGBA") else image
    with replaced_whole(target) as partial:
        image.save(partial, format=Image.registered_extensions()[suffix], **options)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m cyclegan.translate", description="Translate pictures from one look into another, at their size."
    )
    parser.add_argument("model", metavar="MODEL", help="a run folder, or a translator folder")
    parser.add_argument("input", metavar="INPUT", type=Path, help="a picture, or a folder of pictures")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="a file, or a folder that gets the same tree")
    parser.add_argument("--to", metavar="NAME", help="the look to translate to, where the model has two directions")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="(default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument("--batch-size", type=positive, default=1, help="pictures per pass (default: %(default)s)")
    parser.add_argument("--workers", type=natural, default=2, help="threads that read (default: %(default)s)")
    return parser


def translate(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code: 0, or 1 if some pictures could not be read."""
    options = _parser().parse_args(arguments)
    device = usable_device(options.device)
    translator = Translator.from_pretrained(options.model, options.to, device, options.precision)
    jobs = plan(options.input, options.output)
    problems = translate_files(translator, jobs, options.batch_size, options.workers)
    say(f"Translated {len(jobs) - len(problems)} pictures to {translator.facts.target}: {options.output}")
    for problem in problems:
        print(f"Left out {problem}", file=sys.stderr)
    return 1 if problems else 0


def main() -> None:
    """Run the command."""
    friendly(lambda: sys.exit(translate()))


if __name__ == "__main__":
    main()
