"""What a person who has trained on many data sets would say about one, from what the doctor found."""

from collections.abc import Callable, Iterator

from cyclegan.data.doctor.findings import Findings, Split
from cyclegan.data.domain import Domain

FEW_TRAIN = 200  # pictures of a look; published sets have 400 to 6300
FEW_TEST = 50
UNEVEN = 4.0  # times as many pictures of one look as of the other
LOAD_TO_CROP = 286 / 256  # the paper's
CROP_STEP = 32
FINER = 2.0  # times domain.load_size: pictures with detail that training does not see
SHARPER = 1.5  # times the other look's pixels
OBLONG = 1.3  # width / height, or its inverse, that shows when squashed to a square
MOSTLY = 0.9  # of the pictures
SURE, CHANCE = 0.9, 0.6  # of guesses of the look, from a picture's mean colour
FAR, CLOSE = 20.0, 3.0  # between mean colours, in CIELAB
LOSSLESS = {"PNG", "BMP", "TIFF"}
PHOTOGRAPHS = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".psd")

Advice = Iterator[str]


def advise(found: Findings, domain: Domain) -> list[str]:
    """Suggestions, the gravest first.

    Args:
        found: what the doctor found.
        domain: its options as they are set.
    """
    rules: tuple[Callable[[Findings, Domain], Advice], ...] = (
        _broken,
        _leaks,
        _across,
        _repeated,
        _few,
        _sizes,
        _shapes,
        _channels,
        _storage,
        _colours,
        _pairs,
        _others,
    )
    return [sentence for rule in rules for sentence in rule(found, domain)]


def _broken(found: Findings, domain: Domain) -> Advice:
    if found.broken and not domain.skip_broken:
        yield f"{_pictures(len(found.broken))} cannot be read: mend or remove them, or set domain.skip_broken=true."
    if flat := sum(split.flat for split in found.splits.values()):
        yield f"{_pictures(flat)} of one even colour: remove them, unless they are meant."


def _leaks(found: Findings, domain: Domain) -> Advice:
    leaks = len(found.exact.leaks) + len(found.near.leaks)
    if leaks and not domain.exclude_leaks:
        yield f"Scores flatter if tests are also training pictures: domain.exclude_leaks=true leaves those {leaks} out."


def _across(found: Findings, _: Domain) -> Advice:
    if across := found.exact.across + found.near.across:
        a, b = _looks(found)
        yield (
            f"Pictures that are on both sides ({across}) teach that {a} and {b} are the same: "
            "keep each on the side whose look it shows."
        )


def _repeated(found: Findings, _: Domain) -> Advice:
    extra = sum(
        max(0, sum(name.startswith(f"{split}/") for name in group) - 1)
        for group in found.exact.groups
        for split in ("trainA", "trainB")
    )
    if extra:
        yield f"Training pictures that repeat others of their side: {extra}. What repeats weighs more: remove them."


def _few(found: Findings, _: Domain) -> Advice:
    if few := [f"{split.pictures} {split.look}" for split in _train(found) if split.pictures < FEW_TRAIN]:
        yield (
            f"Only {' and '.join(few)} pictures to train on (published sets have 400 to 6300 a side): a discriminator "
            "learns them by heart. Add pictures, add variety with domain.transform, or train a smaller model for fewer "
            "steps."
        )
    fewest, most = sorted(_train(found), key=lambda split: split.pictures)
    if fewest.pictures and most.pictures >= UNEVEN * fewest.pictures:
        times = most.pictures / fewest.pictures
        yield (
            f"There are {times:.0f} times as many {most.look} as {fewest.look} pictures: each {fewest.look} picture is "
            f"seen {times:.0f} times an epoch."
        )
    tests = {split.look: split.pictures for split in _tests(found)}
    if not all(tests.values()):
        looks = " or ".join(look for look, pictures in tests.items() if not pictures)
        yield (
            f"No test pictures of {looks}: samples and scores fall back on training pictures. "
            "Put some into testA and testB."
        )
    elif min(tests.values()) < FEW_TEST:
        yield f"Scores over {min(tests.values())} test pictures are noisy: trust differences only if they are large."


