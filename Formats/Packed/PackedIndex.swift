package import Bytes

/// What a packed file's index says: the regions of the original and the length of every frame.
package struct PackedIndex: Hashable, Sendable {
  /// What the file begins with.
  package internal(set) var opening: PackedOpening
  /// In the original's order, without a gap.
  package internal(set) var regions: [PackedRegion]
  package internal(set) var slabByteCount: Int
  /// Length of the original.
  package internal(set) var byteCount: Int
  /// Bytes of every frame, slab after slab and in a slab plane after plane.
  package internal(set) var frameByteCounts: [UInt32]

  static let footerMagic = Array("DECANTIX".utf8)
  static let footerByteCount = 24
  static let slabByteCounts = (1 << 16)...(1 << 22)

  /// Slabs of a region.
  static func slabCount(_ region: PackedRegion, _ slabByteCount: Int) -> Int {
    region.byteCount.dividedRoundingUp(by: slabByteCount)
  }

  /// The index before it is compressed.
  package var fields: [UInt8] {
    var fields = ByteWriter()
    fields.write(UInt64(byteCount))
    fields.write(UInt32(slabByteCount))
    fields.write(UInt32(regions.count))
    for region in regions {
      fields.write(UInt64(region.byteCount))
      fields.write(UInt8(region.layout.elementWidth))
      fields.write(UInt8(region.layout.rotatesSign ? 1 : 0))
      fields.write(UInt16(0))
    }
    for count in frameByteCounts { fields.write(count) }
    return fields.bytes
  }

  /// What a packed file ends with, from `offset` on.
  package func closing(at offset: Int, path: String) throws(FileError) -> [UInt8] {
    guard let frame = Zstandard.frame(of: fields.span, .level(3)),
      let frameByteCount = UInt32(exactly: frame.count), frameByteCount <= .max - UInt32(Self.footerByteCount)
    else { throw FileError(.system, path: path, "the index cannot be compressed; is there enough memory?") }
    var writer = ByteWriter()
    writer.write(Zstandard.skippableMagic)
    writer.write(frameByteCount + UInt32(Self.footerByteCount))
    writer.write(contentsOf: frame)
    writer.write(UInt64(offset))
    writer.write(frameByteCount)
    writer.write(opening.version)
    writer.write(contentsOf: Self.footerMagic)
    return writer.bytes
  }
}

// MARK: - Reading

extension PackedIndex {
  package init(readingFrom file: any ByteSource) throws(FileError) {
    let path = file.path
    let opening = try PackedOpening(readingFrom: file)
    guard file.byteCount >= opening.byteCount + 8 + Self.footerByteCount else {
      throw PackedRule.footer.broken(
        .truncated, path: path, at: file.byteCount, "ends before its index; is it complete?")
    }
    var footer = ByteCursor(file, at: file.byteCount - Self.footerByteCount)
    let footerOffset = footer.offset
    let storedOffset = try footer.read(UInt64.self)
    let storedFrameByteCount = try footer.read(UInt32.self)
    let version = try footer.read(UInt32.self)
    guard try footer.readBytes(8) == Self.footerMagic, version == opening.version else {
      throw PackedRule.footer.broken(
        .truncated, path: path, at: footerOffset, "does not end as a packed file does; is it complete?")
    }
    let frameByteCount = Int(storedFrameByteCount)
    let frameOffset = footerOffset - frameByteCount
    let indexOffset = frameOffset - 8
    guard indexOffset >= opening.byteCount, storedOffset == UInt64(indexOffset) else {
      throw PackedRule.footer.broken(
        path: path, at: footerOffset, "the end of the file says that the index is elsewhere")
    }
    var cursor = ByteCursor(file, at: indexOffset)
    guard try cursor.read(UInt32.self) == Zstandard.skippableMagic,
      try cursor.read(UInt32.self) == storedFrameByteCount &+ UInt32(Self.footerByteCount)
    else {
      throw PackedRule.footer.broken(path: path, at: indexOffset, "the index is not in a skippable frame of its length")
    }

    let fields = try Self.unpackedFields(
      try file.bytes(at: frameOffset, count: frameByteCount), at: frameOffset, in: file)
    try self.init(fields: fields, opening: opening, indexOffset: indexOffset, path: path)
  }

