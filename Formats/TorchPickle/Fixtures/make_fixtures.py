#!/usr/bin/env python3
"""Writes the fixtures of TorchPickle: valid/ with what torch makes of it in expected/, and hostile/, whose files are named for
the rule of SPEC.md that they break, with what torch says of each in VERDICTS.json.

    make_fixtures.py         writes everything; needs torch 2.13 and safetensors
    make_fixtures.py --hostile   writes hostile/ only; needs Python alone

Gives the same bytes every time with one version of torch, but for the legacy files that torch writes: the keys of their
storages are addresses.
"""
import io
import pickle
import shutil
import struct
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Pickles, put together by hand.

MARK, STOP, NONE, TRUE, FALSE = b"(", b".", b"N", b"\x88", b"\x89"
TUPLE, REDUCE, PERSID, DICT, LIST, SETITEM, SETITEMS, APPENDS, BUILD = b"t", b"R", b"Q", b"}", b"]", b"s", b"u", b"e", b"b"
EMPTY_TUPLE = b")"


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def tuple_(*parts):
    return MARK + b"".join(parts) + TUPLE


def integers(values):
    return tuple_(*map(integer, values))


def ordered(*arguments):
    return name("collections", "OrderedDict") + tuple_(*arguments) + REDUCE


def storage(key="0", count=4, type="FloatStorage", device="cpu", module="torch", more=()):
    return tuple_(string("storage"), name(module, type), string(key), string(device), integer(count), *more) + PERSID


def tensor(of=None, offset=0, size=(4,), stride=(1,), function="_rebuild_tensor_v2", tail=None):
    if tail is None:
        tail = [FALSE, ordered()]
    return (name("torch._utils", function)
            + tuple_(of or storage(), integer(offset), integers(size), integers(stride), *tail) + REDUCE)


def dictionary(*items):
    """Items are key and value, both pickled."""
    return DICT + MARK + b"".join(key + value for key, value in items) + SETITEMS


def saved(value, protocol=2):
    return b"\x80" + bytes([protocol]) + value + STOP


def one(value, key="a"):
    return saved(dictionary((string(key), value)))


FLOATS = struct.pack("<4f", 1.0, -2.0, 3.5, 0.25)


# Zip archives, put together by hand, so that every field can be wrong.


def archive(entries, count=None, size=None, offset=None, disk=0, comment=b"", tail=b"", zip64=False, end=True, gap=b""):
    """Entries are dictionaries: name, data, and what is to be otherwise in the entry's own header (local_*) or in the
    directory."""
    body, directory = b"", b""
    for entry in entries:
        data = entry.get("data", b"")
        label = entry["name"] if isinstance(entry["name"], bytes) else entry["name"].encode()
        flags, method = entry.get("flags", 0x800), entry.get("method", 0)
        place = entry.get("offset", len(body))
        local_size = entry.get("local_size", len(data))
        local_name = entry.get("local_name", label)
        local_extra, extra = b"", b""
        packed, plain, where = entry.get("packed", len(data)), entry.get("plain", len(data)), place
        if zip64:
            local_extra = struct.pack("<HHQQ", 1, 16, local_size, local_size)
            extra = struct.pack("<HHQQQ", 1, 24, plain, packed, where)
            local_size = packed = plain = where = 0xFFFFFFFF
        extra = entry.get("extra", extra)
        crc = zipfile.crc32(data) if hasattr(zipfile, "crc32") else __import__("zlib").crc32(data)
        start = len(body)
        body += (entry.get("local_magic", b"PK\3\4")
                 + struct.pack("<HHHHHIIIHH", 0, entry.get("local_flags", flags), entry.get("local_method", method), 0, 0, crc,
                               local_size, local_size, len(local_name), len(local_extra)) + local_name + local_extra + data)
        if entry.get("hidden"):
            continue
        directory += (entry.get("magic", b"PK\1\2")
                      + struct.pack("<HHHHHHIIIHHHHHII", 0, 0, flags, method, 0, 0, crc, packed, plain, len(label), len(extra), 0,
                                    entry.get("disk", 0), 0, 0, where) + label + extra)
        assert start == place or "offset" in entry
    visible = sum(1 for entry in entries if not entry.get("hidden"))
    count = visible if count is None else count
    start = len(body) if offset is None else offset
    length = len(directory) if size is None else size
    result = body + directory + gap
    if zip64:
        record = len(result)
        result += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0, 0, disk, disk, count, count, length, start)
        result += struct.pack("<IIQI", 0x07064B50, 0, record, 1)
        count, length, start = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    if end:
        result += struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, count, count, length, start, len(comment)) + comment
    return result + tail


def records(data, storages=(("0", FLOATS),), version=b"3\n", order=b"little", folder="m"):
    found = [{"name": folder + "/data.pkl", "data": data}]
    if order is not None:
        found.append({"name": folder + "/byteorder", "data": order})
    found += [{"name": f"{folder}/data/{key}", "data": value} for key, value in storages]
    if version is not None:
        found.append({"name": folder + "/version", "data": version})
    return found


def zipped(data, **changes):
    return archive(records(data, **changes))


# Legacy files, put together by hand.

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


def legacy_storage(key="0", count=4, type="FloatStorage", view=NONE, device="cpu"):
    return storage(key, count, type, device, more=(view,))


