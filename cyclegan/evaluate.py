"""Score a model, or any two folders: ``python -m cyclegan.evaluate RUN``, ``... --fakes DIR --reals DIR``."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from cyclegan.console.commands import Parser, positive, run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.options import default_config
from cyclegan.console.output import progress_bar, say
from cyclegan.data.domain import Domain
from cyclegan.data.folders import Sides
from cyclegan.data.module import Tests, UnpairedData
from cyclegan.data.transforms import CenterCrop, Resize
from cyclegan.eyes.weights import NAMES as EYES
from cyclegan.hardware.devices import usable_device
from cyclegan.pictures.finding import find_images
from cyclegan.pictures.images import SUFFIXES, BrokenImageError
from cyclegan.runs.assembly import assemble_data
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import restore, saved_config
from cyclegan.scoring.distribution import check_enough
from cyclegan.scoring.equilibrium import duality_gap, rounds_of
from cyclegan.scoring.features import INCEPTION, Extractor, load_extractor
from cyclegan.scoring.judge import Judge
from cyclegan.scoring.model import Model
from cyclegan.scoring.perceptual import EyesPerceptual, Perceptual, PictureDistance
from cyclegan.scoring.table import NOTHING, REALS, Table, footnotes, save_table, table_lines

NONE = "none"
REPEATS = 5  # of the equilibrium's measurement


def evaluate(arguments: Sequence[str] | None = None) -> Table:
    """Run the command; returns the table that it prints and writes."""
    options = _parser().parse_args(arguments)
    _check(options)
    device = usable_device(options.device)
    try:
        table = _score_model(options, device) if options.model else _score_folders(options, device)
    except BrokenImageError as error:
        raise UsageError(f"{error}. Repair it or leave it out.") from error
    for line in (*table_lines(table), "", *footnotes(table)):
        say(line)
    if (file := options.json or _own_file(options)) is not None:
        save_table(table, file)
        say(f"Written to {file}")
    if options.equilibrium:
        _measure_equilibrium(Run(Path(options.model)), options.steps, device, options.trust)
    return table


def _parser() -> Parser:
    parser = Parser(
        prog="python -m cyclegan.evaluate",
        description="Score a model on a data set, or one folder of pictures against another.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", nargs="?", help="a run folder, its best/, one of its checkpoints, or a translator")
    data = "a folder with testA and testB; trainA and trainB give scores to compare with (default: the run's pictures)"
    add("dataset", metavar="DATASET", type=Path, nargs="?", help=data)
    add("--fakes", metavar="DIR", type=Path, help="pictures to score, instead of a model")
    add("--reals", metavar="DIR", type=Path, help="pictures to compare them with")
    add("--paired", action="store_true", help="pictures of the same name show the same thing")
    add("--exclude-leaks", action="store_true", help="leave out test pictures that are training pictures, too")
    add("--equilibrium", action="store_true", help="also measure how far the run's game is from equilibrium (slow)")
    add("--steps", type=positive, default=20, help="steps of each player for --equilibrium (default: %(default)s)")
    add("--to", metavar="NAME", help="score only translations to this look")
    add("--a", metavar="NAME", help="the look in DATASET's testA, for a model that is not part of a run")
    add("--trust", action="store_true", help="let the run's config name classes that are not cyclegan's")
    names = ", ".join((NONE, *EYES, INCEPTION))
    what = f"what KID and FID compare: {names} or PATH.onnx (default: {INCEPTION}, if it can be downloaded)"
    add("--features", metavar="WHAT", help=what)
    add("--size", type=positive, help="size of the compared pictures in pixels (default: as in the run's tests)")
    add("--batch-size", type=positive, default=8, help="pictures per pass (default: %(default)s)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="(default: %(default)s)")
    add("--json", metavar="FILE", type=Path, help="file for the scores (default: scores.json in the run folder)")
    return parser


def _check(options: Namespace) -> None:
    """Refuse options that do not go together."""
    given = [bool(each) for each in (options.model, options.fakes, options.reals)]
    if given not in ([True, False, False], [False, True, True]):
        raise UsageError("There must be a MODEL, or --fakes and --reals together. See --help.")
    if not options.model and (options.to or options.a or options.exclude_leaks):
        raise UsageError("--to, --a and --exclude-leaks must go with a MODEL, not with --fakes and --reals.")
    if options.equilibrium and not (options.model and Run(Path(options.model)).exists()):
        got = options.model or "--fakes and --reals"
        raise UsageError(f"--equilibrium must go with a run folder, which has all players, got {got}. Leave it out.")


def _own_file(options: Namespace) -> Path | None:
    """The default file for scores of all directions: in the folder of a run, or of its best translators."""
    if not options.model or options.to:
        return None
    folder = Path(options.model).resolve()
    own = Run(folder).exists() or (Run(folder.parent).exists() and Run(folder.parent).best == folder)
    return Run(folder).scores if own else None


def _measure_equilibrium(run: Run, steps: int, device: torch.device, trust: bool) -> None:
    say(f"\nDistance from equilibrium: what each player gains by {steps} steps alone, mean ± standard deviation ...")
    game, data, played = restore(run, trust)
    gap = duality_gap(game.to(device), rounds_of(data, steps, REPEATS), played)
    for name, regret in gap.regrets.items():
        say(f"{name:<15}{regret.mean:>9.4f} ± {regret.std:.4f} of a loss of {regret.loss:.4f}")
    say(f"{'duality gap':<15}{gap.mean:>9.4f} ± {gap.std:.4f}")
    gap.save(run.equilibrium)
    say(f"Written to {run.equilibrium}")


def _score_model(options: Namespace, device: torch.device) -> Table:
    model = Model.load(options.model, device, options.precision)
    a, b = model.looks(options.a)
    if options.to not in (None, *model.targets):
        raise UsageError(f"--to must be one of {', '.join(model.targets)}, got {options.to!r}.")
    data = _data(_config(options, model, a, b))
    tests = data.tests()
    height, width = data.test_pictures(tests.a[:1])[0].shape[1:]
    if options.size not in (None, min(height, width)):
        raise UsageError(f"--size must change what domain.test_transform does, got {width}x{height}. Leave it out.")
    _introduce(options.model, data, tests, f" at {width}x{height}")
    translators = {"b" if each.facts.target == b else "a": each for each in model.translators}
    if len(translators) == 1:
        say("The cycle's error takes both directions: not measured.")
    letters = [letter for letter in ("b", "a") if letter in translators]
    letters = [letter for letter in letters if options.to in (None, translators[letter].facts.target)]
    with progress_bar("scoring", "picture", leave=False, delay=1) as bar:
        judge = Judge(data, tests, *_networks(options, tests), options.batch_size, bar.update)
        bar.total = judge.work(letters)
        return judge.table(translators, letters)


def _score_folders(options: Namespace, device: torch.device) -> Table:
    """Score the pictures of one folder against those of another."""
    steps = [Resize(options.size, keep_aspect=True), CenterCrop(options.size)] if options.size else []
    data = UnpairedData(Domain(name="folders", a="fakes", b="reals", transform=[], test_transform=steps))
    data.sides = Sides([], [], _pictures(options.fakes), _pictures(options.reals))
    tests = _pairs(options.fakes, options.reals, data.sides) if options.paired else data.tests()
    _introduce(options.fakes, data, tests)
    with progress_bar("scoring", "picture", leave=False, delay=1) as bar:
        judge = Judge(data, tests, *_networks(options, tests), options.batch_size, bar.update)
        rows = judge.baselines("b", device).rows
    return {options.reals.resolve().name: {"fakes": rows[NOTHING], REALS: rows[REALS]}}


def _config(options: Namespace, model: Model, a: str, b: str) -> DictConfig:
    """Seed and domain: the run's, with the changes that the command line asks for."""
    whole = saved_config(model.run, options.trust) if model.run else default_config("domain=folders")
    config = OmegaConf.masked_copy(whole, ["seed", "domain"])
    asked = {"paired_test": options.paired, "exclude_leaks": options.exclude_leaks}
    changes: dict[str, object] = {"a": a, "b": b} | {name: True for name, wanted in asked.items() if wanted}
    if options.dataset is not None:
        if not options.dataset.is_dir():
            raise UsageError(f"There is no folder {options.dataset}. Name one that holds testA and testB.")
        changes |= {"root": str(options.dataset), "a_dir": None, "b_dir": None, "source": None}
        if not config.domain.root or options.dataset.resolve() != Path(config.domain.root).resolve():
            changes |= {"files_a": "*", "files_b": "*"}
    elif model.run is None:
        raise UsageError(f"{options.model} is not part of a run. Name a DATASET, too: a folder with testA and testB.")
    if model.run is None:
        size = model.translators[0].facts.size
        changes |= {"load_size": size, "crop_size": size, "channels": model.translators[0].channels}
    changes |= {"load_size": options.size, "crop_size": options.size} if options.size else {}
    OmegaConf.set_struct(config, False)
    config.domain.update(changes)
    return config


