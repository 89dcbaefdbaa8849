public import Bytes
internal import Synchronization

/// A packed file, opened to read the original's bytes at any place. Only the slabs that are asked for are unpacked;
/// the last few are kept.
///
/// Safe to read from several tasks at once.
public final class PackedFile: ByteSource {
  /// The packed file.
  public let path: String
  /// Length of the original.
  public let byteCount: Int
  /// Length of the packed file.
  public var packedByteCount: Int { file.byteCount }
  /// The original's parts and how each is laid out.
  public let regions: [PackedRegion]

  public var inputFile: InputFile? { file.inputFile }

  private let file: any ByteSource
  private let slabs: [PackedSlab]
  /// Where each frame begins, and where the last one ends.
  private let frameOffsets: [Int]
  /// Slabs unpacked last, the latest at the end.
  private let kept = Mutex<[(number: Int, bytes: [UInt8])]>([])
  private static let mostKept = 16
  private static let mostThreads = 16

  /// - Throws: `FileError` when the file cannot be read or breaks a rule of the format.
  public convenience init(path: String) throws(FileError) {
    try self.init(InputFile(path: path))
  }

  /// - Throws: `FileError` when the file cannot be read or breaks a rule of the format.
  public init(_ file: any ByteSource) throws(FileError) {
    let index = try PackedIndex(readingFrom: file)
    var offsets = [index.opening.byteCount]
    offsets.reserveCapacity(index.frameByteCounts.count + 1)
    var offset = index.opening.byteCount
    for count in index.frameByteCounts {
      offset += Int(count)
      offsets.append(offset)
    }
    self.file = file
    path = file.path
    byteCount = index.byteCount
    regions = index.regions
    slabs = PackedSlab.slabs(of: index.regions, slabByteCount: index.slabByteCount)
    frameOffsets = offsets
  }

  /// What packing a file adds to its name, by custom.
  public static let suffix = ".zst"

  /// The file of that name, or else the packed one in its place; nil where there is neither.
  /// - Throws: `FileError` when that cannot be told.
  public static func inPlace(of path: String) throws(FileError) -> String? {
    for path in [path, path + suffix] where try FileSystem.hasFile(path) { return path }
    return nil
  }

  /// Opens a file, packed or not, for reading the original's bytes.
  public static func openAny(path: String) throws(FileError) -> any ByteSource {
    let file = try InputFile(path: path)
    return try PackedOpening.isPacked(file) ? PackedFile(file) : file
  }

  /// Opens a file of weights, packed or not, for reading the original's bytes.
  /// - Throws: `FileError` also when it is text: a failed download, or what `zstd -d` makes of a packed file.
  public static func openWeights(path: String) throws(FileError) -> any ByteSource {
    let file = try openAny(path: path)
    let start = try file.bytes(at: 0, count: min(512, file.byteCount))
    if start.starts(with: Array(PackedOpening.notice.utf8)) {
      throw FileError(
        .unsupported, path: path,
        "is what `zstd -d` makes of a packed file, not the model; give the packed file itself, or what `decant unpack` "
          + "makes of it")
    }
    if let text = FailedDownload.text(inPlaceOfWeights: start) { throw FileError(.malformed, path: path, text) }
    return file
  }

