// Q1_0: signs of 128 values, and an F16 scale, their mean magnitude. Source: ggml quantize_row_q1_0_ref.

#include "block_groups.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 128
#define BLOCK_BYTES 18

// The sums of the magnitudes of up to WIDTH blocks, each in order.
static KERNEL void sum_magnitudes(const float *restrict values, size_t blocks, float *restrict sums) {
  ALIGNED float lanes[BLOCK][WIDTH];
  if (blocks == WIDTH) {
    to_lanes(values, BLOCK, WIDTH, WIDTH, lanes[0]);
  } else {
    float padded[WIDTH * BLOCK] = {0};
    memcpy(padded, values, sizeof(float) * BLOCK * blocks);
    to_lanes(padded, BLOCK, WIDTH, WIDTH, lanes[0]);
  }
  EACH_LANE(k) sums[k] = 0.0f;
  for (int j = 0; j < BLOCK; j++) EACH_LANE(k) sums[k] += __builtin_fabsf(lanes[j][k]);
}

// A bit for every value that is not below zero.
static KERNEL void store_signs(const float *restrict values, uint8_t *restrict bytes) {
  uint8_t signs[BLOCK];
  LANES for (int j = 0; j < BLOCK; j++) signs[j] = values[j] >= 0.0f;
  for (int j = 0; j < BLOCK / 8; j++) {
    uint64_t eight;
    memcpy(&eight, signs + 8 * j, 8);
    // The product's top byte has the lowest bit of byte i at place i.
    bytes[j] = (uint8_t)(eight * 0x0102040810204080u >> 56);
  }
}

static KERNEL size_t encode_q1_0(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t first = 0; first < blocks; first += WIDTH) {
    size_t count = blocks - first < WIDTH ? blocks - first : WIDTH;
    ALIGNED float sums[WIDTH];
    sum_magnitudes(values, count, sums);
    for (size_t block = 0; block < count; block++, values += BLOCK, bytes += BLOCK_BYTES) {
      // A sum with a value that is not finite is not finite.
      uint32_t scale = half_of(sums[block] / (float)BLOCK);
      if (!is_half_finite(scale)) return first + block;
      store_u16(bytes, scale);
      store_signs(values, bytes + 2);
    }
  }
  return blocks;
}
DECANT_COMPILE(size_t, encode_q1_0, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

static KERNEL void decode_q1_0(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += BLOCK_BYTES) {
    uint32_t negative = bits_of(float_of_half(load_u16(bytes))) ^ 0x80000000u;
    for (int word = 0; word < BLOCK / 32; word++, values += 32) {
      uint32_t signs;
      memcpy(&signs, bytes + 2 + 4 * word, 4);
      LANES for (int j = 0; j < 32; j++) values[j] = float_of(negative ^ signs >> j << 31);
    }
  }
}
DECANT_COMPILE(void, decode_q1_0, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
