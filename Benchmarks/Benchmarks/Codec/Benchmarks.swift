internal import Benchmark
internal import BenchmarkSupport
internal import Bytes
internal import Quantization
internal import SyntheticWeights
internal import Tensors

/// Values that a benchmark encodes or decodes.
private let valueCount = 1 << 20

/// As weights are.
private let weights = SyntheticWeights(seed: 1).values(count: valueCount)

/// Whole numbers that every integer type holds.
private let wholeNumbers = (0..<valueCount).map { Float($0 % 101) }

/// For types that are only decoded.
private func anyBytes(_ count: Int) -> [UInt8] {
  // Leaves out exponents of infinite scales.
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) & 0x7b }
}

let benchmarks: @Sendable () -> Void = {
  for entry in Catalog.entries {
    for kernels in KernelSet.all {
      let codec = entry.codec(kernels: kernels)
      let values = entry.encoding?.isInteger == true ? wholeNumbers : weights
      let configuration = Benchmark.Configuration.rate(.valueRate)

      if entry.canEncode {
        Benchmark("\(entry.name) encode, \(kernels)", configuration: configuration) { benchmark in
          var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: valueCount))
          try benchmark.measure(.valueRate, count: valueCount) { () throws(CodecError) in
            try bytes.withMutableBytes { bytes throws(CodecError) in try codec.encode(values.span, into: &bytes) }
          }
          blackHole(bytes)
        }
      }

      Benchmark("\(entry.name) decode, \(kernels)", configuration: configuration) { benchmark in
        var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: valueCount))
        if entry.canEncode {
          try bytes.withMutableBytes { bytes throws(CodecError) in try codec.encode(values.span, into: &bytes) }
        } else {
          bytes = anyBytes(bytes.count)
        }
        var decoded = [Float](repeating: 0, count: valueCount)
        benchmark.measure(.valueRate, count: valueCount) {
          var span = decoded.mutableSpan
          bytes.withBytes { codec.decode($0, into: &span) }
        }
        blackHole(decoded)
      }
    }
  }

  // An adapter of rank 16 on rows of 2048.
  let (columns, rank) = (2048, 16)
  let rows = valueCount / columns
  let down = SyntheticWeights(seed: 2).values(count: rank * columns)
  let up = SyntheticWeights(seed: 3).values(count: rows * rank)
  for kernels in KernelSet.all {
    Benchmark("lora outer product rank \(rank), \(kernels)", configuration: .rate(.valueRate)) { benchmark in
      var updated = weights
      var span = updated.mutableSpan
      benchmark.measure(.valueRate, count: valueCount) {
        kernels.addOuterProduct(
          rows: rows, columns: columns, rank: rank, scale: 2, down: down.span, up: up.span, into: &span)
      }
      blackHole(updated)
    }
  }
}
