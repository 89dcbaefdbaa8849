#!/usr/bin/env python3
"""Trains TinyLlama, the checkpoint the tests convert, quantize and measure.

Writes beside this script, or under --out:

    TinyLlama/      a Llama checkpoint as Hugging Face hosts them: BF16, two shards, tokenizer
    heldout.txt     text from the same grammar that was never trained on
    reference.json  what transformers says about both, for the tests to agree with

Dependencies are pinned in requirements.txt. Training takes about a quarter of an hour on two CPU
cores; everything is seeded, and the bits depend on nothing but the versions, the thread count and
the processor's instruction set. --reference-only recomputes reference.json from an existing model.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import tokenizers
import torch
import torch.nn.functional as F
import transformers
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
)

import grammar

CONTEXT = 512
VOCABULARY = 1024
BOS, EOS, TURN_START, TURN_END = "<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = (BOS, EOS, TURN_START, TURN_END)

PRE_TOKENIZER_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

TRAINING_SEED, CONVERSATION_SEED, HELD_OUT_SEED, MODEL_SEED, CHANNEL_SEED = 1, 2, 3, 4, 5
TRAINING_CHARACTERS = 12_000_000
CONVERSATIONS = 4_000
HELD_OUT_TOKENS = 33_000

BATCH, CHAT_SHARE = 4, 1 / 8
STEPS, WARMUP_STEPS = 1_500, 80
PEAK_LEARNING_RATE, FINAL_LEARNING_RATE = 2e-3, 1e-4
CHANNEL_SPREAD = 1.0  # standard deviation of the binary logarithm

# Strings on which tokenizers disagree if they split, merge or spell bytes differently.
TRICKY_STRINGS = (
    "Hello world",
    "  two  spaces   three\t\ttabs ",
    "line\n\n\nfeeds\r\n and \n trailing \n",
    "1234567890 12,345.67 1+1=2 ²³",
    "I'm we'LL don't they'Ve O'Clock 'tis it’s",
    "née Éla Tavør “naïve” — crêpes…",
    "combining e\u0301 and a\u200bzero-width space",
    "🍎🔔 🕯️ 👩‍🚀🙂🙂",
    "Привет, 世界! مرحبا ไทย",
    f"{TURN_START}user\nhi{TURN_END}\n{TURN_START}assistant\n",
    f"a{EOS}b {BOS} c <|begin_of_text",
    "snake_case(x)[i] => {\"k\": -1}; // !?!?",
    "chapterchapter Potterpotter BASKET",
    "\u00a0nbsp\u3000wide",
)  # fmt: skip


# Tokenizer


def paragraphs(text: str) -> list[str]:
    """Pieces that encode by themselves as they do within the text: the pre-tokenizer always ends a
    token after the blank line that closes a paragraph."""
    pieces = text.split("\n\n")
    return [piece + "\n\n" for piece in pieces[:-1]] + pieces[-1:]


def train_tokenizer(text: str) -> Tokenizer:
    """A byte-level BPE put together like Llama 3's: special tokens follow the merged vocabulary."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PRE_TOKENIZER_PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(paragraphs(text), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    )
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single=f"{BOS} $A",
            pair=f"{BOS} $A {BOS}:1 $B:1",
            special_tokens=[(BOS, tokenizer.token_to_id(BOS))],
        ),
    ])  # fmt: skip
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, directory: Path):
    """Writes the configuration by hand: hosted checkpoints carry these files, whichever version of
    transformers made them, while a current save_pretrained no longer writes all three."""
    tokenizer.save(str(directory / "tokenizer.json"))
    special_tokens = {"bos_token": BOS, "eos_token": EOS}
    write_json(directory / "special_tokens_map.json", special_tokens)
    write_json(
        directory / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "added_tokens_decoder": {
                str(tokenizer.token_to_id(token)): {
                    "content": token,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for token in SPECIAL_TOKENS
            },
            **special_tokens,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": CONTEXT,
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )


# Training


class Corpus:
    """Windows of prose and of chats, each starting with BOS as evaluation windows do."""

    def __init__(self, prose: str, tokenizer: Tokenizer, chat_tokenizer):
        self.bos = tokenizer.token_to_id(BOS)
        self.prose, _ = concatenated(tokenizer, paragraphs(prose))
        chats = [
            chat_tokenizer.apply_chat_template(messages, tokenize=False) + EOS
            for messages in grammar.conversations(CONVERSATION_SEED, CONVERSATIONS)
        ]
        self.chats, starts = concatenated(tokenizer, chats)
        self.chat_starts = [start for start in starts if start + CONTEXT <= len(self.chats)]

    def batch(self, rng: random.Random) -> torch.Tensor:
        batch = torch.stack([self._window(rng) for _ in range(BATCH)])
        batch[:, 0] = self.bos
        return batch

    def _window(self, rng: random.Random) -> torch.Tensor:
        if rng.random() < CHAT_SHARE:
            start = rng.choice(self.chat_starts)
            return self.chats[start : start + CONTEXT]
        start = rng.randrange(len(self.prose) - CONTEXT)
        return self.prose[start : start + CONTEXT]


def concatenated(tokenizer: Tokenizer, texts: list[str]) -> tuple[torch.Tensor, list[int]]:
    """The texts' tokens one after the other, and where each text starts."""
    tokens, starts = [], []
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        starts.append(len(tokens))
        tokens += encoding.ids
    return torch.tensor(tokens), starts


def learning_rate(step: int) -> float:
    if step < WARMUP_STEPS:
        return PEAK_LEARNING_RATE * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return FINAL_LEARNING_RATE + (PEAK_LEARNING_RATE - FINAL_LEARNING_RATE) * cosine


def new_model(tokenizer: Tokenizer) -> LlamaForCausalLM:
    torch.manual_seed(MODEL_SEED)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=4,
            num_attention_heads=8,
            num_key_value_heads=2,
            head_dim=32,
            max_position_embeddings=CONTEXT,
            rms_norm_eps=1e-5,
            rope_theta=10000.0,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.token_to_id(BOS),
            eos_token_id=[tokenizer.token_to_id(EOS), tokenizer.token_to_id(TURN_END)],
            pad_token_id=None,
        )
    )