def legacy(value, storages=(("0", 4, FLOATS),), magic=MAGIC, version=None, machine=None, keys=None, tail=b""):
    result = magic + (version or saved(b"M" + struct.pack("<H", 1001)))
    result += machine or saved(dictionary((string("little_endian"), TRUE), (string("protocol_version"), integer(1001))))
    result += value
    result += keys or saved(LIST + MARK + b"".join(string(key) for key, _, _ in storages) + APPENDS)
    for _, count, data in storages:
        result += struct.pack("<Q", count) + data
    return result + tail


def old_tensor():
    return tensor(legacy_storage())


# Hostile files.


def hostile():
    folder = HERE / "hostile"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def write(label, data, ending=".pt"):
        (folder / (label + ending)).write_bytes(data)

    good = one(tensor())
    plain = records(good)

    write("PT-1-text-of-numbers", b"\0\1\2\3" * 8)
    write("PT-1-one-byte", b"\x80")
    header = bytearray(1024)
    header[:8] = b"sys_info"
    header[257:262] = b"ustar"
    write("PT-1-tar", bytes(header))

    # The zip archive.
    write("PT-2-cut-short", zipped(good)[:-30])
    write("PT-2-no-end", archive(plain, end=False))
    write("PT-2-comment-too-long", archive(plain, comment=b"12345")[:-2])
    write("PT-2-bytes-behind", archive(plain, tail=b"\0\0"))
    write("PT-2-two-parts", archive(plain, disk=1))
    write("PT-2-zip64-missing", archive(plain, count=0xFFFF))
    write("PT-2-zip64-other-place", archive(plain, zip64=True).replace(b"PK\6\7\0\0\0\0", b"PK\6\7\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"[:8] + b"", 1)[:-34] + struct.pack("<QI", 2**63, 1) + archive(plain, zip64=True)[-22:])
    write("PT-2-zip64-other-length", archive(plain, zip64=True).replace(struct.pack("<IQ", 0x06064B50, 44), struct.pack("<IQ", 0x06064B50, 45)))
    write("PT-2-zip64-two-parts", archive(plain, zip64=True, disk=1))
    write("PT-3-directory-behind-the-end", archive(plain, offset=100_000))
    write("PT-3-directory-longer", archive(plain, size=100_000))
    write("PT-3-fewer-entries", archive(plain, count=len(plain) - 1))
    write("PT-3-huge-directory", archive(plain, size=100_000_001))
    write("PT-3-many-entries", archive(plain, zip64=True, count=2**18 + 1))
    write("PT-4-more-entries", archive(plain, count=len(plain) + 1))
    write("PT-4-no-mark", archive([plain[0] | {"magic": b"PK\1\3"}] + plain[1:]))
    write("PT-4-encrypted-directory-flag", archive([plain[0] | {"flags": 1 << 13}] + plain[1:]))
    write("PT-4-other-disk", archive([plain[0] | {"disk": 1}] + plain[1:]))
    write("PT-4-zip64-field-missing", archive([plain[0] | {"plain": 0xFFFFFFFF, "packed": 0xFFFFFFFF}] + plain[1:]))
    write("PT-4-zip64-field-short", archive([plain[0] | {"plain": 0xFFFFFFFF, "packed": 0xFFFFFFFF, "extra": b"\1\0\4\0\0\0\0\0"}] + plain[1:]))
    write("PT-4-zip64-beyond-63-bits", archive([plain[0] | {"plain": 0xFFFFFFFF, "extra": struct.pack("<HHQ", 1, 8, 2**63)}] + plain[1:]))
    write("PT-4-extra-behind-the-directory", archive(plain, size=len(archive(plain)) - archive(plain).index(b"PK\1\2") - 22 - 3, gap=b""))
    write("PT-5-compressed", archive([plain[0] | {"method": 8}] + plain[1:]))
    write("PT-5-enciphered", archive([plain[0] | {"flags": 1}] + plain[1:]))
    write("PT-5-sizes-differ", archive([plain[0] | {"packed": 5}] + plain[1:]))
    write("PT-6-name-twice", archive(plain + [plain[0]]))
    write("PT-6-name-twice-in-capitals", archive(plain + [{"name": "m/DATA.PKL", "data": good}]))
    write("PT-6-empty-name", archive(plain + [{"name": "", "data": b""}]))
    write("PT-6-zero-byte", archive(plain + [{"name": "m/a\0b"}]))
    write("PT-6-not-utf-8", archive(plain + [{"name": b"m/\xff"}]))
    write("PT-6-long-name", archive(plain + [{"name": "m/" + "x" * 1023}]))
    write("PT-6-many-marks", archive(plain + [{"name": "m/e" + "\u0301" * 31}]))
    write("PT-6-two-folders", archive(plain + [{"name": "n/data.pkl", "data": good}]))
    write("PT-7-no-mark", archive([plain[0] | {"local_magic": b"PK\3\5"}] + plain[1:])[0:0] + b"PK\3\4" + b"\0" * 40 + archive([{"name": "m/x", "offset": 4}] + plain)[44:])
    write("PT-7-other-name", archive([plain[0] | {"local_name": b"m/code.pkl"[:10]}] + plain[1:]))
    write("PT-7-other-flags", archive([plain[0] | {"local_flags": 0}] + plain[1:]))
    write("PT-7-other-method", archive([plain[0] | {"local_method": 8}] + plain[1:]))
    write("PT-7-other-size", archive([plain[0] | {"local_size": 3}] + plain[1:]))
    write("PT-8-behind-the-directory", archive([plain[0] | {"packed": 100_000, "plain": 100_000}] + plain[1:]))
    write("PT-8-header-behind-the-directory", archive(plain[:-1] + [plain[-1] | {"offset": 100_000}]))
    # The header of one entry lies in the bytes of another.
    inner = archive([{"name": "m/data/0", "data": FLOATS}], end=False)
    inner = inner[:inner.index(b"PK\1\2")]
    holder = {"name": "m/data/1", "data": inner}
    start = len(archive(plain[:2], end=False)) - sum(46 + len(entry["name"]) for entry in plain[:2])
    write("PT-8-one-in-another", archive(
        plain[:2] + [holder, plain[3], {"name": "m/data/0", "data": b"", "hidden": True}]
        + [{"name": "m/data/0", "data": b"", "plain": 16, "packed": 16, "offset": start + 30 + len("m/data/1")}]))
    write("PT-9-no-pickle", archive(plain[1:]))
    write("PT-9-array-of-numpy", archive([{"name": "arr_0.npy", "data": b"\x93NUMPY"}]), ".npz")
    write("PT-9-no-entries", b"PK\3\4" + b"\0" * 26 + archive([]))
    write("PT-9-no-version", zipped(good, version=None))
    write("PT-9-version-11", zipped(good, version=b"11\n"))
    write("PT-9-version-no-number", zipped(good, version=b"three"))
    write("PT-9-torchscript", archive(plain + [{"name": "m/constants.pkl", "data": saved(EMPTY_TUPLE)}, {"name": "m/code/__torch__.py", "data": b"class"}]))
    write("PT-9-torchscript-code-alone", archive(plain + [{"name": "m/code/__torch__.py", "data": b"class"}]))
    write("PT-10-middle-endian", zipped(good, order=b"middle"))
    write("PT-10-little-and-more", zipped(good, order=b"little "))

    # The legacy form.
    write("PT-11-other-pickle", pickle.dumps({"a": [1, 2]}, protocol=2))
    write("PT-11-other-pickle-4", pickle.dumps({"a": [1, 2]}, protocol=4))
    write("PT-11-other-number", legacy(one(old_tensor()), magic=saved(b"\x8a\x0a" + b"\1" * 10)))
    write("PT-11-version-1000", legacy(one(old_tensor()), version=saved(integer(1000))))
    write("PT-11-machine-a-list", legacy(one(old_tensor()), machine=saved(LIST)))
    write("PT-12-key-twice", legacy(one(old_tensor()), storages=[("0", 4, FLOATS), ("0", 4, FLOATS)]))
    write("PT-12-key-of-no-tensor", legacy(one(old_tensor()), storages=[("0", 4, FLOATS), ("1", 4, FLOATS)]))
    write("PT-12-key-a-number", legacy(one(old_tensor()), keys=saved(LIST + MARK + integer(0) + APPENDS)))
    write("PT-12-keys-a-tuple", legacy(one(old_tensor()), keys=saved(EMPTY_TUPLE)))
    write("PT-13-cut-in-a-storage", legacy(one(old_tensor()))[:-1])
    write("PT-13-cut-in-a-length", legacy(one(old_tensor()))[:-17])
    write("PT-13-huge-storage", legacy(one(tensor(legacy_storage(count=2**60))), storages=[("0", 2**60, FLOATS)]))

    # The pickle.
    for code, label in [(b"0", "POP"), (b"2", "DUP"), (b"i", "INST"), (b"\x81", "NEWOBJ"), (b"\x82", "EXT1"), (b"I", "INT"),
                        (b"\x8f", "EMPTY_SET"), (b"P", "PERSID"), (b"\xff", "255"), (b"o", "OBJ"), (b"\x92", "NEWOBJ_EX"),
                        (b"\x97", "NEXT_BUFFER")]:
        write("PT-20-" + label, zipped(saved(DICT + code + b"1\n")))
    write("PT-20-protocol-1", zipped(saved(DICT, protocol=1)))
    write("PT-20-protocol-6", zipped(saved(DICT, protocol=6)))
    write("PT-21-no-stop", zipped(good[:-1]))
    write("PT-21-cut-in-a-number", zipped(b"\x80\2J\0"))
    write("PT-21-cut-in-a-string", zipped(b"\x80\2X\x10\0\0\0abc"))
    write("PT-21-empty", zipped(b""))
    write("PT-21-bytes-behind", zipped(good + b"."))
    write("PT-21-legacy-never-ends", legacy(b"\x80\2" + NONE * 20, storages=(), keys=b" " * 0 + b"N"))
    write("PT-22-nothing-left", zipped(b"\x80\2."))
    write("PT-22-two-left", zipped(saved(DICT + DICT)))
    write("PT-22-mark-left", zipped(saved(MARK + DICT)))
    write("PT-22-no-mark", zipped(saved(DICT + TUPLE)))
    write("PT-22-beyond-the-mark", zipped(saved(DICT + MARK + b"\x85")))
    write("PT-22-tuple-of-too-few", zipped(saved(NONE + b"\x87")))
    write("PT-22-remember-nothing", zipped(saved(b"q\0")))
    write("PT-23-never-remembered", zipped(saved(b"h\5")))
    write("PT-23-far-place", zipped(saved(DICT + b"r" + struct.pack("<I", 1000))))
    write("PT-23-huge-place", zipped(saved(DICT + b"r" + struct.pack("<I", 2**32 - 1))))
    write("PT-23-first-left-out", zipped(saved(DICT + b"q\1h\0")))
    write("PT-24-not-utf-8", zipped(one(tensor(), key=b"\xff\xfe")))
    write("PT-24-surrogate", zipped(one(tensor(), key=b"\xed\xa0\x80")))
    write("PT-24-many-marks", zipped(one(tensor(), key="e" + "\u0301" * 31)))
    write("PT-24-longer-than-a-mebibyte", zipped(saved(b"X" + struct.pack("<I", 2**20 + 1))))
    write("PT-24-length-of-64-bits", zipped(saved(b"\x8d" + b"\xff" * 8)))
    write("PT-24-bytes-of-64-bits", zipped(saved(b"\x8e" + b"\xff" * 8)))
    evil = tuple_(string("touch /tmp/never"))
    for module, label in [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("subprocess", "Popen"),
                          ("torch.nn.modules.linear", "Linear"), ("__main__", "Net"), ("torch", "load"), ("torch.hub", "load"),
                          ("numpy.core.multiarray", "_reconstruct"), ("torch._utils", "_rebuild_xla_tensor"),
                          ("torch.storage", "_load_from_bytes"), ("_codecs", "encode"), ("", ""), ("collections", "OrderedDict.fromkeys")]:
        write(f"PT-25-{module or 'no'}-{label or 'name'}", zipped(saved(name(module, label) + evil + REDUCE)))
    write("PT-25-stack-global", zipped(saved(string("os") + string("system") + b"\x93" + evil + REDUCE, protocol=4)))
    write("PT-25-stack-global-of-numbers", zipped(saved(integer(1) + integer(2) + b"\x93", protocol=4)))
    write("PT-25-long-name", zipped(saved(name("m" * 2000, "x"))))
    write("PT-25-not-utf-8", zipped(saved(b"c\xff\n\xff\n")))
    write("PT-25-hidden-in-the-optimizer", zipped(saved(dictionary(
        (string("state_dict"), dictionary((string("a"), tensor()))), (string("optimizer"), name("os", "system"))))))
    write("PT-25-module-in-legacy", legacy(saved(tuple_(string("module"), NONE, string("net.py"), string("class Net")) + PERSID), storages=()))
    write("PT-26-call-of-a-string", zipped(saved(string("os.system") + evil + REDUCE)))
    write("PT-26-call-with-a-list", zipped(saved(name("collections", "OrderedDict") + LIST + REDUCE)))
    write("PT-26-call-of-a-type", zipped(saved(name("torch", "float32") + EMPTY_TUPLE + REDUCE)))
    write("PT-26-call-of-a-storage", zipped(saved(name("torch", "FloatStorage") + tuple_(integer(10**9)) + REDUCE)))
    write("PT-26-tensor-of-a-number", zipped(one(tensor(integer(3)))))
    write("PT-26-tensor-without-strides", zipped(one(name("torch._utils", "_rebuild_tensor") + tuple_(storage(), integer(0), integers([4])) + REDUCE)))
    write("PT-26-tensor-offset-a-string", zipped(one(name("torch._utils", "_rebuild_tensor") + tuple_(storage(), string("0"), integers([4]), integers([1])) + REDUCE)))
    write("PT-26-version-3-without-type", zipped(one(tensor(function="_rebuild_tensor_v3", tail=[FALSE, ordered(), integer(3)]))))
    write("PT-26-parameter-of-nothing", zipped(one(name("torch._utils", "_rebuild_parameter") + tuple_(NONE, FALSE, ordered()) + REDUCE)))
    write("PT-26-size-of-a-number", zipped(one(name("torch", "Size") + tuple_(integer(3)) + REDUCE)))
    write("PT-26-pairs-of-three", zipped(saved(ordered(LIST + MARK + tuple_(integer(1), integer(2), integer(3)) + APPENDS))))
    write("PT-26-attributes-of-a-tensor", zipped(one(tensor() + tuple_(storage(), integer(0), integers([4]), integers([1])) + BUILD)))
    write("PT-26-attributes-of-a-class", zipped(saved(name("torch", "device") + DICT + BUILD)))
    write("PT-27-item-of-a-list", zipped(saved(LIST + string("a") + NONE + SETITEM)))
    write("PT-27-items-of-nothing", zipped(saved(MARK + string("a") + NONE + SETITEMS)))
    write("PT-27-append-to-a-dictionary", zipped(saved(DICT + NONE + b"a")))
    write("PT-27-item-without-value", zipped(saved(DICT + MARK + string("a") + SETITEMS)))
    write("PT-28-a-string", zipped(one(tensor(string("0") + PERSID))))
    write("PT-28-four-parts", zipped(one(tensor(tuple_(string("storage"), name("torch", "FloatStorage"), string("0"), string("cpu")) + PERSID))))
    write("PT-28-not-a-storage", zipped(one(tensor(tuple_(string("table"), name("torch", "FloatStorage"), string("0"), string("cpu"), integer(4)) + PERSID))))
    write("PT-28-type-a-string", zipped(one(tensor(tuple_(string("storage"), string("FloatStorage"), string("0"), string("cpu"), integer(4)) + PERSID))))
    write("PT-28-key-a-number", zipped(one(tensor(tuple_(string("storage"), name("torch", "FloatStorage"), integer(0), string("cpu"), integer(4)) + PERSID))))
    write("PT-28-negative-length", zipped(one(tensor(storage(count=-1)))))
    write("PT-28-length-of-70-bits", zipped(one(tensor(storage(count=2**70)))))
    write("PT-28-twice-with-other-types", zipped(saved(dictionary((string("a"), tensor()), (string("b"), tensor(storage(type="IntStorage")))))))
    write("PT-28-twice-with-other-lengths", zipped(saved(dictionary((string("a"), tensor()), (string("b"), tensor(storage(count=3), size=(3,)))))))
    write("PT-28-legacy-without-view", legacy(one(tensor())))
    write("PT-28-view-beyond-its-storage", legacy(one(tensor(legacy_storage(view=tuple_(string("1"), integer(3), integer(2))), size=(2,)))))
    write("PT-28-view-overflows", legacy(one(tensor(legacy_storage(view=tuple_(string("1"), integer(2**62), integer(2**62))), size=(2,)))))
    write("PT-28-view-a-string", legacy(one(tensor(legacy_storage(view=string("1"))))))

    # Tensors.
    write("PT-30-quantized", zipped(one(tensor(storage(type="QInt8Storage"), function="_rebuild_qtensor", tail=[tuple_(name("torch", "per_tensor_affine"), b"G" + b"\0" * 8, integer(0)), FALSE, ordered()]))))
    write("PT-30-sparse", zipped(one(name("torch._utils", "_rebuild_sparse_tensor") + tuple_(name("torch", "sparse_coo"), tuple_(tensor(), tensor(), integers([4]))) + REDUCE)))
    write("PT-30-nested", zipped(one(name("torch._utils", "_rebuild_nested_tensor") + tuple_(tensor(), tensor(), tensor(), tensor()) + REDUCE)))
    write("PT-30-meta", zipped(one(name("torch._utils", "_rebuild_meta_tensor_no_storage") + tuple_(name("torch", "float32"), integers([4]), integers([1]), FALSE) + REDUCE)))
    write("PT-30-meta-storage", zipped(one(tensor(storage(device="meta")))))
    write("PT-30-conjugated", zipped(one(tensor(storage(type="ComplexFloatStorage", count=2), size=(2,), tail=[FALSE, ordered(), dictionary((string("conj"), TRUE))]))))
    write("PT-31-complex-128", zipped(one(tensor(storage(type="ComplexDoubleStorage", count=1), size=(1,)))))
    write("PT-31-quantized-storage", zipped(one(tensor(storage(type="QUInt8Storage", count=16), size=(16,)))))
    write("PT-31-two-in-a-byte", zipped(one(tensor(storage(type="UntypedStorage", module="torch.storage", count=16), size=(16,), function="_rebuild_tensor_v3", tail=[FALSE, ordered(), name("torch", "float4_e2m1fn_x2")]))))
    write("PT-31-two-types", zipped(one(tensor(function="_rebuild_tensor_v3", tail=[FALSE, ordered(), name("torch", "float16")]))))
    write("PT-32-negative-size", zipped(one(tensor(size=(-1,)))))
    write("PT-32-negative-stride", zipped(one(tensor(offset=3, stride=(-1,)))))
    write("PT-32-negative-offset", zipped(one(tensor(offset=-1, size=(1,)))))
    write("PT-32-fewer-strides", zipped(one(tensor(size=(2, 2), stride=(1,)))))
    write("PT-32-size-a-string", zipped(one(name("torch._utils", "_rebuild_tensor") + tuple_(storage(), integer(0), tuple_(string("4")), integers([1])) + REDUCE)))
    write("PT-32-sizes-a-number", zipped(one(name("torch._utils", "_rebuild_tensor") + tuple_(storage(), integer(0), integer(4), integers([1])) + REDUCE)))
    write("PT-32-65-dimensions", zipped(one(tensor(size=[1] * 65, stride=[1] * 65))))
    write("PT-32-product-overflows", zipped(one(tensor(size=(2**32, 2**32), stride=(0, 0)))))
    write("PT-32-product-overflows-before-zero", zipped(one(tensor(size=(2**32, 2**32, 0), stride=(0, 0, 0)))))
    write("PT-32-bytes-overflow", zipped(one(tensor(size=(2**62,), stride=(0,)))))
    write("PT-33-not-in-the-archive", zipped(one(tensor(storage(key="7")))))
    write("PT-33-key-leads-out", zipped(one(tensor(storage(key="../data.pkl")))))
    write("PT-33-fewer-bytes", zipped(one(tensor()), storages=[("0", FLOATS[:12])]))
    write("PT-33-more-bytes", zipped(one(tensor()), storages=[("0", FLOATS + b"\0")]))
    write("PT-33-elements-overflow", zipped(one(tensor(storage(count=2**62)))))
    write("PT-33-legacy-other-length", legacy(one(old_tensor()), storages=[("0", 3, FLOATS)]))
    write("PT-33-legacy-not-listed", legacy(one(old_tensor()), storages=()))
    write("PT-34-one-too-many", zipped(one(tensor(size=(5,)))))
    write("PT-34-offset", zipped(one(tensor(offset=1))))
    write("PT-34-stride", zipped(one(tensor(size=(2, 2), stride=(3, 1)))))
    write("PT-34-stride-overflows", zipped(one(tensor(size=(3, 2), stride=(2**62, 1)))))
    write("PT-34-sum-overflows", zipped(one(tensor(offset=2**63 - 1, size=(2,)))))
    write("PT-34-legacy-view", legacy(one(tensor(legacy_storage(view=tuple_(string("1"), integer(2), integer(2))), size=(3,)))))
    write("PT-34-bytes-of-an-untyped-storage", zipped(one(tensor(storage(type="UntypedStorage", module="torch.storage", count=16), size=(5,), function="_rebuild_tensor_v3", tail=[FALSE, ordered(), name("torch", "int32")])), storages=[("0", FLOATS)]))
    write("PT-34-scalar-of-an-empty-storage", zipped(one(tensor(storage(count=0), size=(), stride=())), storages=[("0", b"")]))
    write("PT-35-expanded-a-million-times", zipped(one(tensor(size=(2**20, 4), stride=(0, 1)))))
    write("PT-35-expanded-beyond-any-disk", zipped(one(tensor(size=(2**58,), stride=(0,)))))
    big = saved(dictionary(*[(string(f"t{number}"), tensor(storage(count=2**13), size=(2**13,))) for number in range(80)]))
    write("PT-35-many-names-for-one-storage", zipped(big, storages=[("0", b"\0" * 2**15)]))
    write("PT-36-a-list", zipped(saved(LIST)))
    write("PT-36-one-tensor", zipped(saved(tensor())))
    write("PT-36-empty", zipped(saved(DICT)))
    write("PT-36-no-tensors", zipped(saved(dictionary((string("epoch"), integer(3)), (string("lr"), b"G" + struct.pack(">d", 0.1))))))
    write("PT-36-under-another-key", zipped(saved(dictionary((string("weights"), dictionary((string("a"), tensor())))))))
    write("PT-37-name-a-number", zipped(saved(dictionary((integer(0), tensor())))))
    write("PT-37-name-twice", zipped(saved(dictionary((string("a"), tensor()), (string("a"), tensor())))))
    write("PT-37-canonically-equivalent-names", zipped(saved(dictionary((string("\u00e4"), tensor()), (string("a\u0308"), tensor())))))
    write("PT-37-long-name", zipped(one(tensor(), key="x" * 65_536)))

    # Folders.
    def write_folder(label, files):
        (folder / label).mkdir()
        for file, data in files.items():
            (folder / label / file).write_bytes(data if isinstance(data, bytes) else data.encode())

    def index(shards):
        import json
        return json.dumps({"metadata": {"total_size": 16}, "weight_map": shards})

    shard = zipped(good)
    other = zipped(one(tensor(), key="b"))
    write_folder("PT-40-index-array", {"pytorch_model.bin.index.json": "[]"})
    write_folder("PT-40-no-weight-map", {"pytorch_model.bin.index.json": "{}"})
    write_folder("PT-41-parent-folder", {"pytorch_model.bin.index.json": index({"a": "../x.bin"})})
    write_folder("PT-41-other-kind", {"pytorch_model.bin.index.json": index({"a": "model.safetensors"})})
    write_folder("PT-42-shard-missing", {"pytorch_model.bin.index.json": index({"a": "pytorch_model-00001-of-00001.bin"})})
    write_folder("PT-43-tensor-in-no-shard", {
        "pytorch_model.bin.index.json": index({"a": "pytorch_model-00001-of-00001.bin", "b": "pytorch_model-00001-of-00001.bin"}),
        "pytorch_model-00001-of-00001.bin": shard})
    write_folder("PT-44-two-shards-have-it", {"pytorch_model-00001-of-00002.bin": shard, "pytorch_model-00002-of-00002.bin": shard})
    write_folder("PT-45-nothing-here", {"training_args.bin": shard, "optimizer.pt": shard, "notes.txt": "x"})
    write_folder("PT-45-two-files", {"one.pt": shard, "two.pth": other})
    write_folder("PT-45-two-sets", {"a-00001-of-00002.bin": shard, "b-00001-of-00002.bin": other})
    write_folder("PT-45-two-indexes", {"x.bin.index.json": index({}), "y.bin.index.json": index({})})
    write_folder("PT-45-slices", {"consolidated.00.pth": shard, "consolidated.01.pth": shard})
    write_folder("PT-46-incomplete-set", {"pytorch_model-00001-of-00002.bin": shard})


