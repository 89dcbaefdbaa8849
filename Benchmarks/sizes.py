#!/usr/bin/env python3
"""Runs decant on models of every size, and prints what each job took. Fails when one fails, is too slow or takes too much
memory, or its output is wrong. Ends with the peak memory of every command on models of five shapes.

    Benchmarks/sizes.py [--decant PROGRAM] [--folder FOLDER] [--only WORD] [--time-scale FACTOR]

The models are sparse files: 200 GB in 40 shards take a few megabytes of disk. They lie in a temporary folder that is
removed in the end. One job writes 5 GB. Needs nothing but Python 3 on a system whose files may have holes.

Wall time is that of one run, in the state that the machine is in; a job that writes nothing and is too slow is run twice
more. Peak memory is the kernel's count of resident pages, mapped files included.
"""
import argparse
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

BF16, F32 = ("BF16", 2), ("F32", 4)

# A process's peak memory begins with that of the one that starts it: this one is small. Its last line is exit code and peak.
WAITER = """
import os, sys
child = os.fork()
if child == 0:
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    finally:
        os._exit(127)
_, status, usage = os.wait4(child, 0)
os.write(1, b"\\n%d %d" % (os.waitstatus_to_exitcode(status), usage.ru_maxrss))
"""


# --- Files, written piece by piece: this process stays small.

def safetensors(path, tensors, kind=BF16):
    """A file of zeros, with one tensor for each name and shape. Returns the offsets of the tensors."""
    name, width = kind
    offsets, end = {}, 0
    with open(path, "wb") as file:
        file.write(bytes(8))
        file.write(b'{"__metadata__":{"format":"pt"}')
        for tensor, shape in tensors:
            size = width
            for dimension in shape:
                size *= dimension
            file.write(b',"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}' % (
                tensor.encode(), name.encode(), json.dumps(list(shape)).encode(), end, end + size))
            offsets[tensor] = end
            end += size
        file.write(b"}")
        file.write(b" " * (-file.tell() % 8))
        length = file.tell()
        file.seek(0)
        file.write(struct.pack("<Q", length - 8))
        file.truncate(length + end)
    return {tensor: length + offset for tensor, offset in offsets.items()}


def config(folder, layers, hidden, inner, heads, keys, vocabulary, tied=False):
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": hidden,
            "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": keys, "vocab_size": vocabulary, "max_position_embeddings": 8192,
            "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": tied, "torch_dtype": "bfloat16",
        }, file)


def llama(layers, hidden, inner, heads, keys, vocabulary, tied=False):
    """Names and shapes of a Llama's tensors."""
    width = hidden // heads * keys
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for layer in range(layers):
        prefix = "model.layers.%d." % layer
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "self_attn.q_proj.weight", (hidden, hidden)
        yield prefix + "self_attn.k_proj.weight", (width, hidden)
        yield prefix + "self_attn.v_proj.weight", (width, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, hidden)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "mlp.gate_proj.weight", (inner, hidden)
        yield prefix + "mlp.up_proj.weight", (inner, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, inner)
    yield "model.norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", (vocabulary, hidden)


def sharded(folder, count, **sizes):
    """A checkpoint of `count` shards of about one length, with its index. Returns its bytes."""
    os.mkdir(folder)
    config(folder, **sizes)
    tensors = list(llama(**sizes))
    counts = []
    for _, shape in tensors:
        elements = 1
        for dimension in shape:
            elements *= dimension
        counts.append(2 * elements)
    total = sum(counts)
    shards = [[] for _ in range(count)]
    before = 0
    for tensor, size in zip(tensors, counts):
        shards[before * count // total].append(tensor)
        before += size
    places = {}
    for number, shard in enumerate(shards):
        name = "model-%05d-of-%05d.safetensors" % (number + 1, count)
        safetensors(os.path.join(folder, name), shard)
        places.update((tensor, name) for tensor, _ in shard)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {"total_size": total}, "weight_map": places}, file)
    return total


