#!/usr/bin/env python3
"""Writes the fixtures beside it: valid/ and hostile/. Needs nothing but Python 3.

A second implementation of SPEC.md, without compression: every zstd frame here has raw blocks. A hostile file is named
for the rule it breaks. Each file valid/NAME.zst comes with the original, valid/NAME.
"""
import os
import shutil
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (
    11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)


def xxh64(data):
    """The hash whose low half zstd keeps as a frame's checksum (seed 0)."""
    def rotl(x, r):
        return (x << r | x >> (64 - r)) & MASK

    def mix(acc, lane):
        return rotl((acc + lane * P2) & MASK, 31) * P1 & MASK

    at, size = 0, len(data)
    if size >= 32:
        v = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while at + 32 <= size:
            for i, lane in enumerate(struct.unpack_from("<4Q", data, at)):
                v[i] = mix(v[i], lane)
            at += 32
        h = (rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18)) & MASK
        for x in v:
            h = ((h ^ mix(0, x)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + size) & MASK
    while at + 8 <= size:
        h = (rotl(h ^ mix(0, struct.unpack_from("<Q", data, at)[0]), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= size:
        h = (rotl(h ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        h = rotl(h ^ byte * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def frame(data, size=None, checksum=True, announce=True, spare_blocks=0, flip=0):
    """One zstd frame of raw blocks."""
    size = len(data) if size is None else size
    if announce:  # content size in 8 bytes, single segment
        start = struct.pack("<IBQ", 0xFD2FB528, 0b11100000 | checksum << 2, size)
    else:  # a window of 128 KiB instead
        start = struct.pack("<IBB", 0xFD2FB528, checksum << 2, 7 << 3)
    blocks = b"\0\0\0" * spare_blocks
    pieces = [data[at:at + 100_000] for at in range(0, len(data), 100_000)] or [b""]
    for number, piece in enumerate(pieces):
        blocks += (len(piece) << 3 | (number == len(pieces) - 1)).to_bytes(3, "little") + piece
    return start + blocks + (struct.pack("<I", xxh64(data) & 0xFFFFFFFF ^ flip) if checksum else b"")


def planes(data, width, rotated):
    """The bytes of each plane."""
    words = [int.from_bytes(data[at:at + width], "little") for at in range(0, len(data), width)]
    if rotated:
        words = [(word << 1 | word >> (8 * width - 1)) & (1 << 8 * width) - 1 for word in words]
    return [bytes(word >> 8 * plane & 255 for word in words) for plane in range(width)]


def fields(size, regions, lengths, slab=1 << 16, region_count=None):
    out = struct.pack("<QII", size & MASK, slab, len(regions) if region_count is None else region_count)
    for region in regions:
        count, width, flags, *rest = region
        out += struct.pack("<QBBH", count & MASK, width, flags, rest[0] if rest else 0)
    return out + struct.pack("<%dI" % len(lengths), *lengths)


NOTICE = (b"This is no model. It is what `zstd -d` makes of a file that Decant has packed, with the bytes of its numbers "
          b"apart. `decant unpack` gives the original back.\n")


def opening(version, reserved=0, notice=None):
    """The mark, and from version 2 on a notice."""
    if notice is None:
        notice = frame(NOTICE) if version >= 2 else b""
    return struct.pack("<II8sII", 0x184D2A50, 16, b"DECANTPK", version, reserved) + notice


OPENING = opening(2)


def container(frames, index, opening=OPENING, magic=0x184D2A50, skip=None, offset=None, length=None, version=2,
              end=b"DECANTIX"):
    body = opening + b"".join(frames)
    offset = len(body) if offset is None else offset
    length = len(index) if length is None else length
    skip = len(index) + 24 if skip is None else skip
    return body + struct.pack("<II", magic, skip) + index + struct.pack("<QII8s", offset & MASK, length, version, end)


def pack(data, regions, slab=1 << 16):
    """frames, fields"""
    frames, at = [], 0
    for count, width, flags in regions:
        for start in range(at, at + count, slab):
            part = data[start:min(start + slab, at + count)]
            frames += [frame(plane) for plane in planes(part, width, flags)]
        at += count
    return frames, fields(len(data), regions, [len(f) for f in frames], slab)


def valid(data, regions, slab=1 << 16, version=2):
    frames, index = pack(data, regions, slab)
    return data, container(frames, frame(index), opening(version), version=version)


def some(count):
    return bytes((7 * i * i + 3 * i + (i >> 8)) % 256 for i in range(count))


DATA = some(64)
REGIONS = [(8, 1, 0), (56, 2, 1)]
FRAMES, FIELDS = pack(DATA, REGIONS)
LENGTHS = [len(f) for f in FRAMES]


def indexed(index_fields, frames=FRAMES):
    return container(frames, frame(index_fields))


def framed(changed):
    """With another frame in place of the first."""
    frames = [changed] + FRAMES[1:]
    return indexed(fields(64, REGIONS, [len(f) for f in frames]), frames)


GOOD = container(FRAMES, frame(FIELDS))

valids = {
    "empty": valid(b"", []),
    "bytes": valid(some(100), [(100, 1, 0)]),
    "every-layout": valid(
        some(3 + 7 * 48), [(3, 1, 0)] + [(48, w, f) for w, f in ((2, 0), (2, 1), (4, 0), (4, 1), (8, 0), (8, 1))] + [(48, 1, 0)]),
    "two-slabs": valid(some(70_001), [(1, 1, 0), (70_000, 2, 1)]),
    "larger-slab": valid(some(66_000), [(66_000, 4, 1)], 1 << 17),
    "version-1": valid(some(100), [(60, 2, 1), (40, 1, 0)], version=1),
    "version-1-empty": valid(b"", [], version=1),
}

hostile = {
    "PACKED-1-empty-file": b"",
    "PACKED-1-too-short": GOOD[:23],
    "PACKED-1-zstd-frame": frame(bytes(200)),
    "PACKED-1-other-magic": container(FRAMES, frame(FIELDS), OPENING.replace(b"DECANTPK", b"DECANTPX")),
    "PACKED-2-version-0": container(FRAMES, frame(FIELDS), opening(0), version=0),
    "PACKED-2-version-3": container(FRAMES, frame(FIELDS), opening(3), version=3),
    "PACKED-2-reserved-bytes": container(FRAMES, frame(FIELDS), opening(2, 1)),
    "PACKED-2-reserved-bytes-of-version-1": container(FRAMES, frame(FIELDS), opening(1, 1), version=1),
    "PACKED-3-cut-short": GOOD[:-1],
    "PACKED-3-opening-alone": OPENING,
    "PACKED-3-version-1-opening-alone": opening(1),
    "PACKED-3-footer-version-1": container(FRAMES, frame(FIELDS), version=1),
    "PACKED-3-version-1-footer-version-2": container(FRAMES, frame(FIELDS), opening(1)),
    "PACKED-3-byte-added": GOOD + b"\0",
    "PACKED-3-footer-magic": container(FRAMES, frame(FIELDS), end=b"DECANTIY"),
    "PACKED-3-footer-version": container(FRAMES, frame(FIELDS), version=3),
    "PACKED-3-offset-elsewhere": container(FRAMES, frame(FIELDS), offset=24),
    "PACKED-3-index-in-the-notice": container([], b"", length=50),
    "PACKED-3-offset-huge": container(FRAMES, frame(FIELDS), offset=-1),
    "PACKED-3-index-longer-than-file": container(FRAMES, frame(FIELDS), length=0xFFFFFFFF),
    "PACKED-3-not-skippable": container(FRAMES, frame(FIELDS), magic=0xFD2FB528),
    "PACKED-3-skippable-too-long": container(FRAMES, frame(FIELDS), skip=0xFFFFFFFF),
    "PACKED-4-no-checksum": container(FRAMES, frame(FIELDS, checksum=False)),
    "PACKED-4-no-length": container(FRAMES, frame(FIELDS, announce=False)),
    "PACKED-4-bomb": container(FRAMES, frame(FIELDS, size=1 << 40)),
    "PACKED-4-length-all-ones": container(FRAMES, frame(FIELDS, size=MASK)),
    "PACKED-4-length-wrong": container(FRAMES, frame(FIELDS, size=len(FIELDS) + 1)),
    "PACKED-4-checksum": container(FRAMES, frame(FIELDS, flip=1)),
    "PACKED-4-two-frames": container(FRAMES, frame(FIELDS) + frame(b"")),
    "PACKED-4-no-frame": container(FRAMES, bytes(40)),
    "PACKED-4-nothing": container(FRAMES, b""),
    "PACKED-5-too-few-bytes": indexed(FIELDS[:15]),
    "PACKED-5-slab-of-0": indexed(fields(64, REGIONS, LENGTHS, 0)),
    "PACKED-5-slab-of-65537": indexed(fields(64, REGIONS, LENGTHS, 65537)),
    "PACKED-5-slab-of-32-MiB": indexed(fields(64, REGIONS, LENGTHS, 1 << 25)),
    "PACKED-5-original-longer-than-int64": indexed(fields(1 << 63, REGIONS, LENGTHS)),
    "PACKED-5-regions-all-ones": indexed(fields(64, REGIONS, LENGTHS, region_count=0xFFFFFFFF)),
    "PACKED-6-empty-region": indexed(fields(64, [(0, 1, 0)] + REGIONS, LENGTHS)),
    "PACKED-6-width-0": indexed(fields(64, [(64, 0, 0)], LENGTHS)),
    "PACKED-6-width-3": indexed(fields(63, [(63, 3, 0)], LENGTHS)),
    "PACKED-6-unknown-flag": indexed(fields(64, [(64, 2, 2)], LENGTHS)),
    "PACKED-6-bytes-rotated": indexed(fields(64, [(64, 1, 1)], LENGTHS)),
    "PACKED-6-reserved-bytes": indexed(fields(64, [(8, 1, 0, 1), (56, 2, 1)], LENGTHS)),
    "PACKED-6-broken-element": indexed(fields(64, [(7, 2, 1), (57, 1, 0)], LENGTHS)),
    "PACKED-6-original-longer": indexed(fields(65, REGIONS, LENGTHS)),
    "PACKED-6-original-shorter": indexed(fields(63, REGIONS, LENGTHS)),
    "PACKED-6-region-longer-than-int64": indexed(fields(64, [(1 << 63, 2, 1)], LENGTHS)),
    "PACKED-6-sum-wraps": indexed(fields(64, [(1 << 62, 1, 0)] * 4 + REGIONS, LENGTHS)),
    "PACKED-7-length-missing": indexed(fields(64, REGIONS, LENGTHS[:-1])),
    "PACKED-7-length-too-many": indexed(fields(64, REGIONS, LENGTHS + [20])),
    "PACKED-7-frames-shorter": indexed(fields(64, REGIONS, LENGTHS[:-1] + [LENGTHS[-1] - 1])),
    "PACKED-7-frames-longer": indexed(fields(64, REGIONS, LENGTHS[:-1] + [LENGTHS[-1] + 1])),
    "PACKED-7-frame-of-0": indexed(fields(64, REGIONS, [LENGTHS[0] + LENGTHS[1], 0, LENGTHS[2]])),
    "PACKED-7-claims-a-terabyte": indexed(fields(1 << 40, [(1 << 40, 1, 0)], LENGTHS)),
    "PACKED-7-claims-62-bits": indexed(fields(1 << 62, [(1 << 62, 8, 1)], LENGTHS)),
    "PACKED-7-frame-of-empty-blocks": framed(frame(DATA[:8], spare_blocks=1000)),
    "PACKED-8-content-longer": framed(frame(DATA[:9])),
    "PACKED-8-content-shorter": framed(frame(DATA[:7])),
    "PACKED-8-bomb": framed(frame(DATA[:8], size=1 << 40)),
    "PACKED-8-no-length": framed(frame(DATA[:8], announce=False)),
    "PACKED-8-no-checksum": framed(frame(DATA[:8], checksum=False)),
    "PACKED-8-no-frame": framed(bytes(24)),
    "PACKED-8-skippable-frame": framed(struct.pack("<II", 0x184D2A51, 12) + bytes(12)),
    "PACKED-8-two-frames": framed(frame(DATA[:8]) + frame(b"")),
    "PACKED-8-lengths-swapped": indexed(
        fields(64, REGIONS, [LENGTHS[1], LENGTHS[0], LENGTHS[2]])),
    "PACKED-9-checksum": framed(frame(DATA[:8], flip=1 << 31)),
    "PACKED-9-content-less-than-announced": framed(frame(DATA[:7], size=8)),
    "PACKED-10-cut-short": OPENING[:-1],
    "PACKED-10-missing": container(FRAMES, frame(FIELDS), opening(2, notice=b"")),
    "PACKED-10-other-text": container(FRAMES, frame(FIELDS), opening(2, notice=frame(b"GGUF" + NOTICE[4:]))),
    "PACKED-10-other-frame": container(FRAMES, frame(FIELDS), opening(2, notice=frame(NOTICE, checksum=False))),
}

for folder, files in (("valid", valids), ("hostile", hostile)):
    target = os.path.join(HERE, folder)
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    for name, content in files.items():
        if isinstance(content, tuple):
            with open(os.path.join(target, name), "wb") as out:
                out.write(content[0])
            content = content[1]
        with open(os.path.join(target, name + ".zst"), "wb") as out:
            out.write(content)
