internal import Bytes
internal import CKernels

// Groups along rows, with a byte a code.

extension KernelSet {
  /// Takes `count` codes of `bits` bits out of a stream, the earlier in the lower bits.
  package func unpack(_ bytes: RawSpan, bits: Int, count: Int, into codes: inout MutableRawSpan) {
    precondition(bits > 0 && bits <= 8 && bytes.byteCount == (count * bits).dividedRoundingUp(by: 8))
    precondition(codes.byteCount == count)
    let loop = unsafe table.unpack_codes
    unsafe run(bytes, into: &codes) { unsafe loop($0, count, UInt32(bits), $1) }
  }

  /// Makes a stream of codes, each below `2^bits`, the earlier in the lower bits.
  package func pack(_ codes: RawSpan, bits: Int, into bytes: inout MutableRawSpan) {
    precondition(bits > 0 && bits <= 8)
    precondition(bytes.byteCount == (codes.byteCount * bits).dividedRoundingUp(by: 8))
    let loop = unsafe table.pack_codes
    let count = codes.byteCount
    unsafe run(codes, into: &bytes) { unsafe loop($0, count, UInt32(bits), $1) }
  }

  /// A matrix of `rows * columns` numbers, row after row, as one of `columns * rows`.
  package func transposed(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
    let loop = unsafe table.transpose_floats
    return unsafe turned(matrix, rows, columns, zero: 0) { unsafe loop(matrix, rows, columns, $0) }
  }

  /// The same with a byte each.
  package func transposed(_ matrix: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    let loop = unsafe table.transpose_codes
    return unsafe turned(matrix, rows, columns, zero: 0) { unsafe loop(matrix, rows, columns, $0) }
  }

  private func turned<Element>(
    _ matrix: [Element], _ rows: Int, _ columns: Int, zero: Element, _ loop: (UnsafeMutablePointer<Element>) -> Void
  ) -> [Element] {
    precondition(matrix.count == rows * columns)
    guard rows > 1, columns > 1 else { return matrix }
    var turned = [Element](repeating: zero, count: matrix.count)
    unsafe turned.withUnsafeMutableBufferPointer { turned in
      if let to = turned.baseAddress { unsafe loop(to) }
    }
    return turned
  }

  /// Adds to every code, modulo 256.
  package func add(_ addend: UInt8, to codes: inout [UInt8]) {
    let loop = unsafe table.add_to_codes
    unsafe codes.withUnsafeMutableBufferPointer { codes in
      guard let start = codes.baseAddress else { return }
      unsafe loop(start, codes.count, UInt32(addend))
    }
  }

