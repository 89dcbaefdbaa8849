// Points that codes of the IQ types stand for: see make_lattices.py.

#ifndef DECANT_LATTICES_H
#define DECANT_LATTICES_H

#include "CKernels.h"

extern const int8_t decant_iq2_xxs_points[256 * 8];
extern const int8_t decant_iq2_xs_points[512 * 8];
extern const int8_t decant_iq2_s_points[1024 * 8];
extern const int8_t decant_iq3_xxs_points[256 * 4];
extern const int8_t decant_iq3_s_points[512 * 4];
// Of IQ1_S and IQ1_M.
extern const int8_t decant_iq1_points[2048 * 8];

#endif
