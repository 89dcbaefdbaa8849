internal import Bytes
internal import Tensors

/// How `llama-gguf-split` divides tensors among the files of a split set. Headers do not count.
public enum GGUFDivision: Hashable, Sendable {
  /// At most that many bytes of tensors a file, each with its padding. A longer tensor has a file of its own.
  case bytes(Int)
  /// At most that many tensors a file.
  case tensors(Int)

  /// The tensors of each file.
  func groups(of tensors: [TensorDescriptor], alignment: Int) -> [Range<Int>] {
    var groups: [Range<Int>] = []
    var (start, size) = (0, 0)
    for (number, tensor) in tensors.enumerated() {
      // Where the sum has no number, the file is full.
      let padded = tensor.byteCount.roundedUp(toMultipleOf: alignment) ?? Int.max
      let (sum, overflow) = size.addingReportingOverflow(padded)
      let isFull =
        switch self {
        case .bytes(let most): overflow || sum > most
        case .tensors(let most): number - start >= most
        }
      if isFull, number > start {
        groups.append(start..<number)
        (start, size) = (number, padded)
      } else {
        size = overflow ? Int.max : sum
      }
    }
    return groups + [start..<tensors.count]
  }
}
