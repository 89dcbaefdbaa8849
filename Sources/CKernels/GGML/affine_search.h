// The search for a scale and a minimum: `value = scale * code + minimum`, codes from 0 to `most`, a minimum that is not
// positive.
//
// Values are divided by a number of trial steps around the one that spreads the codes over the whole range. The codes
// of a trial give the scale and minimum of least squares. The trial with the smallest weighted error wins, and the trials
// after it start at its minimum. Source: ggml make_qkx2_quants, make_qkx3_quants.

#ifndef DECANT_AFFINE_SEARCH_H
#define DECANT_AFFINE_SEARCH_H

#include "block_groups.h"

#pragma STDC FP_CONTRACT OFF

#define MOST_ELEMENTS 32

// What is searched. Trial t has `most + first + step * t` steps over the range.
struct affine_grid {
  int elements;
  int most;
  float first, step;
  int trials;
  // Whether the error is the sum of magnitudes of differences, not of their squares.
  int takes_magnitudes;
};

// The search where importance is known, the same for all types.
static KERNEL struct affine_grid weighted_affine_grid(int elements, int bits) {
  return (struct affine_grid){
      .elements = elements, .most = (1 << bits) - 1, .first = -0.9f, .step = 0.05f, .trials = 37};
}

struct affine_fit {
  float scale[WIDTH], minimum[WIDTH];
  // What the winning trial's codes come from: (value - origin) * inverse.
  float origin[WIDTH], inverse[WIDTH];
};

// `clamped(nearest(value), most)` as a float. ROUNDING + code has the code in its last places; what has left the range
// of the sum's exponent comes back into it, as ggml's integers wrap.
static KERNEL float trial_code(float value, float most) {
  float sum = float_of((bits_of(value + ROUNDING) & 0x007fffffu) | 0x4b000000u);
  sum = sum > ROUNDING ? sum : ROUNDING;
  sum = sum < ROUNDING + most ? sum : ROUNDING + most;
  return sum - ROUNDING;
}

static KERNEL float affine_error(float value, float weight, float code, float scale, float minimum, int takes_magnitudes) {
  float difference = scale * code + minimum - value;
  return weight * (takes_magnitudes ? __builtin_fabsf(difference) : difference * difference);
}

// A search, and its present trial.
struct affine_search {
  float sum_w[WIDTH], sum_x[WIDTH], high[WIDTH];
  struct affine_fit best;
  float error[WIDTH];
  float trial_inverse[WIDTH], trial_scale[WIDTH], trial_minimum[WIDTH], trial_error[WIDTH];
  ALIGNED float codes[MOST_ELEMENTS][WIDTH];
};

// Begins with codes over the whole range.
static KERNEL void begin_search(struct affine_grid grid, const float (*restrict values)[WIDTH],
                                const float (*restrict weights)[WIDTH], struct affine_search *restrict search) {
  const float most = (float)grid.most;
  float low[WIDTH], high[WIDTH], sum_w[WIDTH], sum_x[WIDTH];
  EACH_LANE(k) {
    low[k] = high[k] = values[0][k];
    sum_w[k] = weights[0][k];
    sum_x[k] = weights[0][k] * values[0][k];
  }
  for (int i = 1; i < grid.elements; i++) {
    EACH_LANE(k) {
      float value = values[i][k];
      low[k] = value < low[k] ? value : low[k];
      high[k] = value > high[k] ? value : high[k];
      sum_w[k] += weights[i][k];
      sum_x[k] += weights[i][k] * value;
    }
  }
  float scale[WIDTH], minimum[WIDTH], inverse[WIDTH], error[WIDTH];
  EACH_LANE(k) {
    minimum[k] = low[k] > 0.0f ? 0.0f : low[k];
    inverse[k] = most / (high[k] - minimum[k]);
    scale[k] = 1.0f / inverse[k];
    error[k] = 0.0f;
  }
  for (int i = 0; i < grid.elements; i++) {
    EACH_LANE(k) {
      float code = trial_code(inverse[k] * (values[i][k] - minimum[k]), most);
      error[k] += affine_error(values[i][k], weights[i][k], code, scale[k], minimum[k], grid.takes_magnitudes);
    }
  }
  EACH_LANE(k) {
    search->sum_w[k] = sum_w[k];
    search->sum_x[k] = sum_x[k];
    search->high[k] = high[k];
    search->best.scale[k] = scale[k];
    search->best.minimum[k] = search->best.origin[k] = minimum[k];
    search->best.inverse[k] = inverse[k];
    search->error[k] = error[k];
  }
}

