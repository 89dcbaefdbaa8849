#ifndef DECANT_PEAK_H
#define DECANT_PEAK_H

#include <stddef.h>

/// Operations of one turn.
enum { DECANT_PEAK_OPERATIONS = 2 * 12 * 16 };

/// Runs `turns` turns of multiplications and additions, fused where the set of kernels of that name has it, on values
/// that stay in registers: what no product of matrices can be faster than.
/// - Returns: a number that depends on all of them.
float decant_peak(const char *kernels, size_t turns);

#endif