def byte_alphabet():
    """The characters that stand for bytes in byte-level vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    more = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(more)) for byte in range(256)]


def tokenizer(folder, count):
    """A byte-level vocabulary of `count` tokens: bytes, pairs of them, then a pair and a byte."""
    letters = [json.dumps(letter)[1:-1] for letter in byte_alphabet()]

    def parts():
        for number in range(count - 256):
            if number < 65536:
                yield letters[number // 256], letters[number % 256]
            else:
                pair, last = divmod(number - 65536, 256)
                yield letters[pair // 256] + letters[pair % 256], letters[last]

    with open(os.path.join(folder, "tokenizer.json"), "w") as file:
        file.write('{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel",'
                   '"add_prefix_space":false,"use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel"},'
                   '"model":{"type":"BPE","vocab":{')
        file.write(",".join('"%s":%d' % (letter, id) for id, letter in enumerate(letters)))
        for id, (left, right) in enumerate(parts(), 256):
            file.write(',"%s%s":%d' % (left, right, id))
        file.write('},"merges":[')
        for number, (left, right) in enumerate(parts()):
            file.write('%s"%s %s"' % ("," if number else "", left, right))
        file.write("]}}")


def gguf(path, metadata, tensors):
    """A GGUF of zeros, with one tensor for each name and shape: matrices in Q4_0, vectors in F32."""
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata)))
        for key, value in metadata.items():
            kind = {str: 8, int: 4, float: 6}[type(value)]
            file.write(text(key) + struct.pack("<I", kind))
            file.write(text(value) if kind == 8 else struct.pack("<I" if kind == 4 else "<f", value))
        count = end = 0
        for name, shape in tensors:
            elements = math.prod(shape)
            kind, size = (2, elements // 32 * 18) if len(shape) == 2 else (0, 4 * elements)
            file.write(text(name) + struct.pack("<I%dQIQ" % len(shape), len(shape), *reversed(shape), kind, end))
            count += 1
            end += -(-size // 32) * 32
        start = -(-file.tell() // 32) * 32
        file.seek(8)
        file.write(struct.pack("<Q", count))
        file.truncate(start + end)


def gguf_llama(path, layers, hidden):
    """A GGUF of a Llama with all the biases there can be."""
    modules = {"attn_norm": (hidden,), "ffn_norm": (hidden,)}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        modules[name] = (hidden, hidden)

    def tensors():
        for name in ("token_embd", "output"):
            yield name + ".weight", (64, hidden)
        yield "output_norm.weight", (hidden,)
        for layer in range(layers):
            for name, shape in modules.items():
                yield "blk.%d.%s.weight" % (layer, name), shape
                if not name.endswith("_norm"):
                    yield "blk.%d.%s.bias" % (layer, name), (hidden,)

    gguf(path, {
        "general.architecture": "llama", "llama.block_count": layers, "llama.embedding_length": hidden,
        "llama.feed_forward_length": hidden, "llama.attention.head_count": 1, "llama.context_length": 8192,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.vocab_size": 64,
    }, tensors())


# --- Running

class Job:
    """What a job may take, and what it took."""

    def __init__(self, name, arguments, seconds, megabytes):
        self.name, self.arguments, self.seconds, self.megabytes = name, arguments, seconds, megabytes

    def run(self, decant):
        with tempfile.TemporaryFile() as output:
            start = time.monotonic()
            subprocess.run([sys.executable, "-S", "-c", WAITER, decant, *self.arguments], stdout=output, stderr=output)
            self.wall = time.monotonic() - start
            output.seek(0)
            self.output, _, counted = output.read().decode(errors="replace").rpartition("\n")
        self.code, peak = map(int, counted.split())
        # The kernel counts in units of 1024 bytes, but in bytes on macOS.
        self.peak = peak * (1 if sys.platform == "darwin" else 1024) / 1e6

    def failures(self, scale):
        # A plan is shown all the same where the disk has no room for the real thing.
        lacks_room = "--dry-run" in self.arguments and "are to be written, but the disk has" in self.output
        if self.code != 0 and not lacks_room:
            yield "failed with exit code %d: %s" % (self.code, self.output.strip()[-300:])
        if self.wall > self.seconds * scale:
            yield "over %g s" % (self.seconds * scale)
        if self.peak > self.megabytes:
            yield "over %d MB" % self.megabytes


class Table:
    def __init__(self, decant, scale):
        self.decant, self.scale, self.count = decant, scale, 0
        print("| %-66s | %7s | %6s | %7s | %5s |" % ("job", "wall s", "bar s", "MB", "bar"))
        print("|:%s|%s:|%s:|%s:|%s:|" % ("-" * 67, "-" * 8, "-" * 7, "-" * 8, "-" * 6), flush=True)

    def measure(self, name, *arguments, seconds, megabytes=300):
        job = Job(name, arguments, seconds, megabytes)
        job.run(self.decant)
        # What else the machine does can only make a job slower: the best of three counts, of jobs that write nothing.
        writes = arguments[0] in ("convert", "quantize") and "--dry-run" not in arguments
        for _ in range(2):
            if job.wall > seconds * self.scale and not writes:
                other = Job(name, arguments, seconds, megabytes)
                other.run(self.decant)
                job = min(job, other, key=lambda job: (job.code != 0, job.wall))
        self.row(job, *job.failures(self.scale))
        return job

    def row(self, job, *failures):
        print("| %-66s | %7.2f | %6g | %7.1f | %5d |%s" % (
            job.name, job.wall, job.seconds, job.peak, job.megabytes, "".join(" " + failure for failure in failures)),
            flush=True)
        self.count += bool(failures)

    def check(self, name, failure):
        """A row for what is not measured but looked at."""
        print("| %-66s | %s" % (name, failure or "as it should be"), flush=True)
        self.count += bool(failure)


# --- The sizes

def hundreds_of_gigabytes(table, work):
    model = os.path.join(work, "huge")
    total = sharded(model, 40, layers=115, hidden=8192, inner=28672, heads=64, keys=8, vocabulary=128256)
    tokenizer(model, 128000)
    size = "%.0f GB, 40 shards" % (total / 1e9)
    table.measure(size + ": inspect", "inspect", model, seconds=2)
    for type, output in (("q4_k_m", "out.gguf"), ("nf4", "out")):
        table.measure("%s: quantize --type %s --dry-run" % (size, type), "quantize", model,
                      os.path.join(work, output), "--type", type, "--dry-run", seconds=2)
    table.measure(size + ": convert --split-max-size 5GB --dry-run", "convert", model, os.path.join(work, "out.gguf"),
                  "--split-max-size", "5GB", "--dry-run", seconds=2)
    shutil.rmtree(model)


def many_layers(table, work):
    """As many layers as are read: a plan of 90,003 tensors, with rules for names."""
    model = os.path.join(work, "deep")
    sharded(model, 4, layers=10000, hidden=64, inner=64, heads=4, keys=4, vocabulary=64)
    table.measure("90,003 tensors: inspect", "inspect", model, seconds=5)
    rules = ["--tensor-type=^blk[.]%d[.]=q8_0" % layer for layer in range(20)]
    table.measure("90,003 tensors: quantize with 20 --tensor-type, --dry-run", "quantize", model,
                  os.path.join(work, "out.gguf"), "--type", "q4_0", *rules, "--dry-run", seconds=15)
    shutil.rmtree(model)


def beyond_32_bits(table, work):
    """An embedding of more than 2^32 bytes. Two blocks are not zero: one just behind byte 2^32, and the last one."""
    model = os.path.join(work, "long")
    os.mkdir(model)
    sizes = dict(layers=1, hidden=4096, inner=256, heads=32, keys=8, vocabulary=290000, tied=True)
    config(model, **sizes)
    path = os.path.join(model, "model.safetensors")
    offset = safetensors(path, llama(**sizes), F32)["model.embed_tokens.weight"]
    elements = sizes["vocabulary"] * sizes["hidden"]
    blocks = [(1 << 32) // 4 // 256 + 1, elements // 256 - 1]
    ramp = [(index - 128) / 128 for index in range(256)]
    with open(path, "r+b") as file:
        for block in blocks:
            file.seek(offset + 1024 * block)
            file.write(struct.pack("<256f", *ramp))
    name = "a tensor of %.2f GB" % (4 * elements / 1e9)
    output = os.path.join(work, "long.gguf")
    table.measure(name + ": quantize --type q4_k_m --tensor-type token_embd=q4_k", "quantize", model, output, "--type",
                  "q4_k_m", "--tensor-type", "token_embd=q4_k", "--quiet", seconds=120)
    table.check("  two blocks and nothing else in its q4_k", wrong_blocks(
        output, "token_embd.weight", 144, elements // 256, blocks, lambda block: close(q4_k(block), ramp, 1 / 15 + 0.01)))
    os.remove(output)
    table.measure(name + ": convert to GGUF", "convert", model, output, "--quiet", seconds=240)
    table.check("  two blocks and nothing else in its f32", wrong_blocks(
        output, "token_embd.weight", 1024, elements // 256, blocks,
        lambda block: close(struct.unpack("<256f", block), ramp, 0)))
    os.remove(output)
    shutil.rmtree(model)


def wrong_blocks(path, name, size, count, expected, is_right):
    """What is wrong with a tensor that should be zero but for some blocks; None for nothing."""
    offset = gguf_offset(path, name)
    step = 16384
    # What a block of zeros becomes: the first one, all of whose values must be zero.
    found = []
    with open(path, "rb") as file:
        file.seek(offset)
        zero = file.read(size)
        if size == 144 and any(q4_k(zero)) or size != 144 and any(zero):
            return "the first block is not zero"
        many = zero * step
        for start in range(0, count, step):
            wanted = min(step, count - start)
            file.seek(offset + start * size)
            data = file.read(wanted * size)
            if len(data) != wanted * size:
                return "the file ends inside the tensor"
            if data == many[:len(data)]:
                continue
            for index in range(wanted):
                block = data[index * size:(index + 1) * size]
                if block != zero:
                    if not is_right(block):
                        return "block %d has other values than were put there" % (start + index)
                    found.append(start + index)
    return None if found == expected else "blocks %s are not zero; %s are expected" % (found[:5], expected)


def gguf_offset(path, name):
    """Where a tensor's data begins."""
    with open(path, "rb") as file:
        def number(format):
            return struct.unpack("<" + format, file.read(struct.calcsize("<" + format)))[0]

        def text():
            return file.read(number("Q"))

        def skip(type):
            sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
            if type == 8:
                text()
            elif type == 9:
                inner, count = number("I"), number("Q")
                for _ in range(count):
                    skip(inner)
            else:
                file.read(sizes[type])

        file.read(8)
        tensors, entries = number("Q"), number("Q")
        for _ in range(entries):
            text()
            skip(number("I"))
        place = None
        for _ in range(tensors):
            tensor = text().decode()
            for _ in range(number("I")):
                number("Q")
            number("I")
            offset = number("Q")
            if tensor == name:
                place = offset
        return -(-file.tell() // 32) * 32 + place


def q4_k(block):
    """The 256 values of a block, after the description of the type in ggml."""
    scale, minimum = struct.unpack("<2e", block[:4])
    packed, codes = block[4:16], block[16:]
    values = []
    for part in range(8):
        if part < 4:
            s, m = packed[part] & 63, packed[part + 4] & 63
        else:
            s = packed[part + 4] & 15 | (packed[part - 4] >> 6) << 4
            m = packed[part + 4] >> 4 | (packed[part] >> 6) << 4
        for index in range(32):
            byte = codes[part // 2 * 32 + index]
            values.append(scale * s * (byte >> 4 if part % 2 else byte & 15) - minimum * m)
    return values


def close(values, expected, tolerance):
    return all(abs(value - other) <= tolerance for value, other in zip(values, expected))


def many_tensors(table, work):
    one = os.path.join(work, "many.safetensors")
    safetensors(one, (("model.layers.%d.mlp.experts.%d.up_proj.weight" % divmod(number, 256), (2, 16))
                      for number in range(200000)))
    other = os.path.join(work, "many.gguf")
    gguf(other, {"general.architecture": "llama"}, (
        ("blk.%d.ffn_up.%d.weight" % divmod(number, 256), (2, 32)) for number in range(200000)))
    for path in (one, other):
        name = "200,000 tensors in a %s: inspect" % path.rsplit(".", 1)[1]
        table.measure(name, "inspect", path, seconds=5)
        table.measure(name + " --tensors", "inspect", path, "--tensors", seconds=10)
    table.measure("200,000 tensors in a safetensors: convert --dry-run", "convert", one,
                  os.path.join(work, "out.safetensors"), "--dry-run", seconds=20)
    # More than that a Llama of as many layers as are read cannot have.
    gguf_llama(other, layers=10000, hidden=32)
    table.measure("160,003 tensors in a gguf: convert --dry-run", "convert", other, os.path.join(work, "out"), "--dry-run",
                  seconds=20)
    os.remove(one)
    os.remove(other)


def many_tokens(table, work):
    model = os.path.join(work, "words")
    os.mkdir(model)
    count = 1000000
    sizes = dict(layers=1, hidden=32, inner=64, heads=4, keys=4, vocabulary=count)
    config(model, **sizes)
    safetensors(os.path.join(model, "model.safetensors"), llama(**sizes))
    tokenizer(model, count)
    text = os.path.join(work, "text.txt")
    with open(text, "w") as file:
        file.write("the cat sat on the mat. " * 200)
    output = os.path.join(work, "words.gguf")
    table.measure("a million tokens: inspect the folder", "inspect", model, seconds=2)
    table.measure("a million tokens: convert to GGUF", "convert", model, output, "--quiet", seconds=20)
    table.measure("a million tokens: inspect the GGUF", "inspect", output, seconds=5)
    for path, kind in ((model, "folder"), (output, "GGUF")):
        table.measure("a million tokens: perplexity of the " + kind, "perplexity", path, "--text", text, "--context",
                      "16", "--chunks", "2", seconds=20)
    table.measure("a million tokens: convert back to a folder", "convert", output, os.path.join(work, "back"), "--quiet",
                  seconds=20)
    for path in (model, os.path.join(work, "back")):
        shutil.rmtree(path, ignore_errors=True)
    os.remove(output)


class Shape:
    """A sparse model of one shape: its folder or file, an adapter for it, and what was made of it."""

    def __init__(self, work, name):
        self.name, self.folder = name, os.path.join(work, "shape-" + name.replace(" ", "-"))
        os.mkdir(self.folder)
        self.model, self.adapter = self.path("model"), self.path("adapter")
        # What a command is that this shape has no use for, by its name: it must be refused then.
        self.refused = set()

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def weights(self):
        return os.path.join(self.model, "model.safetensors") if os.path.isdir(self.model) else self.model

    @classmethod
    def llama(cls, work, name, adapted, **sizes):
        """A Llama of one file with its tokenizer, and an adapter: LoRA of what `adapted` says, and a head of its own."""
        shape = cls(work, name)
        os.mkdir(shape.model)
        config(shape.model, **sizes)
        safetensors(shape.weights, llama(**sizes))
        tokenizer(shape.model, 256)
        os.mkdir(shape.adapter)
        vocabulary, hidden, rank = sizes["vocabulary"], sizes["hidden"], 8
        tensors = [("base_model.model.lm_head.weight", (vocabulary, hidden))]
        if adapted == "embed_tokens":
            prefix = "base_model.model.model.embed_tokens.lora_embedding_"
            tensors += [(prefix + "A", (rank, vocabulary)), (prefix + "B", (hidden, rank))]
        else:
            for layer in range(sizes["layers"]):
                prefix = "base_model.model.model.layers.%d.self_attn.q_proj.lora_" % layer
                tensors += [(prefix + "A.weight", (rank, hidden)), (prefix + "B.weight", (hidden, rank))]
        safetensors(os.path.join(shape.adapter, "adapter_model.safetensors"), tensors)
        with open(os.path.join(shape.adapter, "adapter_config.json"), "w") as file:
            json.dump({"peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": [adapted],
                       "modules_to_save": ["lm_head"]}, file)
        return shape

    @classmethod
    def vector(cls, work, name, count):
        """One vector, as FSDP's flat parameter is: nothing that a model is made of."""
        shape = cls(work, name)
        shape.model += ".safetensors"
        safetensors(shape.model, [("flat_param", (count,))], F32)
        os.mkdir(shape.adapter)
        safetensors(os.path.join(shape.adapter, "adapter_model.safetensors"), [
            ("base_model.model.flat_param.lora_A.weight", (8, count // 64)),
            ("base_model.model.flat_param.lora_B.weight", (8, 8))])
        with open(os.path.join(shape.adapter, "adapter_config.json"), "w") as file:
            json.dump({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["flat_param"]}, file)
        shape.refused = {"tokenize", "convert to GGUF", "convert back to a folder", "rebuild", "quantize to Q8_0", "merge",
                         "perplexity", "imatrix", "compare"}
        return shape


# Every command, with what it reads of a shape and what it writes there.
COMMANDS = [
    ("inspect", lambda shape, text: ["inspect", shape.model]),
    ("tokenize", lambda shape, text: ["tokenize", shape.model, "--text", text]),
    ("hash", lambda shape, text: ["hash", shape.model]),
    ("convert to GGUF", lambda shape, text: ["convert", shape.model, shape.path("out.gguf")]),
    ("convert back to a folder", lambda shape, text: ["convert", shape.path("out.gguf"), shape.path("back")]),
    ("rebuild", lambda shape, text: ["rebuild", shape.path("out.gguf"), "--from", shape.model]),
    ("convert to F16", lambda shape, text: [
        "convert", shape.model, shape.path("f16.safetensors"), "--dtype", "f16", "--allow-nonfinite"]),
    ("quantize to Q8_0", lambda shape, text: ["quantize", shape.model, shape.path("q8_0.gguf"), "--type", "q8_0"]),
    ("quantize to NF4, double", lambda shape, text: [
        "quantize", shape.model, shape.path("nf4.safetensors"), "--type", "nf4", "--double-quant"]),
    ("quantize to int8", lambda shape, text: [
        "quantize", shape.model, shape.path("int8.safetensors"), "--type", "int8"]),
    ("merge", lambda shape, text: [
        "convert", shape.model, shape.path("merged.safetensors"), "--adapter", shape.adapter]),
    ("pack", lambda shape, text: ["pack", shape.weights, shape.path("packed.zst")]),
    ("unpack", lambda shape, text: ["unpack", shape.path("packed.zst"), shape.path("unpacked.safetensors")]),
    ("perplexity", lambda shape, text: ["perplexity", shape.model, "--text", text, "--context", "32", "--chunks", "2"]),
    ("imatrix", lambda shape, text: [
        "imatrix", shape.model, "--text", text, "--context", "32", "--chunks", "2", "--output",
        shape.path("imatrix.gguf")]),
    ("compare", lambda shape, text: [
        "compare", shape.model, shape.path("q8_0.gguf"), "--text", text, "--context", "32", "--chunks", "2"]),
]


def every_command(table, work):
    """Peak memory of every command on models whose parts are out of proportion."""
    text = os.path.join(work, "shapes.txt")
    with open(text, "w") as file:
        file.write("the cat sat on the mat. " * 20)
    shapes = [
        Shape.llama(work, "ordinary", "q_proj", layers=2, hidden=2048, inner=5632, heads=32, keys=8, vocabulary=32768),
        Shape.llama(work, "many tensors", "q_proj", layers=4000, hidden=64, inner=64, heads=4, keys=4, vocabulary=256),
        Shape.vector(work, "giant vector", 150_000_000),
        Shape.llama(work, "giant vocabulary", "embed_tokens", layers=1, hidden=128, inner=128, heads=4, keys=4,
                    vocabulary=1 << 20),
        Shape.llama(work, "giant heads", "q_proj", layers=1, hidden=8192, inner=64, heads=1, keys=1, vocabulary=256),
    ]
    bar, seconds = 300, 60
    print("\nPeak MB of every command, bar %d; (refused): there is no model in the shape that it could run or write" % bar)
    print("| %-24s |%s" % ("", "".join(" %-19s |" % shape.name for shape in shapes)))
    print("|:%s|%s" % ("-" * 25, "|".join("-" * 20 + ":" for _ in shapes) + "|"), flush=True)
    for command, arguments in COMMANDS:
        cells = []
        for shape in shapes:
            job = Job(command, [*arguments(shape, text), *([] if command in ("inspect", "hash") else ["--quiet"])],
                      seconds, bar)
            job.run(table.decant)
            isRefused = command in shape.refused
            failures = [failure for failure in job.failures(table.scale) if not failure.startswith("failed")]
            if isRefused != (job.code == 1):
                failures.append("exit code %d: %s" % (job.code, job.output.strip()[-200:]))
            cells.append("%.0f%s%s" % (job.peak, " (refused)" if isRefused else "", "".join(
                ", " + failure for failure in failures)))
            table.count += bool(failures)
        print("| %-24s |%s" % (command, "".join(" %19s |" % cell for cell in cells)), flush=True)
    for shape in shapes:
        shutil.rmtree(shape.folder)


SIZES = [hundreds_of_gigabytes, many_layers, many_tensors, many_tokens, beyond_32_bits, every_command]

def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--decant", default=".build/release/decant")
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--only", help="the part whose name contains this: " + ", ".join(size.__name__ for size in SIZES))
    parser.add_argument("--time-scale", type=float, default=1, help="multiplies every bar of seconds, for slow machines")
    options = parser.parse_args()
    decant = os.path.abspath(options.decant)
    with tempfile.TemporaryDirectory(prefix="decant-sizes-", dir=options.folder) as work:
        table = Table(decant, options.time_scale)
        for size in SIZES:
            if options.only is None or options.only in size.__name__:
                size(table, work)
    if table.count:
        sys.exit("%d rows are not as they should be" % table.count)


if __name__ == "__main__":
    main()
