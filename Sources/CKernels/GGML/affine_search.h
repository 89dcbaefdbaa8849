// The search for a scale and a minimum: `value = scale * code + minimum`, codes from 0 to `most`, a minimum that is not
// positive.
//
// Values are divided by a number of trial steps around the one that spreads the codes over the whole range. The codes
// of a trial give the scale and minimum of least squares. The trial with the smallest weighted error wins, and the trials
// after it start at its minimum. Source: ggml make_qkx2_quants, make_qkx3_quants.

#ifndef DECANT_AFFINE_SEARCH_H
#define DECANT_AFFINE_SEARCH_H

#include "lanes.h"

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

static KERNEL void search_affine(struct affine_grid grid, const float (*restrict values)[WIDTH],
                                 const float (*restrict weights)[WIDTH], struct affine_fit *restrict fit) {
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

  float scale[WIDTH], minimum[WIDTH], origin[WIDTH], inverse[WIDTH], error[WIDTH];
  EACH_LANE(k) {
    minimum[k] = origin[k] = low[k] > 0.0f ? 0.0f : low[k];
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

  for (int trial = 0; trial < grid.trials; trial++) {
    float steps = grid.first + grid.step * (float)trial + most;
    float trial_inverse[WIDTH], sum_l[WIDTH], sum_l2[WIDTH], sum_xl[WIDTH];
    EACH_LANE(k) {
      trial_inverse[k] = steps / (high[k] - minimum[k]);
      sum_l[k] = sum_l2[k] = sum_xl[k] = 0.0f;
    }
    float codes[MOST_ELEMENTS][WIDTH];
    for (int i = 0; i < grid.elements; i++) {
      EACH_LANE(k) {
        float code = trial_code(trial_inverse[k] * (values[i][k] - minimum[k]), most);
        float weighted = weights[i][k] * code;
        codes[i][k] = code;
        sum_l[k] += weighted;
        sum_l2[k] += weighted * code;
        sum_xl[k] += weighted * values[i][k];
      }
    }
    float trial_scale[WIDTH], trial_minimum[WIDTH], trial_error[WIDTH];
    int32_t is_solvable[WIDTH];
    EACH_LANE(k) {
      float determinant = sum_w[k] * sum_l2[k] - sum_l[k] * sum_l[k];
      float solved_scale = (sum_w[k] * sum_xl[k] - sum_x[k] * sum_l[k]) / determinant;
      float solved_minimum = (sum_l2[k] * sum_x[k] - sum_l[k] * sum_xl[k]) / determinant;
      is_solvable[k] = determinant > 0.0f;
      trial_scale[k] = solved_minimum > 0.0f ? sum_xl[k] / sum_l2[k] : solved_scale;
      trial_minimum[k] = solved_minimum > 0.0f ? 0.0f : solved_minimum;
      trial_error[k] = 0.0f;
    }
    for (int i = 0; i < grid.elements; i++) {
      EACH_LANE(k) {
        trial_error[k] += affine_error(values[i][k], weights[i][k], codes[i][k], trial_scale[k], trial_minimum[k],
                                       grid.takes_magnitudes);
      }
    }
    EACH_LANE(k) {
      int32_t better = mask_of(is_solvable[k] & (trial_error[k] < error[k]));
      error[k] = selected(better, trial_error[k], error[k]);
      scale[k] = selected(better, trial_scale[k], scale[k]);
      origin[k] = selected(better, minimum[k], origin[k]);
      inverse[k] = selected(better, trial_inverse[k], inverse[k]);
      minimum[k] = selected(better, trial_minimum[k], minimum[k]);
    }
  }
  EACH_LANE(k) {
    // All values are the same, and not positive.
    int32_t is_constant = mask_of(high[k] == (low[k] > 0.0f ? 0.0f : low[k]));
    fit->scale[k] = selected(is_constant, 0.0f, scale[k]);
    fit->minimum[k] = selected(is_constant, low[k], minimum[k]);
    fit->origin[k] = selected(is_constant, low[k], origin[k]);
    fit->inverse[k] = selected(is_constant, 0.0f, inverse[k]);
  }
}

// The weights of a search with importance. `variance` is the mean square of what the block belongs to.
static KERNEL void weigh_by_importance(int elements, const float (*restrict values)[WIDTH],
                                       const float (*restrict importance)[WIDTH], const float *restrict variance,
                                       float (*restrict weights)[WIDTH]) {
  for (int i = 0; i < elements; i++) {
    EACH_LANE(k) {
      weights[i][k] = importance[i][k] * __builtin_elementwise_sqrt(variance[k] + values[i][k] * values[i][k]);
    }
  }
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
      int32_t better = trial == 0 ? -1 : mask_of(error[k] < best_error[k]);
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
        int32_t better = mask_of((other_xl > 0.0f) & (other_l2 > 0.0f) & (moved != codes[i][k]) &
                                 (new_xl * new_xl * sum_l2[k] > sum_xl[k] * sum_xl[k] * new_l2));
        codes[i][k] = (better & moved & 0xff) | (~better & codes[i][k]);
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
    int32_t is_zero = mask_of(largest[k] < 1e-15f);
    result[k] = selected(is_zero, 0.0f, sum_l2[k] > 0.0f ? sum_xl[k] / sum_l2[k] : 0.0f);
    for (int i = 0; i < elements; i++) codes[i][k] &= ~is_zero;
  }
}

#endif
