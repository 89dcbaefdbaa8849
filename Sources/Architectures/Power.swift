#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The C library's power function in Float.
func power(_ base: Float, _ exponent: Float) -> Float { powf(base, exponent) }
