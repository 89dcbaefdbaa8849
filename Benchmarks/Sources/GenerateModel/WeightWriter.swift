internal import Bytes
internal import Safetensors
internal import Synchronization
internal import SyntheticWeights
internal import Tensors

/// Makes and writes the weights, a chunk at a time for each processor.
final class WeightWriter: Sendable {
  /// A run of values of one tensor and its place.
  private struct Chunk: Sendable {
    let weights: SyntheticWeights
    let isNorm: Bool
    let first: Int
    let count: Int
    let file: Int
    let offset: Int
  }

  private static let valuesPerChunk = 1 << 20
  private static let bfloat16One: UInt16 = 0x3F80

  private let chunks: [Chunk]
  private let next = Mutex(0)
  private let output: StagedOutput

  /// - Parameter order: the tensors in the order of the model. A tensor's place in it, with `seed`, decides its values.
  init(plan: SafetensorsPlan, order: [TensorDescriptor], seed: UInt64, output: StagedOutput) {
    let numbers = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1.name, UInt64($0)) })
    chunks = plan.files.enumerated().flatMap { number, file in
      file.tensors.flatMap { placed in
        let weights = SyntheticWeights(seed: seed &* 1_000_003 &+ (numbers[placed.descriptor.name] ?? 0))
        let count = placed.descriptor.elementCount
        return stride(from: 0, to: count, by: Self.valuesPerChunk).map { first in
          Chunk(
            weights: weights, isNorm: placed.descriptor.shape.count == 1, first: first,
            count: min(Self.valuesPerChunk, count - first), file: number, offset: placed.offset + first * 2)
        }
      }
    }
    self.output = output
  }

  func writeAll() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<FileSystem.processorCount() { group.addTask { try self.writeChunks() } }
      try await group.waitForAll()
    }
  }

  private func writeChunks() throws(FileError) {
    var values = [UInt16](repeating: 0, count: Self.valuesPerChunk)
    while let chunk = nextChunk() {
      var span = values.mutableSpan
      var part = span._mutatingExtracting(0..<chunk.count)
      if chunk.isNorm {
        for index in 0..<part.count { part[index] = Self.bfloat16One.littleEndian }
      } else {
        chunk.weights.fillBFloat16(&part, from: chunk.first)
      }
      try output.write(values.span.extracting(0..<chunk.count).bytes, file: chunk.file, at: chunk.offset)
    }
  }

  private func nextChunk() -> Chunk? {
    next.withLock { next in
      guard next < chunks.count else { return nil }
      defer { next += 1 }
      return chunks[next]
    }
  }
}
