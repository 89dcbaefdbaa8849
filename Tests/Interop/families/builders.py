"""The families: which classes there are, which variants each is tried in, and how a tiny model of one is made.

A variant says what differs from the class's plain configuration, and which switches it turns on. `off` turns each of them
off again on the same weights: where that does not change the logits, the variant proves nothing, and the check fails.
"""

from dataclasses import dataclass, field
from dataclasses import replace as replaced

EPSILON = 0.01  # large enough to be seen in the logits


@dataclass(frozen=True)
class Scale:
    """Sizes of a model. Rows of the wide one are multiples of 256, which is what types of 256 elements need."""

    name: str
    hidden: int
    heads: int
    kv: int
    inter: int
    vocab: int
    context: int
    experts: int = 4

    @property
    def head(self):
        return self.hidden // self.heads


SMALL = Scale("small", hidden=64, heads=4, kv=2, inter=96, vocab=384, context=512)
TINY = Scale("tiny", hidden=24, heads=4, kv=2, inter=16, vocab=48, context=64, experts=3)
TINY32 = Scale("tiny", hidden=32, heads=4, kv=2, inter=32, vocab=48, context=64, experts=3)
WIDE = Scale("wide", hidden=256, heads=4, kv=2, inter=512, vocab=384, context=128)


@dataclass
class Variant:
    name: str
    change: object = field(default_factory=dict)  # of the configuration: a dict, or a function of a scale
    off: dict = field(default_factory=dict)  # name of a switch: what turns it off on the same weights
    fixture: bool = True
    dtype: str = "float32"
    older: bool = False  # the configuration in the words of older releases, as most published ones are
    scale: Scale | None = None  # of the fixture, where it is not the tiny one
    # Why llama.cpp does not compute, or not even convert, what transformers does. We write no GGUF of that, unless one of the
    # next three says otherwise.
    llama: str | None = None
    said: bool = False  # its GGUF says it all, so that whoever reads every word can compute it
    kept: bool = False  # llama.cpp's runtime knows nothing else for any model of the class; our own keys keep what is right
    converts: bool = True
    ours: str | None = None  # what we write beside or instead of llama.cpp's keys and tensors, and why
    keys: tuple = ()  # names of those keys
    tensors: tuple = ()  # names of those tensors
    is_read: bool = False  # llama.cpp reads them, and computes with our GGUF what it does not with its own
    has_adapter: bool = False  # a LoRA is made for it, and an importance matrix

    @property
    def is_refused(self):
        return self.llama is not None and not self.said and not self.kept and self.ours is None


@dataclass
class Family:
    group: str
    name: str  # of the class, as config.json has it
    config: str
    arch: str | None
    tokenizer: str
    base: object
    variants: list
    model: str | None = None  # the class of transformers, where its name is another
    renamed: str | None = None  # the class's name for llama.cpp's converter, where it does not know this one
    extra: object = None  # further keys of config.json, by a function of the configuration: a dict
    offset_norms: bool = False  # norms multiply with 1 + weight


def llama_like(s):
    return {
        "hidden_size": s.hidden, "intermediate_size": s.inter, "num_hidden_layers": 2, "num_attention_heads": s.heads,
        "num_key_value_heads": s.kv, "vocab_size": s.vocab, "max_position_embeddings": s.context, "rms_norm_eps": EPSILON,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None, "tie_word_embeddings": False,
        "rope_parameters": rope(),
    }


def with_head(s):
    return {**llama_like(s), "head_dim": s.head}


def layer_norms(s):
    """The words of models with LayerNorm."""
    found = llama_like(s)
    del found["rms_norm_eps"]
    return {**found, "layer_norm_eps": EPSILON}


