// Q4_K and Q5_K: superblocks of 8 blocks of 32 values. An F16 scale and minimum; for each block a multiple of both, of 6
// bits, packed in 12 bytes; Q5_K's fifth bits, a byte for 8 codes; two codes a byte.

#include "affine_superblocks.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCKS 8
#define ELEMENTS 32
#define MULTIPLES_OFFSET 4
#define FIFTH_BITS_OFFSET 16

static KERNEL int bytes_of(int bits) { return bits == 4 ? 144 : 176; }

// Source: ggml get_scale_min_k4.
static KERNEL void load_multiples(const uint8_t *restrict bytes, uint8_t *restrict scales, uint8_t *restrict minimums) {
  bytes += MULTIPLES_OFFSET;
  for (int j = 0; j < 4; j++) {
    scales[j] = bytes[j] & 63;
    minimums[j] = bytes[j + 4] & 63;
    scales[j + 4] = (uint8_t)((bytes[j + 8] & 15) | bytes[j] >> 6 << 4);
    minimums[j + 4] = (uint8_t)(bytes[j + 8] >> 4 | bytes[j + 4] >> 6 << 4);
  }
}

static KERNEL void decode(const uint8_t *restrict bytes, size_t superblocks, float *restrict values, int bits) {
  for (size_t n = 0; n < superblocks; n++, bytes += bytes_of(bits), values += VALUES) {
    float scale = float_of_half(load_u16(bytes)), minimum = float_of_half(load_u16(bytes + 2));
    uint8_t scales[BLOCKS], minimums[BLOCKS];
    load_multiples(bytes, scales, minimums);
    const uint8_t *codes = bytes + bytes_of(bits) - VALUES / 2;
    for (int j = 0; j < BLOCKS; j++) {
      float block_scale = scale * (float)scales[j], block_minimum = minimum * (float)minimums[j];
      LANES for (int i = 0; i < ELEMENTS; i++) {
        int32_t code = (codes[j / 2 * ELEMENTS + i] >> (j % 2 * 4)) & 15;
        if (bits == 5) code |= ((bytes[FIFTH_BITS_OFFSET + i] >> j) & 1) << 4;
        values[j * ELEMENTS + i] = block_scale * (float)code - block_minimum;
      }
    }
  }
}

static KERNEL void decode_q4_k(const uint8_t *bytes, size_t blocks, float *values) { decode(bytes, blocks, values, 4); }
static KERNEL void decode_q5_k(const uint8_t *bytes, size_t blocks, float *values) { decode(bytes, blocks, values, 5); }

// Multiples of more than 6 bits spill over into others', as they do in ggml.
static KERNEL void store_multiples(uint8_t *restrict scales, uint8_t *restrict minimums, uint8_t *restrict bytes) {
  uint8_t *packed = bytes + MULTIPLES_OFFSET;
  for (int j = 0; j < 4; j++) {
    packed[j] = (uint8_t)(scales[j] | scales[j + 4] >> 4 << 6);
    packed[j + 4] = (uint8_t)(minimums[j] | minimums[j + 4] >> 4 << 6);
    packed[j + 8] = (uint8_t)((scales[j + 4] & 15) | (minimums[j + 4] & 15) << 4);
  }
  load_multiples(bytes, scales, minimums);
}

// Only Q5_K's are clamped wherever they come from.
static KERNEL void store_clamped_multiples(uint8_t *restrict scales, uint8_t *restrict minimums,
                                           uint8_t *restrict bytes) {
  for (int j = 0; j < BLOCKS; j++) {
    scales[j] = scales[j] < 63 ? scales[j] : 63;
    minimums[j] = minimums[j] < 63 ? minimums[j] : 63;
  }
  store_multiples(scales, minimums, bytes);
}

static KERNEL void store_low_bits(const int32_t *restrict codes, uint8_t *restrict bytes) {
  for (int j = 0; j < BLOCKS; j += 2, bytes += ELEMENTS, codes += 2 * ELEMENTS) {
    LANES for (int i = 0; i < ELEMENTS; i++) bytes[i] = (uint8_t)((codes[i] & 15) | (codes[i + ELEMENTS] & 15) << 4);
  }
}

static KERNEL void store_codes_4(const int32_t *restrict codes, uint8_t *restrict bytes) {
  store_low_bits(codes, bytes + bytes_of(4) - VALUES / 2);
}

static KERNEL void store_codes_5(const int32_t *restrict codes, uint8_t *restrict bytes) {
  LANES for (int i = 0; i < ELEMENTS; i++) {
    int32_t fifth = 0;
    for (int j = 0; j < BLOCKS; j++) fifth |= codes[j * ELEMENTS + i] >> 4 << j;
    bytes[FIFTH_BITS_OFFSET + i] = (uint8_t)fifth;
  }
  store_low_bits(codes, bytes + bytes_of(5) - VALUES / 2);
}

static const struct superblock_type q4_k = {
    .bits = 4,
    .blocks = BLOCKS,
    .elements = ELEMENTS,
    .most = 63,
    .bytes = 144,
    .scale_offset = 0,
    .store_multiples = store_multiples,
    .store_codes = store_codes_4,
};
SUPERBLOCK_KERNELS(q4_k, q4_k)

static const struct superblock_type q5_k = {
    .bits = 5,
    .blocks = BLOCKS,
    .elements = ELEMENTS,
    .most = 63,
    .bytes = 176,
    .scale_offset = 0,
    .store_multiples = store_clamped_multiples,
    .store_codes = store_codes_5,
};
SUPERBLOCK_KERNELS(q5_k, q5_k)
