internal import ArgumentParser
internal import Bytes

/// Which part of a job is done, where several machines share it.
struct PartOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Do part k of n into the folder OUT.parts, and leave the others to other machines; decant assemble OUT puts them "
        + "together. auto takes k and n from the job array of Slurm, or the index of a Kubernetes job.",
      valueName: "k/n"), transform: Self.parsed)
  var part: Part?

  /// - Throws: `ValidationError` that says what is missing or wrong.
  private static func parsed(_ text: String) throws -> Part {
    if text == "auto" { return try fromEnvironment(ProcessEnvironment.value(of:)) }
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let number = numbers[0], let count = numbers[1] else {
      throw ValidationError("write k/n, such as 3/16, or auto.")
    }
    guard let part = Part(number, of: count) else {
      throw ValidationError(
        "parts count from 1, and there are at most \(Part.most); the last of \(max(count, 1)) is "
          + "\(max(count, 1))/\(max(count, 1)).")
    }
    return part
  }

  /// The part that the environment names: `SLURM_ARRAY_TASK_ID`, `_MIN`, `_STEP` and `_COUNT` of a job array of Slurm, or
  /// `JOB_COMPLETION_INDEX` of an indexed job of Kubernetes, which counts from 0, with `DECANT_PARTS`.
  static func fromEnvironment(_ value: (_ name: String) -> String?) throws -> Part {
    func number(_ name: String) throws -> Int {
      guard let text = value(name), !text.isEmpty else {
        throw ValidationError("\(name) is not set beside the other variables; write --part k/n instead.")
      }
      guard let number = Int(text), (0...Int(Int32.max)).contains(number) else {
        throw ValidationError("\(name) is \"\(text)\", which is not a number of a job.")
      }
      return number
    }
    if value("SLURM_ARRAY_TASK_ID") != nil {
      let (task, first) = (try number("SLURM_ARRAY_TASK_ID"), try number("SLURM_ARRAY_TASK_MIN"))
      let (step, count) = (max(1, try number("SLURM_ARRAY_TASK_STEP")), try number("SLURM_ARRAY_TASK_COUNT"))
      guard task >= first, (task - first).isMultiple(of: step), let part = Part((task - first) / step + 1, of: count)
      else {
        throw ValidationError(
          "task \(task) is none of \(count) that begin at \(first) in steps of \(step); the array has to be "
            + "a range, such as --array=1-\(max(count, 1)). To do some parts of it again, name them: --part k/n.")
      }
      return part
    }
    if value("JOB_COMPLETION_INDEX") != nil {
      let index = try number("JOB_COMPLETION_INDEX")
      guard value("DECANT_PARTS")?.isEmpty == false else {
        throw ValidationError(
          "DECANT_PARTS is not set; the manifest has to say in it how many parts there are, as in completions."
        )
      }
      let count = try number("DECANT_PARTS")
      guard let part = Part(index + 1, of: count) else {
        throw ValidationError(
          "JOB_COMPLETION_INDEX is \(index), but DECANT_PARTS is \(count); both have to be of one job.")
      }
      return part
    }
    throw ValidationError(
      "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; inside of a job array of Slurm or an "
        + "indexed job of Kubernetes they are. Elsewhere write --part k/n.")
  }
}
