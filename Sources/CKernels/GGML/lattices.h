// Points that codes of the IQ types stand for: see make_lattices.py.

#ifndef DECANT_LATTICES_H
#define DECANT_LATTICES_H

#include <stdint.h>

extern const uint8_t decant_lattice_iq2_xxs[256 * 8];
extern const uint8_t decant_lattice_iq2_xs[512 * 8];
extern const uint8_t decant_lattice_iq2_s[1024 * 8];
extern const uint8_t decant_lattice_iq3_xxs[256 * 4];
extern const uint8_t decant_lattice_iq3_s[512 * 4];
// Of IQ1_S and IQ1_M.
extern const int8_t decant_lattice_iq1[2048 * 8];

#endif
