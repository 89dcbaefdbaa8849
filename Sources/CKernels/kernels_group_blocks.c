// Blocks of ggml as groups: codes of a byte each in the order of the values, scales, and zeros or biases; and back.

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Bytes of `half` pairs of codes of four bits: those of the first half are the low ones.
static KERNEL void open_halves(const uint8_t *restrict bytes, int half, uint8_t *restrict codes) {
  LANES for (int j = 0; j < half; j++) {
    codes[j] = bytes[j] & 15;
    codes[j + half] = bytes[j] >> 4;
  }
}

static KERNEL void close_halves(const uint8_t *restrict codes, int half, uint8_t *restrict bytes) {
  LANES for (int j = 0; j < half; j++) bytes[j] = (uint8_t)((codes[j] & 15) | codes[j + half] << 4);
}

// The fifth bit of 32 codes, in a word of their own before the bytes of the others.
static KERNEL void open_fives(const uint8_t *restrict bytes, uint8_t *restrict codes) {
  uint32_t upper;
  memcpy(&upper, bytes, 4);
  open_halves(bytes + 4, 16, codes);
  LANES for (int j = 0; j < 32; j++) codes[j] |= (uint8_t)((upper >> j & 1) << 4);
}

static KERNEL void close_fives(const uint8_t *restrict codes, uint8_t *restrict bytes) {
  uint32_t upper = 0;
  for (int j = 0; j < 32; j++) upper |= (uint32_t)(codes[j] >> 4 & 1) << j;
  memcpy(bytes, &upper, 4);
  close_halves(codes, 16, bytes + 4);
}

static KERNEL bool have_bits(const uint8_t *restrict codes, size_t count, int bits) {
  uint8_t all = 0;
  LANES for (size_t j = 0; j < count; j++) all |= codes[j];
  return all >> bits == 0;
}

// Blocks whose numbers are turned together.
enum { RUN = 64 };

// Whether F16 holds the numbers, which it is given.
static KERNEL bool store_halves(const float *restrict values, size_t count, uint16_t *restrict halves) {
  uint32_t lost = 0;
  LANES for (size_t j = 0; j < count; j++) {
    uint32_t half = half_of(values[j]);
    halves[j] = (uint16_t)half;
    lost |= (bits_of(float_of_half(half)) ^ bits_of(values[j])) | (uint32_t)!is_half_finite(half);
  }
  return lost == 0;
}

static KERNEL void load_halves(const uint16_t *restrict halves, size_t count, float *restrict values) {
  LANES for (size_t j = 0; j < count; j++) values[j] = float_of_half(halves[j]);
}

// Powers of two by their codes; the last one is more than F32 holds.
static KERNEL void load_powers(const uint8_t *restrict powers, size_t count, float *restrict values) {
  LANES for (size_t j = 0; j < count; j++) {
    values[j] = float_of(powers[j] == 0 ? 0x400000u : (uint32_t)powers[j] << 23);
  }
}

static KERNEL bool store_powers(const float *restrict values, size_t count, uint8_t *restrict powers) {
  uint32_t lost = 0;
  LANES for (size_t j = 0; j < count; j++) {
    uint32_t bits = bits_of(values[j]);
    powers[j] = (uint8_t)(bits == 0x400000u ? 0 : bits >> 23);
    uint32_t is_power = (uint32_t)((bits & 0x807fffffu) == 0) & (uint32_t)(bits != 0) & (uint32_t)(bits < 0x7f800000u);
    lost |= (is_power | (uint32_t)(bits == 0x400000u)) ^ 1;
  }
  return lost == 0;
}

// The scales of NVFP4: E4M3 whose sign ggml ignores. Of its two NaNs the one without a sign is 0 to it, the other one the
// number after the largest, which no E4M3 holds.
static KERNEL float e4m3_scale(uint32_t code) {
  return code == 0x7f ? 0.0f : float_of_half((code & 0x7fu) << 7) * 256.0f;
}

static KERNEL void load_e4m3s(const uint8_t *restrict codes, size_t count, float *restrict values) {
  LANES for (size_t j = 0; j < count; j++) values[j] = e4m3_scale(codes[j]);
}

