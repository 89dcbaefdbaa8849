internal import Bytes
internal import Synchronization
internal import Tensors

/// A source that keeps in memory what is read of it in lines, as the columns of a matrix are, so that the file is read once
/// and in long runs. Tensors that are too large for that are read line by line.
final class HeldTensors: TensorSource {
  private let source: any TensorSource
  private let held = Mutex<[HeldTensor]>([])
  private let sizes: Sizes

  /// What is kept, in bytes.
  struct Sizes: Sendable {
    /// Of one tensor at most.
    var tensor = 48 << 20
    /// Of all together, once the last one has come.
    var all = 72 << 20
    /// What is read at once.
    var part = 1 << 18
  }

  convenience init(_ source: any TensorSource) { self.init(source, Sizes()) }

  init(_ source: any TensorSource, _ sizes: Sizes) {
    self.source = source
    self.sizes = sizes
  }

  /// Whether a tensor of so many bytes is read once, whatever its lines.
  static func holds(byteCount: Int) -> Bool { byteCount <= Sizes().tensor }

  var name: String { source.name }
  var tensors: [TensorDescriptor] { source.tensors }
  var inputFiles: [InputFile] { source.inputFiles }
  func descriptor(of name: String) -> TensorDescriptor? { source.descriptor(of: name) }

  func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    try source.read(name, at: offset, into: &bytes)
  }

  func readLines(
    _ name: String, at offset: Int, stride: Int, length: Int, into bytes: inout MutableRawSpan
  ) throws(FileError) {
    guard stride != length, bytes.byteCount > length, let descriptor = descriptor(of: name),
      descriptor.byteCount <= sizes.tensor
    else {
      return try source.readLines(name, at: offset, stride: stride, length: length, into: &bytes)
    }
    let tensor = tensor(descriptor)
    try tensor.fill(from: source)
    guard tensor.copyLines(at: offset, stride: stride, length: length, into: &bytes) else {
      // It says what is wrong with them.
      return try source.readLines(name, at: offset, stride: stride, length: length, into: &bytes)
    }
  }

  /// The tensor, which is the last one to be given up now.
  private func tensor(_ descriptor: TensorDescriptor) -> HeldTensor {
    held.withLock { held in
      let tensor: HeldTensor
      if let place = held.firstIndex(where: { $0.name == descriptor.name }) {
        tensor = held.remove(at: place)
      } else {
        tensor = HeldTensor(descriptor, partSize: sizes.part)
      }
      held.append(tensor)
      var byteCount = held.reduce(0) { $0 + $1.byteCount }
      while byteCount > sizes.all, held.count > 1 { byteCount -= held.removeFirst().byteCount }
      return tensor
    }
  }
}

/// The bytes of a tensor in parts, which several readers fill together.
private final class HeldTensor: Sendable {
  private struct Parts {
    var bytes: [[UInt8]]
    /// The first that nobody has begun to read.
    var next = 0
    var filled = 0
  }

  let name: String
  let byteCount: Int
  private let partSize: Int
  private let parts: Mutex<Parts>

  init(_ descriptor: TensorDescriptor, partSize: Int) {
    name = descriptor.name
    byteCount = descriptor.byteCount
    self.partSize = partSize
    parts = Mutex(
      Parts(bytes: Array(repeating: [], count: descriptor.byteCount.dividedRoundingUp(by: partSize))))
  }

  /// Reads what is not there yet.
  func fill(from source: any TensorSource) throws(FileError) {
    while true {
      let part = parts.withLock { parts -> Int? in
        guard parts.filled < parts.bytes.count else { return nil }
        if parts.next < parts.bytes.count {
          parts.next += 1
          return parts.next - 1
        }
        // Another reader is at it, or has failed: whoever is first.
        return parts.bytes.firstIndex(where: \.isEmpty)
      }
      guard let part else { return }
      let bytes = try [UInt8](count: min(partSize, byteCount - part * partSize)) { bytes throws(FileError) in
        try source.read(name, at: part * partSize, into: &bytes)
      }
      parts.withLock { parts in
        guard parts.bytes[part].isEmpty else { return }
        parts.bytes[part] = bytes
        parts.filled += 1
      }
    }
  }

  /// - Returns: false where lines do not lie in the tensor.
  func copyLines(at offset: Int, stride: Int, length: Int, into bytes: inout MutableRawSpan) -> Bool {
    let count = bytes.byteCount / length
    guard offset >= 0, stride >= 0, length > 0, bytes.byteCount == count * length, count > 0,
      offset <= byteCount - length, stride == 0 || (count - 1) <= (byteCount - length - offset) / stride
    else { return false }
    let parts = parts.withLock { $0.bytes }
    var (line, done) = (0, 0)
    while line < count {
      // The lines that begin, go on or end in one part.
      let part = (offset + line * stride + done) / partSize
      parts[part].withBytes { own in
        while line < count {
          let place = offset + line * stride + done - part * partSize
          guard place < own.byteCount else { return }
          let run = min(length - done, own.byteCount - place)
          bytes.copy(own.extracting(place..<place + run), at: line * length + done)
          done += run
          guard done == length else { return }
          (line, done) = (line + 1, 0)
        }
      }
    }
    return true
  }
}
