"""Makes the tiny models: random weights that every switch shows in, the folder, and what transformers computes of it."""

import json
import shutil
import warnings
from functools import partial

import numpy as np
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

from builders import Family, Scale, Variant

# What turning a switch off changes of the logits at the least, relative to the largest of them.
SWITCH_BOUND = 1e-3

EMBEDDINGS = ("embed_tokens", "embed_in", "embed_positions", "word_embeddings", "wte", "wpe")
PEAKED = ("q_proj", "k_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv")  # so that attention is far from even

# FP4 by its bits, as MXFP4 has it.
FP4 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


class SwitchError(Exception):
    pass


def applied(change, scale):
    return change(scale) if callable(change) else dict(change)


def settings(family: Family, variant: Variant, scale: Scale, off=None):
    return {**applied(family.base, scale), **applied(variant.change, scale), **applied(off or {}, scale)}


def configuration(family: Family, values: dict):
    values = dict(values)
    kind = getattr(transformers, family.config)
    if family.config == "Mistral3Config":
        vision = transformers.PixtralVisionConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4)
        text = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
        made = kind(text_config=text, vision_config=vision, image_token_index=4,
                tie_word_embeddings=values["tie_word_embeddings"])
    elif family.config == "Gemma3Config":
        vision = transformers.SiglipVisionConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4)
        made = kind(text_config=transformers.Gemma3TextConfig(**values), vision_config=vision, mm_tokens_per_image=4,
                    boi_token_index=5, eoi_token_index=6, image_token_index=7)
    else:
        made = kind(**values)
    made._attn_implementation = attention(made)
    return made


def attention(config) -> str:
    """The implementation that is held against. Falcon's eager attention adds ALiBi twice, sdpa's once as published."""
    return "sdpa" if getattr(config, "alibi", False) is True and config.model_type == "falcon" else "eager"


def instance(family: Family, config):
    kind = getattr(transformers, family.model or family.name)
    made = kind._from_config(config, attn_implementation=attention(config)).float().eval()
    if family.name == "MPTForCausalLM":
        made.transformer.build_mpt_alibi_tensor = partial(
            build_mpt_alibi_tensor, alibi_bias_max=config.attn_config.alibi_bias_max)
    return made


def fill(model, family: Family, seed: int):
    """Random weights that bfloat16 holds exactly; norms about one, biases about zero."""
    generator = torch.Generator().manual_seed(seed)
    config = model.config.get_text_config()
    width = config.hidden_size
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        stem = name.rsplit(".", 1)[0] if name.endswith(".weight") else name
        leaf = stem.rsplit(".", 1)[-1]
        if name.endswith("bias"):
            values = 0.3 * noise
        elif "sinks" in name:
            values = noise
        elif "norm" in name or ".ln_" in name or parameter.ndim == 1:
            values = 0.3 * noise + (0 if family.offset_norms and "vision" not in name else 1)
        elif any(word in name for word in EMBEDDINGS):
            # Where the embedding is the head, too, logits stay those of a model that is not sure.
            scale = min(0.7, 2 * width**-0.5) if config.tie_word_embeddings else 0.7
            scale = {"gemma": width**-0.5, "granite": 0.2}.get(family.arch and family.arch.rstrip("23moe"), scale)
            values = scale * noise
        else:
            transposed = leaf in ("c_attn", "c_proj", "c_fc") or (family.arch == "gpt-oss" and "experts" in name)
            fan_in = parameter.shape[-2 if transposed else -1]
            gain = 1.5 if leaf in PEAKED else 4.0 if name.endswith("experts.gate_up_proj") and family.arch == "gpt-oss" else 1.0
            values = gain * fan_in**-0.5 * noise
        parameter.data = values.bfloat16().float()


