internal import Evaluation

/// The numbers behind a histogram.
enum HistogramTable {
  /// - Parameter heading: what the model is called.
  static func table(_ heading: String, _ histogram: LogHistogram) -> Table {
    Table(
      caption: heading,
      columns: [.init("From"), .init("To"), .init("Tokens")],
      rows: histogram.bins.map { bin in
        Table.Row(cells: [.figure(.significant(bin.from)), .figure(.significant(bin.to)), .figure(Figure(bin.count))])
      })
  }
}
