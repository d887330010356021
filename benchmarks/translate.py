"""How fast folders are translated, beside the plain loop: ``python -m benchmarks.translate PHOTOS``.

Rivals translate one picture at a time: open, one pass in float32, save. Ours is `python -m cyclegan.translate` itself.
The sides take turns, in one run, on the same pictures; the network alone (pictures in memory, nothing read or written)
says what is left to gain. Differences between machines and times of day cancel in the ratios.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.processes import exit_on_sigterm
from cyclegan.inference.passes import Precision
from cyclegan.inference.saved import Facts, find
from cyclegan.pictures.finding import find_images
from cyclegan.translator import Translator

MODES = {"float32": ("--precision", "fp32"), "default": (), "--compile": ("--compile",)}


def plain_loop(network: nn.Module, pictures: list[Path], output: Path) -> None:
    """What rivals do."""
    output.mkdir(exist_ok=True)
    for file in pictures:
        pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)[None]
        with torch.no_grad():
            made = network(pixels.float() / 127.5 - 1)[0]
        levels = ((made + 1) * 127.5).round().clamp(0, 255).byte()
        Image.fromarray(levels.permute(1, 2, 0).numpy()).save(output / file.name, quality=95)


def command(model: Path, pictures: Path, output: Path, options: tuple[str, ...]) -> None:
    """Ours, as a user starts it."""
    arguments = (str(model), str(pictures), str(output), *options)
    subprocess.run((sys.executable, "-m", "cyclegan.translate", *arguments), check=True, capture_output=True)


def network_alone(model: Path, pictures: list[Path], options: tuple[str, ...]) -> Callable[[], None]:
    """Passes over the same pictures, in the same batches, from memory."""
    precision: Precision = "fp32" if "fp32" in options else "bf16"
    translator = Translator.from_pretrained(model, precision=precision, compiled="--compile" in options)
    pixels = [torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1) for file in pictures]
    tensors = torch.stack(pixels).float() / 127.5 - 1
    step = translator.passes.at_once(tensors.shape[2], tensors.shape[3], translator.passes.limit)
    translator.passes.whole(tensors[:step])  # compiles

    def run() -> None:
        for start in range(0, len(tensors), step):
            translator.passes.whole(tensors[start : start + step])

    return run


def clock(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def start_up(model: Path, folder: Path, options: tuple[str, ...]) -> float:
    """Seconds that the command takes beside its pictures: with one, already done."""
    command(model, folder / "one", folder / "one-made", options)
    return clock(lambda: command(model, folder / "one", folder / "one-made", options))


def psnr(model: Path, pictures: list[Path]) -> float:
    """Of bf16 against float32, mean over pictures, in dB."""
    exact, fast = Translator.from_pretrained(model), Translator.from_pretrained(model, precision="bf16")
    each = []
    for file in pictures:
        a, b = (np.asarray(translator(file), dtype=np.float64) for translator in (exact, fast))
        each.append(10 * np.log10(255**2 / max(1e-10, float(np.mean((a - b) ** 2)))))
    return float(np.mean(each))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, help="a folder of pictures of one size")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", help="a translator (default: 9 blocks, width 64, random weights)")
    parser.add_argument("--out", type=Path, help="a JSON file for the table")
    options = parser.parse_args()
    exit_on_sigterm()
    with tempfile.TemporaryDirectory() as temporary:
        table = measure(options, Path(temporary))
    if options.out:
        options.out.write_text(json.dumps(table, indent=2) + "\n")


def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    (folder / "photos").mkdir()
    (folder / "one").mkdir()
    for file in find_images(options.photos)[: options.pictures]:
        shutil.copy(file, folder / "photos")
    pictures = find_images(folder / "photos")
    shutil.copy(pictures[0], folder / "one")
    model = Path(options.model) if options.model else folder / "model"
    if not options.model:
        torch.manual_seed(0)
        facts = Facts("ResnetGenerator", {}, "a", "b", 256)
        Translator(facts.build(), facts).save_pretrained(model)
    network = find(str(model), None).generator
    network.eval()
    alone = {mode: network_alone(model, pictures, choice) for mode, choice in MODES.items()}
    seconds: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        seconds.setdefault("plain", []).append(clock(lambda: plain_loop(network, pictures, folder / "plain")))
        for mode, choice in MODES.items():
            shutil.rmtree(folder / mode, ignore_errors=True)
            whole = clock(lambda c=choice, m=mode: command(model, folder / "photos", folder / m, c))  # type: ignore[misc]
            seconds.setdefault(mode, []).append(whole)
            seconds.setdefault(f"{mode}, start", []).append(start_up(model, folder, choice))
            seconds.setdefault(f"{mode}, network", []).append(clock(alone[mode]))
    return tell(seconds, len(pictures), psnr(model, pictures[:20]))


def tell(seconds: dict[str, list[float]], count: int, quality: float) -> dict[str, object]:
    best = {name: min(each) for name, each in seconds.items()}
    size = f"{count} pictures, best of {len(seconds['plain'])} rounds"
    print(f"{size}, torch {torch.__version__}, {os.cpu_count()} cores, {platform.machine()}")
    print(f"{'':<12}{'pictures/s':>11}{'against the loop':>18}{'without start':>15}{'network alone':>15}")
    print(f"{'plain loop':<12}{count / best['plain']:>11.2f}{1:>17.2f}x")
    for mode in MODES:
        whole, start, network = best[mode], best[f"{mode}, start"], best[f"{mode}, network"]
        ratios = [best["plain"] / each for each in (whole, whole - start, network)]
        print(f"{mode:<12}{count / whole:>11.2f}{ratios[0]:>17.2f}x{ratios[1]:>14.2f}x{ratios[2]:>14.2f}x")
    print(f"bf16 (default) against float32: PSNR {quality:.1f} dB")
    return {"seconds": seconds, "pictures": count, "psnr": quality}


if __name__ == "__main__":
    main()