// The codes of a trial, and the scale and minimum that suit them best.
static KERNEL void solve_trial(struct affine_grid grid, int trial, const float (*restrict values)[WIDTH],
                               const float (*restrict weights)[WIDTH], struct affine_search *restrict search) {
  const float most = (float)grid.most, steps = grid.first + grid.step * (float)trial + most;
  float minimum[WIDTH], inverse[WIDTH], sum_l[WIDTH], sum_l2[WIDTH], sum_xl[WIDTH];
  EACH_LANE(k) {
    minimum[k] = search->best.minimum[k];
    inverse[k] = steps / (search->high[k] - minimum[k]);
    sum_l[k] = sum_l2[k] = sum_xl[k] = 0.0f;
  }
  for (int i = 0; i < grid.elements; i++) {
    EACH_LANE(k) {
      float code = trial_code(inverse[k] * (values[i][k] - minimum[k]), most);
      float weighted = weights[i][k] * code;
      search->codes[i][k] = code;
      sum_l[k] += weighted;
      sum_l2[k] += weighted * code;
      sum_xl[k] += weighted * values[i][k];
    }
  }
  EACH_LANE(k) {
    float sum_w = search->sum_w[k], sum_x = search->sum_x[k];
    float determinant = sum_w * sum_l2[k] - sum_l[k] * sum_l[k];
    float solved_scale = (sum_w * sum_xl[k] - sum_x * sum_l[k]) / determinant;
    float solved_minimum = (sum_l2[k] * sum_x - sum_l[k] * sum_xl[k]) / determinant;
    // No error is smaller than an infinite one, or one that is not a number.
    search->trial_error[k] = determinant > 0.0f ? 0.0f : __builtin_inff();
    search->trial_inverse[k] = inverse[k];
    search->trial_scale[k] = solved_minimum > 0.0f ? sum_xl[k] / sum_l2[k] : solved_scale;
    search->trial_minimum[k] = solved_minimum > 0.0f ? 0.0f : solved_minimum;
  }
}

// Keeps a trial that is better than all before.
static KERNEL void judge_trial(struct affine_grid grid, const float (*restrict values)[WIDTH],
                               const float (*restrict weights)[WIDTH], struct affine_search *restrict search) {
  float scale[WIDTH], minimum[WIDTH], error[WIDTH];
  EACH_LANE(k) {
    scale[k] = search->trial_scale[k];
    minimum[k] = search->trial_minimum[k];
    error[k] = search->trial_error[k];
  }
  for (int i = 0; i < grid.elements; i++) {
    EACH_LANE(k) {
      error[k] += affine_error(values[i][k], weights[i][k], search->codes[i][k], scale[k], minimum[k],
                               grid.takes_magnitudes);
    }
  }
  EACH_LANE(k) {
    int better = error[k] < search->error[k];
    search->error[k] = selected(better, error[k], search->error[k]);
    search->best.scale[k] = selected(better, scale[k], search->best.scale[k]);
    search->best.origin[k] = selected(better, search->best.minimum[k], search->best.origin[k]);
    search->best.inverse[k] = selected(better, search->trial_inverse[k], search->best.inverse[k]);
    search->best.minimum[k] = selected(better, minimum[k], search->best.minimum[k]);
  }
}

// Blocks that are searched in turn: while the divisions of one run, another one adds up.
#define TURNS 4

// Searches TURNS times WIDTH blocks: the lanes of TURNS blocks lie one after another in `values` and `weights`.
static KERNEL void search_affine(struct affine_grid grid, const float (*restrict values)[WIDTH],
                                 const float (*restrict weights)[WIDTH], struct affine_fit *restrict fits) {
  struct affine_search searches[TURNS];
  for (int t = 0; t < TURNS; t++) {
    begin_search(grid, values + t * grid.elements, weights + t * grid.elements, &searches[t]);
  }
  for (int trial = 0; trial < grid.trials; trial++) {
    for (int t = 0; t < TURNS; t++) {
      solve_trial(grid, trial, values + t * grid.elements, weights + t * grid.elements, &searches[t]);
    }
    for (int t = 0; t < TURNS; t++) {
      judge_trial(grid, values + t * grid.elements, weights + t * grid.elements, &searches[t]);
    }
  }
  for (int t = 0; t < TURNS; t++) fits[t] = searches[t].best;
}

