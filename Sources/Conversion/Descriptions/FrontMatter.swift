/// The settings at the top of a README.md, between two lines `---`, in YAML: what model cards say to programs. Keys of
/// texts and of lists of texts are read; anything else counts as not said, and nothing is refused because of it.
struct FrontMatter {
  private var values: [String: [String]] = [:]

  /// Longest settings that are looked at.
  private static let longest = 1 << 20

  /// - Parameter card: the whole file.
  init(of card: [UInt8]) {
    let text = String(decoding: card.prefix(Self.longest), as: UTF8.self)
    var lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }[...]
    guard lines.popFirst() == "---" else { return }
    if let end = lines.firstIndex(of: "---") { lines = lines[..<end] }
    // As llama.cpp's converter has it, which reads cards whose lists are indented by tabs.
    let settings = lines.joined(separator: "\n").replacing("- \t", with: "-  ") + "\n"
    guard let events = YAMLEvent.events(of: Array(settings.utf8)), events.first == .beginMapping else { return }
    var depth = 1
    var key: String?
    var isValue = false
    var items: [String] = []
    for event in events.dropFirst() {
      switch event {
      case .beginList, .beginMapping:
        // Nothing is taken from what lies in a mapping, or deeper.
        if depth == 1, event == .beginMapping, isValue { key = nil }
        depth += 1
      case .end: depth -= 1
      case .text(let text, let isPlain):
        if depth == 1, !isValue {
          key = text
        } else if depth <= 2, !isPlain || !Self.nothing.contains(text) {
          items.append(text)
        }
      case .alias: break
      }
      guard depth == 1 else { continue }
      if isValue, let key { values[key] = items.isEmpty ? nil : items }
      if isValue { key = nil }
      items = []
      isValue.toggle()
    }
  }

  /// All texts of a key.
  subscript(key: String) -> [String] { values[key] ?? [] }

  /// YAML's spellings of no value.
  private static let nothing: Set<String> = ["", "~", "null", "Null", "NULL"]
}
