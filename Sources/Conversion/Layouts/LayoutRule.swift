internal import Bytes

/// The rules of `Formats/Safetensors/SPEC.md` for quantized weights that an error can name. What is in order but not read here
/// breaks none.
enum LayoutRule: Int, CaseIterable {
  // Blockwise weights and LLM.int8.
  case state = 1
  case stateParts
  case tables
  case experts = 7
  // All layouts.
  case oneSection = 20
  case configAndTensors
  case storedOnce
  case parts
  case settings
  case wholeScale
  case groupList
  // One layout.
  case mlxEntry = 31
  case mlxBiases
  case gptqGroups = 41
  case awqGroups = 50
  case compressedGroup = 60
  case compressedTargets = 62
  case compressedShape
  case fp8Blocks = 70
  case modelOptAlgorithm = 80
  case hqqLayer = 100
  case hqqSection = 102
  case quantoMap = 110
  case quantoParts
  case quantoSection
  case torchAOMetadata = 120
  case torchAOClass
  case torchAOScales
  case torchAOSection

  /// As in `SPEC.md`, in errors and in the names of fixtures: `ST-Q21`.
  var citation: String { "ST-Q\(rawValue)" }

  /// The error that this rule is broken.
  func broken(_ code: FileError.Code, path: String, subject: String, _ message: String) -> FileError {
    FileError(code, path: path, subject: subject, message, rule: citation)
  }
}
