import Bytes
import Digests
import Evaluation
import Foundation
import JSON
import TestSupport
import Testing

@testable import Pages

/// A page tells what the reports tell, nothing else, and nothing that a model says becomes markup.
@Suite struct ReportPageTests {
  static let documents: [(name: String, reports: [JSONValue])] = [
    ("one", [SampleReports.comparison(0)]),
    ("three", (0..<3).map { SampleReports.comparison($0) }),
    ("twelve", (0..<12).map { SampleReports.comparison($0, layers: 5) }),
    ("hostile", SampleReports.hostile.enumerated().map { SampleReports.comparison($0, name: $1) }),
    ("perplexity", [SampleReports.perplexity(0)]),
    ("perplexities", (0..<4).map { SampleReports.perplexity($0) }),
  ]

  private func page(_ name: String) throws -> (html: String, document: PageDocument, reports: [JSONValue]) {
    let reports = try #require(Self.documents.first { $0.name == name }).reports
    let html = try ReportPage(try SampleReports.collection(reports)).html()
    return (html, try PageDocument(html), reports)
  }

  /// Numbers of a document, but those of recipes, which are shown as text.
  private func numbers(_ json: JSONValue) -> [Double] {
    switch json {
    case .integer(let number): [Double(number)]
    case .number(let number): [number]
    case .array(let elements): elements.flatMap(numbers)
    case .object(let members): members.filter { $0.key != "recipe" }.values.flatMap(numbers)
    default: []
    }
  }

  private func strings(_ json: JSONValue) -> [String] {
    switch json {
    case .string(let text): [text]
    case .array(let elements): elements.flatMap(strings)
    case .object(let members): members.values.flatMap(strings)
    default: []
    }
  }

  @Test("All numbers of the reports are on the page, and no others", arguments: documents.map(\.name))
  func everyNumber(_ name: String) throws {
    let (_, document, reports) = try page(name)
    let told = Set(reports.flatMap(numbers))
    let shown = document.figures
    #expect(told.subtracting(shown).isEmpty)
    #expect(shown.subtracting(told).isEmpty)
    #expect(told.count > 20)
  }

  @Test("Recipes are shown whole")
  func recipes() throws {
    let (_, document, _) = try page("one")
    let listings = document.elements.filter { $0.name == "pre" }
    #expect(listings.count == 2)
    #expect(try JSONValue(parsing: Array(listings[1].text.utf8)) == ["rule": "model-q0_k.gguf", "overrides": 17])
  }

  @Test("A number reads as what it is", arguments: documents.map(\.name))
  func rounding(_ name: String) throws {
    let (_, document, _) = try page(name)
    var count = 0
    let units = ["kB": 1e3, "MB": 1e6, "GB": 1e9, "B": 1, "%": 0.01]
    let written = document.elements.filter {
      $0.name == "data" || $0.name == "text" && $0.attributes["data-value"] != nil
    }
    for element in written {
      let value = try #require(Double(element.attributes["value"] ?? element.attributes["data-value"] ?? ""))
      let words = element.text.replacingOccurrences(of: ",", with: "").split(separator: " ")
      let number = try #require(Double(words[0])) * (words.count > 1 ? try #require(units[String(words[1])]) : 1)
      // Per cent have two decimals, small numbers three digits.
      #expect(abs(number - value) <= max(abs(value) * 0.006, 0.00051), "\(element.text) \(value)")
      count += 1
    }
    #expect(count > 20)
  }

  /// What a page says in numbers without having measured it.
  private static let words = [
    "50 %", "90 %", "95 %", "99 %", "99.9 %", "XXH3-128",
  ]

  @Test("What is written beside figures has no number of its own", arguments: documents.map(\.name))
  func noOtherNumbers(_ name: String) throws {
    let (_, document, reports) = try page(name)
    // Names may have digits; the longest first, since one may lie in another. Charts shorten them.
    let names = Set(reports.flatMap(strings) + ["1.2.3"]).sorted { $0.count > $1.count }
    for (text, parents) in document.texts where text.contains(where: \.isNumber) {
      let elements = parents.map { document.elements[$0] }
      let isFigure = elements.contains {
        ["data", "title", "pre"].contains($0.name) || $0.attributes["data-value"] != nil
      }
      let isAxis =
        elements.last?.classes.contains { $0.contains("axis") || $0.contains("t") || $0.contains("label") } == true
      guard !isFigure, !isAxis else { continue }
      var rest = text
      for name in names where name.contains(where: \.isNumber) {
        rest = rest.replacingOccurrences(of: SafeText.name(name), with: "")
        rest = rest.replacingOccurrences(of: name, with: "")
      }
      for word in Self.words { rest = rest.replacingOccurrences(of: word, with: "") }
      // A name may lie on several lines.
      if name == "hostile" { continue }
      let number = rest.first { $0.isNumber }
      #expect(number == nil, "\(text)")
    }
  }

