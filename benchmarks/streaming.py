"""Large pictures in little memory, beside one whole pass: ``python -m benchmarks.streaming PICTURE``.

Each way runs in a process of its own, which tells the most memory it held above what it held when idle (program and
model loaded), the seconds it took, and its result. The difference of the results is the largest over all values of
[-1, 1].
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psutil
import torch
from PIL import Image

from benchmarks.processes import exit_on_sigterm
from cyclegan.inference.passes import Memory
from cyclegan.inference.saved import Facts
from cyclegan.pictures.decoding import decode
from cyclegan.pictures.images import to_tensor
from cyclegan.pictures.photo import Photo
from cyclegan.translator import Translator


class Peak:
    """The most memory of this process, above what it held at the start."""

    def __enter__(self) -> "Peak":
        self._process, self._over = psutil.Process(), Event()
        self._idle = self._most = self._process.memory_info().rss
        self._thread = Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self._most = max(self._most, self._process.memory_info().rss)

    @property
    def bytes(self) -> int:
        return self._most - self._idle


def run_one(options: argparse.Namespace) -> None:
    """One way, in this process."""
    torch.manual_seed(0)
    facts = Facts("ResnetGenerator", {"width": options.width, "blocks": options.blocks}, "a", "b", 256)
    limit = int(options.gib * 2**30) if options.gib else None
    translator = Translator(facts.build(), facts, memory=Memory(limit, options.temp_dir))
    Image.MAX_IMAGE_PIXELS = None
    translator(np.zeros((64, 64, 3), np.uint8))  # what is loaded at the first pass is loaded
    start = time.perf_counter()
    with Peak() as peak:
        photo = decode(options.picture)[0]
        if options.gib:
            floats = Photo(photo.colours.astype(np.float32) / 255) if options.result else photo
            room = translator.passes.limit - photo.nbytes - 2 * floats.nbytes
            result = torch.from_numpy(translator.photos([floats], room)[0].colours)
        else:
            result = translator.passes.whole(to_tensor(photo.colours)[None], exact=True)[0].permute(1, 2, 0)
    seconds = time.perf_counter() - start
    if options.result:
        np.save(options.result, result.numpy() * (2 if options.gib else 1) - (1 if options.gib else 0))
    print(json.dumps({"seconds": seconds, "peak": peak.bytes}))


def run_apart(options: argparse.Namespace, gib: float, result: Path | None) -> dict[str, float]:
    """One way, in a process of its own."""
    arguments = [str(options.picture), "--width", str(options.width), "--blocks", str(options.blocks), "--one"]
    arguments += ["--gib", str(gib), *(["--result", str(result)] if result else [])]
    arguments += ["--temp-dir", str(options.temp_dir)] if options.temp_dir else []
    done = subprocess.run((sys.executable, __file__, *arguments), check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--memory", type=float, nargs="+", default=[2.0, 1.0], help="GiB, for each streamed run")
    parser.add_argument("--streamed-only", action="store_true", help="where a whole pass would not fit")
    parser.add_argument("--temp-dir", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--gib", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    exit_on_sigterm()
    if options.one:
        run_one(options)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    print(f"{'':<18}{'seconds':>9}{'peak above idle':>18}{'largest difference':>21}")
    with tempfile.TemporaryDirectory(dir=options.temp_dir) as folder:
        whole = None if options.streamed_only else Path(folder, "whole.npy")
        if whole:
            found = run_apart(options, 0.0, whole)
            print(f"{'whole':<18}{found['seconds']:>9.1f}{found['peak'] / 2**30:>14.2f} GiB", flush=True)
        for gib in options.memory:
            result = Path(folder, "streamed.npy") if whole else None
            found = run_apart(options, gib, result)
            line = f"{f'streamed, {gib:g} GiB':<18}{found['seconds']:>9.1f}{found['peak'] / 2**30:>14.2f} GiB"
            if whole and result:
                a, b = (np.load(file, mmap_mode="r") for file in (whole, result))
                line += f"{max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)):>21.1e}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
