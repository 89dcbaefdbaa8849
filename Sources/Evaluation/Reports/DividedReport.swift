internal import Bytes

/// A report of a measurement that may be one of several parts.
protocol DividedReport: Sendable {
  /// Which part of which measurement it is; nil for a whole one.
  var part: MeasuredPart? { get }
  /// Tokens of a window.
  var contextLength: Int? { get }

  /// What all parts of one measurement are together.
  /// - Parameter parts: all of them, in order.
  init(assembling parts: [Self])
}

/// A report, and the file that it was read from.
struct FoundReport<Report: Sendable>: Sendable {
  let report: Report
  let path: String
}

extension FoundReport where Report: DividedReport {
  /// Reports with a whole one in place of the parts of each measurement, where the first of them was.
  /// - Throws: `FileError` where a part is missing, there twice, or of another measurement than the others.
  static func assembled(_ found: [Self]) throws(FileError) -> [Self] {
    var jobs: [String] = []
    var parts: [String: [Self]] = [:]
    for one in found {
      guard let job = one.report.part?.fingerprint else { continue }
      if parts[job] == nil { jobs.append(job) }
      parts[job, default: []].append(one)
    }
    var wholes: [String: Self] = [:]
    for job in jobs {
      let ordered = try inOrder(parts[job] ?? []) { jobs.filter { $0 != job }.compactMap { parts[$0] } }
      guard let first = ordered.first else { continue }
      wholes[job] = Self(report: Report(assembling: ordered.map(\.report)), path: first.path)
    }
    return found.compactMap { one in
      guard let job = one.report.part?.fingerprint else { return one }
      return wholes.removeValue(forKey: job)
    }
  }

  /// All parts of one measurement, each once.
  /// - Parameter others: those of each other measurement, which are asked for where something is wrong.
  private static func inOrder(_ parts: [Self], besides others: () -> [[Self]]) throws(FileError) -> [Self] {
    var byNumber: [Int: Self] = [:]
    guard let first = parts.first, let model = first.report.part else { return [] }
    let count = model.part.count
    for one in parts {
      guard let part = one.report.part else { continue }
      guard part.part.count == count else {
        throw FileError(
          .mismatch, path: one.path,
          "is part \(part.part), but \(FileError.quoted(first.path)) is part \(model.part) of the same measurement; parts of "
            + "one division are put together")
      }
      guard part.windows == model.windows, part.tensors.total == model.tensors.total,
        one.report.contextLength == first.report.contextLength
      else {
        throw FileError(
          .mismatch, path: one.path,
          "has \(part.windows) windows of \(one.report.contextLength ?? 0) tokens and \(part.tensors.total) tensors in all, but "
            + "\(FileError.quoted(first.path)), of the same measurement, \(model.windows) of "
            + "\(first.report.contextLength ?? 0) and \(model.tensors.total); one of them was changed")
      }
      if let other = byNumber.updateValue(one, forKey: part.part.number) {
        throw FileError(
          .mismatch, path: one.path,
          "is part \(part.part), "
            + (other.path == one.path ? "and was named twice" : "and so is \(FileError.quoted(other.path))")
            + "; every part is put in once")
      }
    }
    let missing = (1...count).filter { byNumber[$0] == nil }
    guard missing.isEmpty else {
      // What is wrong is rather a part in the place of one that is missing.
      let incomplete = others().filter { other in Set(other.compactMap { $0.report.part?.part.number }).count < count }
      let stranger = incomplete.joined().first { other in
        other.report.part.map { $0.part.count == count && missing.contains($0.part.number) } ?? false
      }
      if let stranger, let part = stranger.report.part {
        throw FileError(
          .mismatch, path: stranger.path,
          "is part \(part.part) of another measurement than \(FileError.quoted(first.path)): of another model or text, with "
            + "other options, or on another kind of processor")
      }
      throw FileError(
        .missing, path: first.path,
        "is part \(model.part), and \(Part.listed(missing)) \(missing.count == 1 ? "was" : "were") not named; all parts of a "
          + "measurement are put together")
    }
    return (1...count).compactMap { byNumber[$0] }
  }
}

// MARK: - Both kinds

extension PerplexityReport: DividedReport {
  var contextLength: Int? { perplexity.contextLength }

  init(assembling parts: [PerplexityReport]) {
    let nlls = parts.flatMap { $0.part?.numbers ?? [] }
    self.init(
      file: parts[0].file,
      perplexity: Perplexity(
        nlls: nlls, chunks: parts[0].part?.windows ?? 0, contextLength: parts[0].perplexity.contextLength),
      places: ReportedPlaces(LogHistogram(nlls), worstOf: parts.map(\.places)),
      origin: parts[0].origin?.ofParts(parts.count))
  }
}

extension ComparisonReport: DividedReport {
  var contextLength: Int? { comparison?.before.contextLength }

  init(assembling parts: [ComparisonReport]) {
    let predictions = PairedPrediction.places(parts.flatMap { $0.part?.numbers ?? [] })
    let tensors = parts.flatMap { part in
      zip(part.tensors.indices, part.part?.tensors.numbers ?? []).sorted { $0.1 < $1.1 }.map { index, _ in
        part.tensors[index].exactly(part.part?.tensors, index)
      }
    }
    self.init(
      before: parts[0].before, after: parts[0].after,
      comparison: Comparison(
        predictions, chunks: parts[0].part?.windows ?? 0, contextLength: parts[0].contextLength ?? 0),
      places: ReportedPlaces(LogHistogram(predictions.map(\.divergence)), worstOf: parts.map(\.places)),
      tensors: TensorError.ranked(tensors), shownTensors: parts[0].shownTensors,
      origin: parts[0].origin?.ofParts(parts.count))
  }
}

extension TensorError {
  /// This with errors that may be infinite, which the report's own numbers do not tell.
  fileprivate func exactly(_ tensors: MeasuredPart.Tensors?, _ index: Int) -> TensorError {
    guard let tensors else { return self }
    var error = self
    error.relativeSquaredError = tensors.relativeSquaredErrors[index]
    error.squaredError = tensors.squaredErrors[index]
    return error
  }
}

extension ReportedPlaces {
  /// - Parameter parts: what each part found, in order; nil where one tells of no places.
  fileprivate init?(_ histogram: LogHistogram, worstOf parts: [ReportedPlaces?]) {
    let known = parts.compactMap(\.self)
    guard known.count == parts.count else { return nil }
    let all = known.flatMap(\.worst)
    // Of equal values the earlier place counts, as where all is measured at once.
    let order = all.indices.sorted { (all[$1].value, $0) < (all[$0].value, $1) }
    self.init(histogram: histogram, worst: order.prefix(WorstPlaces.most).map { all[$0] })
  }
}
