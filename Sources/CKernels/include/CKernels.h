// The inner loops of encoding, decoding and measuring, in plain C.
//
// Each loop is written once and compiled for several instruction sets. All of them give the same bits: there is no
// fused multiply-add, and every sum has a fixed order. `multiply` alone fuses where the set can, so that it has the same
// bits on all sets that can. What a format is, is said in Swift (Sources/Quantization); the loops must agree with that.
//
// Pointers need not be aligned. Integers and floats in bytes are little-endian, as are the machines this runs on.

#ifndef DECANT_CKERNELS_H
#define DECANT_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// What log-softmax of a row of logits needs.
struct decant_log_softmax {
  // Index of the greatest logit, the first of equals.
  size_t top;
  // The greatest logit.
  float maximum;
  // ln of the sum of exp(logit - maximum): exponentials in Float, sum in Double. Not finite when a logit is not.
  double log_sum;
};

// Sums over pairs of values, in Double.
struct decant_difference {
  double squared_error;
  double before_squared;
  double after_squared;
  double product;
  double largest_error;
};

// result[r][c] = the sum over k, ascending, of left[r][k] * right[c][k], or that added to what is there. Matrices are
// row-major; a stride counts elements from one row to the next.
//
// A sum is taken in runs of DECANT_PRODUCT_DEPTH terms, each from 0, which are added up. So an element depends on its
// row, its column and nothing else: not on how a product is divided among calls.
struct decant_product {
  size_t rows, columns, depth;
  const float *left;
  size_t left_stride;
  const float *right;
  size_t right_stride;
  // Whether `right` is stored as [k][c].
  bool has_plain_right;
  bool is_added;
  float *result;
  size_t result_stride;
  // Room for DECANT_PRODUCT_MEMORY values, which nobody else uses meanwhile.
  float *memory;
};

// What a code of a group stands for: scale * level, scale * (level - offset), or scale * level + offset.
enum decant_offset { DECANT_NO_OFFSET, DECANT_ZERO, DECANT_BIAS };

// The type of the weight, in which some libraries compute.
enum decant_element { DECANT_F32, DECANT_F16, DECANT_BF16 };

// Types of ggml whose blocks are groups; those of nvfp4 are four.
enum decant_block_groups {
  DECANT_BLOCKS_Q4_0,
  DECANT_BLOCKS_Q4_1,
  DECANT_BLOCKS_Q5_0,
  DECANT_BLOCKS_Q5_1,
  DECANT_BLOCKS_Q8_0,
  DECANT_BLOCKS_MXFP4,
  DECANT_BLOCKS_NVFP4,
};

// Whose rounding it is.
enum decant_rule {
  // 0 where a kernel has one rule. By which scale GPTQModel finds the codes that it packs: as it is, or as F16.
  DECANT_NEAREST_GPTQ,
  DECANT_NEAREST_AWQ,
  DECANT_POWER_MLX,
  DECANT_POWER_COMPRESSED_TENSORS,
  DECANT_POWER_MODELOPT,
  DECANT_POWER_OPENAI,
  DECANT_NVFP4_MLX,
  DECANT_NVFP4_COMPRESSED_TENSORS,
  DECANT_NVFP4_MODELOPT,
  DECANT_FLOAT8_TRANSFORMERS,
  DECANT_FLOAT8_TRANSFORMERS_POWERS,
  DECANT_FLOAT8_COMPRESSED_TENSORS,
  DECANT_FLOAT8_MODELOPT,
};

// How groups are rounded.
struct decant_rounding {
  // Rows and columns that share a scale; 0 is all.
  size_t group_rows, group_columns;
  unsigned bits;
  bool is_symmetric;
  // Whether codes are in two's complement, where they could be either.
  bool is_signed;
  enum decant_element element;
  enum decant_rule rule;
  // The largest magnitude of the tensor, or the number that is stored for it.
  float magnitude;
};

