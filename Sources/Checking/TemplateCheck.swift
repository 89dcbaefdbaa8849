internal import Bytes
internal import Conversion
internal import Tokenizers

/// What is wrong with a chat template beside the vocabulary that its text is read with. Templates are not rendered.
struct TemplateCheck {
  let template: String
  let vocabulary: GGUFVocabulary

  /// Texts that end a turn, in the families that have one.
  private static let endsOfTurn: Set<String> = [
    "<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|eot|>", "<|end_of_turn|>", "<|return|>", "<|endofturn|>",
  ]

  func add(to findings: inout Findings) {
    for (opening, closing) in [("{%", "%}"), ("{{", "}}")] {
      // Braces of its own may close a literal, so only what is opened and never closed is told.
      guard count(of: opening) > count(of: closing) else { continue }
      findings.add(
        .error, .template, "the chat template opens \(opening) more often than it closes it: it is cut off or damaged")
    }
    let ids = Dictionary(
      vocabulary.tokens.enumerated().map { (Array($0.element.utf8), $0.offset) },
      uniquingKeysWith: { first, _ in first })
    let written = markers
    let unknown = written.filter { ids[Array($0.utf8)] == nil }
    if !unknown.isEmpty {
      findings.add(
        .warning, .template,
        "the chat template writes \(unknown.prefix(5).map { FileError.quoted($0) }.joined(separator: ", "))"
          + (unknown.count > 5 ? " and \(unknown.count - 5) more" : "")
          + ", no token of the vocabulary: the model reads it as plain text")
    }
    let ends = Set(vocabulary.allEndIDs.map(Int.init))
    let lost = written.filter { marker in
      Self.endsOfTurn.contains(marker) && ids[Array(marker.utf8)].map { !ends.contains($0) } ?? false
    }
    for marker in lost {
      findings.add(
        .warning, .template,
        "the chat template ends a turn with \(FileError.quoted(marker)), which is not among the tokens that end a text: a program "
          + "that goes by these does not stop there")
    }
  }

  private func count(of part: String) -> Int {
    // By bytes: the marks are ASCII.
    let (text, part) = (Array(template.utf8), Array(part.utf8))
    guard text.count >= part.count else { return 0 }
    return (0...text.count - part.count).count { text[$0] == part[0] && text[$0 + 1] == part[1] }
  }

  /// What looks like a control token: `<|im_end|>`, `<end_of_turn>`. Each once, in the order of the template.
  private var markers: [String] {
    var found: [String] = []
    var seen: Set<String> = []
    for piece in template.split(separator: "<", omittingEmptySubsequences: false).dropFirst() {
      guard let end = piece.firstIndex(of: ">") else { continue }
      let inner = piece[..<end]
      let isBarred = inner.count > 2 && inner.hasPrefix("|") && inner.hasSuffix("|")
      let isNamed = inner == "start_of_turn" || inner == "end_of_turn"
      guard inner.utf8.count <= 64, isBarred || isNamed,
        inner.allSatisfy({ $0.isLetter || $0.isNumber || "|_-".contains($0) })
      else { continue }
      let marker = "<\(inner)>"
      if seen.insert(marker).inserted { found.append(marker) }
    }
    return found
  }
}
