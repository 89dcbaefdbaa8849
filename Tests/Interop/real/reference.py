"""What the reference libraries say of a model, as JSON: a process of its own, whose memory is nobody else's.

    python reference.py gguf FILE
    python reference.py ids FOLDER TEXT [--special]
    python reference.py run FOLDER JOB      JOB: a JSON file, see `run`
    python reference.py own FOLDER JOB      the same in the folder's own element type
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

PIECE = 64  # rows of logits that are looked at together


def gguf(path):
    """Counts, and the tokens that are looked for in text."""
    from gguf import GGUFReader
    from gguf.constants import TokenType

    reader = GGUFReader(path)
    fields = {name: reader.fields[name] for name in reader.fields}
    architecture = fields["general.architecture"].contents()
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()

    def of(kind):
        return [token for token, its in zip(tokens, types) if its == kind]

    control, added = of(TokenType.CONTROL), of(TokenType.USER_DEFINED)
    return {
        "architecture": architecture, "layers": int(fields[f"{architecture}.block_count"].contents()),
        "vocabulary": len(tokens), "width": int(fields[f"{architecture}.embedding_length"].contents()), "tensors": len(reader.tensors),
        "weights": sum(int(tensor.n_elements) for tensor in reader.tensors),
        "special": [*control[:20], *control[-5:], *added[:40], *added[-20:]],
    }


def ids(folder, text, special):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return {"ids": tokenizer(Path(text).read_bytes().decode(), split_special_tokens=not special)["input_ids"]}


def load(folder):
    """The model with all arithmetic in float32, and how many layers of it are bitsandbytes'.

    bitsandbytes computes in bfloat16 on CPUs that can, whatever compute_dtype says; that path is switched off.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder)
    quantization = getattr(config, "quantization_config", None)
    if quantization is not None:
        quantization = dict(quantization) if isinstance(quantization, dict) else quantization.to_dict()
        config.quantization_config = quantization | {"bnb_4bit_compute_dtype": "float32"}
    model, found = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, device_map={"": "cpu"}, attn_implementation="eager", output_loading_info=True)
    for parameter in [*model.parameters(), *model.buffers()]:
        if parameter.is_floating_point():
            parameter.data = parameter.data.float()
    quantized = 0
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.compute_dtype, module.compute_type_is_set = torch.float32, True
            module.support_avx512bf16_for_cpu = False
            quantized += 1
    wrong = {key: sorted(map(str, names)) for key, names in found.items() if names and key.endswith("keys")}
    return model.eval(), quantized, wrong


def run(folder, job):
    """`first`: the ids of a window, and `logits`: files of float32 with its scored rows; errors are relative to the
    largest logit of transformers. `windows`: those that perplexity is measured on."""
    import numpy as np
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    model, quantized, wrong = load(folder)
    result = {"class": type(model).__name__, "quantized": quantized, "wrong": wrong}
    with torch.inference_mode():
        if job.get("logits"):
            window = job["first"]
            rows = torch.arange(len(window) // 2, len(window) - 1)
            wanted = model(input_ids=torch.tensor([window]), use_cache=False, logits_to_keep=rows).logits[0].float().numpy()
            result["finite"] = bool(np.isfinite(wanted).all())
            result["errors"] = {}
            for name, path in job["logits"].items():
                found = np.fromfile(path, "<f4")
                same = found.size == wanted.size
                result["errors"][name] = float(
                    np.abs(found.reshape(wanted.shape) - wanted).max() / np.abs(wanted).max()) if same else float("inf")
        if job.get("windows"):
            total, count = 0.0, 0
            for window in job["windows"]:
                rows = torch.arange(len(window) // 2, len(window) - 1)
                logits = model(input_ids=torch.tensor([window]), use_cache=False, logits_to_keep=rows).logits[0]
                targets = torch.tensor(window)[rows + 1]
                for some, right in zip(logits.split(PIECE), targets.split(PIECE)):
                    total += float(torch.nn.functional.cross_entropy(some.double(), right, reduction="sum"))
                count += len(targets)
            result["perplexity"], result["tokens"] = float(np.exp(total / count)), count
    return result


def own(folder, job):
    """What somebody gets who loads the folder and says nothing of types: whether it computes numbers, and its type."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([job["first"]]), use_cache=False).logits
    return {"finite": bool(torch.isfinite(logits).all()), "type": str(model.dtype).removeprefix("torch.")}


def main():
    what, path, *more = sys.argv[1:]
    if what == "gguf":
        said = gguf(path)
    elif what == "ids":
        said = ids(path, more[0], "--special" in more)
    elif what == "own":
        said = own(path, json.loads(Path(more[0]).read_text()))
    else:
        said = run(path, json.loads(Path(more[0]).read_text()))
    # Libraries print what they like before.
    print("\n" + json.dumps(said))


if __name__ == "__main__":
    main()