// How codes become values.
enum decant_grid_kind {
  // scale * level.
  DECANT_GRID_SCALED,
  // scale * (code - zero), a whole zero.
  DECANT_GRID_ZEROS,
  // scale * code + offset.
  DECANT_GRID_OFFSETS,
  // The scale is a whole multiple of one that several blocks have in common.
  DECANT_GRID_MULTIPLES,
  // So is what is taken away after that.
  DECANT_GRID_MULTIPLES_AND_MINIMUMS,
};

// What scales are stored as.
enum decant_scale {
  DECANT_SCALE_F32,
  DECANT_SCALE_F16,
  DECANT_SCALE_BF16,
  // A power of two.
  DECANT_SCALE_POWER,
  // A float of eight bits, times a number of the whole tensor.
  DECANT_SCALE_E4M3,
  // One of 256 levels, times the largest of some scales, and an offset.
  DECANT_SCALE_NESTED,
};

// A number that is fitted again while codes are kept.
enum decant_refit { DECANT_REFIT_SCALE, DECANT_REFIT_SUPER, DECANT_REFIT_MULTIPLE, DECANT_REFIT_MINIMUM };

// What values a type can store: levels in ascending order, times scales.
struct decant_grid {
  enum decant_grid_kind kind;
  enum decant_scale rounding;
  const float *levels, *midpoints;
  size_t count;
  // Whether level c is the first one plus c.
  bool is_uniform;
  bool has_both_signs;
  // Elements that share a scale, and those that share what scales are multiples of.
  size_t block, superblock;
  // The level of the largest magnitude.
  float reference;
  float least_multiple, most_multiple;
  // Where the search of affine grids begins, in codes below all of them, and by how much it goes on.
  float least_steps, step;
  float number;
  const float *_Nullable nested_map;
  float nested_offset;
};

enum { DECANT_CALIBRATED_ROWS = 8 };

// Rows that are encoded together. Tables have a row for each: of columns, blocks or superblocks.
struct decant_calibrated {
  struct decant_grid grid;
  size_t rows, columns;
  // The column at each place of the order in which they are encoded: whole superblocks, of whole blocks.
  const uint32_t *_Nullable order;
  // How much of an error at place p moves the target at place q > p: factor[p * columns + q].
  const float *_Nullable factor;
  // What an error at a place costs.
  const float *_Nullable weights;
  // By places: what is to be stored, and the same moved by errors.
  const float *_Nullable originals;
  float *_Nullable targets;
  const float *_Nullable nested;
  uint8_t *codes;
  float *scales, *offsets, *multiples, *minimums, *super_scales, *super_minimums;
};

// What is done between the products of a feed-forward network.
enum decant_activation {
  // x / (1 + exp(-x)).
  DECANT_SILU,
  // x / 2 * (1 + erf(x / sqrt(2))).
  DECANT_GELU,
  // The same with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) for the error function.
  DECANT_GELU_TANH,
  // max(x, 0).
  DECANT_RELU,
  // gpt-oss: min(x, 7) * sigmoid(1.702 * min(x, 7)), and ups are limited to 7 and get 1 added.
  DECANT_SWIGLU_OAI,
};

enum {
  DECANT_PRODUCT_DEPTH = 256,
  // Rows of `left`, and columns, that are dealt with together.
  DECANT_PRODUCT_ROWS = 96,
  DECANT_PRODUCT_COLUMNS = 512,
  DECANT_PRODUCT_MEMORY = (DECANT_PRODUCT_ROWS + DECANT_PRODUCT_COLUMNS) * DECANT_PRODUCT_DEPTH,
};