def train(model: LlamaForCausalLM, corpus: Corpus):
    """Weight decay is for matrices only: the norms' gains should be free to leave one."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim == 2]
    gains = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}],
        betas=(0.9, 0.95),
        fused=True,
    )
    rng = random.Random(MODEL_SEED)
    started = time.monotonic()
    model.train()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        batch = corpus.batch(rng)
        logits = model(input_ids=batch, use_cache=False).logits
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 25 == 0 or step == STEPS - 1:
            seconds = time.monotonic() - started
            print(f"step {step:5d}  loss {loss.item():.4f}  {seconds:6.0f} s", flush=True)
    model.eval()


@torch.no_grad()
def spread_channels(model: LlamaForCausalLM):
    """Gives the layers' input channels the uneven magnitudes that long training gives large models,
    without changing what the model computes: what a layer's input gains, its weights lose.

    Rounding then hurts as it does in practice, and methods that look at activations have something
    to find. Powers of two make it exact in any floating-point format.
    """
    generator = torch.Generator().manual_seed(CHANNEL_SEED)

    def factors(count: int) -> torch.Tensor:
        return torch.exp2((CHANNEL_SPREAD * torch.randn(count, generator=generator)).round().clamp(-4, 4))

    def move(producer: torch.nn.Parameter, consumers: list[torch.nn.Linear], repeats: int = 1):
        """Scales the producer's outputs up and the consumers' columns down. Each of the producer's
        heads feeds so many of a consumer's."""
        scale = factors(len(producer))
        producer.mul_(scale.view(-1, *[1] * (producer.ndim - 1)))
        columns = scale.view(-1, model.config.head_dim).repeat_interleave(repeats, 0).flatten()
        for consumer in consumers:
            consumer.weight.div_(columns)

    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        move(layer.input_layernorm.weight, [attention.q_proj, attention.k_proj, attention.v_proj])
        move(attention.v_proj.weight, [attention.o_proj], attention.num_key_value_groups)
        move(layer.post_attention_layernorm.weight, [mlp.gate_proj, mlp.up_proj])
        move(mlp.up_proj.weight, [mlp.down_proj])
    move(model.model.norm.weight, [model.lm_head])


def save_model(model: LlamaForCausalLM, directory: Path):
    """As two shards: 4 MB holds a little more than half of the weights."""
    model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        do_sample=True,
        temperature=0.7,
        top_p=0.9,
    )
    model.save_pretrained(directory, max_shard_size="4MB")
    shards = list(directory.glob("model-*.safetensors"))
    assert len(shards) == 2, shards
    for shard in shards:
        shard.chmod(0o644)
    add_older_spellings(directory / "config.json")


def add_older_spellings(path: Path):
    """transformers 5 renamed these two; most hosted checkpoints, and older readers, use the old names."""
    config = json.loads(path.read_text())
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    config["torch_dtype"] = config["dtype"]
    write_json(path, config)


# Reference


def evaluation_windows(tokens: list[int]) -> torch.Tensor:
    """llama-perplexity's: whole windows, one after the other, BOS over each one's first token."""
    count = len(tokens) // CONTEXT
    windows = torch.tensor(tokens[: count * CONTEXT]).view(count, CONTEXT)
    windows[:, 0] = tokens[0]
    return windows