  /// Adds to every whole word of 32 bits, modulo 2^32.
  package func add(_ addend: UInt32, toWordsOf bytes: inout [UInt8]) {
    let loop = unsafe table.add_to_words
    unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return }
      unsafe loop(start, bytes.count / 4, addend)
    }
  }

  /// Whether all codes are the same; true of none.
  package func isUniform(_ codes: [UInt8]) -> Bool {
    unsafe codes.withUnsafeBufferPointer { codes in
      guard let start = codes.baseAddress else { return true }
      return unsafe table.is_uniform(start, codes.count)
    }
  }

  /// Whole numbers as codes of up to eight bits, with `addend` added modulo `2^bits`; nil where one is no such code.
  package func codes(ofZeros zeros: [Float], bits: Int, addend: Int) -> [UInt8]? {
    precondition((1...8).contains(bits))
    let loop = unsafe table.codes_of_zeros
    var codes = [UInt8](repeating: 0, count: zeros.count)
    let isKept = unsafe codes.withUnsafeMutableBufferPointer { codes in
      guard let to = codes.baseAddress else { return true }
      return unsafe loop(zeros, zeros.count, UInt32(bits), UInt32(truncatingIfNeeded: addend), to)
    }
    return isKept ? codes : nil
  }

  /// Makes the biases of `scale * code + bias` the zeros of `scale * (code - zero)`.
  /// - Returns: false where a value would change, or would depend on how it is computed; the biases are of no use then.
  package func makeZeros(ofBiasesOf groups: inout EncodedGroups, bits: Int) -> Bool {
    let loop = unsafe table.zeros_of_biases
    return unsafe run(&groups) { unsafe loop($0, $1, $2, UInt32(bits)) }
  }

  /// Makes the zeros of `scale * (code - zero)` the biases of `scale * code + bias`, for codes that `shift` was added to.
  /// - Returns: as `makeZeros`.
  package func makeBiases(ofZerosOf groups: inout EncodedGroups, shift: Float, bits: Int) -> Bool {
    let loop = unsafe table.biases_of_zeros
    return unsafe run(&groups) { unsafe loop($0, $1, $2, UInt32(bits), shift) }
  }

  private func run(
    _ groups: inout EncodedGroups, _ loop: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Bool
  ) -> Bool {
    precondition(groups.offsets.count == groups.scales.count)
    return unsafe groups.scales.withUnsafeBufferPointer { scales in
      unsafe groups.offsets.withUnsafeMutableBufferPointer { offsets in
        guard let from = scales.baseAddress, let to = offsets.baseAddress else { return true }
        return unsafe loop(from, to, scales.count)
      }
    }
  }

  /// Takes codes out of words of 32 bits, rows of `columns`, whose streams run down the columns: a row of `stride` codes
  /// for each column.
  package func unpackColumns(
    _ words: RawSpan, columns: Int, bits: Int, into codes: inout MutableRawSpan, stride: Int
  ) {
    let wordRows = words.byteCount / max(1, 4 * columns)
    precondition(words.byteCount == 4 * columns * wordRows && wordRows % bits == 0)
    precondition(wordRows / bits * 32 <= stride && codes.byteCount == columns * stride)
    let loop = unsafe table.unpack_columns
    unsafe run(words, into: &codes) { unsafe loop($0, wordRows, columns, UInt32(bits), $1, stride) }
  }

  /// Makes words of 32 bits, rows of `columns`, whose streams run down the columns, of a row of `stride` codes for each
  /// column. The words say how many codes of a row there are: a multiple of 32.
  package func packColumns(
    _ codes: RawSpan, stride: Int, columns: Int, bits: Int, into words: inout MutableRawSpan
  ) {
    let wordRows = words.byteCount / max(1, 4 * columns)
    precondition(words.byteCount == 4 * columns * wordRows && wordRows % bits == 0)
    precondition(wordRows / bits * 32 <= stride && codes.byteCount == columns * stride)
    let loop = unsafe table.pack_columns
    unsafe run(codes, into: &words) { unsafe loop($0, stride, wordRows, columns, UInt32(bits), $1) }
  }

  /// Takes codes out of rows of words, of which nibble n is that of column `order[n]` of eight: a row of codes for each
  /// column, with one for each row of words.
  package func unpackWordRows(_ words: RawSpan, rows: Int, order: [UInt8], into codes: inout MutableRawSpan) {
    let wordsPerRow = words.byteCount / max(1, 4 * rows)
    precondition(words.byteCount == 4 * rows * wordsPerRow && codes.byteCount == 8 * wordsPerRow * rows)
    precondition(order.count == 8 && order.allSatisfy { $0 < 8 })
    let loop = unsafe table.unpack_word_rows
    unsafe run(words, into: &codes) { unsafe loop($0, rows, wordsPerRow, order, $1, rows) }
  }

  /// Makes `rows` rows of words, of which nibble n is the code of column `order[n]` of eight, of a row of `rows` codes
  /// for each column.
  package func packWordRows(_ codes: RawSpan, rows: Int, order: [UInt8], into words: inout MutableRawSpan) {
    let wordsPerRow = words.byteCount / max(1, 4 * rows)
    precondition(words.byteCount == 4 * rows * wordsPerRow && codes.byteCount == 8 * wordsPerRow * rows)
    precondition(order.count == 8 && order.allSatisfy { $0 < 8 })
    let loop = unsafe table.pack_word_rows
    unsafe run(codes, into: &words) { unsafe loop($0, rows, rows, wordsPerRow, order, $1) }
  }

  /// The values of rows of `columns` codes that begin `first` elements into a group of `group`.
  /// - Parameters:
  ///   - scales: of the groups that a row touches, row after row.
  ///   - offsets: likewise; empty without any.
  package func decodeGroups(
    _ codes: RawSpan, columns: Int, from first: Int, group: Int, _ levels: GroupLevels, scales: Span<Float>,
    offsets: Span<Float>, _ offset: GroupOffset, into values: inout MutableSpan<Float>
  ) {
    let rows = values.count / max(1, columns)
    let groups = (first + columns).dividedRoundingUp(by: group)
    precondition(codes.byteCount == values.count && rows * columns == values.count && first < group)
    precondition(scales.count == rows * groups && offsets.count == (offset == .none ? 0 : rows * groups))
    let loop = unsafe table.decode_groups
    unsafe decode(codes, levels, scales, offsets, into: &values) { codes, table, scales, offsets, values in
      unsafe loop(codes, rows, columns, first, group, table, scales, offsets, offset.kind, values)
    }
  }

  /// The same where column c belongs to group `groupOf[c]` of the `groups` of a row.
  package func decodeGroups(
    _ codes: RawSpan, groupOf: Span<Int32>, groups: Int, _ levels: GroupLevels, scales: Span<Float>,
    offsets: Span<Float>, _ offset: GroupOffset, into values: inout MutableSpan<Float>
  ) {
    let columns = groupOf.count
    let rows = values.count / max(1, columns)
    precondition(codes.byteCount == values.count && rows * columns == values.count)
    precondition(scales.count == rows * groups && offsets.count == (offset == .none ? 0 : rows * groups))
    for index in groupOf.indices { precondition(groupOf[index] >= 0 && Int(groupOf[index]) < groups) }
    let loop = unsafe table.decode_indexed_groups
    unsafe groupOf.withUnsafeBufferPointer { indices in
      guard let indices = indices.baseAddress else { return }
      unsafe decode(codes, levels, scales, offsets, into: &values) { codes, table, scales, offsets, values in
        unsafe loop(codes, rows, columns, indices, groups, table, scales, offsets, offset.kind, values)
      }
    }
  }

  private func run(
    _ bytes: RawSpan, into result: inout MutableRawSpan,
    _ loop: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
  ) {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe result.withUnsafeMutableBytes { result in
        guard let from = bytes.baseAddress, let to = result.baseAddress else { return }
        unsafe loop(from.assumingMemoryBound(to: UInt8.self), to.assumingMemoryBound(to: UInt8.self))
      }
    }
  }

  private func decode(
    _ codes: RawSpan, _ levels: GroupLevels, _ scales: Span<Float>, _ offsets: Span<Float>,
    into values: inout MutableSpan<Float>,
    _ loop: (
      UnsafePointer<UInt8>, UnsafePointer<Float>?, UnsafePointer<Float>, UnsafePointer<Float>?,
      UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let table = levels.table
    unsafe codes.withUnsafeBytes { codes in
      unsafe scales.withUnsafeBufferPointer { scales in
        unsafe offsets.withUnsafeBufferPointer { offsets in
          unsafe values.withUnsafeMutableBufferPointer { values in
            guard let from = codes.baseAddress, let scales = scales.baseAddress, let to = values.baseAddress else {
              return
            }
            let codes = unsafe from.assumingMemoryBound(to: UInt8.self)
            let offsets = unsafe offsets.isEmpty ? nil : offsets.baseAddress.map { unsafe UnsafePointer($0) }
            if let table {
              unsafe loop(codes, table, scales, offsets, to)
            } else {
              unsafe loop(codes, nil, scales, offsets, to)
            }
          }
        }
      }
    }
  }
}

extension GroupOffset {
  fileprivate var kind: decant_offset {
    switch self {
    case .none: DECANT_NO_OFFSET
    case .zero: DECANT_ZERO
    case .bias: DECANT_BIAS
    }
  }
}
