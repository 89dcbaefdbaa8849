"""What llama.cpp's converter makes of folders of NVFP4: the type, shape and digest of every tensor of the GGUF, in gguf.json.

    python3 make_gguf.py LLAMA_CPP                  the sources of llama.cpp, whose gguf-py and conversion are used
    python3 make_gguf.py LLAMA_CPP FOLDER GGUF      only one folder, to a file

The folders have no tokenizer, so that the tokens that the converter would want are made up.
"""
import hashlib
import importlib
import json
import os
import pkgutil
import runpy
import sys
import tempfile

import base

FOLDERS = (
    "compressed-tensors-nvfp4", "compressed-tensors-nvfp4-weights-only", "modelopt-mixed", "modelopt-nvfp4",
    "modelopt-nvfp4-four-over-six", "modelopt-nvfp4-weights-only",
)


def without_vocabulary(model):
    count = model.hparams["vocab_size"]
    model.gguf_writer.add_tokenizer_model("llama")
    model.gguf_writer.add_token_list([f"token {number}".encode() for number in range(count)])
    model.gguf_writer.add_token_scores([0.0] * count)
    model.gguf_writer.add_token_types([1] * count)


def prepare(sources):
    sys.path[:0] = [os.path.join(sources, "gguf-py"), sources]
    import conversion

    for module in pkgutil.iter_modules(conversion.__path__):
        for each in vars(importlib.import_module("conversion." + module.name)).values():
            if isinstance(each, type) and "set_vocab" in vars(each):
                each.set_vocab = without_vocabulary


def convert(sources, folder, path):
    sys.argv = ["convert_hf_to_gguf.py", folder, "--outfile", path, "--outtype", "bf16"]
    runpy.run_path(os.path.join(sources, sys.argv[0]), run_name="__main__")


def main(sources):
    import gguf

    result = {}
    for folder in FOLDERS:
        with tempfile.TemporaryDirectory() as here:
            path = os.path.join(here, "out.gguf")
            convert(sources, os.path.join(base.HERE, folder), path)
            result[folder] = {
                tensor.name: {
                    "type": tensor.tensor_type.name.lower(), "shape": [int(size) for size in reversed(tensor.shape)],
                    "sha256": hashlib.sha256(tensor.data.tobytes()).hexdigest()}
                for tensor in gguf.GGUFReader(path).tensors}
    with open(os.path.join(base.HERE, "gguf.json"), "w") as file:
        json.dump(result, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    sources, *rest = map(os.path.abspath, sys.argv[1:])
    prepare(sources)
    convert(sources, *rest) if rest else main(sources)
