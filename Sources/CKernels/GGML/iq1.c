// IQ1_S, IQ1_M: points of eight coordinates -1, 0, 1, moved up or down by an eighth, times a scale.
// Source: ggml dequantize_row_iq1_s, _m.

#include "../instruction_sets.h"
#include "lattices.h"

#pragma STDC FP_CONTRACT OFF

#define GROUPS 8

static KERNEL void store_moved(uint32_t code, int is_down, float scale, float *restrict values) {
  const int8_t *point = decant_iq1_points + 8 * code;
  float move = is_down ? -0.125f : 0.125f;
  LANES for (int j = 0; j < 8; j++) values[j] = scale * ((float)point[j] + move);
}

// Scale F16; the low bytes of 32 points; for each group a word of four times three high bits, a scale of three bits and
// the direction of the move.
static KERNEL void decode_iq1_s(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 50) {
    float scale = float_of_half(load_u16(bytes));
    for (int group = 0; group < GROUPS; group++) {
      uint32_t word = load_u16(bytes + 34 + 2 * group);
      float group_scale = scale * (float)(2 * (word >> 12 & 7) + 1);
      for (int i = 0; i < 4; i++, values += 8) {
        uint32_t code = bytes[2 + 4 * group + i] | (word >> 3 * i & 7) << 8;
        store_moved(code, word >> 15 & 1, group_scale, values);
      }
    }
  }
}
DECANT_COMPILE(void, decode_iq1_s, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

// The low bytes of 32 points; for each three high bits and the direction of the move; four words, each of four scales of
// three bits, and at the top four bits of the F16 scale.
static KERNEL void decode_iq1_m(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 56) {
    uint32_t half = 0;
    for (int i = 0; i < 4; i++) half |= load_u16(bytes + 48 + 2 * i) >> 12 << 4 * i;
    float scale = float_of_half(half);
    for (int i = 0; i < 4 * GROUPS; i++, values += 8) {
      uint32_t scale_code = load_u16(bytes + 48 + i / 8 * 2) >> 3 * (i / 2 % 4) & 7;
      uint32_t high = bytes[32 + i / 2] >> 4 * (i % 2) & 15;
      uint32_t code = bytes[i] | (high & 7) << 8;
      store_moved(code, high >> 3, scale * (float)(2 * scale_code + 1), values);
    }
  }
}
DECANT_COMPILE(void, decode_iq1_m, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
