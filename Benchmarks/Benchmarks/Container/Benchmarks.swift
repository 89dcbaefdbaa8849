internal import Benchmark
internal import BenchmarkSupport
internal import Bytes
internal import Foundation
internal import GGUF
internal import Packed
internal import Safetensors
internal import SyntheticWeights
internal import Tensors

let benchmarks: @Sendable () -> Void = {
  Benchmark("gguf header, vocabulary of 128k", configuration: .rate(.byteRate, seconds: 2)) { benchmark, header in
    try benchmark.measure(.byteRate, count: header.byteCount) { blackHole(try GGUFFile(path: header.path)) }
  } setup: {
    try HeaderFile.gguf(vocabulary: 128_000)
  }

  Benchmark("safetensors header, 20,000 tensors", configuration: .rate(.byteRate, seconds: 2)) { benchmark, header in
    try benchmark.measure(.byteRate, count: header.byteCount) { blackHole(try SafetensorsFile(path: header.path)) }
  } setup: {
    try HeaderFile.safetensors(tensors: 20_000)
  }

  Benchmark("pack bf16", configuration: .rate(.byteRate, seconds: 2)) { benchmark, packing in
    try await benchmark.measure(.byteRate, count: packing.byteCount) { try await packing.pack() }
  } setup: {
    try PackedWeights()
  }

  Benchmark("unpack bf16", configuration: .rate(.byteRate, seconds: 2)) { benchmark, packing in
    try await benchmark.measure(.byteRate, count: packing.byteCount) { try await packing.unpack() }
  } setup: {
    let packing = try PackedWeights()
    try await packing.pack()
    return packing
  }
}
