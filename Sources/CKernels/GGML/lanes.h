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

#endif
