// Blocks side by side.
//
// A search sums over the values of a block in order, so the sums of one block cannot be vectorized. Instead WIDTH blocks
// are searched at once, each in a lane of its own: arrays are [values of a block][WIDTH], a search is written as for
// one block, with an inner loop over the lanes where that has a number. What one block would do and another would not
// is done by all and then selected.

#ifndef DECANT_LANES_H
#define DECANT_LANES_H

#include "../instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Lanes: a vector of 512 bits.
#define WIDTH 16

// Vectors that lie across cache lines are slow.
#define ALIGNED _Alignas(64)

#define EACH_LANE(k) LANES for (int k = 0; k < WIDTH; k++)

// Both are there already, which an expression with `?` alone would not say.
static KERNEL float selected(int condition, float yes, float no) { return condition ? yes : no; }

// At 2^23 + 2^22 the last place of a float is 1: adding it rounds to nearest, ties to even.
#define ROUNDING 12582912.0f

// The nearest integer of what lies within 2^22 of zero, and ggml's integer (nearest_int) of everything else.
static KERNEL int32_t nearest(float value) {
  return (int32_t)(bits_of(value + ROUNDING) & 0x007fffffu) - 0x00400000;
}

static KERNEL int32_t clamped(int32_t value, int32_t most) { return larger(0, smaller(most, value)); }

// How many of the first blocks have finite values only.
static KERNEL size_t finite_blocks(const float *restrict values, size_t blocks, int elements) {
  for (size_t block = 0; block < blocks; block++, values += elements) {
    int32_t largest = 0;
    LANES for (int i = 0; i < elements; i++) largest = larger(largest, magnitude_bits(values[i]));
    if (largest >= INFINITE_MAGNITUDE) return block;
  }
  return blocks;
}

static KERNEL void riffle(const float *restrict from, int half, float *restrict to) {
  LANES for (int i = 0; i < half; i++) {
    to[2 * i] = from[i];
    to[2 * i + 1] = from[half + i];
  }
}

// Puts blocks that lie one after another side by side: four riffles, as WIDTH is 2^4.
static KERNEL void side_by_side(int elements, float (*restrict lanes)[WIDTH]) {
  int half = elements * WIDTH / 2;
  ALIGNED float scratch[elements * WIDTH];
  riffle(lanes[0], half, scratch);
  riffle(scratch, half, lanes[0]);
  riffle(lanes[0], half, scratch);
  riffle(scratch, half, lanes[0]);
}

// Loads up to WIDTH blocks. Lanes without a block are zero.
static KERNEL void load_lanes(const float *restrict values, size_t blocks, int elements,
                              float (*restrict lanes)[WIDTH]) {
  size_t count = blocks * (size_t)elements;
  memcpy(lanes, values, sizeof(float) * count);
  memset(lanes[0] + count, 0, sizeof(float) * ((size_t)elements * WIDTH - count));
  side_by_side(elements, lanes);
}

// Loads WIDTH blocks, from `first` on, of rows that are all like `row`.
static KERNEL void load_row_lanes(const float *restrict row, size_t row_blocks, size_t first, int elements,
                                  float (*restrict lanes)[WIDTH]) {
  size_t place = first % row_blocks;
  for (int k = 0; k < WIDTH; k++) {
    memcpy(lanes[0] + k * elements, row + place * (size_t)elements, sizeof(float) * (size_t)elements);
    place = place + 1 == row_blocks ? 0 : place + 1;
  }
  side_by_side(elements, lanes);
}

#endif
