internal import Bytes
internal import Digests
public import Estimation
public import Evaluation
internal import Foundation
internal import JSON
internal import Mustache

/// Measurements as one page of HTML that needs nothing else: charts, tables behind them, passages, and how all was made.
/// There is no number on it that is not in the reports, but those along axes.
public struct ReportPage: Sendable {
  private let subject: Subject

  private enum Subject {
    case reports(ReportCollection)
    case estimate(ModelEstimate, EstimateOrigin, notes: [String])
  }

  /// - Parameter reports: of one text, and comparisons with one original; one report at least.
  public init(_ reports: ReportCollection) { subject = .reports(reports) }

  /// - Parameter notes: what is to be known of the numbers, a sentence each.
  public init(_ estimate: ModelEstimate, _ origin: EstimateOrigin, notes: [String] = []) {
    subject = .estimate(estimate, origin, notes: notes)
  }

  /// A template of the program's own that is not there.
  private struct TemplateMissing: Error {}

  /// The page.
  /// - Throws: when a template cannot be read, which are the program's own.
  public func html() throws -> String {
    guard EscapedContent.isRegistered else { throw TemplateMissing() }
    let templates: [(name: String, bytes: [UInt8])] = [
      ("page", PackageResources.page_mustache), ("chart", PackageResources.chart_mustache),
      ("table", PackageResources.table_mustache), ("figure", PackageResources.figure_mustache),
      ("passage", PackageResources.passage_mustache),
    ]
    var library = MustacheLibrary(templates: [:])
    for (name, bytes) in templates {
      var text = String(decoding: bytes, as: UTF8.self)
      // The last line end of a part would be a space within a line.
      if name == "figure" { text = text.trimmingCharacters(in: .newlines) }
      try library.register(text, named: name)
    }
    guard let page = library.render(content, withTemplate: "page") else { throw TemplateMissing() }
    return page
  }

  private var content: PageContent {
    let script = String(decoding: PackageResources.page_js, as: UTF8.self)
    let body: (title: String, lead: [Table.Part], sections: [PageContent.Section]) =
      switch subject {
      case .reports(.comparisons(let reports)): ComparisonPage(reports).content
      case .reports(.perplexities(let reports)): PerplexityPage(reports).content
      case .estimate(let estimate, let origin, let notes):
        EstimatePage(estimate: estimate, origin: origin, notes: notes).content
      }
    let digest = Array(script.utf8).withBytes { SHA256Digest(of: $0) }
    return PageContent(
      title: body.title, lead: body.lead, sections: body.sections,
      footer: "Made by decant. The page holds all that it shows: it fetches nothing and sends nothing.",
      style: String(decoding: PackageResources.page_css, as: UTF8.self), script: script,
      scriptDigest: Data(digest.bytes).base64EncodedString())
  }
}
