"""Advice on a domain's pictures, from what the doctor found."""

from collections import Counter
from collections.abc import Iterator

from cyclegan.data.doctor.findings import Findings
from cyclegan.data.domain import Domain

FEW_TRAIN = 200  # training pictures of a look; published sets have 400 to 6300
FEW_TEST = 50
UNEVEN = 4.0  # times as many pictures of one look as of the other
LOAD_TO_CROP = 286 / 256  # as in the paper
CROP_STEP = 32
FINER = 2.0  # times domain.load_size: pictures with detail that training does not see
SHARPER = 1.5  # times the other look's pixels
OBLONG = 1.3  # width / height, or its inverse: distortion shows when such a picture is squashed to a square
MOSTLY = 0.9  # of the pictures
SURE, CHANCE = 0.9, 0.6  # part of the pictures whose look can be guessed from their mean colour
FAR, CLOSE = 20.0, 3.0  # distance of mean colours, in CIELAB
LOSSLESS = ("PNG", "BMP", "TIFF")
PHOTOGRAPHS = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".psd")

Advice = Iterator[str]


def advise(found: Findings, domain: Domain) -> list[str]:
    """Suggestions for a domain, the most important first; none for options that are set already."""
    rules = (_files, _copies, _counts, _sizes, _shapes, _channels, _storage, _colours, _names)
    return [sentence for rule in rules for sentence in rule(found, domain)]


def _files(found: Findings, domain: Domain) -> Advice:
    if found.broken and not domain.skip_broken:
        yield f"Pictures that cannot be read: {len(found.broken)}. Mend or remove them, or set domain.skip_broken=true."
    if flat := sum(split.flat for split in found.splits.values()):
        yield f"Pictures of a single colour: {flat}. Remove them, unless they are meant."
    if kinds := ", ".join(f"{count} {suffix}" for suffix, count in found.others.items() if suffix in PHOTOGRAPHS):
        yield f"Pictures in formats that cannot be read: {kinds}. Convert them to JPEG or PNG to use them."


def _copies(found: Findings, domain: Domain) -> Advice:
    leaks = len(found.exact.leaks) + len(found.near.leaks)
    if leaks and not domain.exclude_leaks:
        yield (
            f"Test pictures that are also training pictures: {leaks}. They make scores too good; "
            "domain.exclude_leaks=true leaves them out."
        )
    if across := found.exact.across + found.near.across:
        a, b = (split.look for split in found.train)
        yield (
            f"Groups of copies with pictures on both sides: {across}. They teach that {a} and {b} are the same: "
            "keep each picture on the side whose look it shows."
        )
    sides = [Counter(name.split("/")[0] for name in group) for group in found.exact.groups]
    if repeats := sum(max(0, side[split] - 1) for side in sides for split in ("trainA", "trainB")):
        yield f"Training pictures that repeat others of their side: {repeats}. They weigh more: remove them."


def _counts(found: Findings, _: Domain) -> Advice:
    if few := [f"{split.pictures} {split.look}" for split in found.train if split.pictures < FEW_TRAIN]:
        yield (
            f"Only {' and '.join(few)} pictures to train on (published sets have 400 to 6300 a side): the "
            "discriminator overfits. Add pictures or variety (domain.transform), or train a smaller model more briefly."
        )
    fewest, most = sorted(found.train, key=lambda split: split.pictures)
    if fewest.pictures and most.pictures >= UNEVEN * fewest.pictures:
        times = round(most.pictures / fewest.pictures)
        yield (
            f"There are {times} times as many {most.look} as {fewest.look} pictures: an epoch uses each of the latter "
            f"{times} times."
        )
    if missing := " or ".join(split.look for split in found.test if not split.pictures):
        yield (
            f"No test pictures of {missing}: samples and scores use training pictures. Put some into testA and testB."
        )
    elif (tests := min(split.pictures for split in found.test)) < FEW_TEST:
        yield f"Scores over {tests} test pictures are noisy: trust differences only if they are large."


