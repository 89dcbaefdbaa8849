internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation

/// A file in which a measurement keeps how far it is.
struct RecordOptions: ParsableArguments {
  @Option(
    name: .customLong("save-progress"),
    help: ArgumentHelp(
      "Keep what has been measured in this file as it goes. The same command goes on from there after it was stopped; "
        + "at the end the file is removed.",
      valueName: "file"), completion: .file())
  var path: String?

  /// The record of a measurement; nil where the person wants none.
  /// - Parameters:
  ///   - part: which part of the windows is measured; nil for all.
  ///   - number: which of several measurements of the command it is, from 1; nil for the only one.
  ///   - inputs: paths that are read.
  func record(
    of measurement: String, _ part: Part? = nil, _ checkpoints: [Checkpoint], over windows: EvaluationWindows,
    number: Int? = nil, inputs: [String], _ talk: TalkOptions
  ) throws(FileError) -> MeasurementRecord? {
    guard let path = path.map({ path in number.map { "\(path).\($0)" } ?? path }) else { return nil }
    try FileOutput(path, replacing: true).check(against: inputs)
    let record = try MeasurementRecord(
      path: path,
      fingerprint: try Self.fingerprint(
        of: part.map { "\(measurement) part \($0)" } ?? measurement, checkpoints, over: windows),
      sources: checkpoints.flatMap(\.fileIdentities), reading: inputs)
    record.tell(talk, toStartOver: "remove \(path) to start over")
    return record
  }

  static func fingerprint(
    of measurement: String, _ checkpoints: [Checkpoint], over windows: EvaluationWindows
  ) throws(FileError) -> String {
    MeasurementRecord.fingerprint(
      of: measurement, models: try checkpoints.map { model throws(FileError) in try model.fingerprint() }, over: windows
    )
  }
}

extension MeasurementRecord {
  /// Says that an earlier run is gone on with.
  func tell(_ talk: TalkOptions, toStartOver remedy: String) {
    if isDiscarded { Terminal.tellDiscarded("the windows that an earlier run has measured", talk) }
    guard let found, !talk.quiet else { return }
    let windows = found.windows == 1 ? "1 window is" : "\(found.windows) windows are"
    Terminal.note("going on with an earlier run of this command: \(windows) done; \(remedy)")
  }
}
