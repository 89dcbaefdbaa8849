internal import Benchmark
internal import BenchmarkSupport
internal import CPeak
@_spi(Benchmarks) internal import Evaluation
@_spi(Benchmarks) internal import Inference
@_spi(Benchmarks) internal import Quantization
internal import SyntheticWeights

/// Activations of a layer: 1024 tokens of 2048 values.
private let (tokens, width) = (1024, 2048)

private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
  Matrix(rows: rows, columns: columns, values: SyntheticWeights(seed: seed).values(count: rows * columns))
}

let benchmarks: @Sendable () -> Void = {
  for kernels in KernelSet.all {
    // What no product can be faster than, then products: a panel of a large weight, one of a small one, and those of a
    // head of attention.
    let turns = 1 << 22
    Benchmark("peak of multiply-adds, \(kernels)", configuration: .rate(.operationRate, seconds: 0.5)) { benchmark in
      benchmark.measure(.operationRate, count: turns * Int(DECANT_PEAK_OPERATIONS)) {
        blackHole(decant_peak(kernels.name, turns))
      }
    }
    for (rows, outputs, depth) in [(1024, 512, 2048), (1024, 256, 576), (128, 512, 64)] {
      let name = "product of \(rows) x \(depth) and \(depth) x \(outputs), \(kernels)"
      Benchmark(name, configuration: .rate(.operationRate, seconds: 0.5)) { benchmark, input in
        benchmark.measure(.operationRate, count: 2 * rows * outputs * depth) {
          kernels.multiply(
            input.activations.part(), transposed: input.weight.part(), into: input.result.part(), memory: input.memory)
        }
      } setup: {
        (
          activations: matrix(rows, depth, seed: 1), weight: matrix(outputs, depth, seed: 2),
          result: matrix(rows, outputs, seed: 3), memory: KernelSet.productMemory()
        )
      }
    }
  }

  /// A kernel that reads two matrices of activations and writes a third.
  func rows(_ name: String, _ body: @escaping @Sendable (KernelSet, MatrixPart, MatrixPart, MatrixPart) -> Void) {
    for kernels in KernelSet.all {
      Benchmark("\(name), \(kernels)", configuration: .rate(.valueRate)) { benchmark, input in
        benchmark.measure(.valueRate, count: tokens * width) {
          body(kernels, input.one.part(), input.other.part(), input.result.part())
        }
      } setup: {
        (
          one: matrix(tokens, width, seed: 4), other: matrix(tokens, width, seed: 5),
          result: matrix(tokens, width, seed: 6)
        )
      }
    }
  }
  let weight = SyntheticWeights(seed: 7).values(count: width)
  let angles = RotationTable(frequencies: (0..<width / 2).map { 1 / Float($0 + 1) }, positions: tokens)
  rows("normalize") { $0.normalize($1, weight: weight, epsilon: 1e-5, into: $3) }
  rows("rotate") { $0.rotate($1, by: angles, scale: 1, into: $3) }
  rows("causal softmax") { kernels, scores, _, _ in
    kernels.causalSoftmax(scores, firstQuery: width - tokens, firstKey: 0, window: .max)
  }
  rows("gate") { $0.activate($1, $2, into: $3) }
  rows("add a bias") { kernels, values, _, _ in kernels.add(weight, columns: 0..<width, to: values) }
  rows("add squares") { kernels, values, _, _ in
    var sums = [Double](repeating: 0, count: width)
    kernels.addSquares(of: values, to: &sums)
    blackHole(sums)
  }
  rows("add squares exactly") { kernels, values, _, _ in
    var sums = [SquareSum](repeating: .zero, count: width)
    blackHole(kernels.addSquaresExactly(of: values, to: &sums))
  }

  // A row of logits of a large vocabulary.
  let count = 128_256
  let (before, after) = (SyntheticWeights(seed: 8).values(count: count), SyntheticWeights(seed: 9).values(count: count))
  for kernels in KernelSet.all {
    Benchmark("log-softmax, \(kernels)", configuration: .rate(.valueRate)) { benchmark in
      benchmark.measure(.valueRate, count: count) { blackHole(RowKernels.LogSoftmax(before.span, kernels: kernels)) }
    }
    let (one, other) = (RowKernels.LogSoftmax(before.span), RowKernels.LogSoftmax(after.span))
    Benchmark("KL divergence, \(kernels)", configuration: .rate(.valueRate)) { benchmark in
      benchmark.measure(.valueRate, count: count) {
        blackHole(RowKernels.divergence(before: before.span, one, after: after.span, other, kernels: kernels))
      }
    }
    Benchmark("difference of tensors, \(kernels)", configuration: .rate(.valueRate)) { benchmark in
      benchmark.measure(.valueRate, count: count) {
        blackHole(RowKernels.Difference(before: before.span, after: after.span, kernels: kernels))
      }
    }
  }
}
