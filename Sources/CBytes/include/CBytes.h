// Calls into the operating system that Swift's view of the C library leaves out.

#ifndef DECANT_CBYTES_H
#define DECANT_CBYTES_H

/// Has the system begin to write to disk what has been written into the file so far, without waiting for it. Does
/// nothing where the system has no such call.
void decant_start_writing(int descriptor);

#endif
