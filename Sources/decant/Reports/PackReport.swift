internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

/// What packing or unpacking did.
enum PackReport {
  static func show(_ input: String, _ output: String, _ sizes: Packing.Sizes, _ talk: TalkOptions) throws {
    let share = Double(sizes.after) / Double(max(sizes.before, 1))
    if talk.json {
      try StandardOutput.writeLine(
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
