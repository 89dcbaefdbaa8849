// What the IQ2 and IQ3 types share: 32 values are points of a lattice, a sign for each coordinate, and a scale.

#ifndef DECANT_SIGNED_POINTS_H
#define DECANT_SIGNED_POINTS_H

#include "../instruction_sets.h"
#include "lattices.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 256
#define GROUP 32
#define GROUPS 8

static KERNEL uint32_t load_u32(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, 4);
  return value;
}

// Four times seven signs become four times eight: the number of minus signs of a point is even.
static KERNEL uint32_t even_signs(uint32_t sevens) {
  uint32_t signs = 0;
  for (int i = 0; i < 4; i++) signs |= ((sevens >> 7 * i) & 127) << 8 * i;
  uint32_t parity = (signs ^ signs >> 4) & 0x0f0f0f0f;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return signs | (parity & 0x01010101) << 7;
}

// Writes a group: the first 16 magnitudes are scaled by scales[0], the others by scales[1]; a bit of `signs` for each.
static KERNEL void store_signed(const int8_t *restrict magnitudes, uint32_t signs, const float *restrict scales,
                                float *restrict values) {
  for (int half = 0; half < 2; half++) {
    LANES for (int j = 0; j < GROUP / 2; j++) {
      uint32_t sign = signs >> (16 * half + j) << 31;
      values[16 * half + j] = float_of(bits_of(scales[half] * (float)magnitudes[16 * half + j]) ^ sign);
    }
  }
}

#endif