def rope(kind="default", theta=500.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


PLAIN_ROPE = {"rope_parameters": rope()}
EPSILON_OFF = {"rms_norm_eps": 1e-6}
THETA_OFF = {"rope_parameters": rope(theta=10000.0)}
LAYER_EPSILON_OFF = {"layer_norm_eps": 1e-6}
LINEAR = {"rope_parameters": rope("linear", factor=3.0)}
YARN_BASE = 20.0  # so small that few pairs of a head still lie between the two betas
YARN = {"rope_parameters": rope("yarn", YARN_BASE, factor=4.0, original_max_position_embeddings=64),
        "max_position_embeddings": 256}
YARN_BETAS_ONLY = {**YARN, "rope_parameters": {**YARN["rope_parameters"], "beta_fast": 2.0, "beta_slow": 0.5}}
YARN_BETAS = {**YARN, "rope_parameters": {**YARN_BETAS_ONLY["rope_parameters"], "attention_factor": 1.3}}
YARN_ATTENTION = 1.1386294361119891  # what follows from the factor, and what OLMo 3 says in so many words
YARN_OFF = {"rope_parameters": rope(theta=YARN_BASE)}
LLAMA3 = {"rope_parameters": rope(
    "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)}


def part(s, share, theta=500.0):
    """A rope over an even number of a head's elements, in words that every way of rounding takes alike."""
    return {"rope_parameters": rope(theta=theta, partial_rotary_factor=round(2 * round(share * s.head / 2) / s.head + 0.0005,
            3))}


def wide_heads(s):
    """Heads that together are wider than the hidden state."""
    return {"head_dim": 2 * s.head if s.name == "wide" else s.head + s.head // 3 * 2}


def odd_width(s):
    """A width of the feed-forward that is not four times the hidden state's."""
    return 2 * s.hidden if s.name == "wide" else 40


def every_head(s):
    return {"num_key_value_heads": s.heads}


def one_head(s):
    return {"num_key_value_heads": 1}


# How llama.cpp finds the head in a GGUF, where it is not either way.
OWN_HEAD = ("internlm2", "stablelm", "qwen2moe", "phi2", "olmo2", "olmoe", "gptneox", "gpt-oss")
TIED_HEAD = ("gemma", "gemma2", "command-r", "cohere2")


def other_head(base, variants, config, arch):
    """The first variant with a head that is the embedding, or one of its own, where no variant that is written has that."""
    def applied(variant, scale):
        return variant.change(scale) if callable(variant.change) else variant.change

    def ties(variant):
        values = {**base(SMALL), **applied(variant, SMALL)}
        return values.get("tie_word_embeddings", config in ("GPT2Config", "BloomConfig", "FalconConfig", "OPTConfig"))

    first = variants[0]
    seen = {ties(variant) for variant in variants if not variant.is_refused or variant.name == "untied"}
    if len(seen) == 2:
        return []
    tied = False in seen
    refused = {True: OWN_HEAD, False: TIED_HEAD}[tied]
    why = ("the head has to be there, and is not taken from the embedding" if tied
           else "the embedding is the head, whatever else is there") if arch in refused else None
    change = lambda scale: {**applied(first, scale), "tie_word_embeddings": tied}
    made = replaced(first, name="tied" if tied else "untied", change=change, off={}, fixture=False)
    if why:
        # Of these converters one stops, and the others leave the head out.
        made = replaced(made, llama=why, ours=None, keys=(), is_read=False, converts=tied or arch != "cohere2")
    return [made]


NO_BIASES = "these biases are not in this architecture"
NO_WINDOW_KEY = "no key for the window in this architecture"
WINDOW_KEY = {"ours": "`llama.attention.sliding_window`, which llama.cpp passes over", "keys": ("llama.attention.sliding_window",)}


def families():
    biases = {"attention_bias": True, "mlp_bias": True}
    found = []
    group = "Llama-like"

    def add(name, arch, tokenizer, base, variants, config=None, **more):
        stem = name.removesuffix("ForCausalLM").removesuffix("LMHeadModel")
        config = config or stem + "Config"
        # A bare model has no head; that of MPT is always the embedding, and a composite model says it in two places.
        if name != "LlamaModel" and config not in ("MptConfig", "Mistral3Config", "Gemma3Config"):
            variants += other_head(base, variants, config, arch)
        if arch and not any(variant.dtype == "bfloat16" for variant in variants):
            variants.append(replaced(variants[0], name="bf16", off={}, dtype="bfloat16", fixture=False))
        # One of each class; what is made of another class's weights has no model that peft could adapt.
        variants[0].has_adapter = name != "InternLM2ForCausalLM"
        found.append(Family(group, name, config, arch, tokenizer, base, variants, **more))

    add("LlamaForCausalLM", "llama", "llama-bpe", llama_like, [
        Variant("plain", {}, {"epsilon": EPSILON_OFF, "theta": THETA_OFF}),
        Variant("bf16", one_head, {}, dtype="bfloat16", fixture=False),
        Variant("tied-biases-heads", lambda s: {**biases, **wide_heads(s), "tie_word_embeddings": True},
                {"attention biases": {"attention_bias": False}, "feed-forward biases": {"mlp_bias": False}}),
        Variant("llama3", lambda s: {**LLAMA3, **every_head(s)}, {"llama3": PLAIN_ROPE}, older=True),
        Variant("linear", lambda s: {**LINEAR, **one_head(s)}, {"linear": PLAIN_ROPE}, older=True),
        Variant("yarn", YARN, {"yarn": YARN_OFF}),
        Variant("yarn-betas", YARN_BETAS, {"betas": YARN, "factor of attention": YARN_BETAS_ONLY}, older=True,
                llama="the betas and the factor of attention are written, and not read",
                ours="`rope_freqs.weight` and `rope.scaling.attn_factor`, which llama.cpp reads", is_read=True,
                tensors=("rope_freqs.weight",), keys=tuple(f"llama.rope.scaling.{key}" for key in (
                    "attn_factor", "factor", "original_context_length", "type", "yarn_attn_factor", "yarn_beta_fast",
                    "yarn_beta_slow"))),
    ])
    add("LlamaModel", "llama", "sentencepiece", llama_like, [
        Variant("plain", {"tie_word_embeddings": True}, {"theta": THETA_OFF})], config="LlamaConfig")
    add("MistralForCausalLM", "llama", "sentencepiece", with_head, [
        Variant("plain", {"sliding_window": None}, {"epsilon": EPSILON_OFF}, older=True),
        Variant("window", lambda s: {"sliding_window": 7, **wide_heads(s)}, {"window": {"sliding_window": None}},
                llama=NO_WINDOW_KEY, **WINDOW_KEY),
    ])
    ministral = {"rope_parameters": rope(
        "yarn", factor=4.0, original_max_position_embeddings=8, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0,
        llama_4_scaling_beta=0.3)}
    no_temperature = {"rope_parameters": {**ministral["rope_parameters"], "llama_4_scaling_beta": 0.0}}
    mscale_half = {"rope_parameters": {**ministral["rope_parameters"], "mscale_all_dim": 0.3}}
    add("Ministral3ForCausalLM", "mistral3", "tekken", with_head, [
        Variant("plain", {**ministral, "sliding_window": None},
                {"temperature": no_temperature,
                 "yarn": {"rope_parameters": {**ministral["rope_parameters"], "factor": 1.0}}}),
        Variant("window-heads-tied", lambda s: {**ministral, "sliding_window": 7, **wide_heads(s), "tie_word_embeddings": True},
                {"window": {"sliding_window": None}}, llama=NO_WINDOW_KEY, fixture=False),
        Variant("mscale", {**mscale_half, "sliding_window": None}, {"mscale": ministral}),
    ])
    add("Mistral3ForConditionalGeneration", "mistral3", "tekken", with_head, [
        Variant("mistral", {"model_type": "mistral", "sliding_window": None}, {"theta": THETA_OFF}),
        Variant("ministral3", {"model_type": "ministral3", "sliding_window": None, **ministral},
                {"temperature": no_temperature}),
    ], config="Mistral3Config")
    add("SmolLM3ForCausalLM", "smollm3", "smaug-bpe", llama_like, [
        Variant("plain", {"num_hidden_layers": 4, "tie_word_embeddings": True},
                {"layers without rope": {"no_rope_layers": [1, 1, 1, 1]}}),
        Variant("yarn", {"num_hidden_layers": 4, **YARN}, {"yarn": YARN_OFF}, older=True, fixture=False),
        Variant("biases", {"num_hidden_layers": 4, **biases},
                {"biases": {"attention_bias": False}, "feed-forward biases": {"mlp_bias": False}}, llama=NO_BIASES),
        Variant("pattern-window", {"num_hidden_layers": 3, "no_rope_layers": [0, 1, 0], "use_sliding_window": True,
                                   "sliding_window": 6, "max_window_layers": 1,
                                   "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
                {"pattern": {"no_rope_layers": [1, 1, 1]}, "window": {"layer_types": ["full_attention"] * 3}},
                llama="the layers without rope are every fourth; no key for the window"),
    ])
    granite = {"embedding_multiplier": 6.0, "logits_scaling": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.5}
    granite_off = {name: {name: value} for name, value in {
        "embedding_multiplier": 1.0, "logits_scaling": 1.0, "residual_multiplier": 1.0, "attention_multiplier": 0.1}.items()}
    add("GraniteForCausalLM", "granite", "refact", llama_like, [
        Variant("plain", granite, granite_off),
        Variant("tied-biases", {**granite, **biases, "tie_word_embeddings": True, **LINEAR},
                {"biases": {"attention_bias": False}, "linear": PLAIN_ROPE}, older=True),
    ])
    add("InternLM2ForCausalLM", "internlm2", "sentencepiece", llama_like, [
        Variant("plain", {}, {"theta": THETA_OFF}), Variant("linear", lambda s: {**LINEAR, **one_head(s)},
                {"linear": PLAIN_ROPE},
                                                           fixture=False)],
        config="LlamaConfig", model="LlamaForCausalLM")
    add("SeedOssForCausalLM", "seed_oss", "seed-coder", with_head, [
        Variant("plain", {"attention_bias": True, "attention_out_bias": False}, {"biases": {"attention_bias": False}}),
        Variant("all-biases-heads", lambda s: {"attention_bias": True, "attention_out_bias": True, "mlp_bias": True,
                **wide_heads(s)},
                {"output bias": {"attention_out_bias": False}, "feed-forward biases": {"mlp_bias": False}},
                llama=NO_BIASES),
    ])
    add("Ernie4_5ForCausalLM", "ernie4_5", "sentencepiece", with_head, [
        Variant("plain", {"tie_word_embeddings": True}, {"theta": THETA_OFF}, older=True),
        Variant("heads", wide_heads, {"theta": THETA_OFF}, fixture=False),
        Variant("biases-heads", lambda s: {"use_bias": True, **wide_heads(s)}, {"biases": {"use_bias": False}},
                llama=NO_BIASES),
    ])
    add("HunYuanDenseV1ForCausalLM", "hunyuan-dense", "hunyuan-dense", with_head, [
        Variant("plain", {}, {"theta": THETA_OFF}, fixture=False),
        Variant("biases-heads", lambda s: {"attention_bias": True, **wide_heads(s)}, {"biases": {"attention_bias": False}},
                llama=NO_BIASES),
        Variant("alpha", {"tie_word_embeddings": True, "max_position_embeddings": 32768,
                          "rope_parameters": rope("dynamic", 10000.0, alpha=1000.0, factor=1.0)},
                {"alpha": {"rope_parameters": rope(theta=10000.0)}}),
    ])
    stable = {"use_parallel_residual": False, "use_qkv_bias": False, "qk_layernorm": False}
    half = lambda s: part(s, 0.7, 10000.0)
    add("StableLmForCausalLM", "stablelm", "stablelm2", lambda s: {**layer_norms(s), **stable, "num_key_value_heads": s.heads,
                                                                  **part(s, 0.3, 10000.0)}, [
        Variant("plain", {}, {"partial rope": half, "epsilon": LAYER_EPSILON_OFF}, older=True),
        Variant("biases", lambda s: {"use_qkv_bias": True, "num_key_value_heads": s.kv}, {"biases": {"use_qkv_bias": False}}),
        Variant("parallel-norms", lambda s: {"use_parallel_residual": True, "qk_layernorm": True, "num_key_value_heads": s.kv},
                {"parallel": {"use_parallel_residual": False}, "norms of q and k": {"qk_layernorm": False}}, converts=False,
                llama="its converter loses the norms of q and k, and stops", is_read=True,
                ours="them as one stack of each layer, which llama.cpp reads"),
        Variant("parallel", {"use_parallel_residual": True}, {"parallel": {"use_parallel_residual": False}}, fixture=False),
    ])
    group = "Qwen"
    add("Qwen2ForCausalLM", "qwen2", "qwen2", llama_like, [
        Variant("plain", {}, {"epsilon": EPSILON_OFF}, older=True),
        Variant("tied-yarn-rows", lambda s: {"tie_word_embeddings": True, "vocab_size": s.vocab + 16, **YARN},
                {"yarn": YARN_OFF}),
        Variant("window", {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1,
                           "layer_types": ["full_attention", "sliding_attention"]},
                {"window": {"layer_types": ["full_attention"] * 2}}, llama=NO_WINDOW_KEY, older=True),
    ])
    add("Qwen3ForCausalLM", "qwen3", "qwen2", with_head, [
        Variant("plain", wide_heads, {"theta": THETA_OFF}),
        Variant("tied-biases-yarn", {"tie_word_embeddings": True, "attention_bias": True, **YARN},
                {"biases": {"attention_bias": False}, "yarn": YARN_OFF}, older=True,
                llama=NO_BIASES),
        Variant("window", {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1,
                           "layer_types": ["full_attention", "sliding_attention"]},
                {"window": {"layer_types": ["full_attention"] * 2}}, llama=NO_WINDOW_KEY, fixture=False),
    ])

    def experts(s):
        return {"num_experts": s.experts, "num_experts_per_tok": 2, "moe_intermediate_size": s.inter // 2}

    add("Qwen2MoeForCausalLM", "qwen2moe", "qwen2", lambda s: {
        **llama_like(s), **experts(s), "shared_expert_intermediate_size": s.inter, "norm_topk_prob": False}, [
        Variant("plain", {}, {"experts": {"num_experts_per_tok": 1}, "biases": {"qkv_bias": False}}),
        Variant("normed", {"norm_topk_prob": True}, {"normed": {"norm_topk_prob": False}},
                llama="the weights of the experts are never normed"),
        Variant("unbiased", {"qkv_bias": False}, fixture=False),
        Variant("dense-layer", {"mlp_only_layers": [0], "num_hidden_layers": 3}, converts=False,
                llama="every layer has experts", fixture=False),
    ])
    add("Qwen3MoeForCausalLM", "qwen3moe", "qwen2", lambda s: {**with_head(s), **experts(s), "norm_topk_prob": True}, [
        Variant("plain", wide_heads, {"normed": {"norm_topk_prob": False}, "experts": {"num_experts_per_tok": 3}}, older=True),
        Variant("unnormed-tied", {"norm_topk_prob": False, "tie_word_embeddings": True}, {"unnormed": {"norm_topk_prob": True}},
                llama="the weights of the experts are always normed"),
        Variant("dense-layer", {"mlp_only_layers": [0], "num_hidden_layers": 3}, converts=False,
                llama="every layer has experts", fixture=False),
    ])

    group = "Gemma"

    def gemma(s):
        return {**with_head(s), "tie_word_embeddings": True, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}

    add("GemmaForCausalLM", "gemma", "sentencepiece", gemma, [
        Variant("plain", {}, {"epsilon": EPSILON_OFF}, older=True,
                llama="the base of the rope is not written: 10000", is_read=True,
                ours="`gemma.rope.freq_base`, which llama.cpp reads", keys=("gemma.rope.freq_base",)),
        Variant("one-key-head", lambda s: {**one_head(s), **wide_heads(s), "rope_parameters": rope(theta=10000.0)}, {}),
    ], offset_norms=True)
    pattern2 = ["sliding_attention", "full_attention"] * 2
    full = ["full_attention"] * 12
    add("Gemma2ForCausalLM", "gemma2", "sentencepiece", lambda s: {
        **gemma(s), "num_hidden_layers": 4, "sliding_window": 6, "layer_types": pattern2, "attn_logit_softcapping": 1.5,
        "final_logit_softcapping": 2.0, "query_pre_attn_scalar": s.head, "rope_parameters": rope(theta=10000.0)}, [
        Variant("plain", {}, {
            "window": {"layer_types": full[:4]}, "soft-cap of attention": {"attn_logit_softcapping": None},
            "soft-cap of logits": {"final_logit_softcapping": None}}, older=True),
        Variant("scalar-heads", lambda s: {"query_pre_attn_scalar": 3, **wide_heads(s)},
                {"scalar": {"query_pre_attn_scalar": 40}},
                llama="query_pre_attn_scalar has no key: the width of a head"),
    ], offset_norms=True)
    gemma3_rope = {"rope_parameters": {"sliding_attention": rope(theta=50.0), "full_attention": rope(theta=1000.0)}}
    gemma3_scaled = {"rope_parameters": {"sliding_attention": rope(theta=50.0),
                                         "full_attention": rope("linear", theta=1000.0, factor=8.0)}}
    one_base = {"rope_parameters": {"sliding_attention": rope(theta=1000.0), "full_attention": rope(theta=1000.0)}}

    def gemma3(s):
        return {**gemma(s), **gemma3_rope, "num_hidden_layers": 6, "sliding_window": 6, "query_pre_attn_scalar": s.head,
                "layer_types": ["sliding_attention"] * 5 + ["full_attention"], "sliding_window_pattern": 6}

    gemma3_variants = [
        Variant("plain", {}, {"window": {"layer_types": full[:6]}, "bases": one_base}, older=True),
        Variant("scaled", gemma3_scaled, {"linear": gemma3_rope}, fixture=False),
        Variant("scalar-heads-cap", lambda s: {"query_pre_attn_scalar": 3, "final_logit_softcapping": 2.0, **wide_heads(s)},
                {"scalar": {"query_pre_attn_scalar": 40}, "soft-cap of logits": {"final_logit_softcapping": None}},
                llama="query_pre_attn_scalar has no key: the width of a head", fixture=False),
    ]
    add("Gemma3ForCausalLM", "gemma3", "sentencepiece", gemma3, gemma3_variants, config="Gemma3TextConfig", offset_norms=True)
    add("Gemma3ForConditionalGeneration", "gemma3", "sentencepiece", gemma3, [
        Variant("plain", gemma3_scaled, {"window": {"layer_types": full[:6]}})], config="Gemma3Config", offset_norms=True)
    group = "Phi"
    add("PhiForCausalLM", "phi2", "phi-2", lambda s: {
        **layer_norms(s), "num_key_value_heads": s.heads, "intermediate_size": 4 * s.hidden,
        **part(s, 0.3, 10000.0)}, [
        Variant("plain", {}, {"partial rope": lambda s: part(s, 0.7, 10000.0),
                              "epsilon": LAYER_EPSILON_OFF}, older=True),
        Variant("norms", lambda s: {"qk_layernorm": True, "num_key_value_heads": s.kv},
                {"norms of q and k": {"qk_layernorm": False}},
                converts=False, llama="norms of q and k and grouped heads are not in this architecture"),
    ])

    def factors(s, head_part=1.0, **more):
        count = int(s.head * head_part) // 2
        return {"rope_parameters": rope(
            "longrope", short_factor=[1.0 + 0.25 * i for i in range(count)], long_factor=[2.0 + 1.5 * i for i in range(count)],
            original_max_position_embeddings=more.pop("original"), **more)}

    def phi3(s):
        return {**llama_like(s), "original_max_position_embeddings": s.context, "sliding_window": None,
                "rope_parameters": rope(theta=500.0, partial_rotary_factor=1.0)}

    def phi3_long(s, original):
        return {**factors(s, original=original, partial_rotary_factor=1.0), "original_max_position_embeddings": original}

    no_factors = {"rope_parameters": rope(partial_rotary_factor=1.0, original_max_position_embeddings=16)}
    add("Phi3ForCausalLM", "phi3", "sentencepiece", phi3, [
        Variant("plain", every_head, {"theta": THETA_OFF}),
        Variant("short", lambda s: phi3_long(s, s.context // 2), {"factors": no_factors}, older=True),
        Variant("long", lambda s: phi3_long(s, 8), {"factors": no_factors}),
        Variant("partial", lambda s: {**part(s, 0.7), "tie_word_embeddings": True, "vocab_size": s.vocab + 16},
                {"partial": lambda s: part(s, 0.3)}),
        Variant("window", {"sliding_window": 6}, {"window": {"sliding_window": None}}, llama="the window is switched off",
                said=True),
    ])
    group = "OLMo"
    add("Olmo2ForCausalLM", "olmo2", "dbrx", lambda s: {**llama_like(s), "num_key_value_heads": s.heads}, [
        Variant("plain", {}, {"epsilon": EPSILON_OFF}, older=True),
        Variant("groups-yarn", lambda s: {"num_key_value_heads": s.kv, **YARN}, {"yarn": YARN_OFF}),
        Variant("biases", {"attention_bias": True}, {"biases": {"attention_bias": False}}, fixture=False, llama=NO_BIASES),
    ])
    pattern4 = ["sliding_attention"] * 3 + ["full_attention"]

    def olmo3_ropes(sliding, whole):
        return {"rope_parameters": {"sliding_attention": sliding, "full_attention": whole}}

    olmo3_yarn = rope("yarn", YARN_BASE, factor=4.0, original_max_position_embeddings=64, attention_factor=YARN_ATTENTION,
                      beta_fast=32.0, beta_slow=1.0)
    olmo3_base = rope(theta=YARN_BASE)
    add("Olmo3ForCausalLM", "olmo2", "dbrx", lambda s: {
        **llama_like(s), **olmo3_ropes(rope(), rope()), "num_key_value_heads": s.heads, "num_hidden_layers": 4,
        "sliding_window": 6, "layer_types": pattern4}, [
        # The base is the one of the published models: transformers 5.24 knows no other for windows in the older words.
        Variant("plain", olmo3_ropes(rope(theta=500000.0), rope(theta=500000.0)), {"window": {"layer_types": full[:4]}},
                older=True),
        Variant("groups-yarn", lambda s: {"num_key_value_heads": s.kv, **olmo3_ropes(olmo3_base, olmo3_yarn)},
                {"yarn": olmo3_ropes(olmo3_base, olmo3_base),
                        "yarn in whole layers only": olmo3_ropes(olmo3_yarn, olmo3_yarn)}),
        Variant("pattern", lambda s: {"num_hidden_layers": 3,
                "layer_types": ["full_attention", "sliding_attention", "full_attention"]},
                {"pattern": {"layer_types": ["sliding_attention"] * 3}}, fixture=False),
    ])
    add("Exaone4ForCausalLM", "exaone4", "exaone4", lambda s: {
        **llama_like(s), "head_dim": s.head, "num_hidden_layers": 4, "sliding_window": None, "layer_types": full[:4]}, [
        Variant("plain", {}, {}, older=True),
        Variant("tied-llama3", {"tie_word_embeddings": True, **LLAMA3},
                {"llama3": PLAIN_ROPE}),
        Variant("windows", {"sliding_window": 6, "layer_types": pattern4}, {"window": {"sliding_window": 64},
                "pattern": {"layer_types": full[:4]}}, llama="windows only in models of 64 layers"),
        Variant("windows-64", {"num_hidden_layers": 64, "sliding_window": 6, "layer_types": pattern4 * 16},
                {"window": {"sliding_window": 64}}, fixture=False),
    ])
    add("OlmoeForCausalLM", "olmoe", "olmo", lambda s: {
        **llama_like(s), **experts(s), "intermediate_size": s.inter // 2, "num_key_value_heads": s.heads, "rms_norm_eps": 1e-5},
                [
        Variant("plain", {}, {"experts": {"num_experts_per_tok": 1}}, older=True),
        Variant("normed-clipped-groups", lambda s: {"norm_topk_prob": True, "clip_qkv": 0.5, "num_key_value_heads": s.kv},
                {"normed": {"norm_topk_prob": False}, "clip": {"clip_qkv": None}},
                llama="neither norming nor clipping has a key"),
    ])

    group = "GPT lineage"

    def gpt2(s):
        return {"n_embd": s.hidden, "n_layer": 2, "n_head": s.heads, "vocab_size": s.vocab, "n_positions": s.context,
                "layer_norm_epsilon": EPSILON, "bos_token_id": 1, "eos_token_id": 1}

    add("GPT2LMHeadModel", "gpt2", "gpt-2", gpt2, [
        Variant("plain", {}, {"epsilon": {"layer_norm_epsilon": 1e-6}}),
        Variant("untied-inner", lambda s: {"tie_word_embeddings": False, "n_inner": odd_width(s)},
                llama="`n_inner` is taken for four times `n_embd`", is_read=True,
                ours="`gpt2.feed_forward_length` as `n_inner` says", keys=("gpt2.feed_forward_length",)),
        Variant("scales", {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False},
                {"inverse of the layer": {"scale_attn_by_inverse_layer_idx": False}, "scale": {"scale_attn_weights": True}},
                llama="the scales of attention have no key"),
    ], extra=lambda c: {"n_ctx": c["n_positions"]})
    add("GPTNeoXForCausalLM", "gptneox", "olmo", lambda s: {
        **{key: value for key, value in layer_norms(s).items() if key != "num_key_value_heads"},
        **part(s, 0.3, 10000.0)}, [
        Variant("plain", {}, {"parallel": {"use_parallel_residual": False}, "biases": {"attention_bias": False},
                              "partial rope": lambda s: part(s, 0.7, 10000.0)}, older=True),
        Variant("serial", lambda s: {"use_parallel_residual": False, **part(s, 1.0, 10000.0)},
                {"serial": {"use_parallel_residual": True}}),
        Variant("tied-unbiased", {"tie_word_embeddings": True, "attention_bias": False},
                llama="neither a head that is the embedding nor attention without biases are in this architecture"),
    ], extra=lambda c: {"rotary_pct": c["rope_parameters"]["partial_rotary_factor"],
            "rotary_emb_base": c["rope_parameters"]["rope_theta"]})
    starcoder = {"norm_epsilon": EPSILON, "tie_word_embeddings": True, "sliding_window": None}
    add("Starcoder2ForCausalLM", "starcoder2", "starcoder", lambda s: {
        **{key: value for key, value in layer_norms(s).items() if key != "layer_norm_eps"}, **starcoder}, [
        Variant("plain", {}, {"biases": {"use_bias": False}, "epsilon": {"norm_epsilon": 1e-6}}, older=True),
        Variant("window", {"sliding_window": 6, "tie_word_embeddings": False}, {"window": {"sliding_window": None}},
                llama=NO_WINDOW_KEY),
        Variant("unbiased", {"use_bias": False}, llama="layers without biases are not in this architecture"),
    ])

    def opt(s):
        return {"hidden_size": s.hidden, "ffn_dim": s.inter, "num_hidden_layers": 2, "num_attention_heads": s.heads,
                "vocab_size": s.vocab, "max_position_embeddings": s.context, "word_embed_proj_dim": s.hidden,
                "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}

    add("OPTForCausalLM", None, "gpt-2", opt, [
        Variant("plain", {}, {"biases": {"enable_bias": False}, "activation": {"activation_function": "gelu"}}),
        Variant("post-projected", {"do_layer_norm_before": False, "word_embed_proj_dim": 16},
                {"post": {"do_layer_norm_before": True}}),
        Variant("unbiased-gelu-untied", {"enable_bias": False, "activation_function": "gelu", "tie_word_embeddings": False},
                {}),
        Variant("bare-norms", {"layer_norm_elementwise_affine": False, "_remove_final_layer_norm": True},
                {"last norm": {"_remove_final_layer_norm": False}}),
    ])

    def falcon(s):
        return {"hidden_size": s.hidden, "num_hidden_layers": 2, "num_attention_heads": s.heads, "vocab_size": s.vocab,
                "layer_norm_epsilon": 1e-5, "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False,
                "new_decoder_architecture": False, "max_position_embeddings": 2048, "rope_parameters": rope(theta=10000.0),
                "bos_token_id": 1, "eos_token_id": 2, "num_kv_heads": 1, "ffn_hidden_size": 4 * s.hidden}

    def three(s):
        """Heads and a width of three, which is no power of two, except where rows have to be multiples of 256."""
        return (s.heads, s.hidden) if s.name == "wide" else (3, s.hidden // 6 * 6)

    add("FalconForCausalLM", "falcon", "falcon", falcon, [
        Variant("7b", {"tie_word_embeddings": True}, {"theta": {"rope_parameters": rope(theta=100.0)}}, older=True),
        Variant("7b-heads", lambda s: {"num_kv_heads": s.heads}, converts=False,
                llama="its converter believes `num_kv_heads` where `multi_query` says otherwise, and stops", is_read=True,
                ours="one head for keys and values, which llama.cpp reads"),
        Variant("40b", lambda s: {"new_decoder_architecture": True, "num_kv_heads": s.kv, "multi_query": False,
                                  "tie_word_embeddings": False}, {}),
        Variant("11b", lambda s: {"new_decoder_architecture": True, "num_kv_heads": s.kv, "num_ln_in_parallel_attn": 1,
                                  "multi_query": False}, {}),
        Variant("rw-alibi", lambda s: {"alibi": True, "bias": True, "multi_query": False, "parallel_attn": False,
                                       "num_kv_heads": s.heads},
                {"alibi": {"alibi": False}, "biases": {"bias": False}}, converts=False,
                llama="ALiBi, blocks one after the other and biases are not in this architecture"),
        Variant("three-heads", lambda s: {"num_attention_heads": three(s)[0], "hidden_size": three(s)[1], "alibi": True,
                "ffn_hidden_size": odd_width(s)},
                {"alibi": {"alibi": False}}, llama="neither ALiBi nor the width of the feed-forward has a key"),
    ])

    def bloom(s):
        return {"hidden_size": s.hidden, "n_layer": 2, "n_head": s.heads, "vocab_size": s.vocab, "layer_norm_epsilon": EPSILON,
                "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}

    add("BloomForCausalLM", "bloom", "bloom", bloom, [
        Variant("plain", {}, {"epsilon": {"layer_norm_epsilon": 1e-6}}),
        Variant("three-heads", lambda s: {"n_head": three(s)[0], "hidden_size": three(s)[1]}, older=True),
        Variant("post", {"apply_residual_connection_post_layernorm": True},
                {"post": {"apply_residual_connection_post_layernorm": False}},
                llama="the residual after the norm has no key", fixture=True),
    ], extra=lambda c: {"seq_length": 128})

    def mpt(s, **attention):
        return {"d_model": s.hidden, "n_heads": s.heads, "n_layers": 2, "max_seq_len": s.context, "vocab_size": s.vocab,
                "attn_config": {"alibi": True, "clip_qkv": None, **attention}, "learned_pos_emb": False,
                "bos_token_id": 1, "eos_token_id": 1}

    def attention(**settings):
        return {"attn_config": {"alibi": True, "clip_qkv": None, **settings}}

    add("MptForCausalLM", "mpt", "mpt", mpt, [
        Variant("plain", {}, {}), Variant("clipped", attention(clip_qkv=0.6), {"clip": attention()}),
        Variant("scale-three-heads", lambda s: {**attention(softmax_scale=0.2), "n_heads": three(s)[0], "d_model": three(s)[1]},
                {"scale": attention()}, llama="the scale of attention has no key")],
        config="MptConfig", renamed="MPTForCausalLM")
    # transformers knows 8 only for the bias of ALiBi; the class that comes with the checkpoints knows what they say.
    add("MPTForCausalLM", "mpt", "mpt", mpt, [
        Variant("bias", attention(clip_qkv=0.9, alibi_bias_max=16),
                {"clip": attention(alibi_bias_max=16), "bias": attention(clip_qkv=0.9)})],
        config="MptConfig", model="MptForCausalLM")

    group = "Others"

    def cohere(s):
        return {**layer_norms(s), "tie_word_embeddings": True, "logit_scale": 0.25, "pad_token_id": 0}

    add("CohereForCausalLM", "command-r", "command-r", cohere, [
        Variant("plain", {}, {"logit_scale": {"logit_scale": 0.5}, "epsilon": LAYER_EPSILON_OFF}, older=True),
        Variant("norms", {"use_qk_norm": True}, {"norms of q and k": {"use_qk_norm": False}},
                llama="norms of q and k are read from 64 layers on"),
        Variant("biases", {"attention_bias": True}, {"biases": {"attention_bias": False}}, llama=NO_BIASES),
        Variant("untied", {"tie_word_embeddings": False}, converts=False, fixture=False,
                llama="the head apart from the embedding is not in this architecture"),
    ])
    add("Cohere2ForCausalLM", "cohere2", "command-r", lambda s: {
        **cohere(s), "num_hidden_layers": 4, "sliding_window": 6, "layer_types": pattern4, "head_dim": s.head}, [
        Variant("plain", {}, {"window and rope": {"layer_types": full[:4]}, "logit_scale": {"logit_scale": 0.5}}, older=True),
        Variant("pattern", {"num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"]},
                {"pattern": {"layer_types": ["sliding_attention"] * 2}}, llama="whole layers are every fourth", fixture=False),
    ], extra=lambda c: {"rotary_pct": 1.0, "sliding_window_pattern": 4})
    add("Glm4ForCausalLM", "glm4", "glm4", lambda s: {
        **with_head(s), "attention_bias": True, **part(s, 0.4)}, [
        Variant("plain", {}, {"biases": {"attention_bias": False},
                              "partial rope": {"rope_parameters": rope(partial_rotary_factor=1.0)}}, older=True),
        Variant("unbiased-heads", lambda s: {"attention_bias": False, "head_dim": s.head // 2 * 4,
                                             "rope_parameters": rope(partial_rotary_factor=0.5)},
                {"theta": {"rope_parameters": rope(theta=10000.0, partial_rotary_factor=0.5)}}),
    ])
    add("MixtralForCausalLM", "llama", "sentencepiece", lambda s: {
        **with_head(s), "num_local_experts": s.experts, "num_experts_per_tok": 2, "sliding_window": None}, [
        Variant("plain", {}, {"experts": {"num_experts_per_tok": 3}}, older=True),
        Variant("window", lambda s: {"sliding_window": 6, **wide_heads(s)}, {"window": {"sliding_window": None}},
                llama=NO_WINDOW_KEY, fixture=False, **WINDOW_KEY),
    ])
    add("GraniteMoeForCausalLM", "granitemoe", "refact", lambda s: {
        **llama_like(s), **granite, "num_local_experts": s.experts, "num_experts_per_tok": 2}, [
        Variant("plain", {}, {**granite_off, "experts": {"num_experts_per_tok": 1}}),
        Variant("tied-biases", {"tie_word_embeddings": True, "attention_bias": True}, {"biases": {"attention_bias": False}},
                fixture=False),
    ])
    gpt_oss_yarn = {"rope_parameters": rope("yarn", YARN_BASE, factor=4.0, beta_fast=32.0, beta_slow=1.0, truncate=False,
                                            original_max_position_embeddings=64), "max_position_embeddings": 256}

    def gpt_oss(s):
        found = {**with_head(s), **gpt_oss_yarn, "num_local_experts": s.experts, "num_experts_per_tok": 2, "sliding_window": 6,
                 "layer_types": pattern2[:2], "attention_bias": True, "swiglu_limit": 7.0, "rms_norm_eps": EPSILON}
        return {**found, "intermediate_size": s.inter // 32 * 32}

    gpt_oss_truncated = {"rope_parameters": {**gpt_oss_yarn["rope_parameters"], "truncate": True}}
    truncated = "the ends of yarn's range are always rounded to whole numbers"
    gpt_oss_off = {"window": {"layer_types": full[:2]}, "yarn": YARN_OFF, "sinks": "sinks",
                   "yarn, not truncated": gpt_oss_truncated,
                   "limit": {"swiglu_limit": 1e6}, "experts": {"num_experts_per_tok": 1}}
    add("GptOssForCausalLM", "gpt-oss", "gpt-4o", gpt_oss, [
        Variant("truncated", gpt_oss_truncated, fixture=False),
        Variant("dense", {}, gpt_oss_off, scale=TINY32, llama=truncated, kept=True),
        Variant("mxfp4", wide_heads, scale=TINY32, llama=truncated, older=True, kept=True),
        # Rounding shows in logarithms of probabilities, and not in their mean.
        Variant("mxfp4-truncated", gpt_oss_truncated, fixture=False, said=True, is_read=True,
                llama="what MXFP4 is multiplied with is rounded to 8 bits"),
        Variant("mxfp4-bf16", dtype="bfloat16", fixture=False, llama=truncated, kept=True),
    ])
    return found
