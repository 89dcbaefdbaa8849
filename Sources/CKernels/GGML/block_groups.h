// Groups of blocks, searched side by side in more lanes than one vector has: arrays are [length][lane_count].

#ifndef DECANT_BLOCK_GROUPS_H
#define DECANT_BLOCK_GROUPS_H

#include "lanes.h"

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

// The magnitude of 2^60. No scale in F16 reaches that far, and its square is still finite, which the searches need.
#define UNFIT_MAGNITUDE 0x5d800000

// How many of `count` runs of `length` values come before the first with one that is not finite, or that no scale fits.
static KERNEL size_t fit_runs(const float *restrict values, size_t length, size_t count) {
  for (size_t run = 0; run < count; run++) {
    int32_t largest = 0;
    LANES for (size_t i = 0; i < length; i++) largest = larger(largest, magnitude_bits(values[run * length + i]));
    if (largest >= UNFIT_MAGNITUDE) return run;
  }
  return count;
}

// Blocks whose largest magnitude is smaller are taken for zero (ggml's GROUP_MAX_EPS).
#define SMALLEST_PEAK 1e-15f

#define MOST_LANES 128

// The first value of largest magnitude of each lane, with its sign. NaNs are passed over.
static KERNEL void lane_peaks(const float *restrict x, int length, int lane_count, float *restrict peak) {
  int32_t largest[MOST_LANES];
  LANES for (int lane = 0; lane < lane_count; lane++) {
    largest[lane] = 0;
    peak[lane] = 0.0f;
  }
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      float value = x[n * lane_count + lane];
      int32_t magnitude = magnitude_bits(value);
      int is_larger = magnitude > largest[lane] && magnitude <= INFINITE_MAGNITUDE;
      largest[lane] = is_larger ? magnitude : largest[lane];
      peak[lane] = is_larger ? value : peak[lane];
    }
  }
}

// The sums of the squares of `count` rows of `length` values, each in order.
static KERNEL void sums_of_squares(const float *restrict values, size_t length, int count, float *restrict sums) {
  int row = 0;
  for (; row + 8 <= count; row += 8) {  // eight at once, as each addition waits for the one before
    const float *x = values + (size_t)row * length;
    float sum[8] = {0};
    for (size_t i = 0; i < length; i++) {
#pragma clang loop unroll(full)
      for (int k = 0; k < 8; k++) sum[k] += x[(size_t)k * length + i] * x[(size_t)k * length + i];
    }
    for (int k = 0; k < 8; k++) sums[row + k] = sum[k];
  }
  for (; row < count; row++) {
    const float *x = values + (size_t)row * length;
    float sum = 0.0f;
    for (size_t i = 0; i < length; i++) sum += x[i] * x[i];
    sums[row] = sum;
  }
}

// How much the columns of a matrix matter.
struct importance {
  const float *columns;
  size_t row_blocks;
  const float *row_squares;  // for encoders that ask for it, the mean square of each row
};

// The importance of `lane_count` runs of `length` values, a lane each, from run `first` of a matrix.
static KERNEL void importance_lanes(const struct importance *restrict importance, int block_runs, int length,
                                    int lane_count, size_t first, float *restrict lanes) {
  size_t row_runs = importance->row_blocks * (size_t)block_runs;
  // Four lanes at once need four runs one after the other.
  float gathered[4 * 256];
  for (int lane = 0; lane < lane_count; lane += 4) {
    size_t run = (first + (size_t)lane) % row_runs;
    const float *source = importance->columns + run * (size_t)length;
    if (run + 4 > row_runs) {
      for (size_t k = 0; k < 4; k++) {
        memcpy(gathered + k * (size_t)length, importance->columns + (run + k) % row_runs * (size_t)length,
               (size_t)length * sizeof(float));
      }
      source = gathered;
    }
    to_lanes(source, length, 4, lane_count, lanes + lane);
  }
}

// Importance becomes the weight of an error: that times the root of `variance` plus the square of the value.
static KERNEL void weigh(const float *restrict x, const float *restrict variance, int length, int lane_count,
                         float *restrict w) {
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int at = n * lane_count + lane;
      w[at] *= __builtin_elementwise_sqrt(variance[lane] + x[at] * x[at]);
    }
  }
}

// Encodes `count` blocks of values that fit, of which the first is block `first` of a matrix, and returns how many it
// could before one whose scale does not fit. The values are those of a whole group, whatever `count` is. `importance`
// may be NULL.
typedef int group_encoder(const float *restrict x, const struct importance *importance, size_t first, int count,
                          uint8_t *restrict bytes);