# Valid files that no program of today writes, or not so small.


def assembled():
    folder = HERE / "valid"
    view = tuple_(string("9"), integer(1), integer(2))
    python2 = (b"\x80\2" + name("collections", "OrderedDict") + b"q\1" + LIST + b"q\2" + LIST + b"q\3" + MARK + b"U\1a" + b"q\4"
               + tensor() + APPENDS + b"a" + b"\x85" + b"q\5" + REDUCE + b"q\6" + STOP)
    directory = [{"name": "m/", "data": b""}, {"name": "m/data/", "data": b""}]
    files = {
        "small.pt": zipped(one(tensor())),
        "small-without-byteorder.pt": zipped(one(tensor()), order=None),
        "small-legacy.pt": legacy(one(old_tensor())),
        "small-legacy-bytes-behind.pt": legacy(one(old_tensor()), tail=b"more"),
        "legacy-part-of-a-storage.pt": legacy(saved(dictionary(
            (string("whole"), old_tensor()), (string("part"), tensor(legacy_storage(view=view), size=(2,)))))),
        "rebuild-tensor-1.pt": zipped(one(tensor(function="_rebuild_tensor", tail=[]))),
        "python-2.pt": zipped(python2),
        "zip64.pt": archive(records(one(tensor())), zip64=True),
        "comment.pt": archive(records(one(tensor())), comment=b"made by hand PK\5\6"),
        "folders-in-the-archive.pt": archive(directory + records(one(tensor()))),
        "version-in-data.pt": archive(records(one(tensor()), version=None) + [{"name": "m/.data/version", "data": b"6"}]),
        "itself-in-itself.pt": zipped(saved(DICT + b"q\0" + MARK + string("a") + tensor() + string("me") + b"h\0" + string("l")
                                            + LIST + b"q\1h\1a" + SETITEMS)),
        "untyped-storage.pt": zipped(one(tensor(
            storage(type="UntypedStorage", module="torch.storage", count=16), offset=1, size=(3,), function="_rebuild_tensor_v3",
            tail=[FALSE, ordered(), name("torch", "float32"), DICT]))),
        "module.bin": zipped(saved(dictionary((string("module"), dictionary((string("a"), tensor()))), (string("step"), integer(7))))),
        "empty-with-any-strides.pt": zipped(one(tensor(size=(0, 5), stride=(2**62, 2**62), offset=2**62))),
        "metadata-empty.pt": zipped(one(tensor(tail=[FALSE, ordered(), DICT]))),
    }
    for label, data in files.items():
        (folder / label).write_bytes(data)