  public func read(at offset: Int, into bytes: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: bytes.byteCount, subject: subject)
    var done = 0
    while done < bytes.byteCount {
      let number = slabNumber(at: offset + done)
      let slab = slabs[number]
      let start = offset + done - slab.offset
      let count = min(slab.byteCount - start, bytes.byteCount - done)
      var target = bytes._mutatingExtracting(done..<done + count)
      if count == slab.byteCount {
        try unpack(slab, into: &target, subject: subject)
      } else {
        try slabBytes(number, subject: subject).withBytes(in: start..<start + count) { source in
          Self.copy(source, to: &target)
        }
      }
      done += count
    }
  }

  /// Writes the original, byte for byte. Everything is checked on the way.
  /// - Parameters:
  ///   - path: where it goes.
  ///   - threads: how many slabs are unpacked at once.
  ///   - replacing: whether a file of that name may be replaced.
  ///   - fingerprint: what tells this packed file from others, in one line: with it a run that was stopped is gone on with.
  ///   - isResuming: whether the partial output of an earlier run is gone on with.
  ///   - onEvent: is told of what an earlier run has unpacked.
  /// - Throws: `FileError` when a part is damaged or the output cannot be written.
  public func unpack(
    to path: String, threads: Int = FileSystem.processorCount(), replacing: Bool = false, fingerprint: String? = nil,
    isResuming: Bool = true, onEvent: (PackingEvent) -> Void = { _ in }
  ) async throws(FileError) {
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path),
      files: [.init(name: FileSystem.lastComponent(path), byteCount: byteCount)],
      sources: [file.inputFile].compactMap(\.self), replacing: replacing,
      fingerprint: fingerprint.map { "unpack \($0)" }, isResuming: isResuming)
    let left = slabs.indices.filter { output.finishedItems[$0] == nil }
    if left.count < slabs.count {
      onEvent(.resumed(byteCount: byteCount - left.reduce(0) { $0 + slabs[$1].byteCount }))
    }
    if output.replacesOtherJob { onEvent(.replacedOtherJob) }
    if output.discardedItemCount > 0 { onEvent(.discarded) }
    do throws(FileError) {
      try await Workers(count: min(max(threads, 1), Self.mostThreads)).inOrder(left.count) { place throws(FileError) in
        let slab = self.slabs[left[place]]
        var bytes = [UInt8](repeating: 0, count: slab.byteCount)
        try bytes.withMutableBytes { span throws(FileError) in try self.unpack(slab, into: &span, subject: nil) }
        try bytes.withBytes { span throws(FileError) in try output.write(span, file: 0, at: slab.offset) }
      } body: { place, _ throws(FileError) in
        try output.finish(item: left[place])
      }
      try file.inputFile?.requireUnchanged()
      for left in try output.commit() { onEvent(.left(left)) }
    } catch {
      throw output.stopped(by: error)
    }
  }

  // MARK: Slabs

  /// The slab that holds a byte of the original.
  private func slabNumber(at offset: Int) -> Int {
    var (low, high) = (0, slabs.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if slabs[middle].offset <= offset { low = middle } else { high = middle }
    }
    return low
  }

  private func slabBytes(_ number: Int, subject: String?) throws(FileError) -> [UInt8] {
    let found: [UInt8]? = kept.withLock { kept in
      guard let place = kept.lastIndex(where: { $0.number == number }) else { return nil }
      let entry = kept.remove(at: place)
      kept.append(entry)
      return entry.bytes
    }
    if let found { return found }
    let slab = slabs[number]
    var bytes = [UInt8](repeating: 0, count: slab.byteCount)
    try bytes.withMutableBytes { span throws(FileError) in try unpack(slab, into: &span, subject: subject) }
    kept.withLock { [bytes] kept in
      guard !kept.contains(where: { $0.number == number }) else { return }
      if kept.count == Self.mostKept { kept.removeFirst() }
      kept.append((number, bytes))
    }
    return bytes
  }

  private func unpack(
    _ slab: PackedSlab, into bytes: inout MutableRawSpan, subject: String?
  ) throws(FileError) {
    let start = frameOffsets[slab.firstFrame]
    let end = frameOffsets[slab.firstFrame + slab.layout.elementWidth]
    guard end - start <= slab.layout.elementWidth * Zstandard.bound(slab.planeByteCount) else {
      throw FileError(
        .malformed, path: path, subject: subject, offset: start,
        "\(end - start) bytes of frames are more than \(slab.byteCount) bytes can take",
        rule: PackedRule.frameLengths.citation)
    }
    let frames = try file.bytes(at: start, count: end - start, subject: subject)
    guard slab.layout.elementWidth > 1 else {
      return try unpackFrame(frames.span, at: start, into: &bytes, subject: subject)
    }
    var planes = [UInt8](repeating: 0, count: slab.byteCount)
    for plane in 0..<slab.layout.elementWidth {
      let frameStart = frameOffsets[slab.firstFrame + plane]
      let range = frameStart - start..<frameOffsets[slab.firstFrame + plane + 1] - start
      try planes.withMutableBytes(in: plane * slab.planeByteCount..<(plane + 1) * slab.planeByteCount) {
        target throws(FileError) in
        try unpackFrame(frames.span.extracting(range), at: frameStart, into: &target, subject: subject)
      }
    }
    Planes.join(planes.span, into: &bytes, slab.layout)
  }

  /// A frame must be one frame of the announced length, hold exactly a plane, and carry a checksum.
  private func unpackFrame(
    _ frame: Span<UInt8>, at offset: Int, into plane: inout MutableRawSpan, subject: String?
  ) throws(FileError) {
    func broken(_ rule: PackedRule, _ message: String) -> FileError {
      FileError(.malformed, path: path, subject: subject, offset: offset, message, rule: rule.citation)
    }
    guard Zstandard.frameByteCount(frame) == frame.count else {
      throw broken(.frameHeader, "\(frame.count) bytes from here are not one zstd frame")
    }
    guard Zstandard.contentByteCount(frame) == plane.byteCount, Zstandard.hasChecksum(frame) else {
      throw broken(.frameHeader, "the frame does not announce \(plane.byteCount) bytes with a checksum")
    }
    if let problem = Zstandard.unpack(frame, into: &plane) {
      throw broken(.frameContent, "the frame is damaged: \(problem)")
    }
  }

  private static func copy(_ source: RawSpan, to target: inout MutableRawSpan) {
    unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in unsafe target.copyMemory(from: source) }
    }
  }
}
