"""What llama.cpp makes of a folder: its converter, run as it is, and the file that comes out."""

import contextlib
import hashlib
import importlib
import io
import json
import logging
import math
import shutil
import sys
from pathlib import Path

import numpy as np


class ConversionError(Exception):
    pass


class Converter:
    """convert_hf_to_gguf.py of a source tree, in this process, so that libraries are loaded once."""

    def __init__(self, source: Path):
        sys.path[:0] = [str(source), str(source / "gguf-py")]
        self.main = importlib.import_module("convert_hf_to_gguf")
        self.base = importlib.import_module("conversion.base")
        self.gguf = importlib.import_module("gguf")
        load = self.base.ModelBase.load_hparams

        def load_with_old_words(folder, is_mistral_format):
            """The converter asks for a word that newer releases of transformers take out of what they read."""
            found = load(folder, is_mistral_format)
            said = json.loads((folder / "config.json").read_text())
            return {**found, **{key: said[key] for key in ("rotary_pct",) if key in said}}

        self.base.ModelBase.load_hparams = staticmethod(load_with_old_words)

    def convert(self, folder: Path, output: Path, pre: str, architecture: str | None = None, kind="f32"):
        """`pre`: what the converter would recognize by its list of digests, which no new vocabulary is in."""
        if architecture:
            renamed = output.parent / f"{folder.name}-renamed" / folder.name
            shutil.rmtree(renamed.parent, ignore_errors=True)
            shutil.copytree(folder, renamed)
            config = json.loads((renamed / "config.json").read_text())
            (renamed / "config.json").write_text(json.dumps({**config, "architectures": [architecture]}))
            folder = renamed
        kept = self.base.TextModel.get_vocab_base_pre, sys.argv
        self.base.TextModel.get_vocab_base_pre = lambda *_: pre
        sys.argv = ["convert_hf_to_gguf.py", str(folder), "--outfile", str(output), "--outtype", kind]
        said = io.StringIO()
        try:
            logging.disable(logging.CRITICAL)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                self.main.main()
        except (Exception, SystemExit) as error:
            raise ConversionError(f"{type(error).__name__}: {error}") from error
        finally:
            self.base.TextModel.get_vocab_base_pre, sys.argv = kept
            logging.disable(logging.NOTSET)
        return output


class File:
    """A GGUF's keys and tensors, shapes outermost first, read with llama.cpp's own reader."""

    def __init__(self, converter: Converter, path: Path):
        reader = converter.gguf.GGUFReader(path)
        self.keys = {}
        for name, field in reader.fields.items():
            if not name.startswith("GGUF."):
                kinds = [kind.name for kind in field.types]
                self.keys[name] = (kinds[0] if len(kinds) == 1 else "/".join(kinds), field.contents())
        self.tensors = {}
        for tensor in reader.tensors:
            shape = [int(size) for size in reversed(tensor.shape)]
            self.tensors[tensor.name] = (tensor.tensor_type.name, shape, np.array(tensor.data).tobytes())


def plain(value):
    """A number of float32 as JSON's shortest decimal of it."""
    if isinstance(value, float):
        return str(value) if not math.isfinite(value) else float(str(np.float32(value)))
    return [plain(one) for one in value] if isinstance(value, list) else value


# What depends on the folder's name and the vocabulary, not on the architecture.
OUTSIDE = ("tokenizer.", "general.name", "general.basename", "general.size_label", "general.finetune", "general.version")


def digest(data: bytes):
    return hashlib.sha256(data).hexdigest()


def summary(file: File):
    """For a test without llama.cpp: keys with type and value, tensors with type, shape and SHA-256, or values."""
    keys = {name: [kind, plain(value)] for name, (kind, value) in file.keys.items() if not name.startswith(OUTSIDE)}
    tensors = {}
    for name, (kind, shape, data) in file.tensors.items():
        tensors[name] = [kind, shape, digest(data)]
        # Powers and logarithms come out a little differently on another machine.
        if name.startswith("rope_"):
            tensors[name][2] = plain(np.frombuffer(data, "<f4").tolist())
    return {"keys": keys, "tensors": tensors}


def write_summary(file: File | None, notes: dict, path: Path):
    """One line a key and a tensor."""
    found = {**notes, **(summary(file) if file else {})}
    lines = []
    for name, value in found.items():
        if isinstance(value, dict) and name in ("keys", "tensors"):
            rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
            lines.append(f" {json.dumps(name)}: {{\n{rows}\n }}")
        else:
            lines.append(f" {json.dumps(name)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
