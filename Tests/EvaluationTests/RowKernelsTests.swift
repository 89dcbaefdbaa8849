import Quantization
import TestSupport
import Testing

@_spi(Benchmarks) @testable import Evaluation

@Suite struct RowKernelsTests {
  @Test("Measures give the same bits on all instruction sets", arguments: KernelSet.all, [1, 16, 977])
  func measures(kernels: KernelSet, count: Int) throws {
    let baseline = try #require(KernelSet.named("baseline"))
    var generator = SeededGenerator(seed: 4)
    let before = (0..<count).map { _ in Float.random(in: -9...9, using: &generator) }
    let after = before.map { $0 + Float.random(in: -0.5...0.5, using: &generator) }
    func softmax(_ logits: [Float], _ kernels: KernelSet) -> RowKernels.LogSoftmax {
      RowKernels.LogSoftmax(logits.span, kernels: kernels)
    }
    let (one, other) = (softmax(before, baseline), softmax(after, baseline))
    #expect(softmax(before, kernels) == one && softmax(after, kernels) == other)
    #expect(
      RowKernels.divergence(before: before.span, one, after: after.span, other, kernels: kernels)
        == RowKernels.divergence(before: before.span, one, after: after.span, other, kernels: baseline))
    #expect(
      RowKernels.Difference(before: before.span, after: after.span, kernels: kernels)
        == RowKernels.Difference(before: before.span, after: after.span, kernels: baseline))
  }
}
