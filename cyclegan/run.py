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
        """Scores of the finished run."""
        return self.folder / "scores.json"

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
    def create(cls, folder: str | Path) -> "Run":
        """A new run; its folder is made.

        Raises:
            UsageError: if it exists and is not empty, or cannot be written.
        """
        run = cls(Path(folder))
        if run.folder.is_dir() and any(run.folder.iterdir()):
            raise UsageError(f"{folder} exists already. Go on in it with resume={folder}, or choose another run_dir.")
        try:
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            run.samples.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"Cannot make the run folder {folder} ({error.strerror}). Choose another run_dir."
            ) from error
        return run
