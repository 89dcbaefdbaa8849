public import Bytes
internal import Digests
internal import Quantization

extension CalibrationFile {
  /// Writes what several calibrations of one model have seen together. Order and grouping change no byte.
  /// - Parameters:
  ///   - calibrations: at least two, made to be merged.
  ///   - progress: is called with layers that are done and all of them.
  /// - Returns: what is left beside the file and could not be removed.
  /// - Throws: `FileError` when they cannot be merged, or a file cannot be read or written.
  public static func merge(
    _ calibrations: [CalibrationFile], to path: String, replacing: Bool,
    progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) throws(FileError) -> [FileError] {
    let contents = try merged(calibrations)
    let writer = try CalibrationWriter(
      path: path, contents, reading: calibrations.map(\.path), replacing: replacing)
    do throws(FileError) {
      for (number, layer) in contents.layers.enumerated() {
        var total: LayerSums?
        for calibration in calibrations {
          guard let sums = try calibration.sums(of: layer.key) else { continue }
          guard let known = total else {
            total = sums
            continue
          }
          guard let both = known.adding(sums) else {
            throw FileError(
              .mismatch, path: calibration.path, subject: layer.key,
              "has sums that cannot be added to those of the others: together they are too large, or their units too far apart"
            )
          }
          total = both
        }
        if let total { try writer.write(total) }
        progress(number + 1, contents.layers.count)
      }
    } catch {
      throw writer.stopped(by: error)
    }
    return try writer.commit()
  }

  /// What the merged file will have.
  private static func merged(_ calibrations: [CalibrationFile]) throws(FileError) -> CalibrationWriter.Contents {
    guard let first = calibrations.first, calibrations.count > 1 else {
      throw FileError(.missing, path: calibrations.first?.path ?? "", "is alone: two calibrations at least are merged")
    }
    let layers = try first.layers
    for calibration in calibrations {
      guard calibration.settings.isMergeable else {
        throw FileError(
          .unsupported, path: calibration.path,
          "cannot be merged: it has means, and no sums; `decant calibrate --mergeable` makes one that can")
      }
      let (own, others) = (calibration.settings, first.settings)
      for (what, one, other) in [
        ("windows of", "\(own.context) tokens", "\(others.context) tokens"),
        (
          "moments", own.isFisher ? "with gradients" : "without gradients",
          others.isFisher ? "with gradients" : "without gradients"
        ),
      ] where one != other {
        throw FileError(
          .mismatch, path: calibration.path, "has \(what) \(one), and \(FileError.quoted(first.path)) \(other)")
      }
      guard try calibration.layers == layers else {
        throw FileError(
          .mismatch, path: calibration.path,
          "has other layers than \(FileError.quoted(first.path)); is it of another model?")
      }
    }
    var texts: [MergedText] = []
    var parts: [CalibrationSettings.Part] = []
    for calibration in calibrations {
      texts += try calibration.mergedTexts()
      parts +=
        calibration.settings.parts.isEmpty
        ? [.init(digest: calibration.digest, seed: calibration.settings.seed, version: calibration.settings.version)]
        : calibration.settings.parts
    }
    texts.sort { ($0.text.name, $0.digest) < ($1.text.name, $1.digest) }
    var seen: [String: MergedText] = [:]
    for other in texts where !other.bytes.isEmpty {
      guard let one = seen.updateValue(other, forKey: other.digest) else { continue }
      throw FileError(
        .exists, path: other.path, subject: other.text.name,
        "was read by \(FileError.quoted(one.path)) too, and would count twice")
    }
    parts.sort { ($0.digest, $0.seed) < ($1.digest, $1.seed) }
    var settings = CalibrationSettings(
      model: calibrations.map(\.settings.model).min() ?? "", context: first.settings.context,
      isFisher: first.settings.isFisher, seed: parts.map(\.seed).min() ?? 0, texts: texts.map(\.text), isMergeable: true
    )
    settings.parts = parts
    guard texts.count <= CalibrationSettings.mostTexts,
      texts.reduce(0, { $0 + $1.text.tokens }) <= LayerSums.mostTokens
    else {
      throw FileError(.mismatch, path: first.path, "and the others have read more than one calibration can hold")
    }
    return CalibrationWriter.Contents(
      layers: layers, settings: settings, texts: texts.map(\.bytes), heldBack: texts.map(\.heldBack),
      sampleTokens: calibrations.reduce(0) { $0 + $1.sampleTokens })
  }

  /// A text of one of several calibrations.
  private struct MergedText {
    let text: CalibrationSettings.Text
    let bytes: [UInt8]
    let heldBack: [[Int32]]
    let digest: String
    /// Of the calibration.
    let path: String
  }

  private func mergedTexts() throws(FileError) -> [MergedText] {
    var texts: [MergedText] = []
    for (number, text) in settings.texts.enumerated() {
      let bytes = try self.text(number) ?? []
      texts.append(
        MergedText(
          text: text, bytes: bytes, heldBack: try heldBack(ofText: number),
          digest: bytes.withBytes { FastDigest(of: $0) }.description,
          path: path))
    }
    return texts
  }
}
