internal import CKernels

/// A set of points whose coordinates are a few whole numbers. Codes of the IQ types are numbers of points.
struct Lattice: Sendable {
  let points: [[Float]]

  /// Of `iq1_s` and `iq1_m`: eight of -1, 0, 1.
  static let iq1 = unsafe Lattice(decant_iq1_lattice())
  /// Eight of 8, 25, 43, as those of all IQ2 types.
  static let iq2XXS = unsafe Lattice(decant_iq2_xxs_lattice())
  static let iq2XS = unsafe Lattice(decant_iq2_xs_lattice())
  static let iq2S = unsafe Lattice(decant_iq2_s_lattice())
  /// Four of 4, 12, ... 52, 62.
  static let iq3XXS = unsafe Lattice(decant_iq3_xxs_lattice())
  /// Four of 1, 3, ... 15.
  static let iq3S = unsafe Lattice(decant_iq3_s_lattice())

  private init(_ lattice: decant_lattice) {
    points = unsafe (0..<lattice.count).map { point in
      unsafe (0..<lattice.dimensions).map { Float(unsafe lattice.points[point * lattice.dimensions + $0]) }
    }
  }
}