// The scale of numbers that are not negative, codes from 0 to `most` (wrapped to a byte where ggml lets them), and the
// codes: the best of nine steps, then codes moved one by one while that helps. Source: ggml make_qp_quants.
static KERNEL void search_scale(int elements, int most, const float (*restrict values)[WIDTH],
                                const float (*restrict weights)[WIDTH], int32_t (*restrict codes)[WIDTH],
                                float *restrict result) {
  float largest[WIDTH], inverse[WIDTH], best_error[WIDTH];
  EACH_LANE(k) largest[k] = 0.0f;
  for (int i = 0; i < elements; i++) EACH_LANE(k) largest[k] = largest[k] > values[i][k] ? largest[k] : values[i][k];

  // The codes of the first trial are not clamped.
  for (int trial = 0; trial < 9; trial++) {
    // 0, then -4 to 4 without 0.
    int offset = trial == 0 ? 0 : trial <= 4 ? trial - 5 : trial - 4;
    float error[WIDTH], trial_inverse[WIDTH], trial_scale[WIDTH];
    EACH_LANE(k) {
      trial_inverse[k] = (0.1f * (float)offset + (float)most) / largest[k];
      trial_scale[k] = 1.0f / trial_inverse[k];
      error[k] = 0.0f;
    }
    for (int i = 0; i < elements; i++) {
      EACH_LANE(k) {
        int32_t code = nearest(trial_inverse[k] * values[i][k]);
        code = trial == 0 ? code & 0xff : smaller(most, code);
        float difference = values[i][k] - trial_scale[k] * (float)code;
        error[k] += weights[i][k] * difference * difference;
      }
    }
    EACH_LANE(k) {
      int better = trial == 0 || error[k] < best_error[k];
      best_error[k] = selected(better, error[k], best_error[k]);
      inverse[k] = selected(better, trial_inverse[k], inverse[k]);
    }
  }

  float sum_xl[WIDTH], sum_l2[WIDTH];
  EACH_LANE(k) sum_xl[k] = sum_l2[k] = 0.0f;
  for (int i = 0; i < elements; i++) {
    EACH_LANE(k) {
      int32_t code = smaller(most, nearest(inverse[k] * values[i][k]));
      codes[i][k] = code & 0xff;
      sum_xl[k] += weights[i][k] * values[i][k] * (float)code;
      sum_l2[k] += weights[i][k] * (float)code * (float)code;
    }
  }
  for (int round = 0; round < 5; round++) {
    int32_t changed[WIDTH] = {0};
    for (int i = 0; i < elements; i++) {
      EACH_LANE(k) {
        float value = values[i][k], weight = weights[i][k], code = (float)codes[i][k];
        float other_xl = sum_xl[k] - weight * value * code;
        float other_l2 = sum_l2[k] - weight * code * code;
        int32_t moved = smaller(most, nearest(value * other_l2 / other_xl));
        float new_xl = other_xl + weight * value * (float)moved;
        float new_l2 = other_l2 + weight * (float)moved * (float)moved;
        int better = (other_xl > 0.0f) & (other_l2 > 0.0f) & (moved != codes[i][k]) &
                     (new_xl * new_xl * sum_l2[k] > sum_xl[k] * sum_xl[k] * new_l2);
        int32_t kept = codes[i][k];
        codes[i][k] = better ? moved & 0xff : kept;
        sum_xl[k] = selected(better, new_xl, sum_xl[k]);
        sum_l2[k] = selected(better, new_l2, sum_l2[k]);
        changed[k] |= better;
      }
    }
    int32_t changes = 0;
    EACH_LANE(k) changes |= changed[k];
    if (changes == 0) break;
  }
  EACH_LANE(k) {
    int is_zero = largest[k] < 1e-15f;
    float solved = sum_xl[k] / sum_l2[k];
    result[k] = (!is_zero & (sum_l2[k] > 0.0f)) ? solved : 0.0f;
    for (int i = 0; i < elements; i++) codes[i][k] &= is_zero ? 0 : -1;
  }
}

#endif
