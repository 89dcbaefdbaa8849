// MXFP4, NVFP4: floats of four bits (E2M1) with a scale of eight bits: a power of two, or a float of four exponent and
// three significand bits. Source: ggml quantize_row_mxfp4_ref, quantize_row_nvfp4_ref.

#include "../instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Twice the magnitudes of E2M1; scales are halved instead.
static const int32_t doubled_magnitudes[8] = {0, 1, 2, 3, 4, 6, 8, 12};

// Parts with a scale that are encoded together, so that scales are computed side by side.
#define PARTS 32

// The largest magnitude of each part; those after the last one are 0.
static KERNEL void find_largest(const float *restrict values, size_t parts, int size, int32_t *restrict largest) {
  for (size_t part = 0; part < PARTS; part++) largest[part] = 0;
  for (size_t part = 0; part < parts; part++, values += size) {
    int32_t most = 0;
    LANES for (int j = 0; j < size; j++) most = larger(most, magnitude_bits(values[j]));
    largest[part] = most;
  }
}

// The code of the nearest multiple, the first of several. A magnitude too large for its distances to differ gets the
// first code, too.
static KERNEL int32_t nearest_code(float value, float half_scale) {
  float magnitude = __builtin_fabsf(value), least = magnitude;
  int32_t code = 0;
  for (int i = 1; i < 8; i++) {
    float distance = __builtin_fabsf((float)doubled_magnitudes[i] * half_scale - magnitude);
    code = distance < least ? i : code;
    least = distance < least ? distance : least;
  }
  return code != 0 && value < 0.0f ? code | 8 : code;
}

// The codes of 2 * half values, those of the first half in the low halves of the bytes.
static KERNEL void store_codes(const float *restrict values, int half, float half_scale, uint8_t *restrict bytes) {
  LANES for (int j = 0; j < half; j++) {
    bytes[j] = (uint8_t)(nearest_code(values[j], half_scale) | nearest_code(values[j + half], half_scale) << 4);
  }
}

static KERNEL float value_of(int32_t code, float half_scale) {
  int32_t index = code & 7;
  int32_t magnitude = index < 4 ? index : index < 6 ? 2 * index - 4 : 4 * index - 16;
  return (float)(code & 8 ? -magnitude : magnitude) * half_scale;
}

static KERNEL void load_codes(const uint8_t *restrict bytes, int half, float half_scale, float *restrict values) {
  LANES for (int j = 0; j < half; j++) {
    values[j] = value_of(bytes[j] & 15, half_scale);
    values[j + half] = value_of(bytes[j] >> 4, half_scale);
  }
}

// The floor of the base-2 logarithm as glibc's log2f has it: what lies so close below a power of two that its logarithm
// is rounded to that of the power counts as the power.
static KERNEL int32_t floor_of_logarithm(float value) {
  int32_t bits = magnitude_bits(value), subnormal = magnitude_bits(value * 0x1p64f) - (64 << 23);
  int32_t scaled = bits < 1 << 23 ? subnormal : bits;
  int32_t floor = (scaled >> 23) - 127;
  // How much of the next power is missing.
  double gap = (double)((1 << 23) - (scaled & 0x7fffff)) * 0x1p-24;
  float logarithm = (float)((double)(floor + 1) - gap * 1.4426950408889634);
  return logarithm >= (float)(floor + 1) ? floor + 1 : floor;
}

// Half of the power of two that has this code.
static KERNEL float half_power(uint32_t code) {
  return float_of(code == 0 ? 0x200000u : code == 1 ? 0x400000u : (code - 1) << 23);
}

static KERNEL size_t encode_mxfp4(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t first = 0; first < blocks; first += PARTS) {
    size_t count = blocks - first < PARTS ? blocks - first : PARTS;
    int32_t largest[PARTS], scales[PARTS];
    float half_scales[PARTS];
    find_largest(values, count, 32, largest);
    LANES for (int k = 0; k < PARTS; k++) {
      // Below 2^-126 the code wraps around, as ggml's does, and all values become 0.
      int32_t scale = (floor_of_logarithm(float_of((uint32_t)largest[k])) + 125) & 255;
      scales[k] = largest[k] == 0 ? 0 : largest[k] >= INFINITE_MAGNITUDE ? 255 : scale;
      half_scales[k] = half_power((uint32_t)scales[k]);
    }
    for (size_t k = 0; k < count; k++, values += 32, bytes += 17) {
      if (scales[k] == 255) return first + k;
      bytes[0] = (uint8_t)scales[k];
      store_codes(values, 16, half_scales[k], bytes + 1);
    }
  }
  return blocks;
}
DECANT_COMPILE(size_t, encode_mxfp4, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

static KERNEL void decode_mxfp4(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, values += 32, bytes += 17) {
    load_codes(bytes + 1, 16, half_power(bytes[0]), values);
  }
}
DECANT_COMPILE(void, decode_mxfp4, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

// The scale's code: rounded to nearest, ties up; everything from 256 on becomes the largest, 448.
static KERNEL uint32_t e4m3_code(float scale) {
  uint32_t normal = ((bits_of(scale) + (1u << 19)) >> 20) - (120u << 3);
  float small = scale < 0x1p-6f ? scale : 0.0f;
  uint32_t subnormal = (uint32_t)smaller((int32_t)(small * 512.0f + 0.5f), 7);
  uint32_t code = normal >= 15u << 3 ? 0x7e : normal;
  return scale < 0x1p-6f ? subnormal : code;
}

// Half of the scale that has this code. The top bit is ignored; the code of NaN is 0.
static KERNEL float half_scale_of(uint32_t code) {
  uint32_t exponent = code >> 3 & 15, significand = code & 7;
  float normal = float_of((exponent + 119) << 23 | significand << 20);
  float subnormal = (float)(int32_t)significand * 0x1p-10f;
  return code == 0x7f ? 0.0f : exponent == 0 ? subnormal : normal;
}

// 464 * 6 as bits: from there on a scale rounds to more than 448. ggml clamps, which we refuse.
#define TOO_LARGE_FOR_NVFP4 0x452E0000

// Four scales, each of 16 values; 32 bytes of codes.
static KERNEL size_t encode_nvfp4(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t first = 0; first < blocks; first += PARTS / 4) {
    size_t count = blocks - first < PARTS / 4 ? blocks - first : PARTS / 4;
    int32_t largest[PARTS];
    uint32_t scales[PARTS];
    float half_scales[PARTS];
    find_largest(values, 4 * count, 16, largest);
    LANES for (int k = 0; k < PARTS; k++) {
      scales[k] = e4m3_code(float_of((uint32_t)largest[k]) / 6.0f);
      half_scales[k] = half_scale_of(scales[k]);
    }
    for (size_t k = 0; k < 4 * count; k++, values += 16) {
      if (largest[k] >= TOO_LARGE_FOR_NVFP4) return first + k / 4;
      bytes[36 * (k / 4) + k % 4] = (uint8_t)scales[k];
      store_codes(values, 8, half_scales[k], bytes + 36 * (k / 4) + 4 + 8 * (k % 4));
    }
    bytes += 36 * count;
  }
  return blocks;
}
DECANT_COMPILE(size_t, encode_nvfp4, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

static KERNEL void decode_nvfp4(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 36) {
    for (int part = 0; part < 4; part++, values += 16) {
      load_codes(bytes + 4 + 8 * part, 8, half_scale_of(bytes[part]), values);
    }
  }
}
DECANT_COMPILE(void, decode_nvfp4, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
