// IQ3_XXS, IQ3_S: points of four coordinates. Source: ggml dequantize_row_iq3_xxs, _s.

#include "signed_points.h"

#pragma STDC FP_CONTRACT OFF

// Scale F16; 64 points (a byte each); for each group a word of four times seven signs and a scale of four bits.
static KERNEL void decode_iq3_xxs(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 98) {
    float scale = float_of_half(load_u16(bytes));
    for (int group = 0; group < GROUPS; group++, values += GROUP) {
      uint32_t word = load_u32(bytes + 66 + 4 * group);
      float group_scale = scale * (0.5f + (float)(word >> 28)) * 0.5f;
      int8_t magnitudes[GROUP];
      for (int i = 0; i < 8; i++) {
        memcpy(magnitudes + 4 * i, decant_iq3_xxs_points + 4 * bytes[2 + 8 * group + i], 4);
      }
      store_signed(magnitudes, even_signs(word), (float[]){group_scale, group_scale}, values);
    }
  }
}
DECANT_COMPILE(void, decode_iq3_xxs, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

// Scale F16; the low bytes of 64 points; their high bits; 256 signs; a scale of four bits for every group.
static KERNEL void decode_iq3_s(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 110) {
    float scale = float_of_half(load_u16(bytes));
    for (int group = 0; group < GROUPS; group++, values += GROUP) {
      uint32_t scale_code = bytes[106 + group / 2] >> 4 * (group % 2) & 15;
      float group_scale = scale * (float)(1 + 2 * scale_code);
      uint32_t high = bytes[66 + group];
      int8_t magnitudes[GROUP];
      for (int i = 0; i < 8; i++) {
        uint32_t code = bytes[2 + 8 * group + i] | (high >> i & 1) << 8;
        memcpy(magnitudes + 4 * i, decant_iq3_s_points + 4 * code, 4);
      }
      store_signed(magnitudes, load_u32(bytes + 74 + 4 * group), (float[]){group_scale, group_scale}, values);
    }
  }
}
DECANT_COMPILE(void, decode_iq3_s, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