static KERNEL bool store_e4m3s(const float *restrict values, size_t count, uint8_t *restrict codes) {
  uint32_t lost = 0;
  LANES for (size_t j = 0; j < count; j++) {
    uint32_t code = (uint32_t)small_float_of(values[j], 3, -6, 0x7f);
    codes[j] = (uint8_t)code;
    lost |= (bits_of(e4m3_scale(code)) ^ bits_of(values[j])) | (uint32_t)(code == 0x7f);
  }
  return lost == 0;
}

// What the blocks of a kind have: bytes, codes, bits of a code, bytes before the codes, and what stands there.
struct block_form {
  size_t bytes, codes, bits, head;
  enum { HALF, HALF_AND_BIAS, POWER, E4M3 } numbers;
  // What zero is where there is no bias.
  float zero;
};

static KERNEL struct block_form form_of(enum decant_block_groups kind) {
  switch (kind) {
    case DECANT_BLOCKS_Q4_0: return (struct block_form){18, 32, 4, 2, HALF, 8};
    case DECANT_BLOCKS_Q4_1: return (struct block_form){20, 32, 4, 4, HALF_AND_BIAS, 0};
    case DECANT_BLOCKS_Q5_0: return (struct block_form){22, 32, 5, 2, HALF, 16};
    case DECANT_BLOCKS_Q5_1: return (struct block_form){24, 32, 5, 4, HALF_AND_BIAS, 0};
    case DECANT_BLOCKS_Q8_0: return (struct block_form){34, 32, 8, 2, HALF, 0};
    case DECANT_BLOCKS_MXFP4: return (struct block_form){17, 32, 4, 1, POWER, 0};
    case DECANT_BLOCKS_NVFP4: return (struct block_form){36, 64, 4, 4, E4M3, 0};
  }
}

static KERNEL void open_run(const uint8_t *restrict blocks, size_t count, enum decant_block_groups kind,
                            uint8_t *restrict codes, float *restrict scales, float *_Nullable offsets) {
  struct block_form form = form_of(kind);
  uint16_t halves[RUN], biases[RUN];
  uint8_t bytes[4 * RUN];
  for (size_t i = 0; i < count; i++, blocks += form.bytes, codes += form.codes) {
    if (form.numbers == HALF || form.numbers == HALF_AND_BIAS) halves[i] = (uint16_t)load_u16(blocks);
    if (form.numbers == HALF_AND_BIAS) biases[i] = (uint16_t)load_u16(blocks + 2);
    if (form.numbers == POWER) bytes[i] = blocks[0];
    if (form.numbers == E4M3) {
      memcpy(bytes + 4 * i, blocks, 4);
      for (size_t part = 0; part < 4; part++) open_halves(blocks + form.head + 8 * part, 8, codes + 16 * part);
    } else if (form.bits == 4) {
      open_halves(blocks + form.head, 16, codes);
    } else if (form.bits == 5) {
      open_fives(blocks + form.head, codes);
    } else {
      memcpy(codes, blocks + form.head, 32);
    }
  }
  if (form.numbers == HALF || form.numbers == HALF_AND_BIAS) load_halves(halves, count, scales);
  if (form.numbers == POWER) load_powers(bytes, count, scales);
  if (form.numbers == E4M3) load_e4m3s(bytes, 4 * count, scales);
  if (!offsets) return;
  if (form.numbers == HALF_AND_BIAS) {
    load_halves(biases, count, offsets);
  } else {
    for (size_t i = 0; i < count; i++) offsets[i] = form.zero;
  }
}

