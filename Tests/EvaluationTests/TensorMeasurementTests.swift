import Bytes
import Evaluation
import Inference
import Tensors
import TestSupport
import Testing

@Suite struct TensorMeasurementTests {
  private func pair(_ name: String, _ before: [Float], _ after: [Float], shape: [Int]? = nil) -> TensorPair {
    TensorPair(
      name: name, before: ArraySource(shape: shape ?? [before.count], array: before), encodingBefore: "f32",
      after: ArraySource(shape: shape ?? [after.count], array: after), encodingAfter: "q4_0")
  }

  @Test func errorsFollowTheFormulas() async throws {
    let errors = try await TensorMeasurement(workers: Workers(count: 2)).errors(of: [
      pair("same", [1, 2, 3], [1, 2, 3]),
      pair("moved", [3, 4], [3, 3]),
      pair("turned", [1, 0, 0, 0], [0, 2, 0, 0], shape: [2, 2]),
    ])
    #expect(errors.map(\.name) == ["turned", "moved", "same"])
    #expect(errors[0].relativeSquaredError == 5 && errors[0].cosine == 0 && errors[0].largestError == 2)
    #expect(errors[1].relativeSquaredError == 1.0 / 25 && errors[1].largestError == 1)
    #expect(abs(errors[1].cosine - 21 / (5 * 18.0.squareRoot())) < 1e-15)
    #expect(errors[2].relativeSquaredError == 0 && errors[2].cosine == 1 && errors[2].shareOfError == 0)
    #expect(errors[0].shareOfError == 5.0 / 6)
    #expect(errors[0].shape == [2, 2])
    #expect(errors[0].encodingBefore == "f32" && errors[0].encodingAfter == "q4_0")
  }

  @Test func largeTensorsGoInSlabs() async throws {
    var generator = SeededGenerator(seed: 2)
    let before = (0..<1000 * 700).map { _ in Float.random(in: -1...1, using: &generator) }
    let after = before.map { $0 + Float.random(in: -0.01...0.01, using: &generator) }
    let expected = zip(before, after).reduce(0.0) { $0 + (Double($1.1) - Double($1.0)) * (Double($1.1) - Double($1.0)) }
    var results: Set<TensorError> = []
    for workers in [1, 2, 5] {
      let errors = try await TensorMeasurement(workers: Workers(count: workers)).errors(
        of: [pair("large", before, after, shape: [1000, 700])])
      results.formUnion(errors)
    }
    #expect(results.count == 1)
    #expect(abs((results.first?.squaredError ?? 0) / expected - 1) < 1e-10)
  }

  @Test func whatIsNotANumberComesFirst() async throws {
    let errors = try await TensorMeasurement().errors(of: [
      pair("zeros moved", [0, 0], [0, 1]), pair("damaged", [1, 1, 1, 1], [1, .nan, 1, 2]), pair("zeros", [0], [0]),
    ])
    #expect(errors.map(\.name) == ["damaged", "zeros moved", "zeros"])
    #expect(errors[0].largestError.isNaN)
    #expect(errors[1].relativeSquaredError == .infinity)
    #expect(errors[2].cosine == 1)
  }

  @Test func shapesMustAgree() async {
    await #expect(throws: EvaluationError.shapesDiffer(name: "x", before: [2], after: [3])) {
      try await TensorMeasurement().errors(of: [pair("x", [1, 2], [1, 2, 3])])
    }
  }

  @Test func nothingIsNoError() async throws {
    let errors = try await TensorMeasurement().errors(of: [pair("empty", [], [], shape: [0, 4])])
    #expect(errors.map(\.relativeSquaredError) == [0])
    #expect(try await TensorMeasurement().errors(of: []).isEmpty)
  }
}
