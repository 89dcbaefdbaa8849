internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Packed

/// What packing or unpacking did.
enum PackReport {
  static func tell(_ event: PackingEvent, _ talk: TalkOptions) {
    switch event {
    case .resumed(let byteCount):
      guard !talk.quiet else { return }
      Terminal.note(
        "going on with an earlier run of this command: \(NumberText.bytes(byteCount)) are done; --no-resume starts over"
      )
    case .left(let failure): Terminal.tellLeft([failure])
    case .replacedOtherJob: Terminal.tellOtherJob(talk)
    case .discarded:
      Terminal.tellDiscarded("the bytes that an earlier run has done", talk)
    }
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
