"""What the workers share. A worker is a file `load_*.py` that runs in the environment of its library, with two functions:

    make(kind, source, folder)    lets the library quantize a model and save it
    load(folder) -> Loaded        lets the library open a folder

`python load_x.py JOBS RESULTS` reads a job a line and writes a result a line. A job is
{"make": kind, "source": folder, "output": folder} or {"load": folder, "weights": folder, "tokens": [...], "logits": file},
where `weights` is what Decant decodes the folder to, in F32, and `logits` what it computes for the second half of the tokens.
"""

import json
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
from safetensors import safe_open

ROOT = Path(__file__).resolve().parent.parent.parent.parent
FIXTURES = ROOT / "Tests/Fixtures/Layouts"
# The scripts of the fixtures know how each library decodes, and what transformers is asked is that of `make real`.
sys.path += [str(FIXTURES), str(ROOT / "Tests/Interop/real")]


@dataclass
class Loaded:
    # name -> F32 [out, in], of every weight that is quantized.
    values: dict
    # Token ids -> logits of each, or why there are none.
    logits: Callable | str
    # What the library says is missing, unexpected or of another shape.
    wrong: dict | None = None


def bits(array):
    return np.ascontiguousarray(array, dtype="<f4").view("<u4")


def tensors(folder):
    """name -> what reads it, of a folder whose element types numpy has."""
    found = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        file = safe_open(path, "np")
        found |= {name: (lambda file=file, name=name: file.get_tensor(name)) for name in file.keys()}
    return found


def stored(folder):
    """name -> element type, shape and bytes."""
    from base import read_safetensors

    found = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        found |= {name: (kind, list(shape), data) for name, (kind, shape, data) in read_safetensors(path).items()}
    return found


def compared(values, folder):
    """How the library's values differ from those that Decant decodes."""
    ours = tensors(folder)
    found = {"weights": len(values), "exact": 0, "zeros": 0, "differing": []}
    squares = errors = 0.0
    for name, value in values.items():
        value = np.asarray(value, dtype=np.float32)
        if name == "lm_head.weight" and name not in ours:
            name = "model.embed_tokens.weight"  # A head that is tied.
        if name not in ours:
            found["differing"].append(f"{name}: Decant has no such weight")
            continue
        own = ours[name]()
        if own.shape != value.shape:
            found["differing"].append(f"{name}: {list(value.shape)}, {list(own.shape)} by Decant")
        elif np.array_equal(bits(own), bits(value)):
            found["exact"] += 1
        elif np.array_equal(own, value):
            found["zeros"] += 1
        else:
            place = tuple(int(index) for index in np.argwhere(own != value)[0])
            found["differing"].append(
                f"{name}: {int((own != value).sum())} of {own.size} values, {value[place]:.9g} at {list(place)}, "
                f"{own[place]:.9g} by Decant")
        if own.shape == value.shape:
            squares += float((value.astype(np.float64) ** 2).sum())
            errors += float(((value.astype(np.float64) - own) ** 2).sum())
    found["error"] = (errors / squares) ** 0.5 if squares else 0.0
    found["count"] = len(found["differing"])
    del found["differing"][4:]
    return found


def loaded(load, job):
    result = load(job["load"])
    said = {"wrong": {key: names[:4] for key, names in (result.wrong or {}).items() if names}}
    said |= compared(result.values, job["weights"])
    if isinstance(result.logits, str):
        return said | {"unlogged": result.logits}
    if not job.get("logits"):
        return said | {"unlogged": "the model has no tokenizer"}
    tokens = job["tokens"]
    rows = slice(len(tokens) // 2, len(tokens) - 1)
    theirs = np.asarray(result.logits(tokens), dtype=np.float32)[rows]
    ours = np.fromfile(job["logits"], "<f4").reshape(theirs.shape)
    if not np.isfinite(theirs).all():
        return said | {"failed": "logits of the library are no numbers"}
    return said | {"logits": float(np.abs(theirs - ours).max() / np.abs(theirs).max())}


def run(load, make=None):
    jobs, results = map(os.path.abspath, sys.argv[1:])
    # Some libraries leave files where they are started.
    os.chdir(os.path.dirname(results))
    with open(results, "w") as file:
        for line in open(jobs):
            job = json.loads(line)
            try:
                said = loaded(load, job) if "load" in job else make(job["make"], job["source"], job["output"]) or {}
            except Exception as error:
                traceback.print_exc()
                said = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
            print(json.dumps(said), file=file, flush=True)


def wrong_keys(found):
    """Of what transformers tells of loading."""
    return {key: sorted(map(str, names)) for key, names in found.items() if key.endswith("keys")}


def torch_logits(model):
    import torch

    def logits(tokens):
        with torch.inference_mode():
            return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0].float().numpy()

    return logits