  /// Each frame of the file takes `Zstandard.minimumFrameByteCount` bytes at least, has one length in the index, and
  /// belongs to a region. So the file's length bounds the index before anything is allocated for it.
  private static func unpackedFields(
    _ frame: [UInt8], at offset: Int, in file: any ByteSource
  ) throws(FileError) -> [UInt8] {
    let limit = 16 + 16 * (file.byteCount / Zstandard.minimumFrameByteCount)
    guard Zstandard.frameByteCount(frame.span) == frame.count, Zstandard.hasChecksum(frame.span),
      let count = Zstandard.contentByteCount(frame.span)
    else {
      throw PackedRule.indexFrame.broken(
        path: file.path, at: offset, "the index is not one frame with length and checksum")
    }
    guard count <= limit else {
      throw PackedRule.indexFrame.broken(
        path: file.path, at: offset, "announces an index of \(count) bytes; a file of this length has at most \(limit)")
    }
    var fields = [UInt8](repeating: 0, count: count)
    if let problem = fields.withMutableBytes({ Zstandard.unpack(frame.span, into: &$0) }) {
      throw PackedRule.indexFrame.broken(path: file.path, at: offset, "the index cannot be unpacked: \(problem)")
    }
    return fields
  }

  /// - Parameters:
  ///   - fields: the index as it is after unpacking.
  ///   - opening: what the file begins with.
  ///   - indexOffset: where in the file it begins, and so where the frames end.
  package init(
    fields: [UInt8], opening: PackedOpening = .current, indexOffset: Int, path: String
  ) throws(FileError) {
    func broken(_ rule: PackedRule, _ message: String) -> FileError {
      rule.broken(path: path, at: indexOffset, "in the index, \(message)")
    }
    guard fields.count >= 16 else { throw broken(.indexFields, "there are only \(fields.count) bytes") }
    let byteCount = Int(exactly: Self.integer(UInt64.self, fields, 0))
    let slabByteCount = Int(Self.integer(UInt32.self, fields, 8))
    let regionCount = Int(Self.integer(UInt32.self, fields, 12))
    guard let byteCount, Self.slabByteCounts.contains(slabByteCount), slabByteCount.nonzeroBitCount == 1 else {
      throw broken(.indexFields, "the original's length or the length of a slab is out of range")
    }
    guard regionCount <= (fields.count - 16) / 12 else {
      throw broken(.indexFields, "\(regionCount) regions are announced in \(fields.count) bytes")
    }
    var regions: [PackedRegion] = []
    var end = 0
    var frameCount = 0
    for number in 0..<regionCount {
      let at = 16 + 12 * number
      let width = Int(fields[at + 8])
      guard let count = Int(exactly: Self.integer(UInt64.self, fields, at)), count > 0, [1, 2, 4, 8].contains(width),
        count % width == 0, fields[at + 9] == 0 || (fields[at + 9] == 1 && width > 1),
        fields[at + 10] == 0, fields[at + 11] == 0, count <= byteCount - end
      else { throw broken(.regions, "region \(number) has a length or layout that cannot be") }
      let region = PackedRegion(
        offset: end, byteCount: count,
        layout: PackedLayout(elementWidth: width, rotatesSign: fields[at + 9] == 1))
      regions.append(region)
      end += count
      let (product, overflow) = Self.slabCount(region, slabByteCount).multipliedReportingOverflow(by: width)
      let (sum, carry) = frameCount.addingReportingOverflow(product)
      guard !overflow, !carry else { throw broken(.regions, "region \(number) has more frames than can be counted") }
      frameCount = sum
    }
    guard end == byteCount else {
      throw broken(.regions, "the regions have \(end) bytes, but the original has \(byteCount)")
    }
    let lengthsStart = 16 + 12 * regionCount
    guard fields.count - lengthsStart == 4 * min(frameCount, fields.count), frameCount <= fields.count else {
      throw broken(.frameLengths, "\(fields.count - lengthsStart) bytes tell the lengths of \(frameCount) frames")
    }
    var frameByteCounts: [UInt32] = []
    frameByteCounts.reserveCapacity(frameCount)
    var total = opening.byteCount
    for number in 0..<frameCount {
      let count = Self.integer(UInt32.self, fields, lengthsStart + 4 * number)
      guard count >= Zstandard.minimumFrameByteCount else {
        throw broken(.frameLengths, "frame \(number) has \(count) bytes, too few for any")
      }
      frameByteCounts.append(count)
      total += Int(count)
    }
    guard total == indexOffset else {
      throw broken(.frameLengths, "the frames end at byte \(total), but the index begins at \(indexOffset)")
    }
    self.opening = opening
    self.regions = regions
    self.slabByteCount = slabByteCount
    self.byteCount = byteCount
    self.frameByteCounts = frameByteCounts
  }

  private static func integer<Integer: FixedWidthInteger>(_: Integer.Type, _ bytes: [UInt8], _ offset: Int) -> Integer {
    var value: Integer = 0
    for index in 0..<(Integer.bitWidth / 8) {
      value |= Integer(truncatingIfNeeded: bytes[offset + index]) << Integer(8 * index)
    }
    return value
  }
}
