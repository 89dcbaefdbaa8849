// Blocks side by side: the searches of GGML's encoders walk one block in a fixed order, so that many blocks are
// walked at once, a lane each.

#ifndef DECANT_LANES_H
#define DECANT_LANES_H

#include "../instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

typedef float float4 __attribute__((vector_size(16)));

// lanes[n * lane_count + lane] = values[lane * length + n] for `count` lanes. `length` and `count` are multiples of 4.
static KERNEL void to_lanes(const float *restrict values, int length, int count, int lane_count,
                            float *restrict lanes) {
  for (int lane = 0; lane < count; lane += 4) {
    for (int n = 0; n < length; n += 4) {
      float4 row[4], pair[4];
      for (int k = 0; k < 4; k++) memcpy(&row[k], values + (lane + k) * length + n, 16);
      pair[0] = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
      pair[1] = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
      pair[2] = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
      pair[3] = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
      row[0] = __builtin_shufflevector(pair[0], pair[1], 0, 1, 4, 5);
      row[1] = __builtin_shufflevector(pair[0], pair[1], 2, 3, 6, 7);
      row[2] = __builtin_shufflevector(pair[2], pair[3], 0, 1, 4, 5);
      row[3] = __builtin_shufflevector(pair[2], pair[3], 2, 3, 6, 7);
      for (int k = 0; k < 4; k++) memcpy(lanes + (n + k) * lane_count + lane, &row[k], 16);
    }
  }
}

// How many of `count` runs of `length` values come before the first with one that is not finite.
static KERNEL int finite_runs(const float *restrict values, int length, int count) {
  for (int run = 0; run < count; run++) {
    int32_t largest = 0;
    LANES for (int i = 0; i < length; i++) largest = larger(largest, magnitude_bits(values[run * length + i]));
    if (largest >= INFINITE_MAGNITUDE) return run;
  }
  return count;
}

// Encodes up to `count` blocks of finite values that lie in a group of a fixed size, and returns how many it could before
// one whose scale does not fit. `importance`, if not NULL, is that of a row of `row_blocks` blocks; the group begins with
// block `column` of a row.
typedef int group_encoder(const float *restrict x, const float *restrict importance, size_t column, size_t row_blocks,
                          int count, uint8_t *restrict bytes);

// A group's values.
#define GROUP_VALUES 4096

// Encodes blocks in groups of GROUP_VALUES values. The last group, and one with a value that is not finite, are filled
// up with zeros.
static KERNEL size_t encode_in_groups(group_encoder *encode_group, const float *restrict values,
                                      const float *restrict importance, size_t blocks, size_t row_blocks,
                                      int block_values, int block_bytes, uint8_t *restrict bytes) {
  size_t group = (size_t)(GROUP_VALUES / block_values);
  for (size_t first = 0; first < blocks; first += group) {
    const float *x = values + first * (size_t)block_values;
    int count = (int)(blocks - first < group ? blocks - first : group);
    int finite = finite_runs(x, block_values, count);
    float padded[GROUP_VALUES];
    if ((size_t)finite < group) {
      memset(padded, 0, sizeof padded);
      memcpy(padded, x, (size_t)finite * (size_t)block_values * sizeof(float));
      x = padded;
    }
    int done = encode_group(x, importance, first % row_blocks, row_blocks, finite, bytes + first * (size_t)block_bytes);
    if (done < count) return first + (size_t)done;
  }
  return blocks;
}

#define ROUNDING_SHIFT 12582912.0f  // 1.5 * 2^23: a sum with it has no places after the point

// The nearest integer, ties to even, of a value below 2^22; of others what the low bits of the sum happen to be, which
// is what ggml's `nearest_int` gives.
static KERNEL int32_t nearest(float value) {
  return (int32_t)(bits_of(value + ROUNDING_SHIFT) & 0x7fffffu) - 0x400000;
}

// The same, of a value that is known to be below 2^22, as a float.
static KERNEL float nearest_float(float value) { return value + ROUNDING_SHIFT - ROUNDING_SHIFT; }

static KERNEL int32_t clamped(int32_t value, int32_t low, int32_t high) {
  return larger(low, smaller(high, value));
}


#define COMPILE_ENCODER(name) \
  DECANT_COMPILE(size_t, name, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))
#define COMPILE_WEIGHTED_ENCODER(name)                                                                               \
  DECANT_COMPILE(size_t, name,                                                                                       \
                 (const float *values, const float *importance, size_t rows, size_t row_blocks, uint8_t *bytes), \
                 (values, importance, rows, row_blocks, bytes))
#define COMPILE_DECODER(name) \
  DECANT_COMPILE(void, name, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

#endif