// Types of blocks: a decoder of `blocks` blocks, an encoder, and an encoder with importance, of `rows` rows of `row_blocks`
// blocks, which all have the same `importance`, a number for each column.
#define DECANT_READ_BLOCKS(K, SET, TYPE) \
  K(SET, void, decode_##TYPE, (const uint8_t *bytes, size_t blocks, float *values))
#define DECANT_BLOCKS(K, SET, TYPE) \
  DECANT_READ_BLOCKS(K, SET, TYPE) K(SET, size_t, encode_##TYPE, (const float *values, size_t blocks, uint8_t *bytes))
#define DECANT_WEIGHTED_BLOCKS(K, SET, TYPE) \
  DECANT_BLOCKS(K, SET, TYPE) \
  K(SET, size_t, encode_##TYPE##_weighted, \
    (const float *values, const float *importance, size_t rows, size_t row_blocks, uint8_t *bytes))

// Encoders of `rows` rows of `columns` values, which `how` groups: a byte for each value, and for each group a scale and, where
// `offsets` is given, an offset.
#define DECANT_GROUPS(K, SET, NAME) \
  K(SET, void, NAME, \
    (const float *values, size_t rows, size_t columns, const struct decant_rounding *how, uint8_t *codes, float *scales, \
     float *_Nullable offsets))

// Every kernel, a row each: what it gives, its name, what it takes. A body of that name, with `_` and the set, is compiled for
// each instruction set (`DECANT_COMPILE`).
//
// Encoders return how many values (of blocks: blocks) they could encode: less than the count given when the next one
// holds a value that is not finite, or does not fit the type.
#define DECANT_KERNELS(K, SET)                                                                                         \
  /* Element types: `count` values. */                                                                                 \
  K(SET, void, decode_f16, (const uint8_t *bytes, size_t count, float *values))                                        \
  K(SET, size_t, encode_f16, (const float *values, size_t count, uint8_t *bytes))                                      \
  K(SET, void, decode_bf16, (const uint8_t *bytes, size_t count, float *values))                                       \
  K(SET, size_t, encode_bf16, (const float *values, size_t count, uint8_t *bytes))                                     \
  K(SET, size_t, encode_f8_e4m3, (const float *values, size_t count, uint8_t *bytes))                                  \
  K(SET, size_t, encode_f8_e5m2, (const float *values, size_t count, uint8_t *bytes))                                  \
  /* One byte a value, the index of `table` with 256 entries. */                                                       \
  K(SET, void, decode_bytes, (const uint8_t *bytes, size_t count, const float *table, float *values))                  \
  /* GGML types: `blocks` blocks of 32 values. */                                                                      \
  DECANT_WEIGHTED_BLOCKS(K, SET, q4_0)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, q4_1)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, q5_0)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, q5_1)                                                                                 \
  DECANT_BLOCKS(K, SET, q8_0)                                                                                          \
  /* Superblocks of 256 values whose blocks have a scale and a minimum. */                                             \
  DECANT_WEIGHTED_BLOCKS(K, SET, q2_k)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, q4_k)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, q5_k)                                                                                 \
  /* Blocks with a scale that is searched for: superblocks of 256 values, and blocks of 32 (iq4_nl). */                \
  DECANT_WEIGHTED_BLOCKS(K, SET, q3_k)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, q6_k)                                                                                 \
  DECANT_WEIGHTED_BLOCKS(K, SET, iq4_nl)                                                                               \
  DECANT_WEIGHTED_BLOCKS(K, SET, iq4_xs)                                                                               \
  /* Blocks of 32 (mxfp4), 64 (nvfp4, q2_0), 128 (q1_0) or 256 values, of few bits each. */                            \
  DECANT_BLOCKS(K, SET, tq1_0)                                                                                         \
  DECANT_BLOCKS(K, SET, tq2_0)                                                                                         \
  DECANT_BLOCKS(K, SET, mxfp4)                                                                                         \
  DECANT_BLOCKS(K, SET, nvfp4)                                                                                         \
  DECANT_BLOCKS(K, SET, q1_0)                                                                                          \
  DECANT_BLOCKS(K, SET, q2_0)                                                                                          \
  /* Blocks of 256 values that are points of lattices. */                                                              \
  DECANT_READ_BLOCKS(K, SET, iq1_s)                                                                                    \
  DECANT_READ_BLOCKS(K, SET, iq1_m)                                                                                    \
  DECANT_READ_BLOCKS(K, SET, iq2_xxs)                                                                                  \
  DECANT_READ_BLOCKS(K, SET, iq2_xs)                                                                                   \
  DECANT_READ_BLOCKS(K, SET, iq2_s)                                                                                    \
  DECANT_READ_BLOCKS(K, SET, iq3_xxs)                                                                                  \
  DECANT_READ_BLOCKS(K, SET, iq3_s)                                                                                    \
  /* Blockwise codes: `count` values in blocks of `block_size` (a multiple of 32), the last of which may be partial.   \
     `codes` holds two values a byte, the first in the high half, or one. `scales` holds a float for every block. */   \
  K(SET, void, decode_code16, (const uint8_t *codes, const uint8_t *scales, size_t count, size_t block_size,           \
    const float *table, float *values))                                                                                \
  /* The code of a value is `first_code`, plus `steps[i]` for each of the 15 `thresholds` that the value lies above. */ \
  K(SET, size_t, encode_code16, (const float *values, size_t count, size_t block_size,                                 \
    const float *thresholds, const int32_t *steps, int32_t first_code, uint8_t *codes, uint8_t *scales))               \
  K(SET, size_t, encode_int4, (const float *values, size_t count, size_t block_size, uint8_t *codes,                   \
    uint8_t *scales))                                                                                                  \
  K(SET, void, decode_code256, (const uint8_t *codes, const uint8_t *scales, size_t count, size_t block_size,          \
    const float *table, float *values))                                                                                \
  K(SET, size_t, encode_int8, (const float *values, size_t count, size_t block_size, uint8_t *codes,                   \
    uint8_t *scales))                                                                                                  \
  /* Groups along rows, with a byte a code. Codes of `bits` bits are a stream, the earlier in the lower bits.             */ \
  K(SET, void, unpack_codes, (const uint8_t *bytes, size_t count, unsigned bits, uint8_t *codes))                      \
  K(SET, void, pack_codes, (const uint8_t *codes, size_t count, unsigned bits, uint8_t *bytes))                        \
  /* Words of 32 bits, `word_rows` (a multiple of `bits`) rows of `columns`, with streams that run down the columns.    \
     Codes have a row of `stride` bytes for each column. */                                                            \
  K(SET, void, unpack_columns, (const uint8_t *words, size_t word_rows, size_t columns, unsigned bits, uint8_t *codes, \
    size_t stride))                                                                                                    \
  K(SET, void, pack_columns, (const uint8_t *codes, size_t stride, size_t word_rows, size_t columns, unsigned bits,    \
    uint8_t *words))                                                                                                   \
  /* Words of eight codes of four bits, of which nibble n is that of column `order[n]` of eight. */                    \
  K(SET, void, unpack_word_rows, (const uint8_t *words, size_t rows, size_t words_per_row, const uint8_t *order,       \
    uint8_t *codes, size_t stride))                                                                                    \
  K(SET, void, pack_word_rows, (const uint8_t *codes, size_t stride, size_t rows, size_t words_per_row,                \
    const uint8_t *order, uint8_t *words))                                                                             \
  /* `rows` rows of `columns` codes that begin `first` elements into a group of `group`. `table` has the levels of 256 \
     codes; without it a code is its own level. Each row has the scales and offsets of the groups that it touches. */  \
  K(SET, void, decode_groups, (const uint8_t *codes, size_t rows, size_t columns, size_t first, size_t group,          \
    const float *_Nullable table, const float *scales, const float *_Nullable offsets, enum decant_offset kind,        \
    float *values))                                                                                                    \
  /* The same where column c belongs to group `group_of[c]` of the `groups` of a row. */                               \
  K(SET, void, decode_indexed_groups, (const uint8_t *codes, size_t rows, size_t columns, const int32_t *group_of,     \
    size_t groups, const float *_Nullable table, const float *scales, const float *_Nullable offsets,                  \
    enum decant_offset kind, float *values))                                                                           \
  /* A matrix of `rows` rows of `columns` as one of `columns` rows of `rows`: of floats, and of codes. */                \
  K(SET, void, transpose_floats, (const float *matrix, size_t rows, size_t columns, float *turned))                    \
  K(SET, void, transpose_codes, (const uint8_t *matrix, size_t rows, size_t columns, uint8_t *turned))                 \
  /* Adds to every code, modulo 256. */                                                                                \
  K(SET, void, add_to_codes, (uint8_t *codes, size_t count, unsigned addend))                                          \
  /* Whether all codes are the same. */                                                                                \
  K(SET, bool, is_uniform, (const uint8_t *codes, size_t count))                                                       \
  /* Zeros as codes of up to 8 bits, `addend` added modulo 2^bits. Returns false where one is no such code. */         \
  K(SET, bool, codes_of_zeros, (const float *zeros, size_t count, unsigned bits, unsigned addend, uint8_t *codes))     \
  /* Adds to every word of 32 bits, modulo 2^32. */                                                                    \
  K(SET, void, add_to_words, (uint8_t *words, size_t count, uint32_t addend))                                          \
  /* From `scale * code + offset` to `scale * (code - offset)`, and back with zeros that `shift` is added to first, in   \
     place. Returns false where a value would change, or would depend on how it is computed. */                        \
  K(SET, bool, zeros_of_biases, (const float *scales, float *offsets, size_t count, unsigned bits))                    \
  K(SET, bool, biases_of_zeros, (const float *scales, float *offsets, size_t count, unsigned bits, float shift))       \
  /* Blocks of ggml as groups. Closing returns false where a number or a code does not fit. */                         \
  K(SET, void, open_blocks, (const uint8_t *blocks, size_t count, enum decant_block_groups kind, uint8_t *codes,       \
    float *scales, float *_Nullable offsets))                                                                          \
  K(SET, bool, close_blocks, (const uint8_t *codes, const float *scales, const float *_Nullable offsets,             \
    size_t count, enum decant_block_groups kind, uint8_t *blocks))                                                     \
  DECANT_GROUPS(K, SET, round_affine)                                                                                 \
  DECANT_GROUPS(K, SET, round_min_max)                                                                                \
  DECANT_GROUPS(K, SET, round_nearest)                                                                                \
  DECANT_GROUPS(K, SET, round_awq)                                                                                    \
  DECANT_GROUPS(K, SET, round_llm_int8)                                                                               \
  DECANT_GROUPS(K, SET, round_power)                                                                                  \
  DECANT_GROUPS(K, SET, round_nvfp4)                                                                                  \
  DECANT_GROUPS(K, SET, round_float8)                                                                                 \
  /* Measures and sums. */                                                                                             \
  K(SET, size_t, first_non_finite, (const float *values, size_t count))                                                \
  /* Whether all values equal those of the other side: zeros do whatever their signs, NaN does not. */                 \
  K(SET, bool, are_equal, (const float *values, const float *others, size_t count))                                    \
  K(SET, float, largest_magnitude, (const float *values, size_t count))                                                \
  /* The sum of squares over 16 lanes (value i goes to lane i % 16), then of the lanes in order. */                    \
  K(SET, double, sum_of_squares, (const float *values, size_t count))                                                  \
  K(SET, double, sum_of_squared_differences, (const float *values, const float *others, size_t count))                 \
  /* weights[r][c] += scale * sum over k, ascending, of up[r][k] * down[k][c]. */                                      \
  K(SET, void, add_outer_product, (size_t rows, size_t columns, size_t rank, float scale, const float *down,           \
    const float *up, float *weights))                                                                                  \
  /* Inference. Matrices are row-major; a stride counts elements from one row to the next.                             \
     output[r][c] = input[r][c] / sqrt(mean over c of input[r][c]^2 + epsilon) * weight[c]. */                         \
  K(SET, void, rms_norm, (const float *input, size_t input_stride, const float *weight, float epsilon,                 \
    size_t rows, size_t columns, float *output, size_t output_stride))                                                 \
  /* The same with the mean over c taken away first; weight and bias may be missing. */                                \
  K(SET, void, layer_norm, (const float *input, size_t input_stride, const float *_Nullable weight,                    \
    const float *_Nullable bias, float epsilon, size_t rows, size_t columns, float *output,                            \
    size_t output_stride))                                                                                             \
  /* Rotary embedding of the first 2 * half elements of a row: element j with element j + half, or element 2 j with the \
     next where `is_interleaved`, by the angle whose cosine and sine are in row r of the tables (`rows * half` values  \
     each); then multiplies all of the row's `columns` elements by `scale`. The output has stride `columns`. */        \
  K(SET, void, rotate, (const float *input, size_t input_stride, const float *cosines, const float *sines,             \
    float scale, size_t rows, size_t half, bool is_interleaved, size_t columns, float *output))                        \
  /* values[r][c] = cap * tanh(values[r][c] / cap). */                                                                 \
  K(SET, void, soft_cap, (float *values, size_t stride, size_t rows, size_t columns, float cap))                       \
  /* Causal softmax of attention scores in place. Row r is query `first_query + r`, column c is key `first_key + c`. Keys \
     after the query or `window` and more before it get 0. From the others `slope` times their distance is taken away  \
     first. `sink`, where there is one, is the score of a key more, whose share is left out. */                        \
  K(SET, void, causal_softmax, (float *scores, size_t stride, size_t rows, size_t columns,                             \
    size_t first_query, size_t first_key, size_t window, float slope, const float *_Nullable sink))                    \
  /* output[r][c] = activation(gate[r][c]) * up[r][c], or without `up` where there is none. */                         \
  K(SET, void, activate, (const float *gate, const float *_Nullable up, size_t input_stride, size_t rows,              \
    size_t columns, enum decant_activation activation, float *output, size_t output_stride))                           \
  /* values[r][c] += row[c]. */                                                                                        \
  K(SET, void, add_row, (float *values, size_t stride, const float *row, size_t rows, size_t columns))                 \
  /* sums[c] += values[r][c]^2, row after row, in Double. */                                                           \
  K(SET, void, add_squares, (const float *values, size_t stride, size_t rows, size_t columns, double *sums))           \
  /* The same as whole multiples of 2^-72, each rounded to nearest, ties to even, and each sum of two limbs, the lower  \
     first. Returns false where a value is no number, or a sum leaves 127 bits. */                                     \
  K(SET, bool, add_squares_exactly, (const float *values, size_t stride, size_t rows, size_t columns,                  \
    uint64_t *sums))                                                                                                   \
  K(SET, void, log_softmax_row, (const float *logits, size_t count, struct decant_log_softmax *result))                \
  /* Logits become the shares of their softmax. Returns the first place up to which these are more than `draw`, which   \
     is of [0, 1). */                                                                                                  \
  K(SET, size_t, draw_row, (float *logits, size_t count, double draw, struct decant_log_softmax *softmax))             \
  /* Kullback-Leibler divergence, in nats, of the distribution of `after` from that of `before`; everything but the    \
     logits in Double. Exactly 0 for equal rows. */                                                                    \
  K(SET, double, divergence_row, (const float *before, float before_maximum, const float *after,                       \
    float after_maximum, size_t count))                                                                                \
  K(SET, void, difference, (const float *before, const float *after, size_t count,                                     \
    struct decant_difference *result))                                                                                 \
  /* Reverse mode: `gradient`, with respect to what a step has given, becomes the one with respect to what it was given,   \
     in place. Of both norms; the mean is taken away first where `is_centered`. */                                     \
  K(SET, void, norm_reverse, (const float *input, size_t input_stride, const float *_Nullable weight, float epsilon,   \
    bool is_centered, size_t rows, size_t columns, float *gradient, size_t stride))                                    \
  /* Gates and ups become their gradients. */                                                                          \
  K(SET, void, activate_reverse, (float *gate, float *_Nullable up, size_t stride, size_t rows, size_t columns,        \
    enum decant_activation activation, const float *gradient, size_t gradient_stride))                                 \
  K(SET, void, softmax_reverse, (const float *shares, size_t stride, size_t rows, size_t columns, float *gradient,     \
    size_t gradient_stride))                                                                                           \
  K(SET, void, soft_cap_reverse, (const float *capped, size_t stride, size_t rows, size_t columns, float cap,          \
    float *gradient, size_t gradient_stride))                                                                          \
  /* Adds values, each rounded to a multiple of 1 / scale, to sums of such multiples. Returns false where one is no     \
     number, or a sum is too large. */                                                                                 \
  K(SET, bool, add_exactly, (const float *values, size_t count, double scale, int64_t *sums))                          \
  /* Factors of symmetric matrices: kernels_factor.c. */                                                               \
  K(SET, bool, factor_block, (double *block, size_t stride, size_t size))                                              \
  K(SET, void, solve_rows, (const double *block, size_t block_stride, size_t size, double *rows, size_t stride,        \
    size_t count, double *scaled, size_t scaled_stride))                                                               \
  K(SET, void, subtract_product, (const double *left, size_t left_stride, const double *right, size_t right_stride,    \
    size_t rows, size_t columns, size_t depth, double *result, size_t stride))                                         \
  /* The scale of every block of a row by itself, which leaves the least weighted error. Weights are by columns. */     \
  K(SET, void, search_scales, (const struct decant_grid *grid, const float *values, const float *weights,              \
    size_t columns, float *scales))                                                                                    \
  /* Calibrated encoding of a few rows, and one sweep of descent on one row whose slopes are given. */                   \
  K(SET, void, encode_with_feedback, (const struct decant_calibrated *rows))                                           \
  K(SET, void, descend, (const struct decant_calibrated *rows, const float *moments, float *slopes))                   \
  K(SET, void, decode_calibrated, (const struct decant_calibrated *rows, float *values))                               \
  /* The product without fused multiply-add: the same bits of every set. */                                            \
  K(SET, void, multiply_unfused, (const struct decant_product *product))                                               \
  K(SET, void, multiply, (const struct decant_product *product))

