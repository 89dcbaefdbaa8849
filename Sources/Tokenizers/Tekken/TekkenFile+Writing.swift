internal import Bytes
internal import JSON

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension TekkenFile {
  /// The document again, from what a GGUF keeps of it and the tokens there: those past `default_vocab_size`, which nobody
  /// uses, are gone. Nil where that gives other tokens than the GGUF has, because somebody changed one of the two.
  static func document(_ vocabulary: GGUFVocabulary, _ types: [TokenType]) -> [UInt8]? {
    guard let settings = vocabulary.tekken.map({ Array($0.utf8) }), let place = placeOfTokens(settings) else {
      return nil
    }
    var list = JSONWriter()
    list.write(raw: "[")
    var rank = 0
    for (id, type) in types.enumerated() where type == .normal {
      guard let bytes = ByteAlphabet.bytes(of: vocabulary.tokens[id]) else { return nil }
      list.write(raw: rank == 0 ? "\n" : ",\n")
      list.write(
        raw: "    {\"rank\": \(rank), \"token_bytes\": \"\(Data(bytes).base64EncodedString())\", \"token_str\": ")
      if let text = String(validating: bytes, as: UTF8.self) { list.write(text) } else { list.write(raw: "null") }
      list.write(raw: "}")
      rank += 1
    }
    list.write(raw: "\n  ]")
    let document = settings[..<place.lowerBound] + list.bytes + settings[place.upperBound...]
    guard let again = try? TekkenFile(Array(document), path: name),
      again.specialTokens.count + again.tokens.count <= types.count,
      again.specialTokens.enumerated().allSatisfy({
        types[$0.offset] == .control && TokenText($0.element) == TokenText(vocabulary.tokens[$0.offset])
      }),
      (0..<again.tokens.count).allSatisfy({ types[again.specialTokens.count + $0] == .normal }),
      again.tokens.count == rank
    else { return nil }
    return Array(document)
  }

  private static func placeOfTokens(_ settings: [UInt8]) -> Range<Int>? {
    var reader = JSONReader(settings)
    var place: Range<Int>?
    do throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextKey() {
        let start = reader.offset
        try reader.skipValue()
        if key == "vocab" { place = start..<reader.offset }
      }
      try reader.finish()
    } catch {
      return nil
    }
    return place
  }
}