def quantized_experts(model, seed: int):
    """Experts of gpt-oss in MXFP4 as its checkpoints spell them; the model gets what they stand for."""
    generator = torch.Generator().manual_seed(seed + 1)
    found = {}
    for name, parameter in model.named_parameters():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            continue
        count, columns, rows = parameter.shape
        blocks = torch.randint(0, 256, (count, rows, columns // 32, 16), generator=generator, dtype=torch.uint8)
        # One row of zeros, one of the smallest and one of the largest scales.
        scales = torch.randint(121, 126, (count, rows, columns // 32), generator=generator, dtype=torch.uint8)
        blocks[0, 0] = 0
        scales[0, 0], scales[0, 1] = 0, 110
        codes = torch.stack([blocks & 15, blocks >> 4], dim=-1).flatten(-2)
        weights = torch.ldexp(FP4[codes.long()], scales.int()[..., None] - 127)
        parameter.data = weights.reshape(count, rows, columns).transpose(1, 2).contiguous()
        found[name + "_blocks"], found[name + "_scales"] = blocks, scales
    return found


def logits(model, tokens):
    """In float32, whatever the weights are stored in."""
    model = model.float().eval()
    with torch.no_grad():
        ids = torch.tensor([tokens])
        if type(model).__name__ == "LlamaModel":
            return (model(input_ids=ids, use_cache=False).last_hidden_state[0] @ model.embed_tokens.weight.T).numpy()
        return model(input_ids=ids, use_cache=False).logits[0].float().numpy()


def distance(one, other):
    return float(np.abs(one - other).max() / np.abs(other).max())


def check_switches(model, family: Family, variant: Variant, scale: Scale, tokens):
    """What each switch changes, by the same weights in a model without it."""
    reference, weights, found = logits(model, tokens), model.state_dict(), {}
    for name, off in variant.off.items():
        if off == "sinks":
            other = instance(family, configuration(family, settings(family, variant, scale)))
            changed = {key: torch.full_like(value, -1e4) if "sinks" in key else value for key, value in weights.items()}
        else:
            other = instance(family, configuration(family, settings(family, variant, scale, off)))
            changed = weights
        other.load_state_dict(changed, strict=False)
        found[name] = distance(logits(other, tokens), reference)
        if not found[name] > SWITCH_BOUND:
            raise SwitchError(f"turning off {name} changes the logits by {found[name]:.1e} only")
    return found


def tokens_of(scale: Scale, length: int, seed: int = 5):
    return np.random.default_rng(seed).integers(8, scale.vocab - 8, length).tolist()


# What newer releases call otherwise.
OLDER_NAMES = {
    "bloom": {"hidden_size": "n_embed", "n_head": "num_attention_heads"},
    "qwen3_moe": {"num_local_experts": "num_experts"},
}
# Which layers have a window followed from a pattern, before each layer was named.
IMPLIED_LAYERS = ("gemma2", "gemma3_text", "qwen2", "qwen3", "qwen2_moe", "smollm3", "cohere2")


def older_words(config: dict):
    """As releases before 5 wrote a configuration, and as most of what is published has it."""
    for part in [config, *(config[key] for key in ("text_config",) if key in config)]:
        kind = part.get("model_type")
        if "dtype" in part:
            part["torch_dtype"] = part.pop("dtype")
        for new, old in OLDER_NAMES.get(kind, {}).items():
            part[old] = part.pop(new)
        if kind in IMPLIED_LAYERS:
            part.pop("layer_types", None)
        rope = part.pop("rope_parameters", None)
        if rope is None:
            continue
        if "full_attention" in rope:
            sliding, rope = rope["sliding_attention"], dict(rope["full_attention"])
            if part["model_type"].startswith("gemma3"):
                part["rope_local_base_freq"] = sliding["rope_theta"]
        rope = dict(rope)
        part["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            part["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        kind = rope.pop("rope_type")
        if kind == "default":
            part["rope_scaling"] = None
        else:
            part["rope_scaling"] = {"rope_type": kind, **rope}
            if kind == "longrope":
                part["rope_scaling"] = {"type": kind, **{key: rope[key] for key in ("short_factor", "long_factor")}}


def fused_internlm(weights: dict, config):
    """A Llama's weights under InternLM2's names: for each key head its query heads, then it, then its values."""
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    width = config.hidden_size // heads
    names = {
        "model.embed_tokens": "model.tok_embeddings", "lm_head": "output", "self_attn.o_proj": "attention.wo",
        "mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3", "mlp.down_proj": "feed_forward.w2",
        "post_attention_layernorm": "ffn_norm", "input_layernorm": "attention_norm",
    }
    found = {}
    for name, value in weights.items():
        if any(f"self_attn.{letter}_proj" in name for letter in "qkv"):
            continue
        for one, other in names.items():
            name = name.replace(one, other)
        found[name] = value
    for layer in range(config.num_hidden_layers):
        q, k, v = (weights[f"model.layers.{layer}.self_attn.{letter}_proj.weight"].reshape(groups, -1, width,
                config.hidden_size)
                   for letter in "qkv")
        found[f"model.layers.{layer}.attention.wqkv.weight"] = torch.cat([q, k, v], dim=1).reshape(-1, config.hidden_size)
    return {name: value.contiguous() for name, value in found.items()}


def write(model, family: Family, variant: Variant, experts, folder):
    shutil.rmtree(folder, ignore_errors=True)
    kind = getattr(torch, variant.dtype)
    model.to(kind).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["architectures"] = [family.name]
    if family.extra:
        config.update(family.extra(config))
    weights = None
    if family.name == "InternLM2ForCausalLM":
        weights = fused_internlm(load_file(folder / "model.safetensors"), model.config)
        config["model_type"] = "internlm2"
        config["bias"] = False
    if experts:
        weights = load_file(folder / "model.safetensors")
        weights = {name: value for name, value in weights.items()
                   if name + "_blocks" not in experts} | experts
        config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": [
            "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}
    if weights:
        save_file(dict(sorted(weights.items())), folder / "model.safetensors", metadata={"format": "pt"})
    if variant.older:
        older_words(config)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def filled(family: Family, variant: Variant, scale: Scale, seed: int):
    """The model, and its experts as MXFP4 where the variant has them so."""
    model = instance(family, configuration(family, settings(family, variant, scale)))
    fill(model, family, seed)
    return model, quantized_experts(model, seed) if variant.name.startswith("mxfp4") else None


def again(family: Family, folder, variant: Variant, scale: Scale, seed: int):
    """The model of a folder as transformers reads it, or where it cannot, as it was made."""
    if family.name in ("InternLM2ForCausalLM", "MPTForCausalLM") or variant.name.startswith("mxfp4"):
        return filled(family, variant, scale, seed)[0]
    kind = getattr(transformers, family.model or family.name)
    config = transformers.AutoConfig.from_pretrained(folder)
    return kind.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention(config)).eval()


def with_adapter(family: Family, folder, variant: Variant, scale: Scale, seed: int, output):
    """Writes a LoRA of all linear layers of the text model. Gives the model that peft merges it into, and whether it adapts
    parameters too: stacked experts are no layers."""
    model = again(family, folder, variant, scale, seed)
    targets = "all-linear"
    if getattr(model.config, "vision_config", None) is not None:
        targets = r".*language_model\..*_proj"
    torch.manual_seed(seed)
    config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=targets, init_lora_weights=False)
    with warnings.catch_warnings():
        # It sets fan_in_fan_out for layers that are stored transposed, and says so.
        warnings.simplefilter("ignore")
        adapted = peft.get_peft_model(model, config)
    shutil.rmtree(output, ignore_errors=True)
    adapted.save_pretrained(output)
    has_parameters = bool(adapted.peft_config["default"].target_parameters)
    return adapted.merge_and_unload().eval(), has_parameters


def with_adapter_of_experts(family: Family, folder, variant: Variant, scale: Scale, seed: int, output):
    """The same of the layers as they are stored, with experts and routers one by one: how they were before releases 5 of
    transformers stacked them. peft reads that, and does not write it any more."""
    generator = torch.Generator().manual_seed(seed)
    tensors, rank = {}, 4
    for name, weight in load_file(folder / "model.safetensors").items():
        module = name.removesuffix(".weight")
        is_layer = weight.ndim == 2 and any(word in module for word in (".mlp.", ".self_attn.", ".block_sparse_moe."))
        if is_layer and module != name and "norm" not in module:
            tensors[f"base_model.model.{module}.lora_A.weight"] = 0.3 * torch.randn(rank, weight.shape[1], generator=generator)
            tensors[f"base_model.model.{module}.lora_B.weight"] = 0.1 * torch.randn(weight.shape[0], rank, generator=generator)
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    save_file(tensors, output / "adapter_model.safetensors", metadata={"format": "pt"})
    targets = sorted({name.split(".")[-3] for name in tensors})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 6, "bias": "none", "target_modules": targets}
    (output / "adapter_config.json").write_text(json.dumps(config))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapted = peft.PeftModel.from_pretrained(again(family, folder, variant, scale, seed), str(output))
    return adapted.merge_and_unload().eval()


def make(family: Family, variant: Variant, scale: Scale, folder, seed: int, lengths=(24,), switches=True, verify=True):
    """Writes the model; gives the logits of each length of tokens, and what each switch changes."""
    model, experts = filled(family, variant, scale, seed)
    changes = check_switches(model, family, variant, scale, tokens_of(scale, max(lengths))) if switches else {}
    references = {length: logits(model, tokens_of(scale, length)) for length in lengths}
    write(model, family, variant, experts, folder)
    if verify:
        read = again(family, folder, variant, scale, seed)
        for length, wanted in references.items():
            error = distance(logits(read, tokens_of(scale, length)), wanted)
            if error > 1e-6:
                raise SwitchError(f"the folder as transformers reads it computes something else, by {error:.1e}")
    return references, changes