static KERNEL bool close_run(const uint8_t *restrict codes, const float *restrict scales,
                             const float *_Nullable offsets, size_t count, enum decant_block_groups kind,
                             uint8_t *restrict blocks) {
  struct block_form form = form_of(kind);
  uint16_t halves[RUN], biases[RUN];
  uint8_t bytes[4 * RUN];
  bool fits = have_bits(codes, count * form.codes, (int)form.bits);
  if (form.numbers == HALF || form.numbers == HALF_AND_BIAS) fits &= store_halves(scales, count, halves);
  if (form.numbers == POWER) fits &= store_powers(scales, count, bytes);
  if (form.numbers == E4M3) fits &= store_e4m3s(scales, 4 * count, bytes);
  if (form.numbers == HALF_AND_BIAS) {
    if (offsets) fits &= store_halves(offsets, count, biases);
    else memset(biases, 0, sizeof biases);
  } else if (form.zero != 0) {
    for (size_t i = 0; i < count; i++) fits &= offsets && offsets[i] == form.zero;
  }
  if (!fits) return false;
  for (size_t i = 0; i < count; i++, blocks += form.bytes, codes += form.codes) {
    if (form.numbers == HALF || form.numbers == HALF_AND_BIAS) store_u16(blocks, halves[i]);
    if (form.numbers == HALF_AND_BIAS) store_u16(blocks + 2, biases[i]);
    if (form.numbers == POWER) blocks[0] = bytes[i];
    if (form.numbers == E4M3) {
      memcpy(blocks, bytes + 4 * i, 4);
      for (size_t part = 0; part < 4; part++) close_halves(codes + 16 * part, 8, blocks + form.head + 8 * part);
    } else if (form.bits == 4) {
      close_halves(codes, 16, blocks + form.head);
    } else if (form.bits == 5) {
      close_fives(codes, blocks + form.head);
    } else {
      memcpy(blocks + form.head, codes, 32);
    }
  }
  return true;
}

// Runs a loop for every kind, so that each has a body of its own.
#define FOR_KIND(kind, DO)                               \
  switch (kind) {                                        \
    case DECANT_BLOCKS_Q4_0: DO(DECANT_BLOCKS_Q4_0);     \
    case DECANT_BLOCKS_Q4_1: DO(DECANT_BLOCKS_Q4_1);     \
    case DECANT_BLOCKS_Q5_0: DO(DECANT_BLOCKS_Q5_0);     \
    case DECANT_BLOCKS_Q5_1: DO(DECANT_BLOCKS_Q5_1);     \
    case DECANT_BLOCKS_Q8_0: DO(DECANT_BLOCKS_Q8_0);     \
    case DECANT_BLOCKS_MXFP4: DO(DECANT_BLOCKS_MXFP4);   \
    case DECANT_BLOCKS_NVFP4: DO(DECANT_BLOCKS_NVFP4);   \
  }

static KERNEL void open_all(const uint8_t *restrict blocks, size_t count, enum decant_block_groups kind,
                            uint8_t *restrict codes, float *restrict scales, float *_Nullable offsets) {
  struct block_form form = form_of(kind);
  size_t groups = form.numbers == E4M3 ? 4 : 1;
  for (size_t i = 0; i < count; i += RUN) {
    open_run(blocks + i * form.bytes, smaller_size(RUN, count - i), kind, codes + i * form.codes, scales + i * groups,
             offsets ? offsets + i * groups : NULL);
  }
}

static KERNEL bool close_all(const uint8_t *restrict codes, const float *restrict scales,
                             const float *_Nullable offsets, size_t count, enum decant_block_groups kind,
                             uint8_t *restrict blocks) {
  struct block_form form = form_of(kind);
  size_t groups = form.numbers == E4M3 ? 4 : 1;
  for (size_t i = 0; i < count; i += RUN) {
    if (!close_run(codes + i * form.codes, scales + i * groups, offsets ? offsets + i * groups : NULL,
                   smaller_size(RUN, count - i), kind, blocks + i * form.bytes)) {
      return false;
    }
  }
  return true;
}

static KERNEL void open_blocks(const uint8_t *restrict blocks, size_t count, enum decant_block_groups kind,
                               uint8_t *restrict codes, float *restrict scales, float *_Nullable offsets) {
#define OPEN(KIND) open_all(blocks, count, KIND, codes, scales, offsets); return
  FOR_KIND(kind, OPEN)
}
DECANT_COMPILE(void, open_blocks,
               (const uint8_t *blocks, size_t count, enum decant_block_groups kind, uint8_t *codes, float *scales,
                float *_Nullable offsets),
               (blocks, count, kind, codes, scales, offsets))

static KERNEL bool close_blocks(const uint8_t *restrict codes, const float *restrict scales,
                                const float *_Nullable offsets, size_t count, enum decant_block_groups kind,
                                uint8_t *restrict blocks) {
#define CLOSE(KIND) return close_all(codes, scales, offsets, count, KIND, blocks)
  FOR_KIND(kind, CLOSE)
}
DECANT_COMPILE(bool, close_blocks,
               (const uint8_t *codes, const float *scales, const float *_Nullable offsets, size_t count,
                enum decant_block_groups kind, uint8_t *blocks),
               (codes, scales, offsets, count, kind, blocks))
