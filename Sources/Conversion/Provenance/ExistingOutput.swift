internal import Bytes
internal import Synchronization
internal import Tensors

/// Files that are there, compared with what a pour would write.
final class ExistingOutput: PourTarget {
  /// Places where a file is not as it would be written.
  struct Difference: Hashable {
    let file: Int
    let offset: Int
  }

  /// In the order of the plan; nil for one that is not there, with which nothing is compared.
  private let files: [(any ByteSource)?]
  private let found: Mutex<[Difference]> = Mutex([])
  let finishedItems: [Int: String] = [:]

  /// What is compared with padding at a time.
  private static let zeros = [UInt8](repeating: 0, count: 1 << 18)

  init(_ files: [(any ByteSource)?]) { self.files = files }

  /// Length of each file; nil for one that is not there.
  var byteCounts: [Int?] { files.map { $0?.byteCount } }

  /// In the order of the files: of each run of bytes that was compared at once, the first that differs.
  var differences: [Difference] {
    found.withLock { $0.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) } }
  }

  func write(_ bytes: RawSpan, file number: Int, at offset: Int) throws(FileError) {
    guard let file = files[number] else { return }
    // What is beyond the end of the file differs.
    let count = max(0, min(bytes.byteCount, file.byteCount - offset))
    let present = try file.bytes(at: min(offset, file.byteCount), count: count)
    let different = present.withBytes { $0.firstDifference(from: bytes) }
    guard let different else { return }
    found.withLock { $0.append(Difference(file: number, offset: offset + different)) }
  }

  /// Compares what neither the header nor a tensor covers: a pour leaves zeros there.
  func comparePadding(of planned: PlannedFile, file number: Int) throws(FileError) {
    let parts =
      [(start: 0, count: planned.header.count), (start: planned.byteCount, count: 0)]
      + planned.tensors.map { (start: $0.offset, count: $0.descriptor.byteCount) }
    var end = 0
    for part in parts.sorted(by: { $0.start < $1.start }) {
      for start in stride(from: end, to: part.start, by: Self.zeros.count) {
        try Interruption.check(planned.name)
        try Self.zeros.withBytes(in: 0..<min(Self.zeros.count, part.start - start)) { zeros throws(FileError) in
          try write(zeros, file: number, at: start)
        }
      }
      end = max(end, part.start + part.count)
    }
  }

  func finish(item: Int, note: String) {}
}