#define DECANT_KERNEL_FIELD(SET, RESULT, NAME, PARAMETERS) RESULT(*NAME) PARAMETERS;

// The loops compiled for one instruction set.
struct decant_kernels {
  const char *name;
  bool (*is_supported)(void);
  DECANT_KERNELS(DECANT_KERNEL_FIELD, )
};

// A lattice that codes of GGML's IQ types are numbers of points of: `count` points of `dimensions` coordinates.
struct decant_lattice {
  const int8_t *points;
  size_t count, dimensions;
};

// Of iq1_s and iq1_m, and of the type named.
struct decant_lattice decant_iq1_lattice(void);
struct decant_lattice decant_iq2_xxs_lattice(void);
struct decant_lattice decant_iq2_xs_lattice(void);
struct decant_lattice decant_iq2_s_lattice(void);
struct decant_lattice decant_iq3_xxs_lattice(void);
struct decant_lattice decant_iq3_s_lattice(void);

// The number that is stored for a tensor in NVFP4 whose largest magnitude is given.
float decant_nvfp4_number(float magnitude, enum decant_element element, enum decant_rule rule);

// The sets in this build, the plainest first.
size_t decant_kernels_count(void);
const struct decant_kernels *decant_kernels_at(size_t index);

// The set that the environment variable DECANT_KERNELS names, where this machine supports it; else the last one that
// this machine supports. Chosen at the first call.
const struct decant_kernels *decant_kernels_best(void);

// What DECANT_KERNELS names where that is no set, or none that this machine supports; else NULL.
const char *_Nullable decant_kernels_refused(void);

// The features that the set v3 needs and this processor does not show; none where there is no such set.
size_t decant_kernels_hidden_count(void);
const char *decant_kernels_hidden_at(size_t index);

#pragma clang assume_nonnull end

#endif
