public import Bytes
internal import Digests
internal import Synchronization

/// A small file that keeps what a long measurement has found so far, so that another run of the same measurement goes on
/// from there. It is replaced as a whole, after a batch of windows, and removed by whoever made it when the measurement
/// has its result.
///
/// Text, a line a fact, then numbers: `fingerprint` of the measurement, `sources`, a digest of what tells the files that
/// are read from others, `windows` that are done, `label` lines, `numbers`
/// with their count, that many little-endian doubles, and an XXH3-128 of everything before it.
public final class MeasurementRecord: Sendable {
  /// What is known after some windows.
  public struct Content: Hashable, Sendable {
    /// Windows of the text that are done, from its beginning.
    public var windows: Int
    /// What the numbers belong to, where the measurement needs names.
    public var labels: [String] = []
    public var numbers: [Double]

    public init(windows: Int, labels: [String] = [], numbers: [Double]) {
      self.windows = windows
      self.labels = labels
      self.numbers = numbers
    }
  }

  public var path: String { file.path }
  private let file: KeptFile
  /// What an earlier run of the same measurement has found; nil for nothing.
  public let found: Content?
  /// Whether an earlier run has found something that does not count: it read other files, or these before they were
  /// changed, moved or linked.
  public let isDiscarded: Bool
  private let fingerprint: String
  private let sources: String
  private let interval: Duration
  private let lastKept = Mutex<ContinuousClock.Instant?>(nil)
  private let windowsKept: Mutex<Int>

  /// Windows of which the file knows.
  public var kept: Int { windowsKept.withLock { $0 } }

  /// What the records of all versions begin with.
  private static let headingOfAll = "decant measurement "
  private static let heading = "decant measurement 3"
  private static let digestByteCount = 32 + 1
  /// No measurement has as many numbers as fill this.
  private static let mostBytes = 1 << 32

  /// - Parameters:
  ///   - path: the file, which need not be there.
  ///   - fingerprint: what tells this measurement from every other, in one line.
  ///   - sources: what tells the files that are read from all others: `InputFile.identity`.
  ///   - reading: paths of all of them. Who may not read one may not read the record.
  ///   - isResuming: whether what an earlier run has kept counts.
  ///   - replacingOthers: whether the record of another measurement is replaced; otherwise it is an error.
  ///   - interval: the least time between two writes.
  /// - Throws: `FileError` when the file cannot be read, is something else, which is not overwritten, or another run has it.
  public init(
    path: String, fingerprint: String, sources: [String] = [], reading: [String] = [], isResuming: Bool = true,
    replacingOthers: Bool = false,
    interval: Duration = .seconds(5)
  ) throws(FileError) {
    file = try KeptFile(path, reading: reading)
    self.fingerprint = fingerprint
    self.interval = interval
    let sources = Array(sources.joined(separator: "\n").utf8).withBytes { FastDigest(of: $0) }.description
    self.sources = sources
    let earlier = try Self.earlier(path, fingerprint, isResuming: isResuming, replacingOthers: replacingOthers)
    isDiscarded = earlier.map { $0.sources != sources } ?? false
    let content = earlier?.sources == sources ? earlier?.content : nil
    found = content
    windowsKept = Mutex(content?.windows ?? 0)
  }

  /// What is kept there of the same measurement.
  private static func earlier(
    _ path: String, _ fingerprint: String, isResuming: Bool, replacingOthers: Bool
  ) throws(FileError) -> Parsed? {
    guard try FileSystem.isTaken(path) else { return nil }
    let bytes = try InputFile.contents(of: path, limit: Self.mostBytes)
    guard bytes.isEmpty || isRecord(bytes) else {
      throw FileError(.exists, path: path, "is there already and keeps no measurement; name another file")
    }
    let parsed = Self.parse(bytes)
    guard let parsed, parsed.fingerprint == fingerprint else {
      guard replacingOthers || !isResuming || parsed == nil else {
        throw FileError(
          .mismatch, path: path,
          "keeps another measurement: of another model or text, with other options, or on another kind of processor; "
            + "remove it or name another file")
      }
      return nil
    }
    return isResuming ? parsed : nil
  }

