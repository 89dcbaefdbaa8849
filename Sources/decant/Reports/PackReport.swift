internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

/// What packing or unpacking did.
enum PackReport {
  /// - Parameter byteCount: bytes of the original that an earlier run has done.
  static func tellResumed(_ byteCount: Int, _ talk: TalkOptions) {
    guard !talk.quiet else { return }
    Terminal.note(
      "going on with an earlier run of this command: \(NumberText.bytes(byteCount)) are done; --no-resume starts over")
  }

  static func show(_ input: String, _ output: String, _ sizes: Packing.Sizes, _ talk: TalkOptions) throws {
    let share = Double(sizes.after) / Double(max(sizes.before, 1))
    if talk.json {
      try Terminal.result(
        JSONText.of([
          "input": .string(input), "output": .string(output), "bytes_before": .integer(sizes.before),
          "bytes_after": .integer(sizes.after), "ratio": .number(share),
        ]))
    } else if !talk.quiet {
      Terminal.note(
        "wrote \(output): \(NumberText.bytes(sizes.before)) -> \(NumberText.bytes(sizes.after)) "
          + "(\(NumberText.percent(share, 1)))")
    }
  }
}
