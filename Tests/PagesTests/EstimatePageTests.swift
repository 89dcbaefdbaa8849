import Conversion
import Estimation
import Quantization
import TestSupport
import Testing

@testable import Pages

@Suite struct EstimatePageTests {
  @Test("A page of an estimate has all of its numbers and no others", arguments: [nil, 9_000_000])
  func numbers(_ memory: Int?) throws {
    let checkpoint = try Checkpoint(configuration: TinyLlama.file("config.json"))
    func recipe(_ name: String) throws -> Recipe {
      Recipe(.linearLayers(TargetType(codec: try #require(Catalog.codec(named: name)))))
    }
    var request = ModelEstimate.Request()
    request.memory = memory
    let estimate = try ModelEstimate(
      of: checkpoint,
      [("bf16", try recipe("bf16"), .safetensors), ("nf4", try recipe("nf4"), .safetensors)],
      training: (half: try recipe("bf16"), nested: try recipe("nf4")), request, workers: 1)
    let document = try PageDocument(try ReportPage("a<b>\"c", estimate).html())
    var numbers: Set<Double> = [
      Double(estimate.parameterCount), Double(estimate.context), Double(estimate.needs.contextLength), 1,
    ]
    numbers.formUnion(estimate.contexts.flatMap { [Double($0.tokens), $0.cache, $0.activations] })
    numbers.formUnion(estimate.trainings.flatMap { [$0.trained, $0.total] })
    for form in estimate.forms {
      let size = try form.size.get()
      numbers.formUnion([Double(size.byteCount), size.bitsPerWeight] + form.totals)
      numbers.formUnion([form.total, form.longestContext.map(Double.init)].compactMap(\.self))
    }
    if let memory { numbers.insert(Double(memory)) }
    #expect(document.figures == numbers)
    #expect(document.elements.contains { $0.name == "title" && $0.text.contains("a<b>\"c") })
    #expect(estimate.forms.count == 2 && estimate.trainings.count == 3)
  }
}
