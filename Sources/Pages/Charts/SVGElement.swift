/// An element of a drawing. Every attribute and text is escaped where it is written.
struct SVGElement {
  let name: String
  private var attributes: [(name: String, value: String)] = []
  private var children: [Child] = []

  private enum Child {
    case element(SVGElement)
    case text(String)
  }

  init(_ name: String, _ attributes: KeyValuePairs<String, Attribute> = [:]) {
    self.name = name
    self.attributes = attributes.map { ($0.key, $0.value.text) }
  }

  /// What an attribute may be.
  enum Attribute: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByFloatLiteral,
    ExpressibleByIntegerLiteral
  {
    case string(String)
    case number(Double)

    init(stringLiteral value: String) { self = .string(value) }
    init(floatLiteral value: Double) { self = .number(value) }
    init(integerLiteral value: Int) { self = .number(Double(value)) }

    var text: String {
      switch self {
      case .string(let text): text
      case .number(let number): SVGElement.coordinate(number)
      }
    }
  }

  /// A coordinate to a hundredth of a pixel.
  static func coordinate(_ number: Double) -> String {
    guard number.isFinite else { return "0" }
    let hundredths = (min(max(number, -1e6), 1e6) * 100).rounded() / 100
    return hundredths == hundredths.rounded() ? String(Int(hundredths)) : "\(hundredths)"
  }

  mutating func add(_ element: SVGElement) { children.append(.element(element)) }

  func adding(_ elements: [SVGElement]) -> SVGElement {
    var result = self
    for element in elements { result.add(element) }
    return result
  }

  func text(_ text: String) -> SVGElement {
    var result = self
    result.children.append(.text(text))
    return result
  }

  /// What is shown where the pointer rests, with the numbers that it tells.
  func titled(_ title: String, _ figures: [Figure]) -> SVGElement {
    var result = self
    if !figures.isEmpty { result.attributes.append(("data-value", figures.map(\.value).joined(separator: " "))) }
    result.children.insert(.element(SVGElement("title").text(title)), at: 0)
    return result
  }

  /// A number that is written into the drawing.
  func text(_ figure: Figure) -> SVGElement {
    var result = text(figure.text)
    result.attributes.append(("data-value", figure.value))
    return result
  }

  var markup: String {
    var result = "<" + name
    for (name, value) in attributes { result += " \(name)=\"\(SafeText.escaped(value))\"" }
    guard !children.isEmpty else { return result + "/>" }
    result += ">"
    for child in children {
      switch child {
      case .element(let element): result += element.markup
      case .text(let text): result += SafeText.escaped(text)
      }
    }
    return result + "</\(name)>"
  }
}

/// A drawing.
struct Drawing {
  let width: Double
  let height: Double
  /// What it shows, for those who hear it.
  let label: String
  let elements: [SVGElement]

  var markup: String {
    SVGElement(
      "svg", ["viewBox": "0 0 \(SVGElement.coordinate(width)) \(SVGElement.coordinate(height))", "role": "img"]
    ).titled(label, []).adding(elements).markup
  }
}
