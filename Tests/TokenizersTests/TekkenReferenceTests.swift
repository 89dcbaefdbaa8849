import Foundation
import Testing

@testable import Tokenizers

/// Where `Tests/Interop/tekken.py` put a whole `tekken.json` and the ids that mistral-common gives.
private let folder = ProcessInfo.processInfo.environment["DECANT_TEKKEN"]

/// Thousands of texts in the whole vocabularies that Mistral published.
@Suite(.enabled(if: folder != nil, "DECANT_TEKKEN names no folder that Tests/Interop/tekken.py wrote"))
struct TekkenReferenceTests {
  @Test func idsAreThoseOfMistralCommon() throws {
    let folder = try #require(folder)
    let references = try JSONDecoder().decode(
      [TekkenTests.Reference.Text].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/ids.json")))
    try #require(references.count > 1000)
    let loaded = try TokenizerFolder.load(folder)
    for (form, tokenizer) in [
      ("as it is", loaded.tokenizer), ("for GGUF", try Tokenizer(loaded.vocabulary, path: "made")),
    ] {
      let wrong = references.filter { tokenizer.encode($0.text, addSpecial: false) != $0.ids }
      #expect(wrong.isEmpty, "\(form): \(wrong.count), first \(wrong.first?.text.debugDescription ?? "")")
      #expect(references.allSatisfy { tokenizer.decode($0.ids).utf8.elementsEqual($0.text.utf8) }, "\(form)")
    }
  }
}
