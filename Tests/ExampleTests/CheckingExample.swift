import Bytes
import Checking
import Conversion
import Testing

@Suite struct CheckingExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let check = try await ModelCheck(of: made("llama-q8_0.gguf"), workers: Workers())
    for finding in check.all { print(finding.severity, finding.part, finding.names) }

    let differences = try await ModelDifferences(
      Inspection(path: made("Llama-3.2-1B")), Inspection(path: made("llama-q8_0.gguf")), workers: Workers())
    for tensor in differences.tensors { print(tensor) }
    #expect(check.count(of: .error) == 0 && !differences.tensors.isEmpty)
  }
}