def _data(config: DictConfig) -> UnpairedData:
    """The domain's pictures, or only its tests if there are no training pictures.

    Raises:
        UsageError: if a look has no test pictures.
    """
    root = Path(config.domain.root) if config.domain.root else None
    if root is None or not root.is_dir() or any((root / split).is_dir() for split in ("trainA", "trainB")):
        data = assemble_data(config)
    else:
        data = UnpairedData(instantiate(config.domain, _convert_="all"), config.seed)
        data.found = data.sides = Sides([], [], find_images(root / "testA"), find_images(root / "testB"))
    for split, look, files in (("testA", data.a, data.sides.test_a), ("testB", data.b, data.sides.test_b)):
        if not files:
            where = f"in {root / split}" if root else f"of {look}"
            raise UsageError(f"There are no test pictures {where}. Name a DATASET, a folder with testA and testB.")
    return data


def _introduce(model: str | Path, data: UnpairedData, tests: Tests, size: str = "") -> None:
    aligned = ", aligned" if tests.aligned else ""
    say(f"{model}: {len(tests.a)} {data.a} and {len(tests.b)} {data.b} for testing{size}{aligned}")
    kept = len(data.sides.test_a) + len(data.sides.test_b)
    if data.domain.exclude_leaks and (leaks := len(data.found.test_a) + len(data.found.test_b) - kept):
        say(f"{leaks} that are broken or copies of training pictures are left out.")
    if alone := kept - len(tests.a) - len(tests.b):
        say(f"{alone} without a partner of the same name are left out.")


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. Name one that holds pictures.")
    files = find_images(folder)
    if not files:
        raise UsageError(f"No images in {folder} (looked for {' '.join(SUFFIXES)}). Name a folder that holds some.")
    return files