def _sizes(found: Findings, domain: Domain) -> Advice:
    whole = sorted((split for split in found.train if split.pictures), key=lambda split: split.short_side[2])
    if small := sum(split.smaller for split in whole):
        usual = min(split.short_side[1] for split in whole)
        crop = max(CROP_STEP, usual // CROP_STEP * CROP_STEP)
        fitting = f"Better: domain.load_size={round(crop * LOAD_TO_CROP)} domain.crop_size={crop}."
        yield (
            f"Training pictures smaller than domain.crop_size={domain.crop_size}, and blurred when enlarged: {small}. "
            f"{fitting if usual < domain.crop_size else 'Leave them out.'}"
        )
    low, high = (whole[0].short_side[2], whole[-1].short_side[2]) if whole else (0, 0)
    if low >= FINER * domain.load_size:
        yield (
            f"Most pictures have a short side of {low} pixels or more, reduced to {domain.load_size}: training sees no "
            f"finer detail. A larger domain.load_size (up to {low}) shows it, in crops of a smaller part; a larger "
            "domain.crop_size keeps the part, at the cost of time and memory."
        )
    elif low and high >= SHARPER * low:
        yield (
            f"The short side of {whole[-1].look} pictures has {high} pixels, that of {whole[0].look} pictures {low}: "
            f"a translator learns the difference in sharpness too. Reduce {whole[-1].look} pictures to the same size."
        )


def _shapes(found: Findings, domain: Domain) -> Advice:
    oblong = [split for split in found.train if max(split.aspect, 1 / split.aspect) >= OBLONG]
    if oblong and any(getattr(step, "keep_aspect", True) is False for step in domain.transform):
        looks = " and ".join(f"{split.look} (width / height: {split.aspect:.2f})" for split in oblong)
        yield f"Pictures of {looks} are squashed to squares: keep_aspect=true in domain.transform keeps shapes."


def _channels(found: Findings, domain: Domain) -> Advice:
    if domain.channels == 1:
        return
    whole = [split for split in found.train if split.pictures]
    gray = [split.look for split in whole if split.gray == split.pictures]
    if gray and len(gray) == len(whole):
        yield "All training pictures are gray: domain.channels=1 suits them, and trains a little faster."
    elif gray:
        yield f"All {gray[0]} pictures are gray, the others are not: a translator also learns to add or remove colour."
    elif counts := " and ".join(f"{split.gray} {split.look}" for split in whole if split.gray):
        yield f"Gray training pictures among coloured ones: {counts}. Leave them out, unless gray is part of the look."


def _storage(found: Findings, _: Domain) -> Advice:
    for one, other in (found.train, found.train[::-1]):
        lossless, jpeg = sum(one.formats.get(name, 0) for name in LOSSLESS), other.formats.get("JPEG", 0)
        if one.pictures and lossless >= MOSTLY * one.pictures and jpeg >= MOSTLY * other.pictures:
            yield (
                f"{other.look} pictures are JPEG, {one.look} ones are not: a translator also learns the traces of "
                "compression. Save both sides in the same format."
            )
    modes = sum((Counter(split.modes) for split in found.train), Counter[str]())
    if clear := sum(count for mode, count in modes.items() if mode in ("LA", "PA", "RGBA", "RGBa", "La")):
        yield f"Training pictures with transparency: {clear}. Training shows them on white."
    if deep := sum(count for mode, count in modes.items() if mode.startswith("I") or mode == "F"):
        yield f"Training pictures with more than 8 bits: {deep}. Training reduces them to 8 bits."


def _colours(found: Findings, _: Domain) -> Advice:
    if (colours := found.colours) is None:
        return
    guess = max(channel.guess for channel in (colours.brightness, colours.red, colours.yellow))
    a, b = (split.look for split in found.train)
    if colours.difference >= FAR or guess >= SURE:
        yield (
            f"Mean colour alone tells {a} from {b} in {guess:.0%} of the pictures: a shift of colour is the easiest "
            "thing to learn. Check in the first samples that light and dark do not swap; a lower "
            "model.lambda_identity lets colours change more freely."
        )
    elif colours.difference <= CLOSE and guess <= CHANCE:
        yield (
            f"{a} and {b} have nearly the same colours: there are only texture and shape to learn. "
            "A higher model.lambda_identity keeps colours as they are."
        )


def _names(found: Findings, domain: Domain) -> Advice:
    most = max(split.pictures for split in found.test)
    if domain.paired_test and found.pairing.test < most:
        yield f"Test pictures without a partner of the same name: {most - found.pairing.test}. Scores leave them out."
    if not domain.paired_test and most and found.pairing.test >= MOSTLY * most:
        yield (
            "testA and testB have the same file names: if those show the same things, domain.paired_test=true scores "
            "against the truth."
        )