def _sizes(found: Findings, domain: Domain) -> Advice:
    whole = [split for split in _train(found) if split.pictures]
    small = sum(split.smaller for split in whole)
    usual = min((split.short_side[1] for split in whole), default=domain.crop_size)
    if usual < domain.crop_size:
        crop = max(CROP_STEP, usual // CROP_STEP * CROP_STEP)
        yield (
            f"{_are(small, 'training picture')} smaller than domain.crop_size={domain.crop_size}, and blurred when "
            f"enlarged: domain.load_size={round(crop * LOAD_TO_CROP)} domain.crop_size={crop} would suit."
        )
    elif small:
        yield (
            f"{_are(small, 'training picture')} smaller than domain.crop_size={domain.crop_size}, and blurred when "
            "enlarged: leave out what is too small."
        )
    medians = {split.look: split.short_side[2] for split in whole}
    if medians and min(medians.values()) >= FINER * domain.load_size:
        least = min(medians.values())
        yield (
            f"Most pictures have a short side of {least} pixels or more, reduced to {domain.load_size}: "
            f"finer detail is never seen. A larger domain.load_size (up to {least}) shows it, in crops of a smaller "
            "part; a larger domain.crop_size keeps the part, at the cost of time and memory."
        )
    if len(medians) > 1 and max(medians.values()) >= SHARPER * min(medians.values()):
        (blurred, low), (sharp, high) = sorted(medians.items(), key=lambda item: item[1])
        if low < FINER * domain.load_size:
            yield (
                f"{sharp} pictures have {high} pixels, {blurred} ones {low}: a translator learns the difference in "
                f"sharpness too. Reduce the {sharp} pictures to the size of the others."
            )


def _shapes(found: Findings, domain: Domain) -> Advice:
    oblong = [split for split in _train(found) if max(split.aspect, 1 / split.aspect) >= OBLONG]
    squashed = any(getattr(step, "keep_aspect", True) is False for step in domain.transform)
    if oblong and squashed:
        looks = " and ".join(f"{split.look} ({split.aspect:.2f} as wide as high)" for split in oblong)
        yield f"Pictures of {looks} are squashed to squares: keep_aspect=true in domain.transform keeps shapes."
    if len(oblong) == 1:
        yield f"Only {oblong[0].look} pictures are oblong: what crops show differs from side to side."


def _channels(found: Findings, domain: Domain) -> Advice:
    whole = [split for split in _train(found) if split.pictures]
    gray = {split.look: split.gray for split in whole}
    if whole and domain.channels > 1 and all(split.gray == split.pictures for split in whole):
        yield "All training pictures are gray: domain.channels=1 suits them, and trains a little faster."
    elif domain.channels > 1 and any(split.gray == split.pictures for split in whole):
        looks = " and ".join(split.look for split in whole if split.gray == split.pictures)
        yield f"All {looks} pictures are gray, the others are not: a translator also learns to add or take away colour."
    elif domain.channels > 1 and any(gray.values()):
        counts = " and ".join(f"{count} {look}" for look, count in gray.items() if count)
        yield f"A few training pictures are gray ({counts}): leave them out, unless gray is part of the look."
    if domain.channels == 1 and any(split.gray < split.pictures for split in whole):
        yield "domain.channels=1 trains in gray, but there is colour in the pictures: domain.channels=3 keeps it."


def _storage(found: Findings, _: Domain) -> Advice:
    a, b = _train(found)
    for one, other in ((a, b), (b, a)):
        lossless = sum(count for name, count in one.formats.items() if name in LOSSLESS)
        if (
            one.pictures
            and lossless >= MOSTLY * one.pictures
            and other.formats.get("JPEG", 0) >= MOSTLY * other.pictures
        ):
            yield (
                f"{other.look} pictures are JPEG, {one.look} ones are not: a translator also learns the traces of "
                "compression. Save both sides alike."
            )
    modes = {mode: sum(split.modes.get(mode, 0) for split in _train(found)) for split in (a, b) for mode in split.modes}
    if clear := sum(count for mode, count in modes.items() if mode in ("LA", "PA", "RGBA", "RGBa", "La")):
        yield f"{_pictures(clear)} with transparency: training shows them on white."
    if deep := sum(count for mode, count in modes.items() if mode.startswith("I") or mode == "F"):
        yield f"{_pictures(deep)} with more than 8 bits: training reduces them to 8."


def _colours(found: Findings, domain: Domain) -> Advice:
    if found.colours is None:
        return
    guess = max(channel.guess for channel in (found.colours.brightness, found.colours.red, found.colours.yellow))
    a, b = _looks(found)
    if found.colours.difference >= FAR or guess >= SURE:
        yield (
            f"Mean colour alone tells {a} from {b} in {guess:.0%} of the pictures: the easiest thing to learn is a "
            "shift of colour. Look in the first samples whether light and dark swap places; a lower "
            "model.lambda_identity lets colours change more freely."
        )
    elif found.colours.difference <= CLOSE and guess <= CHANCE:
        yield (
            f"{a} and {b} have much the same colours: what can be learned is texture and shape. "
            "model.lambda_identity keeps colours as they are."
        )


def _pairs(found: Findings, domain: Domain) -> Advice:
    a, b = _tests(found)
    most = max(a.pictures, b.pictures)
    if domain.paired_test and found.pairing.test < most:
        yield f"{most - found.pairing.test} test pictures have no partner of the same name: scores leave them out."
    if not domain.paired_test and most and found.pairing.test >= MOSTLY * most:
        yield (
            "testA and testB have the same file names: if those show the same things, domain.paired_test=true scores "
            "against the truth."
        )


def _others(found: Findings, _: Domain) -> Advice:
    if unread := {suffix: count for suffix, count in found.others.items() if suffix in PHOTOGRAPHS}:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in unread.items())
        yield f"Some pictures are of kinds that are not read ({kinds}): convert them to JPEG or PNG to use them."


def _train(found: Findings) -> tuple[Split, Split]:
    return found.splits["trainA"], found.splits["trainB"]


def _tests(found: Findings) -> tuple[Split, Split]:
    return found.splits["testA"], found.splits["testB"]


def _looks(found: Findings) -> tuple[str, str]:
    a, b = _train(found)
    return a.look, b.look


def _pictures(count: int, noun: str = "picture") -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _are(count: int, noun: str) -> str:
    return _pictures(count, noun) + (" is" if count == 1 else " are")
