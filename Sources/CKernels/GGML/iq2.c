// IQ2_XXS, IQ2_XS, IQ2_S: points of eight coordinates. Source: ggml dequantize_row_iq2_xxs, _xs, _s.

#include "signed_points.h"

#pragma STDC FP_CONTRACT OFF

// Scales of the halves of a group: four bits each.
static KERNEL void load_scales(float scale, uint32_t codes, float *restrict scales) {
  scales[0] = scale * (0.5f + (float)(codes & 15)) * 0.25f;
  scales[1] = scale * (0.5f + (float)(codes >> 4)) * 0.25f;
}

// Scale F16; for each group four points (a byte each), and a word of four times seven signs and a scale of four bits.
static KERNEL void decode_iq2_xxs(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 66) {
    float scale = float_of_half(load_u16(bytes));
    for (int group = 0; group < GROUPS; group++, values += GROUP) {
      const uint8_t *codes = bytes + 2 + 8 * group;
      uint32_t word = load_u32(codes + 4);
      float group_scale = scale * (0.5f + (float)(word >> 28)) * 0.25f;
      int8_t magnitudes[GROUP];
      for (int i = 0; i < 4; i++) memcpy(magnitudes + 8 * i, decant_iq2_xxs_points + 8 * codes[i], 8);
      store_signed(magnitudes, even_signs(word), (float[]){group_scale, group_scale}, values);
    }
  }
}
DECANT_COMPILE(void, decode_iq2_xxs, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

// Scale F16; 32 points (nine bits) with seven signs each; a scale of four bits for every two points.
static KERNEL void decode_iq2_xs(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 74) {
    float scale = float_of_half(load_u16(bytes));
    for (int group = 0; group < GROUPS; group++, values += GROUP) {
      float scales[2];
      load_scales(scale, bytes[66 + group], scales);
      int8_t magnitudes[GROUP];
      uint32_t sevens = 0;
      for (int i = 0; i < 4; i++) {
        uint32_t code = load_u16(bytes + 2 + 8 * group + 2 * i);
        memcpy(magnitudes + 8 * i, decant_iq2_xs_points + 8 * (code & 511), 8);
        sevens |= code >> 9 << 7 * i;
      }
      store_signed(magnitudes, even_signs(sevens), scales, values);
    }
  }
}
DECANT_COMPILE(void, decode_iq2_xs, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

// Scale F16; the low bytes of 32 points; 256 signs; the two high bits of the points; a scale of four bits for every two.
static KERNEL void decode_iq2_s(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 82) {
    float scale = float_of_half(load_u16(bytes));
    for (int group = 0; group < GROUPS; group++, values += GROUP) {
      float scales[2];
      load_scales(scale, bytes[74 + group], scales);
      const uint8_t *low = bytes + 2 + 4 * group;
      uint32_t high = bytes[66 + group];
      int8_t magnitudes[GROUP];
      for (int i = 0; i < 4; i++) {
        uint32_t code = low[i] | (high >> 2 * i & 3) << 8;
        memcpy(magnitudes + 8 * i, decant_iq2_s_points + 8 * code, 8);
      }
      store_signed(magnitudes, load_u32(bytes + 34 + 4 * group), scales, values);
    }
  }
}
DECANT_COMPILE(void, decode_iq2_s, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
