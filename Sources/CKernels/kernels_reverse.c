// Reverse mode: from the gradient of a loss with respect to what a step of the forward pass gives to that with respect to
// what it was given. Only the product of matrices has a kernel elsewhere. Sums are in Double, in the lanes of the forward pass.

#include <math.h>

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

enum { HALF = 8 };

// Sums of eight lanes, in one order on every processor.
static KERNEL double sum_of_lanes(const double lanes[HALF]) {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static KERNEL double dot(const float *a, const float *b, size_t count) {
  double lanes[HALF] = {};
  size_t index = 0;
  for (; index + HALF <= count; index += HALF) {
    LANES for (size_t lane = 0; lane < HALF; lane++) lanes[lane] += (double)a[index + lane] * (double)b[index + lane];
  }
  for (size_t lane = 0; index < count; index++, lane++) lanes[lane] += (double)a[index] * (double)b[index];
  return sum_of_lanes(lanes);
}

static KERNEL double sum(const float *a, size_t count) {
  double lanes[HALF] = {};
  size_t index = 0;
  for (; index + HALF <= count; index += HALF) {
    LANES for (size_t lane = 0; lane < HALF; lane++) lanes[lane] += (double)a[index + lane];
  }
  for (size_t lane = 0; index < count; index++, lane++) lanes[lane] += (double)a[index];
  return sum_of_lanes(lanes);
}

// y = x * s * w with s = 1 / sqrt(mean x^2 + epsilon), or y = (x - mean) * s * w.
static KERNEL void norm_reverse(
    const float *input, size_t input_stride, const float *weight, float epsilon, bool is_centered, size_t rows,
    size_t columns, float *gradient, size_t stride) {
  for (size_t row = 0; row < rows; row++) {
    const float *source = input + row * input_stride;
    float *restrict target = gradient + row * stride;
    const double count = (double)columns;
    const double mean = is_centered ? (double)(float)(sum(source, columns) / count) : 0;
    const double squares = dot(source, source, columns) / count - mean * mean;
    const double scale = 1.0 / sqrt(squares + (double)epsilon);
    if (weight) {
      for (size_t column = 0; column < columns; column++) target[column] *= weight[column];
    }
    const double total = is_centered ? sum(target, columns) / count : 0;
    // The part of the gradient along the normalized row is lost.
    const double along = (dot(target, source, columns) - mean * total * count) * scale / count;
    for (size_t column = 0; column < columns; column++) {
      const double normalized = ((double)source[column] - mean) * scale;
      target[column] = (float)(scale * ((double)target[column] - total - normalized * along));
    }
  }
}
DECANT_COMPILE(void, norm_reverse,
               (const float *input, size_t input_stride, const float *weight, float epsilon, bool is_centered,
                size_t rows, size_t columns, float *gradient, size_t stride),
               (input, input_stride, weight, epsilon, is_centered, rows, columns, gradient, stride))

static KERNEL double logistic(double value) { return 1.0 / (1.0 + exp(-value)); }

// What the activation gives and by how much it grows.
static KERNEL void activation_of(double x, enum decant_activation activation, double *value, double *slope) {
  switch (activation) {
    case DECANT_SILU: {
      const double share = logistic(x);
      *value = x * share;
      *slope = share * (1.0 + x * (1.0 - share));
      break;
    }
    case DECANT_GELU_TANH: {
      const double share = logistic((x + 0.044715 * x * x * x) * 1.5957691216057308);
      *value = x * share;
      *slope = share + x * share * (1.0 - share) * 1.5957691216057308 * (1.0 + 3.0 * 0.044715 * x * x);
      break;
    }
    case DECANT_GELU: {
      const double below = 0.5 * (1.0 + erf(x * 0.70710678118654752));
      *value = x * below;
      *slope = below + x * 0.39894228040143268 * exp(-0.5 * x * x);
      break;
    }
    case DECANT_RELU:
      *value = x > 0 ? x : 0;
      *slope = x > 0 ? 1 : 0;
      break;
    case DECANT_SWIGLU_OAI: {
      const double limited = x > 7 ? 7 : x;
      const double share = logistic(1.702 * limited);
      *value = limited * share;
      *slope = x > 7 ? 0 : share * (1.0 + 1.702 * limited * (1.0 - share));
      break;
    }
  }
}

static KERNEL void activate_reverse(
    float *gate, float *up, size_t stride, size_t rows, size_t columns, enum decant_activation activation,
    const float *gradient, size_t gradient_stride) {
  for (size_t row = 0; row < rows; row++) {
    float *gates = gate + row * stride, *ups = up ? up + row * stride : NULL;
    const float *source = gradient + row * gradient_stride;
    for (size_t column = 0; column < columns; column++) {
      double value, slope, factor = 1, is_free = 1;
      activation_of((double)gates[column], activation, &value, &slope);
      if (ups) {
        factor = (double)ups[column];
        if (activation == DECANT_SWIGLU_OAI) {
          is_free = factor > 7 || factor < -7 ? 0 : 1;
          factor = (factor > 7 ? 7 : factor < -7 ? -7 : factor) + 1;
        }
        ups[column] = (float)((double)source[column] * value * is_free);
      }
      gates[column] = (float)((double)source[column] * slope * factor);
    }
  }
}
DECANT_COMPILE(void, activate_reverse,
               (float *gate, float *up, size_t stride, size_t rows, size_t columns, enum decant_activation activation,
                const float *gradient, size_t gradient_stride),
               (gate, up, stride, rows, columns, activation, gradient, gradient_stride))

// Of shares and the gradients of shares to that of scores.
static KERNEL void softmax_reverse(
    const float *shares, size_t stride, size_t rows, size_t columns, float *gradient, size_t gradient_stride) {
  for (size_t row = 0; row < rows; row++) {
    const float *share = shares + row * stride;
    float *restrict target = gradient + row * gradient_stride;
    const float mean = (float)dot(share, target, columns);
    for (size_t column = 0; column < columns; column++) target[column] = share[column] * (target[column] - mean);
  }
}
DECANT_COMPILE(void, softmax_reverse,
               (const float *shares, size_t stride, size_t rows, size_t columns, float *gradient,
                size_t gradient_stride),
               (shares, stride, rows, columns, gradient, gradient_stride))

static KERNEL void soft_cap_reverse(
    const float *capped, size_t stride, size_t rows, size_t columns, float cap, float *gradient,
    size_t gradient_stride) {
  for (size_t row = 0; row < rows; row++) {
    const float *value = capped + row * stride;
    float *restrict target = gradient + row * gradient_stride;
    for (size_t column = 0; column < columns; column++) {
      const float part = value[column] / cap;
      target[column] *= 1 - part * part;
    }
  }
}
DECANT_COMPILE(void, soft_cap_reverse,
               (const float *capped, size_t stride, size_t rows, size_t columns, float cap, float *gradient,
                size_t gradient_stride),
               (capped, stride, rows, columns, cap, gradient, gradient_stride))

// Adds a part of a matrix, each value rounded to a multiple of 1 / scale, to sums of such multiples. Where a value, or a
// sum, is beyond 2^62 multiples, or no number, the result is false.
static KERNEL bool add_exactly(
    const float *values, size_t count, double scale, int64_t *restrict sums) {
  const double limit = 0x1p62, magic = 0x1.8p52;
  int64_t worst = 0;
  bool fits = true;
  for (size_t index = 0; index < count; index++) {
    const double units = (double)values[index] * scale;
    // Values below 2^51 units, which nearly all are, are rounded without a call.
    const double small = (units + magic) - magic;
    const double rounded = units < 0x1p51 && units > -0x1p51 ? small : rint(units);
    const bool is_known = rounded < limit && rounded > -limit;
    fits &= is_known;
    const int64_t next = (int64_t)((uint64_t)sums[index] + (uint64_t)(int64_t)(is_known ? rounded : 0));
    sums[index] = next;
    worst |= next ^ (next << 1);
  }
  // A sum at whose top two bits differ is near its end.
  return fits && worst >= 0;
}
DECANT_COMPILE(bool, add_exactly, (const float *values, size_t count, double scale, int64_t *sums),
               (values, count, scale, sums))
