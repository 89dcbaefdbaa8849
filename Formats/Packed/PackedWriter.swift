public import Bytes

/// Packs files without loss: takes the elements of tensors apart into planes of bytes and compresses each plane.
public enum PackedWriter {
  /// Bytes of the original that are packed together. A reader unpacks as much at a time.
  static let slabByteCount = 1 << 20
  /// Each slab at work holds about four times its length.
  private static let mostThreads = 16

  /// Packs a file.
  /// - Parameters:
  ///   - file: what is packed: all of it, byte for byte.
  ///   - regions: the tensors in it. They must not overlap; what they leave out is packed too.
  ///   - path: where the packed file goes, by custom the original's name with `.zst` added.
  ///   - level: 1 is fast, and for weights nearly as small as it gets. From 2 to 19, zstd's own level is tried too, and
  ///     the smaller result kept.
  ///   - threads: how many slabs are worked on at once. The result does not depend on it.
  ///   - replacing: whether a file of that name may be replaced.
  ///   - fingerprint: what tells this file and these regions from others, in one line: with it a run that was stopped is
  ///     gone on with.
  ///   - isResuming: whether the partial output of an earlier run is gone on with.
  ///   - onEvent: is told of what an earlier run has packed.
  /// - Returns: the length of the packed file.
  /// - Throws: `FileError` when the file cannot be read, the regions do not fit it, or the output cannot be written.
  @discardableResult
  public static func pack(
    _ file: any ByteSource, regions: [PackedRegion], to path: String, level: Int = 1,
    threads: Int = FileSystem.processorCount(), replacing: Bool = false, fingerprint: String? = nil,
    isResuming: Bool = true, onEvent: (PackingEvent) -> Void = { _ in }
  ) async throws(FileError) -> Int {
    guard let all = PackedRegion.covering(file.byteCount, with: regions) else {
      throw FileError(.mismatch, path: file.path, "the regions to pack overlap or are not inside the file")
    }
    let level = min(max(level, Zstandard.Effort.levels.lowerBound), Zstandard.Effort.levels.upperBound)
    let slabs = PackedSlab.slabs(of: all, slabByteCount: slabByteCount)
    var index = PackedIndex(
      opening: .current, regions: all, slabByteCount: slabByteCount, byteCount: file.byteCount, frameByteCounts: [])
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path), files: [.init(name: FileSystem.lastComponent(path), byteCount: nil)],
      sources: [file.inputFile].compactMap(\.self), replacing: replacing,
      fingerprint: fingerprint.map { "pack \(index.opening.version) \(level) \($0)" },
      isResuming: isResuming)
    do throws(FileError) {
      let done = try resumed(slabs, of: output, after: index.opening.bytes.count)
      index.frameByteCounts = done.frameByteCounts.map(UInt32.init)
      var offset = done.frameByteCounts.reduce(index.opening.bytes.count, +)
      try output.setLength(ofFile: 0, to: done.slabs == 0 ? 0 : offset)
      if done.slabs > 0 { onEvent(.resumed(byteCount: slabs[..<done.slabs].reduce(0) { $0 + $1.byteCount })) }
      if output.replacesOtherJob { onEvent(.replacedOtherJob) }
      if output.discardedItemCount > 0 { onEvent(.discarded) }

      func write(_ bytes: [UInt8], at place: Int) throws(FileError) {
        try bytes.withBytes { span throws(FileError) in try output.write(span, file: 0, at: place) }
      }
      try write(index.opening.bytes, at: 0)
      try await Workers(count: min(max(threads, 1), mostThreads)).inOrder(slabs.count - done.slabs) {
        number throws(FileError) in
        try frames(of: slabs[done.slabs + number], in: file, level: level)
      } body: { number, frames throws(FileError) in
        for frame in frames {
          index.frameByteCounts.append(UInt32(frame.count))
          try write(frame, at: offset)
          offset += frame.count
        }
        try output.finish(
          item: done.slabs + number, note: frames.map { String($0.count) }.joined(separator: " "))
      }
      let closing = try index.closing(at: offset, path: path)
      try write(closing, at: offset)
      try file.inputFile?.requireUnchanged()
      for left in try output.commit() { onEvent(.left(left)) }
      return offset + closing.count
    } catch {
      throw output.stopped(by: error)
    }
  }

  /// How many slabs an earlier run has packed, from the first on, and the lengths of their frames.
  private static func resumed(
    _ slabs: [PackedSlab], of output: StagedOutput, after opening: Int
  ) throws(FileError) -> (slabs: Int, frameByteCounts: [Int]) {
    let length = try output.byteCount(ofFile: 0)
    var (number, counts, end) = (0, [Int](), opening)
    while number < slabs.count, let note = output.finishedItems[number] {
      let frames = note.split(separator: " ").compactMap { Int($0) }
      guard frames.count == slabs[number].layout.elementWidth,
        frames.allSatisfy({ $0 > 0 && $0 <= Zstandard.bound(slabs[number].planeByteCount) })
      else { break }
      end += frames.reduce(0, +)
      guard end <= length else { break }
      counts += frames
      number += 1
    }
    return (number, counts)
  }

  private static func frames(
    of slab: PackedSlab, in file: any ByteSource, level: Int
  ) throws(FileError) -> [[UInt8]] {
    let elements = try file.bytes(at: slab.offset, count: slab.byteCount)
    var planes = elements
    if slab.layout.elementWidth > 1 {
      var span = planes.mutableSpan
      Planes.split(elements.span, into: &span, slab.layout)
    }
    var frames: [[UInt8]] = []
    for plane in 0..<slab.layout.elementWidth {
      let range = plane * slab.planeByteCount..<(plane + 1) * slab.planeByteCount
      var shortest: [UInt8]?
      for effort in efforts(for: slab.layout, level: level) {
        guard let frame = Zstandard.frame(of: planes.span.extracting(range), effort) else {
          throw FileError(
            .system, path: file.path, offset: slab.offset, "cannot be compressed; is there enough memory?")
        }
        if frame.count < shortest?.count ?? .max { shortest = frame }
      }
      if let shortest { frames.append(shortest) }
    }
    return frames
  }

  /// Plain bytes may be text with repetitions, so a real search is always tried for them.
  private static func efforts(for layout: PackedLayout, level: Int) -> [Zstandard.Effort] {
    if layout == .bytes { return [.entropy, .level(max(level, 3))] }
    return level > 1 ? [.entropy, .level(level)] : [.entropy]
  }
}
