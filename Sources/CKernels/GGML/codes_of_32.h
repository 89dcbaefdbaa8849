// What blocks of 32 with four and with five bits have in common: where their codes lie, and the two weighted encoders that
// a search makes.

#ifndef DECANT_CODES_OF_32_H
#define DECANT_CODES_OF_32_H

#include "../instruction_sets.h"

// Five bits: the fifth ones in a 32-bit word. Then two codes a byte, the first half of the block in the low halves.
static KERNEL void store_codes_of_32(const int32_t *restrict codes, int bits, uint8_t *restrict bytes) {
  if (bits == 5) {
    uint32_t fifth = 0;
    LANES for (int j = 0; j < 32; j++) fifth |= (((uint32_t)codes[j] >> 4) & 1u) << j;
    memcpy(bytes, &fifth, 4);
    bytes += 4;
  }
  LANES for (int j = 0; j < 16; j++) bytes[j] = (uint8_t)((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

static KERNEL void load_codes_of_32(const uint8_t *restrict bytes, int bits, int32_t *restrict codes) {
  uint32_t fifth = 0;
  if (bits == 5) {
    memcpy(&fifth, bytes, 4);
    bytes += 4;
  }
  LANES for (int j = 0; j < 16; j++) {
    codes[j] = bytes[j] & 15;
    codes[j + 16] = bytes[j] >> 4;
  }
  if (bits == 5) {
    LANES for (int j = 0; j < 32; j++) codes[j] += (fifth & (1u << j)) != 0 ? 16 : 0;
  }
}

// The weighted encoder of so many bits, in blocks of so many bytes, by the file's own `encode_group`.
#define WEIGHTED_ENCODER_OF_32(name, bits, block_bytes)                                                            \
  static KERNEL int name##_group(const float *restrict x, const struct importance *importance, size_t first_block, \
                                 int count, uint8_t *restrict bytes) {                                             \
    return encode_group(x, importance, first_block, count, bytes, bits, block_bytes);                              \
  }                                                                                                                \
  static KERNEL size_t name(const float *values, const float *importance, size_t rows, size_t row_blocks,          \
                            uint8_t *bytes) {                                                                      \
    return encode_in_rows(name##_group, values, importance, rows, row_blocks, 32, block_bytes, bytes);             \
  }                                                                                                                \
  COMPILE_WEIGHTED_ENCODER(name)

#endif