def valid():
    import torch

    folder = HERE / "valid"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    generator = torch.Generator().manual_seed(7)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    def save(label, value, **options):
        # By way of memory, so that the folder in the archive is not called as the file is.
        buffer = io.BytesIO()
        torch.save(value, buffer, **options)
        (folder / label).write_bytes(buffer.getvalue())

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(random(*parameter.shape))
    save("state-dict.bin", model.state_dict())
    save("state-dict-legacy.bin", model.state_dict(), _use_new_zipfile_serialization=False)

    types = {}
    for name in ["float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]:
        types[name] = random(2, 3).to(getattr(torch, name))
    for name in ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"]:
        types[name] = torch.tensor([[1, 2, 100], [0, 127, 3]]).to(getattr(torch, name))
    types["int64"][0, 0] = -2**40
    types["bool"] = torch.tensor([[True, False, True], [False, False, True]])
    types["complex64"] = torch.complex(random(2, 3), random(2, 3))
    types["float8_e8m0fnu"] = torch.tensor([[1.0, 2.0, 4.0], [0.5, 8.0, 16.0]]).to(torch.float8_e8m0fnu)
    save("types.pt", types)
    # torch cannot read the others of this form again.
    old = {name: value for name, value in types.items() if "uint" not in name.replace("uint8", "") and "float8" not in name}
    save("types-legacy.pt", old, _use_new_zipfile_serialization=False)
    # As a machine of the other byte order writes it. torch turns only what has a class of storages.
    turned = {name: value for name, value in types.items() if name not in ("uint16", "uint32", "uint64")}
    turned["transposed"] = random(3, 5).t()
    save("types-big-endian.pt", turned)
    swapped = io.BytesIO()
    with zipfile.ZipFile(folder / "types-big-endian.pt") as source, zipfile.ZipFile(swapped, "w", zipfile.ZIP_STORED) as target:
        widths = storage_widths(turned)
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("/byteorder"):
                data = b"big"
            if "/data/" in entry.filename:
                width = widths[int(entry.filename.split("/")[-1])]
                data = b"".join(data[place:place + width][::-1] for place in range(0, len(data), width))
            target.writestr(zipfile.ZipInfo(entry.filename), data)
    (folder / "types-big-endian.pt").write_bytes(swapped.getvalue())

    base, wide = random(6, 8), random(3, 4, 5)
    shared = random(4, 4)
    views = {
        "base": base, "transposed": base.t(), "rows": base[2:4], "columns": base[:, 3:5], "one_column": base[:, 2],
        "every_other": base[::2, ::3], "expanded": random(1, 3).expand(4, 3), "expanded_inside": random(2, 1, 3).expand(2, 5, 3),
        "permuted": wide.permute(2, 0, 1), "permuted_slice": wide.permute(1, 2, 0)[1:, 2:, :2], "diagonal": base[:6, :6].diagonal(),
        "overlapping": torch.arange(8.0).unfold(0, 4, 2), "scalar": torch.tensor(2.5), "scalar_of_a_view": base[3, 3],
        "empty": torch.empty(0), "empty_matrix": torch.empty(3, 0, 2), "tied": shared, "tied_too": shared,
        "tied_transposed": shared.t(), "half": random(5, 7).half().t(), "bytes": torch.arange(24, dtype=torch.uint8).reshape(4, 6).t(),
        "doubles": random(3, 3).double()[:, 1:], "ones_in_between": random(3, 1, 4).transpose(0, 2),
        "channels_last": random(2, 3, 4, 4).to(memory_format=torch.channels_last), "complex": torch.complex(random(3, 2), random(3, 2)).t(),
        "pairs": torch.arange(10, dtype=torch.int16).reshape(5, 2).view(torch.uint16).t(),
    }
    save("views.pt", views)
    save("views-legacy.pt", {name: value for name, value in views.items() if name != "pairs"}, _use_new_zipfile_serialization=False)
    save("protocol-3.pt", {"a": base.t(), "epoch": 3}, pickle_protocol=3)
    save("protocol-4.pt", {"a": base.t(), "b": shared, "size": torch.Size([1, 2]), "raw": b"abc"}, pickle_protocol=4)
    save("protocol-5-legacy.pt", {"a": base.t(), "b": shared}, pickle_protocol=5, _use_new_zipfile_serialization=False)
    gap = random(8, 3000)
    save("wide-gaps.pt", {"columns": gap[:, 5:9], "transposed": gap[:, :6].t(), "whole": gap.t()[:500]})

    parameter = torch.nn.Parameter(random(2, 2))
    tagged = torch.nn.Parameter(random(3))
    tagged.tag = "a word"
    save("parameters.pt", {"plain": parameter, "tagged": tagged})
    optimizer = torch.optim.Adam(model.parameters())
    model(random(4, 3)).sum().backward()
    optimizer.step()
    save("trainer.pt", {
        "epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "best": 0.25, "note": "a run",
        "dtype": torch.bfloat16, "size": torch.Size([3, 2]), "device": torch.device("cpu"), "list": [1, 2, None], "big": 2**80})
    save("under-model_state_dict.pth", {"model_state_dict": {"a": base}, "loss": torch.tensor(3.0)})
    save("under-model.pth", {"model": {"a": base}})
    save("others-among-tensors.pt", {"a": base, "_extra_state": {"x": base}, "steps": 12, "name": "x" * 100})

    shards = {"pytorch_model-00001-of-00002.bin": {"a": base, "b": shared.t()}, "pytorch_model-00002-of-00002.bin": {"c": random(3)}}
    (folder / "sharded").mkdir()
    for file, state in shards.items():
        save(f"sharded/{file}", state)
    import json
    weights = {name: file for file, state in shards.items() for name in state}
    (folder / "sharded" / "pytorch_model.bin.index.json").write_text(
        json.dumps({"metadata": {"total_size": 6 * 8 * 4 + 16 * 4 + 12}, "weight_map": weights}, indent=2) + "\n")


def storage_widths(types):
    """Bytes of a number in each storage of a file, in the order in which they are numbered."""
    return [value.element_size() // (2 if value.is_complex() else 1) for value in types.values()]


def expected():
    """What torch makes of each file, as safetensors."""
    import torch
    from safetensors.torch import save as serialized

    folder = HERE / "expected"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in sorted((HERE / "valid").iterdir()):
        paths = sorted(path.glob("*.bin")) if path.is_dir() else [path]
        tensors = {}
        for part in paths:
            try:
                value = torch.load(part, weights_only=True)
                how = "weights_only"
            except Exception as error:
                # Its own machine knows protocol 2 alone. These files are ours.
                assert "protocol" in part.name or part.name == "python-2.pt", (part, error)
                value = torch.load(part, weights_only=False, encoding="utf-8")
                how = "weights_only=False: " + str(error).splitlines()[0][:60]
            print(part.name, how)
            for key in ["state_dict", "model_state_dict", "model", "module"]:
                if key in value and isinstance(value[key], dict):
                    value = value[key]
                    break
            tensors |= {name: tensor.detach().clone(memory_format=torch.contiguous_format)
                        for name, tensor in value.items() if isinstance(tensor, torch.Tensor)}
        (folder / (path.name + ".safetensors")).write_bytes(serialized(tensors))


def verdicts():
    """What torch says of each hostile file, and of the data of its tensors."""
    import json

    import torch

    found = {}
    for path in sorted((HERE / "hostile").iterdir()):
        if path.is_dir():
            continue
        try:
            torch.load(path, weights_only=True)
            found[path.name] = {"weights_only": "accept"}
        except Exception as error:
            found[path.name] = {"weights_only": "reject: " + type(error).__name__}
    reference = f"torch {torch.__version__.split('+')[0]}, torch.load(weights_only=True)"
    (HERE / "VERDICTS.json").write_text(json.dumps({"reference": reference, "files": found}, indent=1) + "\n")


if __name__ == "__main__":
    hostile()
    if "--hostile" not in sys.argv:
        verdicts()
        valid()
        assembled()
        expected()
