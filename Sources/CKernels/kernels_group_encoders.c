// Values of groups to codes, a byte each, and to the numbers of the groups, as libraries round them. Every operation is
// rounded as the library rounds it: to F32, or to the type of the weight.

#include <float.h>
#include <math.h>

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// MARK: - Types of numbers

// To the nearest F16, ties to even, as `float_of_half(half_of(value))` in fewer steps.
static KERNEL float rounded_to_half(float value) {
  uint32_t magnitude = (uint32_t)magnitude_bits(value), sign = bits_of(value) & 0x80000000u;
  uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) & ~0x1fffu;
  // The last place of 0.75 is that of the subnormal ones.
  uint32_t subnormal = bits_of((float_of(magnitude) + 0.75f) - 0.75f);
  uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  return float_of(sign | (magnitude < 0x477ff000u ? finite : INFINITE_MAGNITUDE));
}

// To nearest, ties to even; what is too large becomes infinite.
static KERNEL float rounded_to(float value, enum decant_element element) {
  switch (element) {
    case DECANT_F16: return rounded_to_half(value);
    case DECANT_BF16: {
      uint32_t bits = bits_of(value);
      return float_of((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
    }
    default: return value;
  }
}

// What 1 differs by from the next number.
static KERNEL float epsilon_of(enum decant_element element) {
  return element == DECANT_F16 ? 0x1p-10f : element == DECANT_BF16 ? 0x1p-7f : 0x1p-23f;
}

// The least normal number.
static KERNEL float tiny_of(enum decant_element element) { return element == DECANT_F16 ? 0x1p-14f : 0x1p-126f; }

// What is not a number becomes `low`.
static KERNEL float clamped(float value, float low, float high) {
  float raised = value > low ? value : low;
  return raised < high ? raised : high;
}

// A number divided by a tensor, as PyTorch does it.
static KERNEL float over(float number, float value) { return number * (1 / value); }

// Half to even. Adding 1.5 * 2^23 leaves no bits for the fraction; magnitudes are below 2^22.
static KERNEL float nearest(float value) { return (value + 12582912.0f) - 12582912.0f; }

static KERNEL int32_t nearest_integer(float value) { return (int32_t)bits_of(value + 12582912.0f) - 0x4b400000; }

static KERNEL uint8_t e4m3_of(float value) {
  uint32_t sign = (bits_of(value) >> 24) & 0x80u;
  return (uint8_t)(sign | (uint32_t)smaller(small_float_of(value, 3, -6, 0x7f), 0x7e));
}

static KERNEL float float_of_e4m3(uint8_t code) {
  // As an F16 a code has the exponents of another bias.
  float value = float_of_half((uint32_t)(code & 0x7f) << 7) * 256.0f;
  return code & 0x80 ? -value : value;
}

// Codes of E2M1 without the sign: ties to even, or to the smaller magnitude.
static KERNEL int32_t e2m1_of(float value, bool ties_to_even) {
  float magnitude = fabsf(value);
  int32_t even = magnitude > 0.25f;
  even += magnitude > 1.25f;
  even += magnitude > 2.5f;
  even += magnitude > 5.0f;
  if (ties_to_even) {
    even += magnitude >= 0.75f;
    even += magnitude >= 1.75f;
    even += magnitude >= 3.5f;
  } else {
    even += magnitude > 0.75f;
    even += magnitude > 1.75f;
    even += magnitude > 3.5f;
  }
  return even;
}

// 2^exponent, from 2^-149 on.
static KERNEL float power_of_two(int32_t exponent) {
  if (exponent >= -126) return float_of((uint32_t)(smaller(exponent, 128) + 127) << 23);
  return exponent >= -149 ? float_of(1u << (exponent + 149)) : 0.0f;
}

// MARK: - Groups

// Floats as integers in the same order, -0 below 0.
static KERNEL int32_t ordered(float value) {
  int32_t bits = (int32_t)bits_of(value);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
static KERNEL float of_ordered(int32_t bits) { return float_of((uint32_t)(bits ^ ((bits >> 31) & 0x7fffffff))); }

// Rows and columns that share a scale: a part of `values`, and of its codes.
struct group {
  const float *values;
  uint8_t *codes;
  size_t rows, columns, stride;
};

// The least and the greatest value, of values as `element` holds them.
static KERNEL void find_range(const struct group *group, enum decant_element element, float *low, float *high) {
  int32_t least = INT32_MAX, most = INT32_MIN;
  for (size_t row = 0; row < group->rows; row++) {
    const float *restrict values = group->values + row * group->stride;
    for (size_t i = 0; i < group->columns; i++) {
      int32_t value = ordered(values[i]);
      least = smaller(least, value);
      most = larger(most, value);
    }
  }
  *low = rounded_to(of_ordered(least), element);
  *high = rounded_to(of_ordered(most), element);
}

static KERNEL float absmax_of(const struct group *group, enum decant_element element) {
  int32_t largest = 0;
  for (size_t row = 0; row < group->rows; row++) {
    const float *restrict values = group->values + row * group->stride;
    for (size_t i = 0; i < group->columns; i++) largest = larger(largest, magnitude_bits(values[i]));
  }
  return rounded_to(float_of((uint32_t)largest), element);
}

// Where all of the tensor shares the scale, others know more of it than is here.
static KERNEL float magnitude_of(const struct group *group, const struct decant_rounding *how,
                                 enum decant_element element) {
  return how->group_rows == 0 ? rounded_to(how->magnitude, element) : absmax_of(group, element);
}

// `code` of every `value` of a group, which is rounded to the type of the weight first.
#define ENCODE(GROUP, ELEMENT, VALUE, CODE)                                      \
  for (size_t row_ = 0; row_ < (GROUP)->rows; row_++) {                          \
    const float *restrict from_ = (GROUP)->values + row_ * (GROUP)->stride;      \
    uint8_t *restrict to_ = (GROUP)->codes + row_ * (GROUP)->stride;             \
    size_t count_ = (GROUP)->columns;                                            \
    for (size_t i_ = 0; i_ < count_; i_++) {                                     \
      float VALUE = rounded_to(from_[i_], ELEMENT);                              \
      to_[i_] = (uint8_t)(CODE);                                                 \
    }                                                                            \
  }

// Calls `one`, which returns the scale of a group and writes its offset, for every group.
#define FOR_GROUPS(ONE)                                                                                     \
  size_t high = how->group_rows ? how->group_rows : rows, wide = how->group_columns ? how->group_columns : columns; \
  for (size_t row = 0, place = 0; row < rows; row += high) {                                                \
    for (size_t column = 0; column < columns; column += wide, place++) {                                    \
      struct group group = {values + row * columns + column, codes + row * columns + column,                \
                            smaller_size(high, rows - row), smaller_size(wide, columns - column), columns}; \
      float offset = 0;                                                                                     \
      scales[place] = ONE;                                                                                  \
      if (offsets) offsets[place] = offset;                                                                 \
    }                                                                                                       \
  }

#define PARAMETERS                                                                                            \
  (const float *values, size_t rows, size_t columns, const struct decant_rounding *how, uint8_t *codes, float *scales, \
   float *_Nullable offsets)

// Compiles a kernel of `one`, a function of a group, of what is asked for, of the type of the weight, and of where to write
// the offset.
#define COMPILE_ENCODER(NAME, ONE)                                                                            \
  static KERNEL void NAME PARAMETERS {                                                                        \
    if (how->element == DECANT_F16) {                                                                         \
      FOR_GROUPS(ONE(&group, how, DECANT_F16, &offset))                                                       \
    } else if (how->element == DECANT_BF16) {                                                                 \
      FOR_GROUPS(ONE(&group, how, DECANT_BF16, &offset))                                                      \
    } else {                                                                                                  \
      FOR_GROUPS(ONE(&group, how, DECANT_F32, &offset))                                                       \
    }                                                                                                         \
  }                                                                                                           \
  DECANT_COMPILE(void, NAME, PARAMETERS, (values, rows, columns, how, codes, scales, offsets))

// MARK: - Whole numbers

// MLX, `quantize` of its CPU backend: the end of the range that is farther from 0 is a code times the scale; of one bit, both ends
// are. In F32, and codes are those of the numbers before they are rounded to the type of the weight.
static KERNEL float affine_group(const struct group *group, const struct decant_rounding *how,
                                 enum decant_element element, float *offset) {
  float low, high, levels = (float)((1u << how->bits) - 1);
  find_range(group, element, &low, &high);
  float scale = (high - low) / levels, bias = low;
  scale = scale < 1e-7f ? 1e-7f : scale;
  if (how->bits > 1) {
    bool is_low = fabsf(low) > fabsf(high);
    scale = is_low ? scale : -scale;
    float edge = is_low ? low : high, steps = rintf(edge / scale);
    bias = steps == 0 ? 0 : edge;
    if (steps != 0) scale = edge / steps;
  }
  ENCODE(group, element, value, nearest_integer(clamped((value - bias) / scale, 0, levels)))
  *offset = rounded_to(bias, element);
  return rounded_to(scale, element);
}
COMPILE_ENCODER(round_affine, affine_group)

// compressed-tensors, `calculate_qparams` and `quantize`, in the type of the weight.
static KERNEL float min_max_group(const struct group *group, const struct decant_rounding *how,
                                  enum decant_element element, float *offset) {
  float half = (float)(1u << (how->bits - 1)), least = -half, most = half - 1, scale, zero = 0;
  if (how->is_symmetric) {
    scale = rounded_to(magnitude_of(group, how, element) / (most + 0.5f), element);
  } else {
    float low, high;
    find_range(group, element, &low, &high);
    low = low < 0 ? low : 0;
    high = high > 0 ? high : 0;
    scale = rounded_to(rounded_to(high - low, element) / (most - least), element);
    // What is not a number, of 0 / 0, becomes the zero 0.
    bool is_nothing = scale == 0 && low == 0;
    zero = is_nothing ? 0 : nearest(clamped(rounded_to(least - rounded_to(low / scale, element), element), least, most));
  }
  if (scale == 0) scale = epsilon_of(element);
  // What is added to signed codes where unsigned ones are stored.
  int32_t shift = how->is_signed ? 0 : (int32_t)half;
  if (how->is_symmetric) {
    ENCODE(group, element, value, nearest_integer(clamped(rounded_to(value / scale, element), least, most)) + shift)
  } else {
    ENCODE(group, element, value,
           nearest_integer(clamped(rounded_to(rounded_to(value / scale, element) + zero, element), least, most)) + shift)
  }
  *offset = zero + (float)shift;
  return scale;
}
COMPILE_ENCODER(round_min_max, min_max_group)

// GPTQModel: `Quantizer.find_params` and `quantize` in F32, the result in the type of the weight; what packs it finds the codes
// anew, from that, by the scale (GPTQ) or by the scale as F16 (AWQ's layout), and keeps the scale as F16.
static KERNEL float nearest_group(const struct group *group, const struct decant_rounding *how,
                                  enum decant_element element, float *offset) {
  float low, high, levels = (float)((1u << how->bits) - 1);
  find_range(group, element, &low, &high);
  low = low < 0 ? low : 0;
  high = high > 0 ? high : 0;
  if (how->is_symmetric) {
    high = -low > high ? -low : high;
    low = low < 0 ? -high : low;
  }
  if (high == 0 && low == 0) {
    low = -1;
    high = 1;
  }
  float scale = (high - low) / levels;
  float divisor = scale == 0 ? 0x1p-126f : scale;
  float zero = how->is_symmetric ? (levels + 1) / 2 : scale == 0 ? 0 : rintf(-low / scale) + 0.0f;
  float shift = zero * scale;
  float stored = rounded_to(scale, DECANT_F16), packing = how->rule == DECANT_NEAREST_AWQ ? stored : scale;
  ENCODE(group, element, value,
         nearest_integer(clamped(
             (rounded_to(scale * (clamped(nearest(clamped(value / divisor, -1e6f, 1e6f)) + zero, 0, levels) - zero),
                         element) +
              shift) /
                 packing,
             0, levels)))
  *offset = zero;
  return stored;
}
COMPILE_ENCODER(round_nearest, nearest_group)

// AutoAWQ, `pseudo_quantize_tensor` and `WQLinear_GEMM.from_linear`: all in F16.
static KERNEL float half_of_value(float value) { return rounded_to(value, DECANT_F16); }
static KERNEL float awq_group(const struct group *group, const struct decant_rounding *how, enum decant_element element,
                              float *offset) {
  float low, high, levels = (float)((1u << how->bits) - 1);
  find_range(group, element, &low, &high);
  float range = half_of_value(high - low), least = half_of_value(1e-5f);
  float scale = half_of_value((range > least ? range : least) / levels);
  float zero = clamped(-nearest(clamped(half_of_value(low / scale), -1e6f, 1e6f)), 0, levels) + 0.0f;
  float shift = half_of_value(zero * scale);
  // What becomes of a code when it is decoded and packed, which finds it once more by the scale: mostly itself.
  static const uint8_t kept[1 << 4] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  uint8_t packed[1 << 4];
  LANES for (int code = 0; code < 1 << 4; code++) {
    float value = half_of_value(((float)code - zero) * scale);
    packed[code] =
        (uint8_t)nearest_integer(clamped(half_of_value(half_of_value(value + shift) / scale), 0, levels));
  }
  ENCODE(group, element, value,
         nearest_integer(clamped(nearest(clamped(half_of_value(value / scale), -1e6f, 1e6f)) + zero, 0, levels)))
  if (memcmp(packed, kept, sizeof packed) != 0) {
    for (size_t row = 0; row < group->rows; row++) {
      uint8_t *restrict codes = group->codes + row * group->stride;
      for (size_t i = 0; i < group->columns; i++) codes[i] = packed[codes[i]];
    }
  }
  *offset = zero;
  return scale;
}
static KERNEL void round_awq PARAMETERS { FOR_GROUPS(awq_group(&group, how, DECANT_F16, &offset)) }
DECANT_COMPILE(void, round_awq, PARAMETERS, (values, rows, columns, how, codes, scales, offsets))

// bitsandbytes, `int8_vectorwise_quant` of the weight as F16: the scale is the largest magnitude, 127 steps of a code.
static KERNEL float llm_int8_group(const struct group *group, enum decant_element element) {
  float absmax = absmax_of(group, element), inverse = absmax == 0 ? 0 : over(127, absmax);
  ENCODE(group, element, value, nearest_integer(clamped(value * inverse, -128, 127)))
  return absmax;
}
static KERNEL void round_llm_int8 PARAMETERS { FOR_GROUPS(llm_int8_group(&group, DECANT_F16)) }
DECANT_COMPILE(void, round_llm_int8, PARAMETERS, (values, rows, columns, how, codes, scales, offsets))

// MARK: - Small floats

// Where a code of E2M1 has its sign from.
enum sign { SIGN_OF_NONZERO_CODES, SIGN_OF_NEGATIVES, SIGN_BIT, SIGN_OF_ALL_BUT_POSITIVES };

static KERNEL int32_t signed_e2m1(float value, bool ties_to_even, enum sign sign) {
  int32_t code = e2m1_of(value, ties_to_even);
  bool is_negative;
  switch (sign) {
    case SIGN_OF_NONZERO_CODES: is_negative = value < 0 && code != 0; break;
    case SIGN_OF_NEGATIVES: is_negative = value < 0; break;
    case SIGN_BIT: is_negative = bits_of(value) >> 31; break;
    default: is_negative = !(value > 0); break;
  }
  return code | (is_negative ? 8 : 0);
}

// log2 as F32.
static KERNEL float log2_of(float value) { return (float)log2((double)value); }

// Of the least power of two that is not below a value, -127 for 0.
static KERNEL int32_t exponent_above(float value) { return (int32_t)((bits_of(value) + 0x7fffffu) >> 23) - 127; }

// The exponent of a group's scale, a power of two.
static KERNEL int32_t exponent_of(float absmax, const struct decant_rounding *how, enum decant_element element) {
  float largest = how->bits == 4 ? 6 : 448;
  switch (how->rule) {
    case DECANT_POWER_MLX: {
      float scale = rounded_to(absmax / largest, element);
      return scale == 0 ? 0 : exponent_above(scale);
    }
    case DECANT_POWER_COMPRESSED_TENSORS: {
      // Rounded to a significand of two bits, of which the exponent is taken.
      uint32_t rounded = bits_of(absmax) + 0x200000u;
      int32_t exponent = (int32_t)(rounded >> 23) - 127 - (how->bits == 4 ? 2 : 8);
      if (element == DECANT_F16) {
        uint32_t half = half_of(absmax) + 0x100u;
        exponent = (half >> 10) == 0 ? -127 : (int32_t)(half >> 10) - 15 - (how->bits == 4 ? 2 : 8);
        // What F16 cannot hold becomes 0, which becomes 1.
        return exponent < -24 ? 0 : exponent;
      }
      return larger(exponent, -127);
    }
    case DECANT_POWER_MODELOPT: {
      float scale = absmax / largest;
      return scale == 0 ? -127 : (int32_t)ceilf(log2_of(scale));
    }
    default:
      return exponent_above(absmax / largest);
  }
}

static KERNEL float power_group(const struct group *group, const struct decant_rounding *how,
                                enum decant_element element, float *offset) {
  (void)offset;
  // Whose weights are BF16.
  if (how->rule == DECANT_POWER_OPENAI) element = DECANT_BF16;
  float absmax = absmax_of(group, element);
  int32_t exponent = smaller(larger(exponent_of(absmax, how, element), -127), 127);
  float scale = power_of_two(exponent), inverse = power_of_two(-exponent);
  if (how->bits == 4) {
    switch (how->rule) {
      case DECANT_POWER_MLX:
        ENCODE(group, element, value, signed_e2m1(value * inverse, false, SIGN_OF_NONZERO_CODES))
        break;
      case DECANT_POWER_COMPRESSED_TENSORS:
        ENCODE(group, element, value, signed_e2m1(rounded_to(value * inverse, element), true, SIGN_OF_NEGATIVES))
        break;
      case DECANT_POWER_MODELOPT:
        ENCODE(group, element, value, signed_e2m1(value * inverse, false, SIGN_OF_ALL_BUT_POSITIVES))
        break;
      default:
        ENCODE(group, element, value, signed_e2m1(value * inverse, true, SIGN_BIT))
    }
  } else {
    switch (how->rule) {
      case DECANT_POWER_COMPRESSED_TENSORS:
        ENCODE(group, element, value, e4m3_of(rounded_to(value * inverse, element) + 0.0f))
        break;
      default: ENCODE(group, element, value, e4m3_of(value * inverse))
    }
  }
  return scale;
}
COMPILE_ENCODER(round_power, power_group)

float decant_nvfp4_number(float magnitude, enum decant_element element, enum decant_rule rule) {
  if (rule == DECANT_NVFP4_MODELOPT) return rounded_to(magnitude, element) / 2688;
  float least = tiny_of(element), divisor = rounded_to(magnitude, element);
  float number = rounded_to(2688 * rounded_to(1 / (divisor > least ? divisor : least), element), element);
  return number < INFINITY ? number : 1;
}

// The scale of a group of NVFP4, and what its values are divided by; 0 where all of its codes are 0. `magnitude` is the number
// of the whole tensor that the library stores.
static KERNEL float nvfp4_scale(float absmax, float magnitude, enum decant_rule rule, enum decant_element element,
                                float *divisor) {
  float scale;
  switch (rule) {
    case DECANT_NVFP4_MLX:
      scale = float_of_e4m3(e4m3_of(rounded_to(absmax / 6, element)));
      *divisor = scale;
      return scale;
    case DECANT_NVFP4_COMPRESSED_TENSORS:
      scale = float_of_e4m3(e4m3_of(magnitude * rounded_to(absmax / 6, element)));
      scale = scale == 0 ? 0.125f : scale;
      *divisor = scale / magnitude;
      return scale;
    default:
      scale = absmax / (6 * magnitude);
      // Of a tensor of zeros too, for which the library has no number.
      scale = scale > 0 ? scale : 1;
      scale = float_of_e4m3(e4m3_of(scale > 0x1p-9f ? scale : 0x1p-9f));
      *divisor = scale * magnitude;
      return scale;
  }
}

static KERNEL void nvfp4_codes(const struct group *group, float divisor, enum decant_rule rule,
                               enum decant_element element) {
  if (rule != DECANT_NVFP4_MLX) {
    ENCODE(group, element, value, signed_e2m1(value / divisor, true, SIGN_OF_NEGATIVES))
  } else if (divisor == 0) {
    ENCODE(group, element, value, (int32_t)bits_of(value) & 0)
  } else {
    ENCODE(group, element, value, signed_e2m1(rounded_to(value / divisor, element), false, SIGN_OF_NONZERO_CODES))
  }
}

// Groups whose scales are computed side by side: one after another each would wait for the one before.
#define GROUPS_AT_ONCE 32

static KERNEL void nvfp4_groups(const float *restrict values, size_t count, const struct decant_rounding *how,
                                enum decant_rule rule, enum decant_element element, uint8_t *restrict codes,
                                float *restrict scales) {
  for (size_t first = 0; first < count; first += GROUPS_AT_ONCE) {
    float largest[GROUPS_AT_ONCE] = {0}, divisors[GROUPS_AT_ONCE], found[GROUPS_AT_ONCE];
    size_t own = smaller_size(GROUPS_AT_ONCE, count - first);
    for (size_t i = 0; i < own; i++) {
      struct group group = {values + (first + i) * 16, codes + (first + i) * 16, 1, 16, 16};
      largest[i] = absmax_of(&group, element);
    }
    LANES for (size_t i = 0; i < GROUPS_AT_ONCE; i++) {
      found[i] = nvfp4_scale(largest[i], how->magnitude, rule, element, divisors + i);
    }
    for (size_t i = 0; i < own; i++) {
      struct group group = {values + (first + i) * 16, codes + (first + i) * 16, 1, 16, 16};
      nvfp4_codes(&group, divisors[i], rule, element);
      scales[first + i] = found[i];
    }
  }
}

static KERNEL float nvfp4_group(const struct group *group, const struct decant_rounding *how,
                                enum decant_element element, float *offset) {
  (void)offset;
  float divisor, scale = nvfp4_scale(absmax_of(group, element), how->magnitude, how->rule, element, &divisor);
  nvfp4_codes(group, divisor, how->rule, element);
  return scale;
}

// What is known when it is compiled makes loops without branches.
#define NVFP4_GROUPS(RULE, ELEMENT) \
  if (how->rule == RULE) return nvfp4_groups(values, rows * columns / 16, how, RULE, ELEMENT, codes, scales);
#define NVFP4_OF(ELEMENT)                                                                  \
  if (how->group_rows == 1 && how->group_columns == 16 && columns % 16 == 0) {             \
    NVFP4_GROUPS(DECANT_NVFP4_MLX, ELEMENT)                                                \
    NVFP4_GROUPS(DECANT_NVFP4_COMPRESSED_TENSORS, ELEMENT)                                 \
    NVFP4_GROUPS(DECANT_NVFP4_MODELOPT, ELEMENT)                                           \
  }                                                                                        \
  FOR_GROUPS(nvfp4_group(&group, how, ELEMENT, &offset))

static KERNEL void round_nvfp4 PARAMETERS {
  if (how->element == DECANT_F16) {
    NVFP4_OF(DECANT_F16)
  } else if (how->element == DECANT_BF16) {
    NVFP4_OF(DECANT_BF16)
  } else {
    NVFP4_OF(DECANT_F32)
  }
}
DECANT_COMPILE(void, round_nvfp4, PARAMETERS, (values, rows, columns, how, codes, scales, offsets))

static KERNEL float float8_group(const struct group *group, const struct decant_rounding *how,
                                 enum decant_element element, float *offset) {
  (void)offset;
  float absmax = magnitude_of(group, how, element), scale;
  switch (how->rule) {
    case DECANT_FLOAT8_COMPRESSED_TENSORS:
      scale = rounded_to(absmax / 448, element);
      if (scale == 0) scale = epsilon_of(element);
      ENCODE(group, element, value, e4m3_of(rounded_to(value / scale, element) + 0.0f))
      return scale;
    case DECANT_FLOAT8_MODELOPT:
      // No scale is 0.
      scale = (absmax == 0 ? 448 : absmax > tiny_of(element) ? absmax : tiny_of(element)) / 448;
      if (how->group_rows == 0) {
        // A scale without axes does not widen the type of the weight.
        ENCODE(group, element, value, e4m3_of(rounded_to(value / scale, element)))
      } else {
        ENCODE(group, element, value, e4m3_of(value / scale))
      }
      return scale;
    default: {
      float factor = absmax > 0 ? over(448, absmax) : 1;
      scale = 1 / factor;
      if (how->rule == DECANT_FLOAT8_TRANSFORMERS_POWERS) {
        scale = power_of_two((int32_t)ceilf(log2_of(scale < 0x1p-126f ? 0x1p-126f : scale)));
        factor = 1 / scale;
      }
      ENCODE(group, element, value, e4m3_of(value * factor))
      return scale;
    }
  }
}
COMPILE_ENCODER(round_float8, float8_group)
