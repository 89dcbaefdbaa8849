package import FuzzSupport

/// Readers whose loops run over raw memory. They are built with the address sanitizer too.
package enum MemoryTargets {
  package static let all = [decoders, encoders, packed, packedIndex]
}
