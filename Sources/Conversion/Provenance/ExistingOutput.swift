internal import Bytes
internal import Synchronization

/// Files that are there, compared with what a pour would write.
final class ExistingOutput: PourTarget {
  /// Places where a file is not as it would be written.
  struct Difference: Hashable {
    let file: Int
    let offset: Int
  }

  private let files: [any ByteSource]
  private let found: Mutex<[Difference]> = Mutex([])
  let finishedItems: [Int: String] = [:]

  /// - Parameter paths: in the order of the plan. A packed file stands for what it unpacks to.
  init(paths: [String]) throws(FileError) {
    var files: [any ByteSource] = []
    for path in paths { files.append(try Packing.open(path)) }
    self.files = files
  }

  /// Length of each file.
  var byteCounts: [Int] { files.map(\.byteCount) }

  /// In the order of the files: of each run of bytes that was compared at once, the first that differs.
  var differences: [Difference] {
    found.withLock { $0.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) } }
  }

  func write(_ bytes: RawSpan, file: Int, at offset: Int) throws(FileError) {
    // What is beyond the end of the file differs.
    let count = max(0, min(bytes.byteCount, files[file].byteCount - offset))
    let present = try files[file].bytes(at: min(offset, files[file].byteCount), count: count)
    let different = present.withBytes { $0.firstDifference(from: bytes) }
    guard let different else { return }
    found.withLock { $0.append(Difference(file: file, offset: offset + different)) }
  }

  func finish(item: Int, note: String) {}
}
