import Quantization
import TestSupport
import Testing

@Suite struct KernelSetTests {
  @Test func baselineIsAlwaysThere() {
    #expect(KernelSet.all.first?.name == "baseline")
    #expect(KernelSet.all.contains(.best))
    #expect(KernelSet.named("baseline") == KernelSet.all.first)
    #expect(KernelSet.named("v9") == nil)
  }

  @Test func theEnvironmentForcesASet() async {
    await #expect(processExitsWith: .success) {
      Environment.set("baseline", for: "DECANT_KERNELS")
      precondition(KernelSet.best.name == "baseline")
    }
    await #expect(processExitsWith: .success) {
      Environment.set("none of them", for: "DECANT_KERNELS")
      precondition(KernelSet.best == KernelSet.all.last)
    }
  }

  @Test(arguments: KernelSet.all) func firstNonFinite(kernels: KernelSet) {
    var values = [Float](repeating: -.greatestFiniteMagnitude, count: 10_000)
    #expect(kernels.firstNonFinite(in: values.span) == nil)
    #expect(kernels.firstNonFinite(in: [Float]().span) == nil)
    for index in [9999, 5000, 4096, 4095, 1, 0] {
      values[index] = index % 2 == 0 ? .nan : -.infinity
      #expect(kernels.firstNonFinite(in: values.span) == index)
    }
  }

  @Test(arguments: KernelSet.all, [0, 1, 15, 16, 17, 4096, 4099]) func sums(kernels: KernelSet, count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let (values, others) = (random.normals(count), random.normals(count))
    func laneSum(_ terms: [Double]) -> Double {
      var lanes = [Double](repeating: 0, count: 16)
      for (index, term) in terms.enumerated() { lanes[index % 16] += term }
      return lanes.reduce(0, +)
    }
    #expect(kernels.sumOfSquares(values.span) == laneSum(values.map { Double($0) * Double($0) }))
    let differences = zip(values, others).map { Double($0) - Double($1) }
    #expect(kernels.sumOfSquaredDifferences(values.span, others.span) == laneSum(differences.map { $0 * $0 }))
  }

  @Test(arguments: KernelSet.all) func rowNorms(kernels: KernelSet) {
    #expect(kernels.rowNorms([3, 4, 0, 5, 12, 0].span, columns: 3) == [5, 13])
  }

  @Test(arguments: KernelSet.all, [(3, 200, 8), (1, 64, 1), (5, 63, 3), (2, 129, 0)])
  func outerProduct(kernels: KernelSet, size: (rows: Int, columns: Int, rank: Int)) {
    var random = SeededGenerator(seed: 3)
    let down = random.normals(size.rank * size.columns)
    let up = random.normals(size.rows * size.rank)
    var weights = random.normals(size.rows * size.columns)
    var expected = weights
    for row in 0..<size.rows {
      for column in 0..<size.columns {
        var sum: Float = 0
        for k in 0..<size.rank { sum += up[row * size.rank + k] * down[k * size.columns + column] }
        expected[row * size.columns + column] += 0.7 * sum
      }
    }
    var span = weights.mutableSpan
    kernels.addOuterProduct(
      rows: size.rows, columns: size.columns, rank: size.rank, scale: 0.7, down: down.span, up: up.span, into: &span)
    #expect(weights.bitPatterns == expected.bitPatterns)
  }
}
