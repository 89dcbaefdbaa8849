/// Finds where a string of bytes can be cut in two so that both parts are strings of the same list: the pairs that a
/// list of ranks lets byte-pair encoding merge.
///
/// Each cut is found in constant time by a polynomial hash, of which the hash of any part follows. Its base is drawn
/// anew for each list, so that no file can be made to collide; strings with equal hashes are compared, so that the
/// result does not depend on it.
struct ByteStringCuts {
  private let strings: ByteStrings
  private var indices: [UInt64: Int32] = [:]
  /// Powers of the base, up to the longest string.
  private var powers: [UInt64] = [1]

  /// A Mersenne prime, modulo which everything is computed.
  private static let modulus: UInt64 = 1 << 61 - 1

  /// The first two indices that hold the same bytes; nil where all differ.
  private(set) var duplicate: (first: Int, second: Int)?

  /// - Parameter strings: fewer than 2^31.
  init(_ strings: ByteStrings) {
    self.strings = strings
    while !index(base: UInt64.random(in: 1 << 32..<Self.modulus)) {}
  }

  /// False where two different strings have one hash.
  private mutating func index(base: UInt64) -> Bool {
    let longest = (0..<strings.count).map { strings.range($0).count }.max() ?? 0
    powers = [1]
    for place in 0..<longest { powers.append(Self.product(powers[place], base)) }
    indices = [:]
    indices.reserveCapacity(strings.count)
    for index in 0..<strings.count {
      var hash: UInt64 = 0
      for byte in strings[index] { hash = appending(byte, to: hash) }
      guard let other = indices.updateValue(Int32(index), forKey: hash) else { continue }
      guard strings[index].elementsEqual(strings[Int(other)]) else { return false }
      duplicate = (Int(other), index)
      return true
    }
    return true
  }

  /// Hands the two parts of every such cut of a string to `body`, shortest left part first.
  func forEach(of index: Int, _ body: (_ left: Int32, _ right: Int32) -> Void) {
    let range = strings.range(index)
    guard range.count > 1 else { return }
    var prefixes: [UInt64] = []
    prefixes.reserveCapacity(range.count + 1)
    prefixes.append(0)
    for place in range { prefixes.append(appending(strings.bytes[place], to: prefixes[place - range.lowerBound])) }
    let whole = prefixes[range.count]
    for length in 1..<range.count {
      let middle = range.lowerBound + length
      guard let left = find(prefixes[length], range.lowerBound..<middle) else { continue }
      let moved = Self.product(prefixes[length], powers[range.count - length])
      let hash = whole >= moved ? whole - moved : whole + Self.modulus - moved
      if let right = find(hash, middle..<range.upperBound) { body(left, right) }
    }
  }

  private func find(_ hash: UInt64, _ range: Range<Int>) -> Int32? {
    guard let index = indices[hash], strings[Int(index)].elementsEqual(strings.bytes[range]) else { return nil }
    return index
  }

  private func appending(_ byte: UInt8, to hash: UInt64) -> UInt64 {
    // One more than the byte, so that leading zeros count.
    let sum = Self.product(hash, powers.count > 1 ? powers[1] : 1) + UInt64(byte) + 1
    return sum >= Self.modulus ? sum - Self.modulus : sum
  }

  private static func product(_ one: UInt64, _ other: UInt64) -> UInt64 {
    let (high, low) = one.multipliedFullWidth(by: other)
    let sum = (low & modulus) + (high << 3 | low >> 61)
    return sum >= modulus ? sum - modulus : sum
  }
}
