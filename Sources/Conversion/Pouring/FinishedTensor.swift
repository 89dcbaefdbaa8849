internal import Digests

/// What a later run of the same job needs to know of a tensor that is there already: a note in the journal.
struct FinishedTensor: Sendable {
  /// How far an adapter has moved it.
  let relativeChange: Double
  /// Digests of the stored tensors that it was computed from.
  let digests: [FastDigest]

  init(relativeChange: Double, digests: [FastDigest]) {
    self.relativeChange = relativeChange
    self.digests = digests
  }

  /// The change, to the last bit, and the digests.
  var note: String {
    ([String(relativeChange.bitPattern, radix: 16)] + digests.map(\.description)).joined(separator: " ")
  }

  /// nil where it is no such note with so many digests.
  init?(note: String, digestCount: Int) {
    let parts = note.split(separator: " ")
    let digests = parts.dropFirst().compactMap { FastDigest($0) }
    guard let bits = parts.first.flatMap({ UInt64($0, radix: 16) }), digests.count == digestCount,
      parts.count == digestCount + 1
    else { return nil }
    self.init(relativeChange: Double(bitPattern: bits), digests: digests)
  }
}
