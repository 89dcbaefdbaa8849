// Row kernels of the forward pass and of its measurement. Matrices are row-major; a stride counts elements from one
// row to the next. Every kernel gives the same bits on every instruction set: no contraction, fixed lanes of sums.

#ifndef DECANT_INFERENCE_H
#define DECANT_INFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// output[r][c] = input[r][c] / sqrt(mean over c of input[r][c]^2 + epsilon) * weight[c].
void decant_rms_norm(
    const float *input, size_t input_stride, const float *weight, float epsilon, size_t rows, size_t columns,
    float *output, size_t output_stride);

/// Rotary embedding, split halves: element j of a row with element j + half, by the angle whose cosine and sine are in
/// row r of the tables (`rows * half` values each); then multiplies by `scale`. The output has stride 2 * half.
void decant_rotate(
    const float *input, size_t input_stride, const float *cosines, const float *sines, float scale, size_t rows,
    size_t half, float *output);

/// Causal softmax of attention scores in place. Row r is query `first_query + r`, column c is key `first_key + c`. Keys
/// after the query or `window` and more before it get 0.
void decant_causal_softmax(
    float *scores, size_t stride, size_t rows, size_t columns, size_t first_query, size_t first_key, size_t window);

/// output[r][c] = silu(gate[r][c]) * up[r][c], silu(x) = x / (1 + exp(-x)).
void decant_silu_multiply(
    const float *gate, const float *up, size_t input_stride, size_t rows, size_t columns, float *output,
    size_t output_stride);

/// values[r][c] += row[c].
void decant_add_row(float *values, size_t stride, const float *row, size_t rows, size_t columns);

/// sums[c] += values[r][c]^2, row after row, in Double.
void decant_add_squares(const float *values, size_t stride, size_t rows, size_t columns, double *sums);

/// What log-softmax of one row of logits needs.
typedef struct {
  /// Index of the greatest logit, the first of equals.
  size_t top;
  /// The greatest logit.
  float maximum;
  /// ln of the sum of exp(logit - maximum): exponentials in Float, sum in Double. Not finite when a logit is not.
  double log_sum;
} decant_log_softmax;

decant_log_softmax decant_log_softmax_row(const float *logits, size_t count);

/// Kullback-Leibler divergence, in nats, of the distribution of `after` from that of `before`; everything but the
/// logits in Double. Exactly 0 for equal rows.
double decant_divergence_row(
    const float *before, float before_maximum, const float *after, float after_maximum, size_t count);

/// Sums over pairs of values, in Double.
typedef struct {
  double squared_error;
  double before_squared;
  double after_squared;
  double product;
  double largest_error;
} decant_difference;

decant_difference decant_difference_of(const float *before, const float *after, size_t count);

/// Name of the instruction set that the kernels of this file use: `baseline`, `v3`, `v4`. The best one that the
/// processor has, or the one that the environment variable DECANT_KERNELS names.
const char *decant_inference_level(void);

/// Uses the instruction set of that name from now on; false, and no change, when the processor lacks it. For tests.
bool decant_inference_use(const char *name);

#endif
