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

static KERNEL bool have_bits(const uint8_t *restrict codes, int count, int bits) {
  uint8_t all = 0;
  for (int j = 0; j < count; j++) all |= codes[j];
  return all >> bits == 0;
}

// Whether F16 holds a number, which it is given.
static KERNEL bool store_half(float value, uint8_t *bytes) {
  uint32_t half = half_of(value);
  store_u16(bytes, half);
  return is_half_finite(half) && bits_of(float_of_half(half)) == bits_of(value);
}

// A power of two by its code; the last one is more than F32 holds.
static KERNEL float power_of(uint8_t code) { return float_of(code == 0 ? 0x400000u : (uint32_t)code << 23); }

static KERNEL bool store_power(float value, uint8_t *byte) {
  uint32_t bits = bits_of(value);
  *byte = (uint8_t)(bits == 0x400000u ? 0 : bits >> 23);
  return bits == 0x400000u || ((bits & 0x807fffffu) == 0 && bits != 0 && bits < 0x7f800000u);
}

// The scale of NVFP4: E4M3 whose sign ggml ignores, and whose NaN is 0 to it.
static KERNEL float e4m3_scale(uint8_t code) {
  uint32_t magnitude = code & 0x7fu;
  return magnitude == 0x7f ? 0.0f : float_of_half(magnitude << 7) * 256.0f;
}

static KERNEL bool store_e4m3(float value, uint8_t *byte) {
  int32_t code = small_float_of(value, 3, -6, 0x7f);
  *byte = (uint8_t)code;
  return code < 0x7f && bits_of(e4m3_scale((uint8_t)code)) == bits_of(value);
}

static KERNEL void open_blocks(const uint8_t *restrict blocks, size_t count, enum decant_block_groups kind,
                               uint8_t *restrict codes, float *restrict scales, float *_Nullable offsets) {
  for (size_t i = 0; i < count; i++) {
    switch (kind) {
      case DECANT_BLOCKS_Q4_0:
        scales[i] = float_of_half(load_u16(blocks));
        if (offsets) offsets[i] = 8;
        open_halves(blocks + 2, 16, codes);
        blocks += 18, codes += 32;
        break;
      case DECANT_BLOCKS_Q4_1:
        scales[i] = float_of_half(load_u16(blocks));
        if (offsets) offsets[i] = float_of_half(load_u16(blocks + 2));
        open_halves(blocks + 4, 16, codes);
        blocks += 20, codes += 32;
        break;
      case DECANT_BLOCKS_Q5_0:
        scales[i] = float_of_half(load_u16(blocks));
        if (offsets) offsets[i] = 16;
        open_fives(blocks + 2, codes);
        blocks += 22, codes += 32;
        break;
      case DECANT_BLOCKS_Q5_1:
        scales[i] = float_of_half(load_u16(blocks));
        if (offsets) offsets[i] = float_of_half(load_u16(blocks + 2));
        open_fives(blocks + 4, codes);
        blocks += 24, codes += 32;
        break;
      case DECANT_BLOCKS_Q8_0:
        scales[i] = float_of_half(load_u16(blocks));
        memcpy(codes, blocks + 2, 32);
        blocks += 34, codes += 32;
        break;
      case DECANT_BLOCKS_MXFP4:
        scales[i] = power_of(blocks[0]);
        open_halves(blocks + 1, 16, codes);
        blocks += 17, codes += 32;
        break;
      case DECANT_BLOCKS_NVFP4:
        // Four groups of 16.
        for (size_t part = 0; part < 4; part++, codes += 16) {
          scales[4 * i + part] = e4m3_scale(blocks[part]);
          open_halves(blocks + 4 + 8 * part, 8, codes);
        }
        blocks += 36;
        break;
    }
  }
}
DECANT_COMPILE(void, open_blocks,
               (const uint8_t *blocks, size_t count, enum decant_block_groups kind, uint8_t *codes, float *scales,
                float *_Nullable offsets),
               (blocks, count, kind, codes, scales, offsets))

static KERNEL size_t close_blocks(const uint8_t *restrict codes, const float *restrict scales,
                                  const float *_Nullable offsets, size_t count, enum decant_block_groups kind,
                                  uint8_t *restrict blocks) {
  for (size_t i = 0; i < count; i++) {
    bool fits = true;
    float offset = offsets ? offsets[i] : 0;
    switch (kind) {
      case DECANT_BLOCKS_Q4_0:
        fits = store_half(scales[i], blocks) && (offset == 8) && have_bits(codes, 32, 4);
        close_halves(codes, 16, blocks + 2);
        blocks += 18, codes += 32;
        break;
      case DECANT_BLOCKS_Q4_1:
        fits = store_half(scales[i], blocks) && store_half(offset, blocks + 2) && have_bits(codes, 32, 4);
        close_halves(codes, 16, blocks + 4);
        blocks += 20, codes += 32;
        break;
      case DECANT_BLOCKS_Q5_0:
        fits = store_half(scales[i], blocks) && (offset == 16) && have_bits(codes, 32, 5);
        close_fives(codes, blocks + 2);
        blocks += 22, codes += 32;
        break;
      case DECANT_BLOCKS_Q5_1:
        fits = store_half(scales[i], blocks) && store_half(offset, blocks + 2) && have_bits(codes, 32, 5);
        close_fives(codes, blocks + 4);
        blocks += 24, codes += 32;
        break;
      case DECANT_BLOCKS_Q8_0:
        fits = store_half(scales[i], blocks);
        memcpy(blocks + 2, codes, 32);
        blocks += 34, codes += 32;
        break;
      case DECANT_BLOCKS_MXFP4:
        fits = store_power(scales[i], blocks) && have_bits(codes, 32, 4);
        close_halves(codes, 16, blocks + 1);
        blocks += 17, codes += 32;
        break;
      case DECANT_BLOCKS_NVFP4:
        fits = have_bits(codes, 64, 4);
        for (size_t part = 0; part < 4; part++, codes += 16) {
          fits &= store_e4m3(scales[4 * i + part], blocks + part);
          close_halves(codes, 8, blocks + 4 + 8 * part);
        }
        blocks += 36;
        break;
    }
    if (!fits) return i;
  }
  return count;
}
DECANT_COMPILE(size_t, close_blocks,
               (const uint8_t *codes, const float *scales, const float *_Nullable offsets, size_t count,
                enum decant_block_groups kind, uint8_t *blocks),
               (codes, scales, offsets, count, kind, blocks))
