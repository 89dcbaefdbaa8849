import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// A page as a parser sees it: it is well formed as XML too, but for what script and style hold.
final class PageDocument: NSObject, XMLParserDelegate {
  struct Element {
    let name: String
    let attributes: [String: String]
    /// Of itself and what it lies in, outermost first.
    let path: [String]
    let classes: [Set<String>]
    var text = ""
  }

  private(set) var elements: [Element] = []
  /// Pieces of text with the elements they lie in, by their places in `elements`.
  private(set) var texts: [(text: String, parents: [Int])] = []
  private var open: [Int] = []
  let script: String
  let style: String

  init(_ html: String) throws {
    func between(_ start: String, _ end: String) throws -> (inside: String, outside: String) {
      let from = try #require(html.range(of: start))
      let to = try #require(html.range(of: end, range: from.upperBound..<html.endIndex))
      return (String(html[from.upperBound..<to.lowerBound]), "")
    }
    script = try between("<script>", "</script>").inside
    style = try between("<style>", "</style>").inside
    super.init()
    let bare = html.replacingOccurrences(of: script, with: "").replacingOccurrences(of: style, with: "")
    let parser = XMLParser(data: Data(bare.utf8))
    parser.delegate = self
    parser.shouldResolveExternalEntities = false
    try #require(parser.parse(), "line \(parser.lineNumber): \(String(describing: parser.parserError))")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    let classes = Set((attributes["class"] ?? "").split(separator: " ").map(String.init))
    let parent = open.last.map { elements[$0] }
    open.append(elements.count)
    elements.append(
      Element(
        name: name, attributes: attributes, path: (parent?.path ?? []) + [name],
        classes: (parent?.classes ?? []) + [classes]))
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    open.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    for place in open { elements[place].text += text }
    if let last = texts.last, last.parents == open {
      texts[texts.count - 1].text += text
    } else {
      texts.append((text, open))
    }
  }

  /// All numbers that the page tells.
  var figures: Set<Double> {
    Set(
      elements.flatMap { element in
        let texts =
          (element.attributes["value"].map { [$0] } ?? [])
          + (element.attributes["data-value"] ?? "").split(separator: " ").map(String.init)
        return texts.compactMap(Double.init)
      })
  }
}