def _pairs(fakes: Path, reals: Path, sides: Sides) -> Tests:
    """Pictures with the same path below their folder, whatever the suffix."""
    truths = {file.relative_to(reals).with_suffix(""): file for file in sides.test_b}
    places = {file: file.relative_to(fakes).with_suffix("") for file in sides.test_a}
    paired = [file for file, place in places.items() if place in truths]
    if not paired:
        raise UsageError(f"{fakes} and {reals} must hold pictures of the same names for --paired. Leave --paired out.")
    return Tests(paired, [truths[places[file]] for file in paired], aligned=True)


def _networks(options: Namespace, tests: Tests) -> tuple[Extractor | None, PictureDistance | None]:
    """The networks for KID, FID and the perceptual distance. Prints a line for each default that is not available."""
    extractor: Extractor | None = None
    perceptual: PictureDistance | None = None
    try:
        if options.features != NONE:
            check_enough(len(tests.a), len(tests.b))
            extractor = load_extractor(options.features or INCEPTION)
    except UsageError as error:
        if options.features is not None:
            raise
        say(f"KID and FID are left out. {error}")
    if options.features in EYES:
        return extractor, EyesPerceptual(options.features) if tests.aligned else None
    try:
        perceptual = Perceptual() if tests.aligned else None
    except UsageError as error:
        say(f"LPIPS is left out. {error}")
    return extractor, perceptual


def main() -> None:
    """Run the command."""
    run_command(evaluate)


if __name__ == "__main__":
    main()