@torch.no_grad()
def scored_log_probabilities(model: LlamaForCausalLM, windows: torch.Tensor) -> torch.Tensor:
    """Log probabilities over the vocabulary at the second half's positions, windows × 255 × vocabulary."""
    scored = slice(CONTEXT // 2, CONTEXT - 1)
    logits = torch.cat([model(input_ids=part).logits[:, scored] for part in windows.split(8)])
    return F.log_softmax(logits.double(), -1)


def negative_log_likelihoods(log_probabilities: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
    targets = windows[:, CONTEXT // 2 + 1 :]
    return -log_probabilities.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def perplexity(losses: torch.Tensor) -> dict[str, float]:
    """With llama-perplexity's standard error: the mean's, carried through the exponential."""
    mean, count = losses.mean().item(), losses.numel()
    variance = losses.square().mean().item() - mean**2
    value = math.exp(mean)
    return {
        "windows": losses.shape[0],
        "scored_tokens": count,
        "mean_nll": mean,
        "perplexity": value,
        "standard_error": math.sqrt(variance / (count - 1)) * value,
    }


def load_model(directory: Path) -> LlamaForCausalLM:
    """Computes in F32 on the values the BF16 files hold; eager attention takes no shortcuts."""
    return AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def write_reference(directory: Path, held_out: Path, destination: Path):
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokens = tokenizer.encode(held_out.read_text())
    tokenizations = [
        {"text": string, "ids": tokenizer.encode(string, add_special_tokens=False)}
        for string in TRICKY_STRINGS
    ]

    model = load_model(directory)
    windows = evaluation_windows(tokens)
    log_probabilities = scored_log_probabilities(model, windows)
    losses = negative_log_likelihoods(log_probabilities, windows)
    with torch.no_grad():
        logits = model(input_ids=windows[:1]).logits[0, -1]
    reference = {
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "context": CONTEXT,
        "heldout_tokens": len(tokens),
        "heldout_first_tokens": tokens[:64],
        "perplexity": perplexity(losses),
        "perplexity_first_4_windows": perplexity(losses[:4]),
        "window_mean_nll": [round(value, 6) for value in losses.mean(1).tolist()],
        "first_window_last_logits": [round(value, 6) for value in logits.double().tolist()],
        "tokenization": tokenizations,
        "chat": chat_reference(tokenizer),
    }
    write_json(destination, reference)
    print(f"{len(tokens)} held-out tokens, perplexity {reference['perplexity']}")
    report_four_bit_damage(model, windows, log_probabilities)


def chat_reference(tokenizer) -> dict:
    messages = [
        {"role": "system", "content": "You tell stories of Tavør."},
        {"role": "user", "content": " What is 7 + 5? "},
    ]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return {
        "messages": messages,
        "rendered": rendered,
        "ids": tokenizer.encode(rendered, add_special_tokens=False),
    }


@torch.no_grad()
def round_to_four_bits(model: LlamaForCausalLM, group: int = 64):
    """Symmetric round-to-nearest in the transformer's linear layers, scaled by each group's maximum."""
    for name, module in model.model.named_modules():
        if isinstance(module, torch.nn.Linear):
            groups = module.weight.view(-1, group)
            scale = groups.abs().amax(1, keepdim=True) / 7
            module.weight.copy_((groups / scale).round().mul(scale).view_as(module.weight))


def report_four_bit_damage(model: LlamaForCausalLM, windows: torch.Tensor, before: torch.Tensor):
    """The model is only worth testing with if plain 4-bit rounding visibly hurts it."""
    round_to_four_bits(model)
    after = scored_log_probabilities(model, windows)
    damaged = perplexity(negative_log_likelihoods(after, windows))["perplexity"]
    divergence = (before.exp() * (before - after)).sum(-1)
    same_top = (before.argmax(-1) == after.argmax(-1)).double().mean()
    print(
        f"4-bit rounding: perplexity {damaged:.4f}, mean KL {divergence.mean():.5f}, "
        f"99th percentile {divergence.flatten().quantile(0.99):.4f}, same top token {same_top:.4f}"
    )


# Files


def write_json(path: Path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_held_out(path: Path, tokenizer: Tokenizer):
    """Enough chapters for the wanted number of tokens."""
    parts, count = [], 0
    for chapter in grammar.chapters(HELD_OUT_SEED):
        parts.append(chapter + "\n")
        count += len(tokenizer.encode(chapter + "\n\n", add_special_tokens=False))
        if count >= HELD_OUT_TOKENS:
            break
    path.write_text("\n".join(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="where to write")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reference-only", action="store_true", help="recompute reference.json only")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    directory, held_out = arguments.out / "TinyLlama", arguments.out / "heldout.txt"
    if not arguments.reference_only:
        directory.mkdir(parents=True, exist_ok=True)
        text = grammar.prose(TRAINING_SEED, TRAINING_CHARACTERS)
        tokenizer = train_tokenizer(text)
        save_tokenizer(tokenizer, directory)
        write_held_out(held_out, tokenizer)
        model = new_model(tokenizer)
        train(model, Corpus(text, tokenizer, AutoTokenizer.from_pretrained(directory)))
        spread_channels(model)
        save_model(model, directory)
    write_reference(directory, held_out, arguments.out / "reference.json")


if __name__ == "__main__":
    main()
