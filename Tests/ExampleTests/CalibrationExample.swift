import Bytes
import Calibration
import Conversion
import Foundation
import Inference
import Testing

@Suite struct CalibrationExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let checkpoint = try Checkpoint(path: made("Llama-3.2-1B"))
    let (model, tokenizer) = (try load(checkpoint), try ModelTokenizer.load(of: checkpoint))
    let text = try Data(contentsOf: URL(fileURLWithPath: made("heldout.txt")))
    let windows = try await CalibrationWindows(
      of: [CalibrationText(name: "heldout.txt", origin: .bytes(Array(text)))], tokens: 1024, context: 128, seed: 0,
      model: model, tokenizer: tokenizer, workers: Workers()
    ) { _, _ in }
    let calibrator = Calibrator(model, over: windows, isFisher: true, seed: 0, workers: Workers())
    _ = try await calibrator.write(to: made("llama.calibration"), reading: [], replacing: false) { _, _ in }
    #expect(FileManager.default.fileExists(atPath: made("llama.calibration")))
  }
}
