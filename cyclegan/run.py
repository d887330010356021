"""The folder of one training run, and what lies where in it."""

from dataclasses import dataclass
from pathlib import Path

from cyclegan.errors import UsageError

TRANSLATOR_PREFIX = "to_"


@dataclass(frozen=True)
class Run:
    """Paths inside a run folder.

    Args:
        folder: of the run.
    """

    folder: Path

    @property
    def config(self) -> Path:
        """The run's configuration; what makes a folder a run folder."""
        return self.folder / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of the newest few checkpoints."""
        return self.folder / "checkpoints"

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.checkpoints / "last.ckpt"

    @property
    def samples(self) -> Path:
        """Folder of sample grids."""
        return self.folder / "samples"

    @property
    def metrics(self) -> Path:
        """Losses by step."""
        return self.folder / "metrics.csv"

    @property
    def losses(self) -> Path:
        """A plot of the losses."""
        return self.folder / "losses.png"

    @property
    def scores(self) -> Path:
        """Newest scores."""
        return self.folder / "scores.json"

    @property
    def equilibrium(self) -> Path:
        """How far the game was from it, if that was measured."""
        return self.folder / "equilibrium.json"

    @property
    def alarms(self) -> Path:
        """Alarms that began and passed, if any did."""
        return self.folder / "alarms.csv"

    @property
    def starts(self) -> Path:
        """When it was started, and with which options."""
        return self.folder / "starts.csv"

    @property
    def best(self) -> Path:
        """Folder of the best checkpoint's translators; a model as the run's folder is."""
        return self.folder / "best"

    @property
    def ranking(self) -> Path:
        """Which checkpoints are the best, and their scores."""
        return self.folder / "best.json"

    @property
    def findings(self) -> Path:
        """What the data doctor found in the run's pictures."""
        return self.folder / "findings.json"

    @property
    def provenance(self) -> Path:
        """Where the run comes from: versions, hardware, pictures, steps and time."""
        return self.folder / "provenance.json"

    @property
    def report(self) -> Path:
        """What a person opens first."""
        return self.folder / "report.html"

    def translator(self, target: str) -> Path:
        """Folder of the Translator to a look, by its name."""
        return self.folder / f"{TRANSLATOR_PREFIX}{target}"

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """An existing run.

        Raises:
            UsageError: if the folder is missing or no run folder.
        """
        run = cls(Path(folder))
        if not run.folder.is_dir():
            raise UsageError(f"There is no run folder {folder}. Name one that python -m cyclegan.train has made.")
        if not run.config.is_file():
            raise UsageError(f"{folder} must be a run folder, but it holds no config.yaml. Name the folder of a run.")
        return run

    @classmethod
    def fresh(cls, folder: str | Path) -> "Run":
        """A run that is not there yet; see `make`.

        Raises:
            UsageError: if the folder exists and is not empty.
        """
        run = cls(Path(folder))
        if run.folder.exists() and (not run.folder.is_dir() or any(run.folder.iterdir())):
            raise UsageError(f"{folder} exists already. Go on in it with resume={folder}, or choose another run_dir.")
        return run

    def make(self) -> None:
        """Make the run's folders, where they are not there.

        Raises:
            UsageError: if they cannot be written.
        """
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.samples.mkdir(exist_ok=True)
        except OSError as error:
            cure = "Choose another run_dir."
            raise UsageError(f"Cannot make the run folder {self.folder} ({error.strerror}). {cure}") from error