  /// Whether a file begins as the records of any version do.
  private static func isRecord(_ bytes: [UInt8]) -> Bool {
    guard bytes.starts(with: headingOfAll.utf8) else { return false }
    let version = bytes.dropFirst(headingOfAll.utf8.count).prefix { $0 != UInt8(ascii: "\n") }
    return !version.isEmpty && version.count < 10 && version.allSatisfy { (48...57).contains($0) }
  }

  /// Writes what is known by now, unless that was done a moment ago.
  /// - Throws: `FileError` when the file cannot be written.
  public func keep(_ content: @autoclosure () -> Content) throws(FileError) {
    let now = ContinuousClock.now
    let isDue = lastKept.withLock { last in
      if let last, now - last < interval { return false }
      last = now
      return true
    }
    guard isDue else { return }
    let content = content()
    let bytes = bytes(of: content)
    do throws(FileError) {
      try file.replace(with: bytes)
      windowsKept.withLock { $0 = content.windows }
      try Interruption.check(path)
    } catch  where error.code == .interrupted {
      // While the file was written a signal was only taken note of.
      throw FileError(
        .interrupted, path: path,
        kept == 0
          ? "interrupted before anything was kept"
          : "interrupted after \(kept) windows; the same command goes on from there")
    }
  }

  /// Removes the file.
  /// - Throws: `FileError` when it stays.
  public func remove() throws(FileError) { try file.remove() }

  /// What an earlier run has found, if it is of windows that the text has.
  /// - Parameter numberCount: how many numbers there are of so many windows, where that is known.
  func found(of text: EvaluationWindows, numberCount: ((_ windows: Int) -> Int)? = nil) -> Content? {
    guard let found, found.windows <= text.windows.count else { return nil }
    if let numberCount, found.numbers.count != numberCount(found.windows) { return nil }
    return found
  }

  // MARK: - Form

  private func bytes(of content: Content) -> [UInt8] {
    var writer = ByteWriter()
    let lines =
      [Self.heading, "fingerprint \(fingerprint)", "sources \(sources)", "windows \(content.windows)"]
      + content.labels.map { "label \($0)" }
      + ["numbers \(content.numbers.count)"]
    for line in lines { writer.write(contentsOf: (line + "\n").utf8) }
    writer.reserveCapacity(writer.count + content.numbers.count * 8 + Self.digestByteCount)
    for number in content.numbers { writer.write(number) }
    let digest = writer.bytes.withBytes { FastDigest(of: $0) }
    writer.write(contentsOf: "\(digest)\n".utf8)
    return writer.bytes
  }

  /// What a file holds.
  private struct Parsed {
    let fingerprint: String
    let sources: String
    let content: Content
  }

  /// Nil for a file that is cut off or damaged, or of another version.
  private static func parse(_ bytes: [UInt8]) -> Parsed? {
    let end = bytes.count - digestByteCount
    guard end > 0,
      bytes.withBytes(in: 0..<end, { FastDigest(of: $0) }).description + "\n"
        == String(decoding: bytes[end...], as: UTF8.self)
    else { return nil }
    var place = 0
    func line() -> Substring? {
      guard let next = bytes[place..<end].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
      defer { place = next + 1 }
      return Substring(decoding: bytes[place..<next], as: UTF8.self)
    }
    func value(_ name: String, of line: Substring?) -> String? {
      guard let line, line.hasPrefix(name + " ") else { return nil }
      return String(line.dropFirst(name.count + 1))
    }
    guard line() == heading[...], let fingerprint = value("fingerprint", of: line()),
      let sources = value("sources", of: line()),
      let windows = value("windows", of: line()).flatMap({ Int($0) }), windows > 0
    else { return nil }
    var labels: [String] = []
    var next = line()
    while let label = value("label", of: next) {
      labels.append(label)
      next = line()
    }
    guard let count = value("numbers", of: next).flatMap({ Int($0) }), count >= 0, (end - place) % 8 == 0,
      count == (end - place) / 8
    else { return nil }
    let start = place
    let numbers = (0..<count).map { number in
      Double(bitPattern: (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + number * 8 + $1]) << UInt64($1 * 8) })
    }
    return Parsed(
      fingerprint: fingerprint, sources: sources,
      content: Content(windows: windows, labels: labels, numbers: numbers))
  }
}