  @Test("Nothing from outside, and no script but the page's own", arguments: documents.map(\.name))
  func selfContained(_ name: String) throws {
    let (html, document, _) = try page(name)
    #expect(document.elements.count { $0.name == "script" } == 1)
    #expect(
      !document.elements.contains {
        ["img", "link", "iframe", "object", "embed", "base", "form", "image", "use", "foreignObject"].contains($0.name)
      })
    for element in document.elements {
      for (key, value) in element.attributes {
        #expect(!key.lowercased().hasPrefix("on"), "\(key)=\(value)")
        if ["href", "src", "xlink:href", "action", "srcset", "poster"].contains(key) {
          #expect(value.hasPrefix("#"), "\(value)")
        }
      }
    }
    let anchors = Set(document.elements.compactMap { $0.attributes["id"] })
    for link in document.elements.compactMap({ $0.attributes["href"] }) {
      #expect(anchors.contains(String(link.dropFirst())))
    }
    #expect(!document.style.contains("url(") && !document.style.contains("@import"))
    for word in ["fetch(", "XMLHttpRequest", "import(", "WebSocket", "innerHTML", "eval("] {
      #expect(!document.script.contains(word))
    }
    // The policy allows this script and no other.
    let policy = try #require(
      document.elements.first { $0.attributes["http-equiv"] == "Content-Security-Policy" }?.attributes["content"])
    let digest = Array(document.script.utf8).withBytes { SHA256Digest(of: $0) }
    #expect(policy.contains("default-src 'none'"))
    #expect(policy.contains("'sha256-\(Data(digest.bytes).base64EncodedString())'"))
    #expect(html.hasPrefix("<!DOCTYPE html>"))
  }

  @Test("What a model is called stays text")
  func hostileNames() throws {
    let (html, document, _) = try page("hostile")
    for name in SampleReports.hostile {
      #expect(document.elements.contains { $0.text.contains(SafeText.name(name)) }, "\(name)")
    }
    // Characters that turn text around or command a terminal are spelled out.
    #expect(!html.unicodeScalars.contains { $0 == "\u{202E}" || $0 == "\u{1B}" })
    #expect(!html.contains("onmouseover=\"alert"))
  }

  @Test("Every drawing says what it shows, and every chart and part has its table", arguments: documents.map(\.name))
  func readAloud(_ name: String) throws {
    let (_, document, _) = try page(name)
    let drawings = document.elements.indices.filter { document.elements[$0].name == "svg" }
    #expect(!drawings.isEmpty || name == "perplexity")
    for place in drawings {
      #expect(document.elements[place].attributes["role"] == "img")
      #expect(document.elements[place + 1].name == "title" && !document.elements[place + 1].text.isEmpty)
    }
    for table in document.elements where table.name == "table" {
      #expect(table.path.dropLast().last == "div")
    }
    #expect(document.elements.contains { $0.name == "html" && $0.attributes["lang"] == "en" })
    // Headings go down a step at a time.
    let levels = document.elements.compactMap {
      $0.name.count == 2 && $0.name.hasPrefix("h") ? Int($0.name.suffix(1)) : nil
    }
    #expect(levels.first == 1)
    for (one, next) in zip(levels, levels.dropFirst()) { #expect(next <= one + 1) }
  }

  @Test("Text stands out from what is behind it: 4.5 to 1", arguments: [false, true])
  func contrast(_ isDark: Bool) throws {
    let style = try page("one").document.style
    let blocks = style.components(separatedBy: ":root {").dropFirst().map { $0.components(separatedBy: "}")[0] }
    try #require(blocks.count == 2)
    var colors: [String: [Double]] = [:]
    for declaration in blocks[isDark ? 1 : 0].split(separator: ";") {
      let parts = declaration.split(separator: ":").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
      guard parts.count == 2, let number = UInt32(parts[1].dropFirst(), radix: 16) else { continue }
      colors[parts[0]] = [16, 8, 0].map { Double(number >> $0 & 255) / 255 }
    }
    /// Relative luminance by WCAG 2.
    func luminance(_ name: String) throws -> Double {
      let parts = try #require(colors[name], "\(name)").map {
        $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4)
      }
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
    func ratio(_ one: String, _ other: String) throws -> Double {
      let (a, b) = (try luminance(one), try luminance(other))
      return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }
    for text in ["--ink", "--quiet", "--link"] {
      for ground in ["--paper", "--wash"] { #expect(try ratio(text, ground) >= 4.5, "\(text) on \(ground)") }
    }
    for step in 1...5 { #expect(try ratio("--ink", "--k\(step)") >= 4.5, "k\(step)") }
    // Steps of a bar: each closer to the paper than the one before, and told apart from it by its outline.
    for step in 1...6 { #expect(try ratio("--c\(step)", "--paper") < ratio("--c\(step - 1)", "--paper")) }
    #expect(try ratio("--c0", "--paper") >= 3)
    // Lines and points: 3 to 1.
    for series in 0...5 { #expect(try ratio("--s\(series)", "--paper") >= 3, "s\(series)") }
    // Each step of the map is further from the paper than the one before.
    for step in 1...8 { #expect(try ratio("--q\(step)", "--paper") > ratio("--q\(step - 1)", "--paper")) }
  }

  @Test("Tensors beyond what the map has room for are left out, and that is said")
  func manyTensors() throws {
    var document = SampleReports.comparison(0, layers: 3000)
    var html = try ReportPage(try SampleReports.collection([document])).html()
    #expect(html.contains("The JSON has them all") || html.contains("the JSON has them all"))
    #expect(html.utf8.count < 6_000_000)
    document = SampleReports.comparison(0, layers: 30)
    html = try ReportPage(try SampleReports.collection([document])).html()
    #expect(!html.contains("the JSON has them all"))
  }

  @Test("Experts are spoken of where there are some, and who predicted what is told by name")
  func wording() throws {
    func html(_ document: JSONValue) throws -> String {
      try ReportPage(try SampleReports.collection([document])).html()
    }
    let plain = try html(SampleReports.comparison(0))
    #expect(!plain.contains("experts"))
    #expect(plain.contains("Predicted by the original, original") && plain.contains("Predicted by A  model-q0_k.gguf"))
    var members = try #require(SampleReports.comparison(0).object)
    members["tensors"] = .array(
      (members["tensors"]?.array ?? [])
        + (0..<2).map { expert in
          [
            "name": .string("model.layers.0.mlp.experts.\(expert).up_proj.weight"), "shape": [2, 2],
            "type_before": "bf16",
            "type_after": "q8_0", "relative_squared_error": 0.001, "squared_error": 1, "max_error": 1, "cosine": 0.5,
            "share_of_squared_error": 0.5,
          ]
        })
    #expect(try html(.object(members)).contains("A place of several experts"))
  }

  @Test("Tables show on which side they go on, but on paper; captions stay in sight; names break behind their marks")
  func tables() throws {
    let (html, document, _) = try page("one")
    let scroll = try #require(document.style.firstRange(of: ".scroll {"))
    #expect(document.style[scroll.upperBound...].prefix { $0 != "}" }.contains("100% local"))
    let print = try #require(document.style.firstRange(of: "@media print"))
    #expect(document.style[print.upperBound...].contains(".scroll { background: none; }"))
    #expect(document.elements.filter { $0.path.suffix(2) == ["caption", "span"] }.count > 3)
    #expect(html.contains("mlp.<wbr/>down_<wbr/>proj"))
  }

  @Test("Numbers that were not finite leave their places empty")
  func notFinite() throws {
    var members = try #require(SampleReports.comparison(0).object)
    members["kl"] = .object((members["kl"]?.object ?? [:]).mapValues { _ in .null })
    members["top1_agreement"] = .null
    members["tensors"] = .array([
      [
        "name": "a.0.b.weight", "shape": [1], "type_before": "f32", "type_after": "f16",
        "relative_squared_error": .null,
        "squared_error": .null, "max_error": .null, "cosine": .null, "share_of_squared_error": .null,
      ]
    ])
    let html = try ReportPage(try SampleReports.collection([.object(members)])).html()
    #expect(!html.contains("nan") && !html.contains("inf<"))
    _ = try PageDocument(html)
  }
}