#define MOST_GROUP_VALUES 16384

// Encodes blocks in groups of `group`. The last group, and one with a value that does not fit, are filled up with
// zeros.
static KERNEL size_t encode_in_groups_of(size_t group, group_encoder *encode_group, const float *restrict values,
                                         const struct importance *importance, size_t blocks, int block_values,
                                         int block_bytes, uint8_t *restrict bytes) {
  for (size_t first = 0; first < blocks; first += group) {
    const float *x = values + first * (size_t)block_values;
    size_t count = blocks - first < group ? blocks - first : group;
    size_t fit = fit_runs(x, (size_t)block_values, count);
    float padded[MOST_GROUP_VALUES];
    if (fit < group) {
      size_t taken = fit * (size_t)block_values;
      memcpy(padded, x, taken * sizeof(float));
      memset(padded + taken, 0, (group * (size_t)block_values - taken) * sizeof(float));
      x = padded;
    }
    int done = encode_group(x, importance, first, (int)fit, bytes + first * (size_t)block_bytes);
    if ((size_t)done < count) return first + (size_t)done;
  }
  return blocks;
}

// The values of the usual group, which fit the nearest cache.
#define GROUP_VALUES 4096

static KERNEL size_t encode_in_groups(group_encoder *encode_group, const float *restrict values,
                                      const struct importance *importance, size_t blocks, int block_values,
                                      int block_bytes, uint8_t *restrict bytes) {
  return encode_in_groups_of((size_t)(GROUP_VALUES / block_values), encode_group, values, importance, blocks,
                             block_values, block_bytes, bytes);
}

// The mean squares of the rows of `lane_count` blocks from `block` on, of a group of `count` blocks that begins with
// block `first` of a matrix. Lanes beyond the group get that of another row.
static KERNEL void row_squares_lanes(const struct importance *restrict importance, size_t first, int block, int count,
                                     int lane_count, float *restrict lanes) {
  for (int lane = 0; lane < lane_count; lane++) {
    size_t there = first + (size_t)(block + lane < count ? block + lane : 0);
    lanes[lane] = importance->row_squares[there / importance->row_blocks];
  }
}

// Rows whose squares are summed before they are encoded.
#define ROWS 16

// Encodes rows in groups, by an encoder that asks for the mean squares of rows.
static KERNEL size_t encode_in_rows(group_encoder *encode_group, const float *restrict values,
                                    const float *restrict columns, size_t rows, size_t row_blocks, int block_values,
                                    int block_bytes, uint8_t *restrict bytes) {
  size_t row_values = row_blocks * (size_t)block_values;
  for (size_t first = 0; first < rows; first += ROWS) {
    const float *x = values + first * row_values;
    size_t count = rows - first < ROWS ? rows - first : ROWS, done = first * row_blocks;
    size_t fit = fit_runs(x, row_values, count);
    float squares[ROWS];
    sums_of_squares(x, row_values, (int)fit, squares);
    for (size_t row = 0; row < fit; row++) squares[row] /= (float)row_values;
    struct importance importance = {columns, row_blocks, squares};
    size_t blocks = fit * row_blocks;
    done += encode_in_groups(encode_group, x, &importance, blocks, block_values, block_bytes,
                             bytes + done * (size_t)block_bytes);
    if (done < first * row_blocks + blocks) return done;
    // The mean square of a row with such a value is none, but blocks before that value are not to blame.
    if (fit < count) return done + fit_runs(x + fit * row_values, (size_t)block_values, row_blocks);
  }
  return rows * row_blocks;
}

// The same as `nearest`, of a value within 2^22 of zero, as a float.
static KERNEL float nearest_float(float value) { return value + ROUNDING - ROUNDING; }

static KERNEL int32_t bounded(int32_t value, int32_t low, int32_t high) { return larger(low, smaller(high, value)); }

#define COMPILE_ENCODER(name) \
  DECANT_COMPILE(size_t, name, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))
#define COMPILE_WEIGHTED_ENCODER(name)                                                                           \
  DECANT_COMPILE(size_t, name,                                                                                   \
                 (const float *values, const float *importance, size_t rows, size_t row_blocks, uint8_t *bytes), \
                 (values, importance, rows, row_blocks, bytes))
#define COMPILE_DECODER(name) \
  DECANT_COMPILE(void, name, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

#endif
